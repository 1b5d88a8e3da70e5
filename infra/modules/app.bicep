// The function app: Flex Consumption, Python 3.13, every setting of clients/settings.py.

import { baseUrlMap, customerCloud, proofKind, psaProvider, readyGroup, settingMap, storageUrls, tagMap } from '../types.bicep'

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resources.')
param tags tagMap

@description('Required. Hash that makes names unique, 13 characters.')
param token string

@description('Required. Resource id of the identity.')
param identityId string

@description('Required. Client id of the identity.')
param identityClientId string

@description('Required. Base URLs of the storage account, with a slash at the end.')
param storage storageUrls

@description('Required. URL of the blob container that packages are deployed to.')
param packagesUrl string

@description('Required. Resource id of the identity that the platform reads and writes packages by.')
param deployerIdentityId string

@description('Required. URI of the key vault, with a slash at the end.')
param vaultUri string

@description('Required. Connection string of Application Insights. It names a place and opens nothing: telemetry needs the identity.')
param insightsConnection string

@description('Required. Resource id of the subnet that the app calls from; empty for none.')
param subnetId string

@description('Required. Client id of the multi-tenant app registration.')
param appClientId string

@description('Required. How the app proves that it is that registration.')
param proof proofKind

@description('Required. The day on which the secret ends, YYYY-MM-DD; empty where nobody says.')
param proofEnds string

@description('Required. The API\'s named keys as a JSON list of name, sha256, roles and until; empty where only tokens are taken.')
param apiKeys string

@description('Required. For whom callers\' Entra ID tokens are made out, client id first; one empty text where only keys are taken.')
param apiAudiences string[]

@description('Required. GUID of the tenant whose people and services may call the API; empty like apiAudience.')
param apiTenantId string

@description('Required. Client id of the app registration that people sign in to the console by; empty where there is no console.')
param consoleClientId string

@description('Required. Cloud of the customers\' tenants.')
param cloud customerCloud

@description('Required. Minutes between two looks at Exchange.')
param fastMinutes int

@description('Required. Minutes between two looks at compliance and DNS.')
param slowMinutes int

@description('Required. Tenants that may be written in an hour.')
param maxTenantsPerHour int

@description('Required. Percent of all tenants that may be written in an hour.')
param maxPercentPerHour int

@description('Required. Days for which an operation is kept after its end.')
param keepOperationsDays int

@description('Required. Days for which a place within the blast radius is kept.')
param keepWrittenDays int

@description('Required. PSA systems in use, whose secrets are in the vault: any of connectwise, autotask, halopsa, standard.')
param psaProviders psaProvider[]

@description('Required. Minutes between two looks at the tickets of PSA systems.')
param psaMinutes int

@description('Required. Memory of one instance in MB.')
param instanceMemoryMB int

@description('Required. The most instances of one group at a time.')
param maximumInstanceCount int

@description('Required. HTTP requests that one instance works on at a time. Python gets 1 where this is not said.')
param httpConcurrency int

@description('Required. Instances that never sleep, as a list of {name, instanceCount}.')
param alwaysReady readyGroup[]

@description('Required. Share of traces that is kept, in percent.')
param tracePercent int

@description('Required. Whether the platform too asks every caller of the API for a token of apiAudience.')
param platformAuthentication bool

@description('Required. Settings that refer to secrets of DNS providers and to URLs of channels, by name.')
param vaultSettings settingMap

@description('Required. Channels that the operators read, separated by blanks.')
param notifyOperators string

@description('Required. Whether events go out.')
param eventsOut bool

@description('Required. The MSP\'s name and logo, for the monthly evidence.')
param brand string

@description('Required. Other base URLs than the cloud\'s, as {login, exchange, compliance, graph, activity}.')
param baseUrls baseUrlMap

@description('Required. The MSP\'s own tenant, whose GDAP customers are proposed; empty for none.')
param partnerTenantId string

@description('Required. DNS servers to ask instead of each zone\'s own; empty for none.')
param dnsServers string

@description('Required. The tenants that each secret of a DNS provider is for, as JSON; empty where each is for none.')
param dnsTenants string

// A value of the vault, looked up by the platform with the app's identity; a rotated one arrives within a day.
var vaultSecrets = '${vaultUri}secrets'
var secret = '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/client-secret)'
var connectwise = '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/psa-connectwise)'
var autotask = '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/psa-autotask)'
var halopsa = '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/psa-halopsa)'
var standard = '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/psa-standard)'
var sessionKeys = '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/session-keys)'
var markSecret = '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/mark-secret)'

