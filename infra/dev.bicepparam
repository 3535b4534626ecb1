using 'main.bicep'

// A place to try things: it sleeps when nobody uses it, and costs next to nothing then.
param name = readEnvironmentVariable('STRATA_NAME', 'strata')
param environmentKind = 'dev'
param tags = { 'azd-env-name': readEnvironmentVariable('AZURE_ENV_NAME', 'dev') }

param platformIssuer = readEnvironmentVariable('STRATA_PLATFORM_ISSUER')
param platformJwksUri = readEnvironmentVariable('STRATA_PLATFORM_JWKS_URI')
param platformAudience = readEnvironmentVariable('STRATA_PLATFORM_AUDIENCE')

param alwaysReadyHttp = 0
param cosmosCapacity = 'serverless'
param dataRedundancy = 'Standard_LRS'
param softDeleteDays = 7
param logRetentionDays = 30
param logDailyQuotaGb = 1
