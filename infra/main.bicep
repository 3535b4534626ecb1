// Strata in one resource group: a function app on Flex Consumption, its two storage accounts, a Cosmos DB account, a key
// vault, monitoring with alerts, and, by parameter, a private network, Front Door, customer-managed keys and a domain.
//
// There is no key, connection string or other secret in here, and local authentication is off on every resource: the
// app reaches everything with its user-assigned identity.
targetScope = 'resourceGroup'

@description('Short name that every resource carries: lower-case letters and digits.')
@minLength(2)
@maxLength(10)
param name string

@description('The kind of environment, for tags and alerts.')
@allowed(['dev', 'prod'])
param environmentKind string

@description('The Azure region of all regional resources.')
param location string = resourceGroup().location

@description('Tags for every resource.')
param tags object = {}

// Who may administer the deployment's tenants.

@description('The issuer of the tokens of platform administrators, exactly as in their claim iss.')
param platformIssuer string

@description('Where the keys of that issuer are: the https URL of its JWKS.')
param platformJwksUri string

@description('The audience that tokens of platform administrators are made out to.')
param platformAudience string

@description('The role that such a token has to have; empty: Strata Platform Admin.')
param platformAdminRole string = ''

@description('What a 401 tells callers of where tokens are to be had; empty: nothing.')
param authorizationUri string = ''

@description('What a 401 tells callers of the resource that tokens are for; empty: nothing.')
param resourceId string = ''

@description('The URL under which callers find the service; empty: as their requests say.')
param publicBaseUrl string = ''

@description('The values of X-Forwarded-Host that are believed, besides the host of Front Door.')
param trustedForwardedHosts array = []

@description('The values of X-Forwarded-Prefix that are believed.')
param trustedForwardedPrefixes array = []

@description('How many proxies of your own stand before the app, besides Front Door.')
@minValue(0)
@maxValue(7)
param trustedProxies int = 0

@description('How many days an event of the audit is kept: six years, or longer.')
@minValue(2192)
param auditRetentionDays int = 2192

@description('The most bytes that the body of a request may have. A store with a Content-Length is held in memory by the host: keep it well below the memory of an instance, or have clients send chunked.')
param requestBodyBytesMax int = 4294967296

@description('The URL of an OpenTelemetry collector that telemetry is sent to, besides the workspace; empty: none.')
param telemetryCollector string = ''

// Compute.

@description('The version of Node that the app runs on.')
@allowed(['22', '24'])
param nodeVersion string = '24'