// Every setting of clients/settings.py, which an empty value leaves at its default; only AzureWebJobsStorage must not be
// there, or it would win over the identity. tests/infra compares the two.
var own = {
  // URLs and not the account's name, from which host and app would make those of the public cloud.
  AzureWebJobsStorage__blobServiceUri: storage.blob
  AzureWebJobsStorage__queueServiceUri: storage.queue
  AzureWebJobsStorage__tableServiceUri: storage.table
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__credential: 'managedidentity'

  HOLDFAST_CLIENT_ID: appClientId
  HOLDFAST_CLIENT_KEY: proof == 'key' ? '${vaultUri}keys/client-certificate' : ''
  HOLDFAST_CLIENT_SECRET: proof == 'secret' ? secret : ''
  HOLDFAST_CLIENT_SECRET_ENDS: proof == 'secret' ? proofEnds : ''
  HOLDFAST_MANAGED_IDENTITY_CLIENT_ID: proof == 'identity' ? identityClientId : ''
  HOLDFAST_KEYS: apiKeys
  HOLDFAST_API_AUDIENCE: join(apiAudiences, ',')
  HOLDFAST_API_TENANT_ID: apiTenantId
  HOLDFAST_API_CLIENT_ID: consoleClientId
  HOLDFAST_SESSION_KEYS: empty(consoleClientId) ? '' : sessionKeys
  HOLDFAST_CLOUD: cloud
  HOLDFAST_LOGIN_URL: baseUrls.?login ?? ''
  HOLDFAST_EXCHANGE_URL: baseUrls.?exchange ?? ''
  HOLDFAST_COMPLIANCE_URL: baseUrls.?compliance ?? ''
  HOLDFAST_GRAPH_URL: baseUrls.?graph ?? ''
  HOLDFAST_ACTIVITY_URL: baseUrls.?activity ?? ''
  HOLDFAST_DNS_SERVERS: dnsServers
  HOLDFAST_DNS_TENANTS: dnsTenants
  HOLDFAST_TICK_SCHEDULE: '0 * * * * *'
  HOLDFAST_SHARD_SIZE: '25'
  HOLDFAST_FAST_SCHEDULE: '0 */${fastMinutes} * * * *'
  HOLDFAST_SLOW_SCHEDULE: '0 */${slowMinutes} * * * *'
  // Half a minute and a little more after the fast look, whose proof of the lock-down alerts wait for.
  HOLDFAST_ALERTS_SCHEDULE: '30 */${fastMinutes} * * * *'
  HOLDFAST_AUDIT_SCHEDULE: '45 */${fastMinutes} * * * *'
  HOLDFAST_PARTNER_TENANT_ID: partnerTenantId
  HOLDFAST_MAX_TENANTS_PER_HOUR: string(maxTenantsPerHour)
  HOLDFAST_MAX_PERCENT_PER_HOUR: string(maxPercentPerHour)
  HOLDFAST_KEEP_OPERATIONS: string(keepOperationsDays)
  HOLDFAST_KEEP_WRITTEN: string(keepWrittenDays)

  HOLDFAST_PSA_SCHEDULE: '0 */${psaMinutes} * * * *'
  HOLDFAST_NOTIFY: notifyOperators
  HOLDFAST_BRAND: brand
  HOLDFAST_EVENTS: eventsOut ? '@Microsoft.KeyVault(SecretUri=${vaultSecrets}/events)' : ''
  HOLDFAST_PSA_CONNECTWISE: contains(psaProviders, 'connectwise') ? connectwise : ''
  HOLDFAST_PSA_AUTOTASK: contains(psaProviders, 'autotask') ? autotask : ''
  HOLDFAST_PSA_HALOPSA: contains(psaProviders, 'halopsa') ? halopsa : ''
  HOLDFAST_PSA_STANDARD: contains(psaProviders, 'standard') ? standard : ''
  HOLDFAST_MARK_SECRET: empty(psaProviders) ? '' : markSecret

  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  // A trace whose message says that it is kept is kept: that is how a correction's always are (docs/decisions).
  OTEL_TRACES_SAMPLER: 'parentbased_trace_id_ratio'
  OTEL_TRACES_SAMPLER_ARG: format('{0}.{1}', tracePercent / 100, padLeft(string(tracePercent % 100), 2, '0'))
  // Milliseconds. Each worker sends about a hundred series so often; news are logged besides, which takes seconds.
  OTEL_METRIC_EXPORT_INTERVAL: '300000'
  // Each of these would make a span of every request to storage, several for each look at a tenant.
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,psycopg2,requests,urllib,urllib3'
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-holdfast-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-holdfast-${token}'
  location: location
  tags: union(tags, { 'azd-service-name': 'holdfast' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {}, '${deployerIdentityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packagesUrl
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: deployerIdentityId }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      // Instances drain one after another, so that a deployment ends no remediation half-way.
      // The service knows the property; the types of 2025-03-01 do not, and no later version has types.
      #disable-next-line BCP037
      siteUpdateStrategy: { type: 'RollingUpdate' }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReady
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
    siteConfig: {
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      remoteDebuggingEnabled: false
    }
  }
}

// Passwords for FTP and the deployment site, which nobody needs: packages are deployed with Entra tokens.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(own, vaultSettings)
}

// Where wanted, the platform turns away whoever has no Entra token of the audience; a key alone then opens nothing.
// Webhooks prove themselves by signature.
resource authentication 'Microsoft.Web/sites/config@2025-03-01' = if (platformAuthentication) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      excludedPaths: [
        '/api/console'
        '/api/console/*'
        '/api/health'
        '/api/webhooks/psa/autotask'
        '/api/webhooks/psa/connectwise'
        '/api/webhooks/psa/halopsa'
        '/api/webhooks/psa/standard'
      ]
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: apiAudiences[0]
          openIdIssuer: '${environment().authentication.loginEndpoint}${apiTenantId}/v2.0'
        }
        validation: { allowedAudiences: apiAudiences }
      }
    }
    login: { tokenStore: { enabled: false } }
  }
}

@description('Name of the function app.')
output name string = app.name

@description('Its host name, without a scheme.')
output hostName string = app.properties.defaultHostName
