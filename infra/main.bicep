// What runs:      one function app on Flex Consumption, Python 3.13
// What wakes it:  timers, the queues of names.json, HTTP (API and PSA webhooks)
// What it keeps:  the tables and blob leases of names.json, in one storage account that takes no keys
// What it runs:   a package in a storage account of its own, where the app's identity has no role
// Who it is:      one user-assigned identity; access.bicep is the page of all that it may do
// Who watches:    Application Insights, the alerts of alerts.bicep, one workbook
//
// Everything here can be deployed again over itself, and over a deployment that stopped half-way.

import { baseUrlMap, customerCloud, proofKind, psaProvider, readyCounts, tagMap } from 'types.bicep'

targetScope = 'subscription'

@description('Required. Name of this installation: part of the resource group\'s name and, hashed, of every other. 2 to 20 letters, digits or hyphens.')
@minLength(2)
@maxLength(20)
param environmentName string

@description('Optional. Whether this installation looks after real tenants. It is a tag, and `prod` asks for zone-redundant storage.')
param place 'dev' | 'prod' = 'dev'

@description('Required. Azure region of every resource, such as westeurope. It must offer Flex Consumption with Python 3.13.')
@minLength(4)
param location string

@description('Required. Client id (GUID) of the multi-tenant app registration that customers consent to: infra/register-app.sh prints it.')
@minLength(36)
@maxLength(36)
param appClientId string

@description('Optional. How the app proves that it is that registration: its `identity` as federated credential, a `key` that the vault signs with, or a `secret` of the vault (docs/deploy.md has the limits of each).')
param proof proofKind = 'identity'

@description('Optional. Where proof is `secret`: the day on which it ends, YYYY-MM-DD, so that operators are told 30, 14 and 3 days before.')
param proofEnds string = ''

@description('Optional. The API\'s named keys, as `holdfast key new` prints them: a JSON list of name, sha256 (of the key, which is kept nowhere), roles and until.')
param apiKeys string = ''

@description('Optional. For whom callers\' Entra ID tokens are made out: client id or application id URI of the API\'s app registration, both comma separated. Empty: only keys are taken.')
param apiAudience string = ''

@description('Optional. GUID of the tenant whose people and services may call the API; with apiAudience.')
param apiTenantId string = ''

@description('Optional. Client id of the app registration that people sign in to the console by, as a rule the API\'s; with apiTenantId. Empty: no console. The vault then has session-keys.')
param consoleClientId string = ''

@description('Optional. The cloud that the customers\' tenants are in.')
param cloud customerCloud = 'global'

@description('Required. Mail address that alerts go to: read by people, not a mailbox behind the tenants that are looked after.')
@minLength(6)
param alertEmail string

@description('Optional. Minutes between two looks at Exchange, 1 to 30; must divide 60.')
@minValue(1)
@maxValue(30)
param fastMinutes int = 5

@description('Optional. Minutes between two looks at compliance and DNS, 5 to 60; must divide 60 and be no less than fastMinutes.')
@minValue(5)
@maxValue(60)
param slowMinutes int = 15

@description('Optional. Tenants that may get steps of one signature (control and cmdlet) in an hour, 1 to 10000; above it steps of that signature are held until a person releases it.')
@minValue(1)
@maxValue(10000)
param maxTenantsPerHour int = 50

@description('Optional. Percent of all tenants that may get steps of one signature in an hour, 1 to 100; the lower of the two limits holds.')
@minValue(1)
@maxValue(100)
param maxPercentPerHour int = 25

@description('Optional. Days for which an operation is kept after its end, with its Idempotency-Key.')
@minValue(1)
@maxValue(3650)
param keepOperationsDays int = 90

@description('Optional. Days for which a place within the blast radius is kept; the radius looks back one hour.')
@minValue(1)
@maxValue(3650)
param keepWrittenDays int = 7

@description('Optional. PSA systems in use: any of connectwise, autotask, halopsa, standard; for each the vault must hold a secret psa-NAME (docs/psa.md).')
param psaProviders psaProvider[] = []

@description('Optional. Minutes between two looks at the tickets of PSA systems, 1 to 30.')
@minValue(1)
@maxValue(30)
param psaMinutes int = 5

@description('Optional. Memory of one instance in MB: 512 has a quarter of a core, 2048 one core, 4096 two. 512 does up to about 1,500 tenants, 2048 up to 7,000 (docs/cost.md).')
param instanceMemoryMB 512 | 2048 | 4096 = 512

