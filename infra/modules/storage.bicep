// All that the service remembers: queues, tables, leases, and the package it runs from. No account keys, no anonymous
// access, TLS 1.2.

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resources.')
param tags object

@description('Required. Hash that makes names unique, 13 characters.')
param token string

@description('Required. Redundancy of the account.')
param sku string

@description('Required. Whether only private endpoints reach the account.')
param privateOnly bool

@description('Required. Resource id of the workspace for metrics and the record of deletions.')
param workspaceId string

@description('Optional. Days that a deleted or overwritten blob can be had back, 1 to 365.')
@minValue(1)
@maxValue(365)
param blobRecoveryDays int = 14

var names = loadJsonContent('../names.json')
var poison = [for queue in names.queues: '${queue}-poison']
var packages = 'packages'

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  //checkov:skip=CKV_AZURE_35:The default rule denies where privateNetwork is set; elsewhere every request needs an Entra token and a role
  //checkov:skip=CKV_AZURE_59:Public network access closes where privateNetwork is set; elsewhere every request needs an Entra token and a role
  //checkov:skip=CKV_AZURE_206:Redundancy is a parameter of main.bicep, which refuses prod without zone redundancy
  //checkov:skip=CKV_AZURE_43:The name is made of 'stholdfast' and a hash of lower-case letters and digits, which the check cannot work out
  name: 'stholdfast${token}'
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
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateOnly ? 'Deny' : 'Allow'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    containerDeleteRetentionPolicy: { enabled: true, days: blobRecoveryDays }
    deleteRetentionPolicy: { enabled: true, days: blobRecoveryDays }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for name in union(names.containers, [packages]): {
    parent: blobs
    name: name
    properties: { publicAccess: 'None' }
  }
]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' = [
  for name in union(names.queues, poison): {
    parent: queueService
    name: name
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' = [
  for name in names.tables: {
    parent: tableService
    name: name
  }
]

// Deleting is what an intruder or a slip does to a ledger, so it is logged where it is rare. A queue deletes every
// message it has delivered: there, metrics only.
resource blobDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

resource tableDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: tableService
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

resource queueDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: queueService
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

output id string = account.id
output name string = account.name
output packagesUrl string = '${account.properties.primaryEndpoints.blob}${packages}'
