// The function app, on Flex Consumption, with all of its settings.

param name string
param planName string
param location string
param tags object

@allowed(['22', '24'])
param nodeVersion string

param maximumInstanceCount int
param instanceMemoryMB int
param httpConcurrency int
param alwaysReadyHttp int
param alwaysReadyFeed int

param identityId string
param identityClientId string
@description('Where the storage of the host is: { blob, queue, table }.')
param hostStorageUris object

param packageContainerUrl string
param contentBlobServiceUri string
param cosmosEndpoint string
param cosmosDatabase string
param feedTokenKeysUri string
param insightsConnectionString string
param platformIssuer string
param platformJwksUri string
param platformAudience string
param platformAdminRole string
param authorizationUri string
param resourceId string
param publicBaseUrl string
param trustedForwardedHosts array
param trustedForwardedPrefixes array
param trustedProxies int
param auditRetentionDays int
param telemetryCollector string
param requestBodyBytesMax int

@description('The subnet through which the app reaches its data; empty: the public endpoints.')
param subnetId string

@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

param onlyFromFrontDoor bool

@description('The id that Front Door sends with each request; empty without one.')
param frontDoorId string

param workspaceId string

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: publicNetworkAccess
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'node', version: nodeVersion }
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
        alwaysReady: concat(
          alwaysReadyHttp > 0 ? [{ name: 'http', instanceCount: alwaysReadyHttp }] : [],
          alwaysReadyFeed > 0 ? [{ name: 'function:sequenceChanges', instanceCount: alwaysReadyFeed }] : []
        )
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      http20Enabled: true
      // No CORS here: the platform would answer preflights before the app, which knows each tenant's origins.
      ipSecurityRestrictionsDefaultAction: onlyFromFrontDoor ? 'Deny' : 'Allow'
      ipSecurityRestrictions: onlyFromFrontDoor
        ? [
            {
              name: 'front-door'
              action: 'Allow'
              priority: 100
              tag: 'ServiceTag'
              ipAddress: 'AzureFrontDoor.Backend'
              headers: { 'x-azure-fdid': [frontDoorId] }
            }
          ]
        : []
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(
    {
      AzureWebJobsStorage__blobServiceUri: hostStorageUris.blob
      AzureWebJobsStorage__queueServiceUri: hostStorageUris.queue
      AzureWebJobsStorage__tableServiceUri: hostStorageUris.table
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identityClientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
      // The host's limit lies above the service's own, which answers 413 where the host would answer 500.
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: string(requestBodyBytesMax + 1048576)
      REQUEST_BODY_BYTES_MAX: string(requestBodyBytesMax)
      COSMOS__accountEndpoint: cosmosEndpoint
      COSMOS__credential: 'managedidentity'
      COSMOS__clientId: identityClientId
      COSMOS_DATABASE: cosmosDatabase
      CONTENT__blobServiceUri: contentBlobServiceUri
      CONTENT__credential: 'managedidentity'
      CONTENT__clientId: identityClientId
      AUTHENTICATION: 'tokens'
      PLATFORM_ISSUER: platformIssuer
      PLATFORM_JWKS_URI: platformJwksUri
      PLATFORM_AUDIENCE: platformAudience
      AUDIT_RETENTION_DAYS: string(auditRetentionDays)
      TRUSTED_PROXIES: string(trustedProxies)
      FEED_TOKEN_KEYS: '@Microsoft.KeyVault(SecretUri=${feedTokenKeysUri})'
    },
    empty(trustedForwardedHosts) ? {} : { TRUSTED_FORWARDED_HOSTS: join(trustedForwardedHosts, ',') },
    empty(trustedForwardedPrefixes) ? {} : { TRUSTED_FORWARDED_PREFIXES: join(trustedForwardedPrefixes, ',') },
    empty(telemetryCollector) ? {} : {
          OTEL_EXPORTER_OTLP_ENDPOINT: telemetryCollector
          OTEL_METRIC_EXPORT_INTERVAL: '30000'
        },
    empty(platformAdminRole) ? {} : { PLATFORM_ADMIN_ROLE: platformAdminRole },
    empty(authorizationUri) ? {} : { AUTHORIZATION_URI: authorizationUri },
    empty(resourceId) ? {} : { RESOURCE_ID: resourceId },
    empty(publicBaseUrl) ? {} : { PUBLIC_BASE_URL: publicBaseUrl }
  )
}

resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'FunctionAppLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = app.id
output name string = app.name
output hostName string = app.properties.defaultHostName
