// The certificate of the app registration and the secrets of the PSA systems. The values are put in by the operator,
// never by a deployment: what a template carries is kept in the history of deployments.

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resource.')
param tags object

@description('Required. Hash that makes names unique, 13 characters.')
param token string

@description('Required. Whether only private endpoints reach the vault.')
param privateOnly bool

@description('Required. Resource id of the workspace that keeps who read what.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  //checkov:skip=CKV_AZURE_109:The default rule denies where privateNetwork is set; elsewhere every request needs an Entra token and a role
  name: 'kv-hf-${token}'
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateOnly ? 'Deny' : 'Allow'
    }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'AuditEvent', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
