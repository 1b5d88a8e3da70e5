// Where logs, traces and metrics go. Entra identities only: the connection string names a place and opens nothing.

import { tagMap } from '../types.bicep'

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resources.')
param tags tagMap

@description('Required. Hash that makes names unique, 13 characters.')
param token string

@description('Required. Name of the Application Insights resource.')
param insightsName string

@description('Required. Days that logs are kept.')
param retentionDays int

@description('Required. Gigabytes of logs a day; -1 for no limit.')
param gigabytesPerDay int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: 'log-holdfast-${token}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true }
    workspaceCapping: { dailyQuotaGb: gigabytesPerDay }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
    IngestionMode: 'LogAnalytics'
  }
}

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Connection string of Application Insights.')
output insightsConnection string = insights.properties.ConnectionString
