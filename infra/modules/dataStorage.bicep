// The bytes of the instances. Each tenant has a container of its own, which the service makes when it takes the tenant on.

param name string
param location string
param tags object

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GZRS', 'Standard_RAGZRS'])
param redundancy string

@description('The identity of the app.')
param principalId string

@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

param softDeleteDays int
param coolAfterDays int
param coldAfterDays int
param immutableStorage bool
param deleteLock bool

@description('The key of the vault that encrypts the account; empty: a key of the platform.')
param encryptionKeyUri string

@description('The identity that may use that key.')
param identityId string

param workspaceId string

// Contributor to data, at the account: the containers of tenants do not exist yet, and the role cannot change the account.
var blobDataContributor = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
)

var ownKey = !empty(encryptionKeyUri)

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: redundancy }
  identity: ownKey
    ? { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
    : { type: 'None' }
  properties: {
    accessTier: 'Hot'
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    defaultToOAuthAuthentication: true
    allowCrossTenantReplication: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'None'
      defaultAction: publicNetworkAccess == 'Enabled' ? 'Allow' : 'Deny'
    }
    immutableStorageWithVersioning: immutableStorage ? { enabled: true } : null
    encryption: {
      requireInfrastructureEncryption: true
      services: { blob: { enabled: true, keyType: 'Account' } }
      keySource: ownKey ? 'Microsoft.Keyvault' : 'Microsoft.Storage'
      identity: ownKey ? { userAssignedIdentity: identityId } : null
      // Without a version, so that the account follows the key's rotation.
      keyvaultproperties: ownKey
        ? {
            keyvaulturi: 'https://${split(encryptionKeyUri, '/')[2]}'
            keyname: split(encryptionKeyUri, '/')[4]
          }
        : null
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    deleteRetentionPolicy: { enabled: true, days: softDeleteDays }
    containerDeleteRetentionPolicy: { enabled: true, days: softDeleteDays }
    lastAccessTimeTrackingPolicy: {
      enable: true
      name: 'AccessTimeTracking'
      trackingGranularityInDays: 1
      blobType: ['blockBlob']
    }
  }
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: concat(
        [
          {
            name: 'end-old-versions'
            enabled: true
            type: 'Lifecycle'
            definition: {
              filters: { blobTypes: ['blockBlob'] }
              actions: { version: { delete: { daysAfterCreationGreaterThan: softDeleteDays } } }
            }
          }
        ],
        coolAfterDays > 0
          ? [
              {
                name: 'to-cool'
                enabled: true
                type: 'Lifecycle'
                definition: {
                  filters: { blobTypes: ['blockBlob'], prefixMatch: ['dicom-'] }
                  actions: {
                    baseBlob: {
                      tierToCool: { daysAfterLastAccessTimeGreaterThan: coolAfterDays }
                      enableAutoTierToHotFromCool: true
                    }
                  }
                }
              }
            ]
          : [],
        coldAfterDays > 0
          ? [
              {
                name: 'to-cold'
                enabled: true
                type: 'Lifecycle'
                definition: {
                  filters: { blobTypes: ['blockBlob'], prefixMatch: ['dicom-'] }
                  actions: {
                    baseBlob: { tierToCold: { daysAfterLastAccessTimeGreaterThan: coldAfterDays } }
                  }
                }
              }
            ]
          : []
      )
    }
  }
  // The rules go by the time of the last access, which the service has to be tracking by then.
  dependsOn: [blobs]
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, blobDataContributor)
  scope: account
  properties: {
    roleDefinitionId: blobDataContributor
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (deleteLock) {
  name: 'no-delete'
  scope: account
  properties: { level: 'CanNotDelete', notes: 'Holds the instances of all tenants.' }
}

// Not reads: a row for each would cost about what the read does, and the service keeps an audit of its own.
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

output id string = account.id
output blobServiceUri string = account.properties.primaryEndpoints.blob
