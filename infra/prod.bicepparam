using 'main.bicep'

// A hospital's own: data services behind a private network, a firewall in front, copies in three zones.
param name = readEnvironmentVariable('STRATA_NAME', 'strata')
param environmentKind = 'prod'
param tags = { 'azd-env-name': readEnvironmentVariable('AZURE_ENV_NAME', 'prod') }

param platformIssuer = readEnvironmentVariable('STRATA_PLATFORM_ISSUER')
param platformJwksUri = readEnvironmentVariable('STRATA_PLATFORM_JWKS_URI')
param platformAudience = readEnvironmentVariable('STRATA_PLATFORM_AUDIENCE')
param publicBaseUrl = readEnvironmentVariable('STRATA_PUBLIC_BASE_URL', '')

param alwaysReadyHttp = 2
param alwaysReadyFeed = 1
param maximumInstanceCount = 200
param instanceMemoryMB = 4096
param httpConcurrency = 32
param cosmosCapacity = 'autoscale'
param cosmosMaxThroughput = 10000
param cosmosBackupTier = 'Continuous30Days'
param cosmosZoneRedundant = true
param dataRedundancy = 'Standard_ZRS'
param softDeleteDays = 30
param deleteLock = true
param privateNetwork = true
param frontDoor = true
param alertEmails = split(readEnvironmentVariable('STRATA_ALERT_EMAILS'), ',')
param monthlyBudget = int(readEnvironmentVariable('STRATA_MONTHLY_BUDGET', '0'))
param logRetentionDays = 365
param logDailyQuotaGb = 20
