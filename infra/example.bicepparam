// Every option once, with a value that is not its default: what each looks like, and what the tests compare with.
using 'main.bicep'

param environmentName = 'example'
param place = 'prod'
param location = 'northeurope'
param appClientId = '55555555-5555-5555-5555-555555555555'
param proof = 'secret'
param apiAudience = '66666666-6666-6666-6666-666666666666,api://holdfast.example.org'
param apiTenantId = '77777777-7777-7777-7777-777777777777'
param platformAuthentication = true
param cloud = 'gcchigh'
param alertEmail = 'operators@example.org'
param fastMinutes = 10
param slowMinutes = 20
param maxTenantsPerHour = 20
param maxPercentPerHour = 10
param psaProviders = ['autotask', 'connectwise', 'halopsa', 'standard']
param psaMinutes = 10
param instanceMemoryMB = 4096
param maximumInstanceCount = 100
param httpConcurrency = 8
param alwaysReady = { http: 1 }
param redundancy = 'Standard_RAGZRS'
param logDays = 365
param logGigabytesPerDay = -1
param tracePercent = 50
param privateNetwork = true
param networkRange = '10.99.0.0/24'
param operatorId = '88888888-8888-8888-8888-888888888888'
param operatorType = 'Group'
param dnsReferences = ['CLOUDFLARE', 'PLESK_MAIN']
param baseUrls = { login: 'https://login.example.org', exchange: 'https://exchange.example.org' }
param partnerTenantId = '99999999-9999-9999-9999-999999999999'
param dnsServers = '192.0.2.1:53'
param tags = { owner: 'mail' }
