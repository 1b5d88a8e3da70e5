// Who may do what: all of it. Roles are named here once; each assignment is scoped to one resource and says what for.

@description('Required. Object id of the app\'s identity.')
param principalId string

@description('Required. Object id of the identity that the platform reads and writes packages by.')
param deployerId string

@description('Required. How the app proves who it is: with a `key` it has the vault sign.')
param proof string

@description('Required. Object id of whoever puts certificate and secrets into the vault; empty for nobody.')
param operatorId string

@description('Required. Kind of principal that operatorId is.')
param operatorType string

@description('Required. Whether the app may only read the ledger and add to it; else it may do anything to any table.')
param ledgerRole bool

@description('Required. What tells the names of this installation from those of others.')
param token string

@description('Required. Name of the storage account.')
param storageName string

@description('Required. Name of the storage account of packages.')
param packagesName string

@description('Required. Name of the key vault.')
param vaultName string

@description('Required. Name of the Application Insights resource.')
param insightsName string

// Built-in roles have the same id in every tenant (Microsoft Learn, "Azure built-in roles").
var roles = {
  'Key Vault Certificates Officer': 'a4417e6f-fecd-4de8-b567-7b0420556985'
  'Key Vault Crypto User': '12338af0-0e69-4776-bea7-57ae8d297424'
  'Key Vault Reader': '21090545-7ca7-4776-b22c-e363652d74d2'
  'Key Vault Secrets Officer': 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6'
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

// Owner, because the host manages its keys and timer leases with it. Queue: triggers, sending, poison.
var onStorage = union(
  ['Storage Blob Data Owner', 'Storage Queue Data Contributor'],
  ledgerRole ? [] : ['Storage Table Data Contributor']
)

// Table by table where the ledger has a role of its own: a role on the whole account would hold for the ledger, too.
var allTables = loadJsonContent('../names.json').tables
var changedTables = ledgerRole ? filter(allTables, name => name != 'ledger') : []

// With a key: it signs, and the certificate tells its name. Without: no role that could.
var onVault = union(['Key Vault Secrets User'], proof == 'key' ? ['Key Vault Crypto User', 'Key Vault Reader'] : [])

// Both, because a certificate's private part is a secret of the vault, and the PSA systems' credentials are plain ones.
var ofOperator = empty(operatorId) ? [] : ['Key Vault Certificates Officer', 'Key Vault Secrets Officer']

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageName
}

resource packages 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: packagesName
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource appOnStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in onStorage: {
    scope: storage
    name: guid(storage.id, principalId, roles[role])
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[role])
      description: 'Holdfast: ${role}'
    }
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' existing = {
  parent: storage
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' existing = [
  for name in changedTables: {
    parent: tableService
    name: name
  }
]

resource ledger 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' existing = {
  parent: tableService
  name: 'ledger'
}

resource appOnTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in changedTables: {
    scope: tables[index]
    name: guid(storage.id, name, principalId, roles['Storage Table Data Contributor'])
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        roles['Storage Table Data Contributor']
      )
      description: 'Holdfast: rows of table ${name}'
    }
  }
]

// A role's name is unique in its Entra tenant, so it carries the installation.
resource appender 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (ledgerRole) {
  name: guid(resourceGroup().id, 'ledger')
  properties: {
    roleName: 'Holdfast ledger ${token}'
    description: 'Reads the ledger and adds to it; changes and removes nothing.'
    type: 'customRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/tableServices/tables/entities/read'
          'Microsoft.Storage/storageAccounts/tableServices/tables/entities/add/action'
        ]
        notDataActions: []
      }
    ]
  }
}

resource appOnLedger 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (ledgerRole) {
  scope: ledger
  name: guid(ledger.id, principalId, 'ledger')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: appender.id
    description: 'Holdfast: reads the ledger and adds to it'
  }
}

// At its start the app makes the tables that a new version brings; what it may do to their rows is said above.
resource tableMaker 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (ledgerRole) {
  name: guid(resourceGroup().id, 'tables')
  properties: {
    roleName: 'Holdfast tables ${token}'
    description: 'Makes tables; reads, changes and removes none.'
    type: 'customRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: [
          'Microsoft.Storage/storageAccounts/tableServices/tables/read'
          'Microsoft.Storage/storageAccounts/tableServices/tables/write'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

resource appMakesTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (ledgerRole) {
  scope: storage
  name: guid(storage.id, principalId, 'tables')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: tableMaker.id
    description: 'Holdfast: makes tables'
  }
}

// Reads the values that its settings refer to; writes nothing.
resource appOnVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in onVault: {
    scope: vault
    name: guid(vault.id, principalId, roles[role])
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[role])
      description: 'Holdfast: ${role}'
    }
  }
]

// The platform's own hand: it reads the package at each start and writes it at a deployment.
resource deployerOnPackages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: packages
  name: guid(packages.id, deployerId, roles['Storage Blob Data Contributor'])
  properties: {
    principalId: deployerId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles['Storage Blob Data Contributor']
    )
    description: 'Holdfast: the package'
  }
}

// Sends telemetry; reads none.
resource appOnInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, principalId, roles['Monitoring Metrics Publisher'])
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles['Monitoring Metrics Publisher']
    )
    description: 'Holdfast: sends telemetry'
  }
}

resource operatorOnVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in ofOperator: {
    scope: vault
    name: guid(vault.id, operatorId, roles[role])
    properties: {
      principalId: operatorId
      principalType: operatorType
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[role])
      description: 'Holdfast operator: ${role}'
    }
  }
]
