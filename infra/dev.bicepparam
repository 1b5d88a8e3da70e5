// A place to try things, with a tenant or two: small, cheap, everything traced, the identity as the app's credential.
using 'main.bicep'

param environmentName = 'dev'
param place = 'dev'
param location = readEnvironmentVariable('AZURE_LOCATION')
param appClientId = readEnvironmentVariable('HOLDFAST_CLIENT_ID')
param alertEmail = readEnvironmentVariable('HOLDFAST_ALERT_EMAIL')
param apiKeys = readEnvironmentVariable('HOLDFAST_KEYS', '')
param operatorId = readEnvironmentVariable('HOLDFAST_OPERATOR_ID', '')
param operatorType = readEnvironmentVariable('HOLDFAST_OPERATOR_TYPE', 'User')
param proof = 'identity'
param alwaysReady = {}
param redundancy = 'Standard_LRS'
param logDays = 30
param logGigabytesPerDay = 1
param tracePercent = 100
