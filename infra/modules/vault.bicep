// The certificate of the app registration and the secrets of the PSA systems. The values are put in by the operator,
// never by a deployment: what a template carries is kept in the history of deployments.

import { tagMap } from '../types.bicep'

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resource.')
param tags tagMap

@description('Required. Name of the vault.')
param name string

@description('Required. Whether only private endpoints reach the vault.')
param privateOnly bool

@description('Required. Resource id of the workspace that keeps who read what.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
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

// The one stable version, of 2016, has not what this says.
#disable-next-line use-recent-api-versions
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'AuditEvent', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id.')
output id string = vault.id

@description('URI, with a slash at the end.')
output uri string = vault.properties.vaultUri