@description('Optional. The most instances of one function at a time (HTTP counts as one), 1 to 1000. The subscription\'s regional quota may be lower.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 4

@description('Optional. HTTP requests that one instance works on at a time, 1 to 100.')
@minValue(1)
@maxValue(100)
param httpConcurrency int = 16

@description('Optional. Instances that never sleep, as {name: count}: `http`, or `function:` and a function of names.json. They are billed all the time. One of `visit` keeps tokens.')
param alwaysReady readyCounts = { 'function:visit': 1 }

@description('Optional. Redundancy of the storage account, which holds all state; region loss is survived by the GRS and GZRS kinds.')
param redundancy
  | 'Standard_LRS'
  | 'Standard_ZRS'
  | 'Standard_GRS'
  | 'Standard_GZRS'
  | 'Standard_RAGRS'
  | 'Standard_RAGZRS' = 'Standard_ZRS'

@description('Optional. Days that logs are kept, 30 to 730.')
@minValue(30)
@maxValue(730)
param logDays int = 90

@description('Optional. Gigabytes of logs a day, -1 for no limit; above it the workspace takes no more until the next day, and alerts are blind.')
@minValue(-1)
param logGigabytesPerDay int = 5

@description('Optional. Share of traces that is kept, in percent, 0 to 100. Traces in which something is put back are always kept.')
@minValue(0)
@maxValue(100)
param tracePercent int = 5

@description('Optional. Whether storage and vault are reachable from a virtual network of this installation only.')
param privateNetwork bool = false

@description('Optional. Address range of that network in CIDR notation, /24 or larger.')
@minLength(9)
param networkRange string = '10.71.0.0/24'

@description('Optional. IPv4 addresses or ranges, such as a build agent\'s, that reach the account of packages although privateNetwork closes it: while a package is put there by hand (docs/deploy.md).')
param packagesOpenTo string[] = []

@description('Optional. Whether the platform too asks every caller of the API for a token of apiAudience, so that a key alone opens nothing.')
param platformAuthentication bool = false

@description('Optional. Object id (GUID) of the person or group that may put the certificate and secrets into the vault; empty for nobody.')
param operatorId string = ''

@description('Optional. Kind of principal that operatorId is.')
param operatorType 'User' | 'Group' | 'ServicePrincipal' = 'User'

@description('Optional. Names of the secrets of DNS providers, as tenants\' configs have them (CLOUDFLARE); for each the vault must hold a secret dns-NAME, in lower case and with hyphens.')
param dnsReferences string[] = []

@description('Optional. The tenants that each secret of a DNS provider is for, as JSON: {"HOLDFAST_DNS_SECRET_NAME": ["tenant id"]}. A secret that is not listed is for no tenant.')
param dnsTenants string = ''

@description('Optional. Names of channels for notices, in capitals (OPS); for each the vault must hold a secret notify-NAME, in lower case and with hyphens, that is a URL of Apprise (docs/notices.md).')
param notifyReferences string[] = []

@description('Optional. Channels that the operators read, such as notify-ops, separated by blanks.')
param notifyOperators string = ''

@description('Optional. Whether events go out; the vault must hold a secret events, a JSON object with url and secret (docs/events.md).')
param eventsOut bool = false

@description('Optional. The MSP\'s name, or a JSON object {"name", "logo"} with the logo as a data URI, for the monthly evidence.')
param brand string = ''

@description('Optional. Other base URLs than the cloud\'s, as {login, exchange, compliance, graph, activity}: for tests.')
param baseUrls baseUrlMap = {}

@description('Optional. The MSP\'s own tenant, whose GDAP customers are proposed; empty for none.')
param partnerTenantId string = ''

@description('Optional. DNS servers to ask instead of each zone\'s own, as host:port, comma separated: for tests.')
param dnsServers string = ''

@description('Optional. Whether infra/lock-evidence.sh has locked the policy on the hourly roots, which then is deployed no more.')
param evidenceLocked bool = false

@description('Optional. Whether the app may only read the ledger and add to it, by a custom role: whoever deploys must be allowed to make one (docs/deploy.md).')
param ledgerRole bool = true

@description('Optional. Tags of every resource, besides those that this file sets.')
param tags tagMap = {}

var names = loadJsonContent('names.json')
var ownInstances = [for name in names.functions: 'function:${name}']
var groups = union(['http'], ownInstances)

// What the limits above cannot say is said here; `fail` ends the deployment with its sentence before anything is made.
var clientId = length(split(appClientId, '-')) == 5
  ? toLower(appClientId)
  : fail('appClientId: should be a GUID, such as the one that infra/register-app.sh prints')
var email = contains(alertEmail, '@') ? alertEmail : fail('alertEmail: should be a mail address')
var fast = 60 % fastMinutes == 0
  ? fastMinutes
  : fail('fastMinutes: should divide 60, or one hour would end with a shorter interval')
var slow = 60 % slowMinutes == 0 && slowMinutes >= fastMinutes
  ? slowMinutes
  : fail('slowMinutes: should divide 60 and be no less than fastMinutes')
var sku = place == 'dev' || contains(redundancy, 'ZRS')
  ? redundancy
  : fail('redundancy: prod should survive the loss of a zone; take a kind with ZRS in its name')
var apiTenant = empty(apiTenantId) == empty(apiAudience)
  ? apiTenantId
  : fail('apiTenantId: belongs to apiAudience; give both or neither, or the app does not start')
var audiences = map(split(apiAudience, ','), each => trim(each))
var isGuid = length(split(audiences[0], '-')) == 5 && length(audiences[0]) == 36
// The platform wants the client id itself, and finds a URI in its place out at the first call only.
var gate = platformAuthentication && !isGuid
  ? fail('platformAuthentication: needs apiAudience to begin with the client id (a GUID) of the API\'s registration, or nobody could call')
  : platformAuthentication
var ready = [
  for each in items(alwaysReady): contains(groups, each.key)
    ? { name: each.key, instanceCount: each.value }
    : fail('alwaysReady: there is no group ${each.key}; there is ${join(groups, ', ')}')
]

var token = uniqueString(subscription().id, environmentName, location)
var storageName = 'stholdfast${token}'
var packagesName = 'sthfpkg${token}'
var vaultName = 'kv-hf-${token}'
var insightsName = 'appi-holdfast-${token}'
var allTags = union(tags, {
  'azd-env-name': environmentName
  application: 'holdfast'
  place: place
})

// The other form of a reference than app.bicep's, because it needs nothing that is known only later.
var dnsSettings = toObject(
  dnsReferences,
  name => 'HOLDFAST_DNS_SECRET_${name}',
  name => '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=dns-${toLower(replace(name, '_', '-'))})'
)

var notifySettings = toObject(
  notifyReferences,
  name => 'HOLDFAST_NOTIFY_${name}',
  name => '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=notify-${toLower(replace(name, '_', '-'))})'
)

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-holdfast-${environmentName}'
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: { location: location, tags: allTags, token: token }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    token: token
    insightsName: insightsName
    retentionDays: logDays
    gigabytesPerDay: logGigabytesPerDay
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    name: storageName
    sku: sku
    privateOnly: privateNetwork
    workspaceId: monitoring.outputs.workspaceId
    evidenceLocked: evidenceLocked
  }
}

