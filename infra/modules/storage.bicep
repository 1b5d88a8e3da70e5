// All that the service remembers: queues, tables, leases. No account keys, no anonymous access, TLS 1.2.

import { storageUrls, tagMap } from '../types.bicep'

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resources.')
param tags tagMap

@description('Required. Name of the account.')
param name string

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

@description('Required. Whether the policy on `anchors` was locked: nobody can change it then, this deployment included.')
param evidenceLocked bool

@description('Optional. Days that a root in `anchors` can be neither changed nor removed, 1 to 146000.')
@minValue(1)
@maxValue(146000)
param evidenceDays int = 2557

var names = loadJsonContent('../names.json')
var poison = [for queue in names.queues: '${queue}-poison']

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
  for name in names.containers: {
    parent: blobs
    name: name
    properties: { publicAccess: 'None' }
  }
]

// The hourly roots over the ledger: written once, by whomever. infra/lock-evidence.sh locks the policy for good.
resource anchors 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = {
  parent: blobs
  name: 'anchors'
}

resource anchorsPolicy 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2025-01-01' = if (!evidenceLocked) {
  parent: anchors
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: evidenceDays
    allowProtectedAppendWrites: false
  }
  dependsOn: [containers]
}

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
// The one stable version, of 2016, has not what this says.
#disable-next-line use-recent-api-versions
resource blobDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

// The one stable version, of 2016, has not what this says.
#disable-next-line use-recent-api-versions
resource tableDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: tableService
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

// The one stable version, of 2016, has not what this says.
#disable-next-line use-recent-api-versions
resource queueDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: queueService
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

@description('Resource id.')
output id string = account.id

@description('Base URLs of the services that the app speaks with.')
output urls storageUrls = {
  blob: account.properties.primaryEndpoints.blob
  queue: account.properties.primaryEndpoints.queue
  table: account.properties.primaryEndpoints.table
}
