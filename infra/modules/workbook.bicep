// One page that shows how the service stands. Its content is workbook.json, as Azure's own editor saves it.

import { tagMap } from '../types.bicep'

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resource.')
param tags tagMap

@description('Required. Resource id of the workspace that it reads.')
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // The name of a workbook is a GUID, the same at every deployment.
  name: guid(resourceGroup().id, 'holdfast')
  location: location
  tags: union(tags, { 'hidden-title': 'Holdfast' })
  kind: 'shared'
  properties: {
    displayName: 'Holdfast'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: workspaceId
    serializedData: loadTextContent('../workbook.json')
  }
}
