// The installation that looks after customers: survives the loss of its region, closed to other networks.
using 'main.bicep'

param environmentName = 'prod'
param place = 'prod'
param location = readEnvironmentVariable('AZURE_LOCATION')
param appClientId = readEnvironmentVariable('HOLDFAST_CLIENT_ID')
param alertEmail = readEnvironmentVariable('HOLDFAST_ALERT_EMAIL')
param apiKeys = readEnvironmentVariable('HOLDFAST_KEYS', '')
param operatorId = readEnvironmentVariable('HOLDFAST_OPERATOR_ID', '')
param operatorType = readEnvironmentVariable('HOLDFAST_OPERATOR_TYPE', 'User')
param redundancy = 'Standard_GZRS'
param privateNetwork = true
param logDays = 180
param logGigabytesPerDay = 10
param tracePercent = 5
