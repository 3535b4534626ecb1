// The vault holds what seals the tokens of the feed, and, when asked for, the key that encrypts the data.
//
// The secret's value is in no template: infra/tokenKeys.ts puts it in after the first deployment, and rotates it.

param name string
param location string
param tags object

@description('The identity of the app.')
param principalId string

@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

@description('Whether to make a key for the encryption of the data.')
param encryptionKey bool

param deleteLock bool
param workspaceId string

var secretsUser = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  '4633458b-17de-408a-b874-0445c86b69e6'
)
var cryptoServiceEncryptionUser = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  'e147488a-f6f5-4113-8e2d-b22465e65bf6'
)

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      // The storage and database accounts come for their key as trusted services.
      bypass: encryptionKey ? 'AzureServices' : 'None'
      defaultAction: publicNetworkAccess == 'Enabled' ? 'Allow' : 'Deny'
    }
  }
}

resource key 'Microsoft.KeyVault/vaults/keys@2025-05-01' = if (encryptionKey) {
  parent: vault
  name: 'data'
  properties: {
    kty: 'RSA'
    keySize: 3072
    keyOps: ['wrapKey', 'unwrapKey']
    rotationPolicy: {
      attributes: { expiryTime: 'P2Y' }
      lifetimeActions: [
        { trigger: { timeAfterCreate: 'P1Y' }, action: { type: 'rotate' } }
        { trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'notify' } }
      ]
    }
  }
}

resource readSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, secretsUser)
  scope: vault
  properties: {
    roleDefinitionId: secretsUser
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource useKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (encryptionKey) {
  name: guid(vault.id, principalId, cryptoServiceEncryptionUser)
  scope: vault
  properties: {
    roleDefinitionId: cryptoServiceEncryptionUser
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (deleteLock) {
  name: 'no-delete'
  scope: vault
  properties: { level: 'CanNotDelete', notes: 'Without its keys, data and tokens are lost.' }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'AuditEvent', enabled: true }]
  }
}

output id string = vault.id
output name string = vault.name
output feedTokenKeysUri string = '${vault.properties.vaultUri}secrets/feed-token-keys'
// Without its version, so that what it encrypts follows its rotation.
output encryptionKeyUri string = encryptionKey ? '${vault.properties.vaultUri}keys/data' : ''
