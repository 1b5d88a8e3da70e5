// Where the package lies that the app runs: an account of its own, so that whoever speaks with the app's storage identity
// cannot have other code run. The platform reads and writes it by an identity that has a role nowhere else.

import { tagMap } from '../types.bicep'

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resources.')
param tags tagMap

@description('Required. Name of the account.')
param name string

@description('Required. Hash that makes names unique, 13 characters.')
param token string

@description('Required. Redundancy of the account.')
param sku string

@description('Required. Whether only private endpoints reach the account.')
param privateOnly bool

@description('Required. IPv4 addresses or ranges that reach the account beside the private endpoint; empty for none.')
param openTo string[]

@description('Required. Resource id of the workspace for the record of writes.')
param workspaceId string

@description('Optional. Days that an overwritten package can be had back, 1 to 365.')
@minValue(1)
@maxValue(365)
param recoveryDays int = 14

var container = 'packages'

resource deployer 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-holdfast-deployer-${token}'
  location: location
  tags: tags
}

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: privateOnly && empty(openTo) ? 'Disabled' : 'Enabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateOnly ? 'Deny' : 'Allow'
      ipRules: [for address in openTo: { action: 'Allow', value: address }]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    containerDeleteRetentionPolicy: { enabled: true, days: recoveryDays }
    deleteRetentionPolicy: { enabled: true, days: recoveryDays }
  }
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: container
  properties: { publicAccess: 'None' }
}

// Each write is somebody's deployment, or an attack: alerts.bicep tells of both.
// The one stable version, of 2016, has not what this says.
#disable-next-line use-recent-api-versions
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageWrite', enabled: true }, { category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

@description('Resource id.')
output id string = account.id

@description('URL of the container that packages are deployed to.')
output url string = '${account.properties.primaryEndpoints.blob}${container}'

@description('Resource id of the identity that the platform reads and writes packages by.')
output deployerIdentityId string = deployer.id

@description('Object id of that identity.')
output deployerPrincipalId string = deployer.properties.principalId
