// For `azd`: what differs between installations comes from its environment (`azd env set NAME value`).
// What is not set there is at its default in main.bicep; docs/deploy.md lists the names.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param place = readEnvironmentVariable('HOLDFAST_PLACE', 'dev')
param appClientId = readEnvironmentVariable('HOLDFAST_CLIENT_ID')
param proof = readEnvironmentVariable('HOLDFAST_PROOF', 'identity')
param apiKeys = readEnvironmentVariable('HOLDFAST_KEYS', '')
param alertEmail = readEnvironmentVariable('HOLDFAST_ALERT_EMAIL')
param operatorId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param operatorType = readEnvironmentVariable('HOLDFAST_OPERATOR_TYPE', 'User')
param evidenceLocked = bool(readEnvironmentVariable('HOLDFAST_EVIDENCE_LOCKED', 'false'))
param ledgerRole = bool(readEnvironmentVariable('HOLDFAST_LEDGER_ROLE', 'true'))
param redundancy = readEnvironmentVariable('HOLDFAST_REDUNDANCY', 'Standard_ZRS')
param privateNetwork = bool(readEnvironmentVariable('HOLDFAST_PRIVATE_NETWORK', 'false'))
param psaProviders = empty(readEnvironmentVariable('HOLDFAST_PSA_PROVIDERS', ''))
  ? []
  : split(readEnvironmentVariable('HOLDFAST_PSA_PROVIDERS', ''), ',')
