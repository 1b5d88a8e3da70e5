// Optional: storage and vault behind private endpoints, and the app in the network that reaches them. The app's own
// front door stays public, for the PSA systems call it.

import { tagMap } from '../types.bicep'

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resources.')
param tags tagMap

@description('Required. Hash that makes names unique, 13 characters.')
param token string

@description('Required. Address range of the network, in CIDR notation.')
param addressRange string

@description('Required. The part of it that the app calls from, /26.')
param appRange string

@description('Required. The part of it that private endpoints are in, /26.')
param endpointRange string

@description('Required. Resource id of the storage account.')
param storageId string

@description('Required. Resource id of the storage account of packages.')
param packagesId string

@description('Required. Resource id of the key vault.')
param vaultId string

// One DNS zone for each service that the app calls.
var zoneNames = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.queue.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
  // The suffix begins with a dot, and the private zone says `vaultcore` where the public one says `vault`.
  'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
]

// One endpoint for each of an account's services; `zone` counts in the list above.
var endpoints = [
  { name: 'blob', service: 'blob', zone: 0 }
  { name: 'queue', service: 'queue', zone: 1 }
  { name: 'table', service: 'table', zone: 2 }
  { name: 'vault', service: 'vault', zone: 3 }
  { name: 'packages', service: 'blob', zone: 0 }
]

resource rules 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-holdfast-${token}'
  location: location
  tags: tags
  // The platform's own rules stand: in from this network only, out to anywhere (Microsoft 365, DNS servers of all zones).
  properties: { securityRules: [] }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: 'vnet-holdfast-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressRange] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: appRange
          networkSecurityGroup: { id: rules.id }
          delegations: [{ name: 'app', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointRange
          networkSecurityGroup: { id: rules.id }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for name in zoneNames: {
    name: name
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (name, index) in zoneNames: {
    parent: zones[index]
    name: 'holdfast'
    location: 'global'
    tags: tags
    properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
  }
]

resource doors 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for each in endpoints: {
    name: 'pe-${each.name}-${token}'
    location: location
    tags: tags
    properties: {
      subnet: { id: resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'endpoints') }
      privateLinkServiceConnections: [
        {
          name: each.name
          properties: {
            privateLinkServiceId: each.name == 'vault' ? vaultId : each.name == 'packages' ? packagesId : storageId
            groupIds: [each.service]
          }
        }
      ]
    }
  }
]

resource doorNames 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (each, index) in endpoints: {
    parent: doors[index]
    name: 'default'
    properties: { privateDnsZoneConfigs: [{ name: each.name, properties: { privateDnsZoneId: zones[each.zone].id } }] }
  }
]

@description('Resource id of the subnet that the app calls from.')
output appSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'app')
