// Metadata, feeds, tenants and audit. The containers are those of cosmos.json, which the service and its local database
// read too.

param name string
param location string
param tags object

@allowed(['serverless', 'autoscale'])
param capacity string

param maxThroughput int

@allowed(['Continuous7Days', 'Continuous30Days'])
param backupTier string

param zoneRedundant bool

@description('The identity of the app.')
param principalId string

@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

@description('The key of the vault that encrypts the account; empty: a key of the platform.')
param encryptionKeyUri string

@description('The identity that may use that key.')
param identityId string

param workspaceId string

var definition = loadJsonContent('../cosmos.json')
var ownKey = !empty(encryptionKeyUri)

// What is appended to and never changed: the app may add to it and read it, and not more.
var appendOnly = ['audit']

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-10-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  identity: ownKey
    ? { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
    : { type: 'None' }
  properties: {
    databaseAccountOfferType: 'Standard'
    locations: [{ locationName: location, failoverPriority: 0, isZoneRedundant: zoneRedundant }]
    capabilities: capacity == 'serverless' ? [{ name: 'EnableServerless' }] : []
    // What one instance of the app has acknowledged, another one has to see.
    consistencyPolicy: { defaultConsistencyLevel: 'Strong' }
    backupPolicy: { type: 'Continuous', continuousModeProperties: { tier: backupTier } }
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: publicNetworkAccess
    networkAclBypass: 'None'
    keyVaultKeyUri: ownKey ? encryptionKeyUri : null
    defaultIdentity: ownKey ? 'UserAssignedIdentity=${identityId}' : null
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-10-15' = {
  parent: account
  name: definition.database
  properties: { resource: { id: definition.database } }
}

// One after the other: the account answers 429 to several at once.
@batchSize(1)
resource containers 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-10-15' = [
  for container in definition.containers: {
    parent: database
    name: container.id
    properties: {
      options: capacity == 'serverless' ? {} : { autoscaleSettings: { maxThroughput: maxThroughput } }
      resource: any(container)
    }
  }
]

// Every SDK begins by asking what there is.
resource look 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2025-10-15' = {
  parent: account
  name: guid(account.id, 'look')
  properties: {
    roleName: 'Strata: see the account'
    type: 'CustomRole'
    assignableScopes: [account.id]
    permissions: [{ dataActions: ['Microsoft.DocumentDB/databaseAccounts/readMetadata'] }]
  }
  // Roles, like containers, one after the other: the account refuses a change while it is busy with another.
  dependsOn: [containers]
}

resource append 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2025-10-15' = {
  parent: account
  name: guid(account.id, 'append')
  properties: {
    roleName: 'Strata: append and read'
    type: 'CustomRole'
    assignableScopes: [account.id]
    permissions: [
      {
        dataActions: [
          'Microsoft.DocumentDB/databaseAccounts/readMetadata'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/create'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/readChangeFeed'
        ]
      }
    ]
  }
  dependsOn: [look]
}

resource lookAssignment 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = {
  parent: account
  name: guid(account.id, principalId, 'look')
  properties: {
    roleDefinitionId: look.id
    principalId: principalId
    scope: account.id
  }
  dependsOn: [append]
}

// The built-in Data Contributor, container by container, but for those that are only appended to.
@batchSize(1)
resource assignments 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = [
  for (container, index) in definition.containers: {
    parent: account
    name: guid(account.id, principalId, container.id)
    properties: {
      roleDefinitionId: contains(appendOnly, container.id)
        ? append.id
        : '${account.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002'
      principalId: principalId
      scope: '${account.id}/dbs/${database.name}/colls/${containers[index].name}'
    }
    dependsOn: [lookAssignment]
  }
]

// No statistics of queries: they would quote what was searched for.
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: account
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [{ category: 'ControlPlaneRequests', enabled: true }]
    metrics: [{ category: 'Requests', enabled: true }]
  }
}

output id string = account.id
output endpoint string = account.properties.documentEndpoint
output database string = database.name
