// The one identity that the app has: for its own storage, vault and telemetry, and where wanted as the federated
// credential of the app registration. User-assigned, so that its roles exist before the app starts for the first time.

import { tagMap } from '../types.bicep'

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resource.')
param tags tagMap

@description('Required. Hash that makes names unique, 13 characters.')
param token string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-holdfast-${token}'
  location: location
  tags: tags
}

@description('Resource id.')
output id string = identity.id

@description('Client id, by which credentials choose it.')
output clientId string = identity.properties.clientId

@description('Object id, which roles are assigned to.')
output principalId string = identity.properties.principalId