module packages 'modules/packages.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    name: packagesName
    token: token
    sku: sku
    privateOnly: privateNetwork
    openTo: packagesOpenTo
    workspaceId: monitoring.outputs.workspaceId
  }
}

module vault 'modules/vault.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    name: vaultName
    privateOnly: privateNetwork
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    tags: allTags
    token: token
    addressRange: networkRange
    appRange: cidrSubnet(networkRange, 26, 0)
    endpointRange: cidrSubnet(networkRange, 26, 1)
    storageId: storage.outputs.id
    packagesId: packages.outputs.id
    vaultId: vault.outputs.id
  }
}

// Who may do what: all of it on one page, by role name. Before the app, which needs its roles at its first start.
module access 'modules/access.bicep' = {
  scope: group
  params: {
    // Part of the assignments' names, so that an identity that was made anew gets assignments of its own; known only once it is there.
    #disable-next-line what-if-short-circuiting
    principalId: identity.outputs.principalId
    // As above.
    #disable-next-line what-if-short-circuiting
    deployerId: packages.outputs.deployerPrincipalId
    proof: proof
    operatorId: operatorId
    operatorType: operatorType
    ledgerRole: ledgerRole
    token: token
    storageName: storageName
    packagesName: packagesName
    vaultName: vaultName
    insightsName: insightsName
  }
  dependsOn: [storage, vault]
}

module app 'modules/app.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    token: token
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storage: storage.outputs.urls
    packagesUrl: packages.outputs.url
    deployerIdentityId: packages.outputs.deployerIdentityId
    vaultUri: vault.outputs.uri
    insightsConnection: monitoring.outputs.insightsConnection
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    appClientId: clientId
    proof: proof
    proofEnds: proofEnds
    cloud: cloud
    apiKeys: apiKeys
    apiAudiences: audiences
    apiTenantId: apiTenant
    consoleClientId: consoleClientId
    fastMinutes: fast
    slowMinutes: slow
    maxTenantsPerHour: maxTenantsPerHour
    maxPercentPerHour: maxPercentPerHour
    keepOperationsDays: keepOperationsDays
    keepWrittenDays: keepWrittenDays
    psaProviders: psaProviders
    psaMinutes: psaMinutes
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReady: ready
    tracePercent: tracePercent
    platformAuthentication: gate
    vaultSettings: union(dnsSettings, notifySettings)
    notifyOperators: notifyOperators
    brand: brand
    eventsOut: eventsOut
    baseUrls: baseUrls
    partnerTenantId: partnerTenantId
    dnsServers: dnsServers
    dnsTenants: dnsTenants
  }
  dependsOn: [access]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    email: email
    fastMinutes: fast
    slowMinutes: slow
    packagesName: packagesName
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: { location: location, tags: allTags, workspaceId: monitoring.outputs.workspaceId }
}

@description('Resource group of everything.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app, which packages are deployed to.')
output HOLDFAST_APP_NAME string = app.outputs.name

@description('Base URL of the HTTP API, without a slash at the end.')
output HOLDFAST_API_URL string = 'https://${app.outputs.hostName}/api'

@description('Name of the key vault, which the certificate and secrets go to.')
output HOLDFAST_VAULT_NAME string = vaultName

@description('Object id of the identity: subject of the federated credential where proof is `identity`.')
output HOLDFAST_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