@description('The most instances that the app may have.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 100

@description('The memory of one instance, in megabytes.')
@allowed([2048, 4096])
param instanceMemoryMB int = 2048

@description('How many HTTP requests one instance works on at once.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 16

@description('How many instances are always ready for HTTP requests; 0 lets the app sleep.')
@minValue(0)
@maxValue(100)
param alwaysReadyHttp int = 1

@description('How many instances are always ready to bring changes into the sequenced feed.')
@minValue(0)
@maxValue(20)
param alwaysReadyFeed int = 0

// Data.

@description('Serverless, or autoscale up to cosmosMaxThroughput for each container.')
@allowed(['serverless', 'autoscale'])
param cosmosCapacity string = 'serverless'

@description('The most request units per second of one container, when the capacity is autoscale.')
@minValue(1000)
param cosmosMaxThroughput int = 4000

@description('How far back the Cosmos DB account can be restored to any second.')
@allowed(['Continuous7Days', 'Continuous30Days'])
param cosmosBackupTier string = 'Continuous7Days'

@description('The Cosmos DB account, when it is one that was restored; empty: one named after the deployment.')
param cosmosAccountName string = ''

@description('Whether the Cosmos DB account spans availability zones.')
param cosmosZoneRedundant bool = false

@description('The redundancy of the account that holds the instances.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GZRS', 'Standard_RAGZRS'])
param dataRedundancy string = 'Standard_ZRS'

@description('How many days a deleted or overwritten object can be brought back.')
@minValue(1)
@maxValue(365)
param softDeleteDays int = 14

@description('After how many days without access content moves to the cool tier; 0 never.')
@minValue(0)
param coolAfterDays int = 30

@description('After how many days without access content moves to the cold tier; 0 never.')
@minValue(0)
param coldAfterDays int = 90

@description('Whether objects can be put under version-level immutability. Only at creation, and it cannot be taken back.')
param immutableStorage bool = false

@description('Whether the data account and the vault refuse to be deleted. The lock has to go before the group can.')
param deleteLock bool = false

// Options.

@description('Whether data services are reached through a virtual network alone.')
param privateNetwork bool = false

@description('The address space of that network.')
param addressPrefix string = '10.80.0.0/16'

@description('Whether the app, too, is reached from that network alone: not together with Front Door.')
param privateApp bool = false

@description('Whether Front Door with a web application firewall stands before the app.')
param frontDoor bool = false

@description('Whether data is encrypted with keys of the vault. Only at creation.')
param customerManagedKeys bool = false

@description('A domain of your own for the app itself, not for Front Door; empty: none. See the deployment guide for the DNS records it takes.')
param customDomain string = ''

// Watching.

@description('Who is told by mail when an alert fires.')
param alertEmails array = []

@description('The monthly budget of the resource group in the billing currency; 0: none.')
@minValue(0)
param monthlyBudget int = 0

@description('The first day of the month in which the budget begins, as yyyy-MM-01. Azure does not let it change: state it from the second deployment on.')
param budgetStart string = utcNow('yyyy-MM-01')

@description('How many days the workspace keeps logs.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('How many gigabytes of logs a day the workspace takes in.')
@minValue(1)
param logDailyQuotaGb int = 5

var suffix = uniqueString(subscription().id, resourceGroup().id, name)
var allTags = union(tags, { service: 'strata', environment: environmentKind })
var publicAccess = privateNetwork ? 'Disabled' : 'Enabled'

module identity 'modules/identity.bicep' = {
  name: 'identity'
  params: {
    name: 'id-${name}-${suffix}'
    location: location
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    workspaceName: 'log-${name}-${suffix}'
    componentName: 'appi-${name}-${suffix}'
    location: location
    tags: allTags
    retentionDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
    principalId: identity.outputs.principalId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  params: {
    name: 'vnet-${name}-${suffix}'
    location: location
    tags: allTags
    addressPrefix: addressPrefix
  }
}

module keyVault 'modules/keyVault.bicep' = {
  name: 'keyVault'
  params: {
    name: take('kv-${name}-${suffix}', 24)
    location: location
    tags: allTags
    principalId: identity.outputs.principalId
    publicNetworkAccess: publicAccess
    encryptionKey: customerManagedKeys
    deleteLock: deleteLock
    workspaceId: monitoring.outputs.workspaceId
  }
}

module hostStorage 'modules/hostStorage.bicep' = {
  name: 'hostStorage'
  params: {
    name: take('sth${name}${suffix}', 24)
    location: location
    tags: allTags
    principalId: identity.outputs.principalId
    publicNetworkAccess: publicAccess
  }
}

module dataStorage 'modules/dataStorage.bicep' = {
  name: 'dataStorage'
  params: {
    name: take('std${name}${suffix}', 24)
    location: location
    tags: allTags
    redundancy: dataRedundancy
    principalId: identity.outputs.principalId
    publicNetworkAccess: publicAccess
    softDeleteDays: softDeleteDays
    coolAfterDays: coolAfterDays
    coldAfterDays: coldAfterDays
    immutableStorage: immutableStorage
    deleteLock: deleteLock
    encryptionKeyUri: keyVault.outputs.encryptionKeyUri
    identityId: identity.outputs.id
    workspaceId: monitoring.outputs.workspaceId
  }
}

module cosmos 'modules/cosmos.bicep' = {
  name: 'cosmos'
  params: {
    name: empty(cosmosAccountName) ? 'cosmos-${name}-${suffix}' : cosmosAccountName
    location: location
    tags: allTags
    capacity: cosmosCapacity
    maxThroughput: cosmosMaxThroughput
    backupTier: cosmosBackupTier
    zoneRedundant: cosmosZoneRedundant
    principalId: identity.outputs.principalId
    publicNetworkAccess: publicAccess
    encryptionKeyUri: keyVault.outputs.encryptionKeyUri
    identityId: identity.outputs.id
    workspaceId: monitoring.outputs.workspaceId
  }
}

module functionApp 'modules/functionApp.bicep' = {
  name: 'functionApp'
  params: {
    name: 'func-${name}-${suffix}'
    planName: 'plan-${name}-${suffix}'
    location: location
    tags: allTags
    nodeVersion: nodeVersion
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    httpConcurrency: httpConcurrency
    alwaysReadyHttp: alwaysReadyHttp
    alwaysReadyFeed: alwaysReadyFeed
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    hostStorageUris: hostStorage.outputs.uris
    packageContainerUrl: hostStorage.outputs.packageContainerUrl
    contentBlobServiceUri: dataStorage.outputs.blobServiceUri
    cosmosEndpoint: cosmos.outputs.endpoint
    cosmosDatabase: cosmos.outputs.database
    feedTokenKeysUri: keyVault.outputs.feedTokenKeysUri
    insightsConnectionString: monitoring.outputs.connectionString
    platformIssuer: platformIssuer
    platformJwksUri: platformJwksUri
    platformAudience: platformAudience
    platformAdminRole: platformAdminRole
    authorizationUri: authorizationUri
    resourceId: resourceId
    publicBaseUrl: publicBaseUrl
    trustedForwardedHosts: frontDoor ? union(trustedForwardedHosts, [edge.?outputs.hostName ?? '']) : trustedForwardedHosts
    trustedForwardedPrefixes: trustedForwardedPrefixes
    trustedProxies: frontDoor ? trustedProxies + 1 : trustedProxies
    auditRetentionDays: auditRetentionDays
    telemetryCollector: telemetryCollector
    requestBodyBytesMax: requestBodyBytesMax
    subnetId: network.?outputs.appSubnetId ?? ''
    publicNetworkAccess: privateApp ? 'Disabled' : 'Enabled'
    onlyFromFrontDoor: frontDoor
    frontDoorId: edge.?outputs.frontDoorId ?? ''
    workspaceId: monitoring.outputs.workspaceId
  }
  // Its instances look for their data, and for the secret, as soon as they begin.
  dependsOn: [endpoints]
}

module edge 'modules/frontDoor.bicep' = if (frontDoor) {
  name: 'frontDoor'
  params: {
    name: 'afd-${name}-${suffix}'
    endpointName: '${name}-${suffix}'
    policyName: 'waf${name}${suffix}'
    tags: allTags
    originHostName: 'func-${name}-${suffix}.azurewebsites.net'
    workspaceId: monitoring.outputs.workspaceId
  }
}

module endpoints 'modules/privateEndpoints.bicep' = if (privateNetwork) {
  name: 'endpoints'
  params: {
    location: location
    tags: allTags
    networkId: network.?outputs.networkId ?? ''
    subnetId: network.?outputs.endpointSubnetId ?? ''
    targets: [
      { name: 'host-blob', resourceId: hostStorage.outputs.id, group: 'blob' }
      { name: 'host-queue', resourceId: hostStorage.outputs.id, group: 'queue' }
      { name: 'host-table', resourceId: hostStorage.outputs.id, group: 'table' }
      { name: 'data-blob', resourceId: dataStorage.outputs.id, group: 'blob' }
      { name: 'cosmos', resourceId: cosmos.outputs.id, group: 'Sql' }
      { name: 'vault', resourceId: keyVault.outputs.id, group: 'vault' }
    ]
  }
}

module appEndpoint 'modules/privateEndpoints.bicep' = if (privateNetwork && privateApp) {
  name: 'appEndpoint'
  params: {
    location: location
    tags: allTags
    networkId: network.?outputs.networkId ?? ''
    subnetId: network.?outputs.endpointSubnetId ?? ''
    targets: [{ name: 'app', resourceId: functionApp.outputs.id, group: 'sites' }]
  }
}

module domain 'modules/customDomain.bicep' = if (!empty(customDomain)) {
  name: 'customDomain'
  params: {
    appName: functionApp.outputs.name
    domain: customDomain
    location: location
    tags: allTags
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  params: {
    name: name
    location: location
    tags: allTags
    emails: alertEmails
    workspaceId: monitoring.outputs.workspaceId
    componentId: monitoring.outputs.componentId
    cosmosId: cosmos.outputs.id
    dataStorageId: dataStorage.outputs.id
    // A test from outside cannot reach what has no public door.
    probedUrl: privateApp ? '' : 'https://${frontDoor ? (edge.?outputs.hostName ?? '') : functionApp.outputs.hostName}/health/check'
    severity: environmentKind == 'prod' ? 1 : 3
    monthlyBudget: monthlyBudget
    budgetStart: budgetStart
  }
}

// What azd and the deployment guide go on from.
output AZURE_FUNCTION_APP_NAME string = functionApp.outputs.name
output AZURE_FUNCTION_APP_ID string = functionApp.outputs.id
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name
output SERVICE_URL string = empty(publicBaseUrl) ? 'https://${frontDoor ? (edge.?outputs.hostName ?? '') : functionApp.outputs.hostName}' : publicBaseUrl
