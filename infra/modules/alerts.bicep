// What somebody must hear of, by mail. Each alert has its page in docs/operations.md under the same name.

import { tagMap } from '../types.bicep'

@description('Required. Azure region.')
param location string

@description('Required. Tags of the resources.')
param tags tagMap

@description('Required. Resource id of the workspace that metrics and logs are in.')
param workspaceId string

@description('Required. Mail address that alerts go to.')
param email string

@description('Required. Minutes between two looks at Exchange.')
param fastMinutes int

@description('Required. Minutes between two looks at compliance and DNS.')
param slowMinutes int

@description('Required. Name of the storage account of packages.')
param packagesName string

@description('Optional. Controls that newly need a person within an hour, at which that many is news by itself.')
@minValue(1)
param mostNeedingAPerson int = 5

@description('Optional. Failed invocations within a quarter of an hour that are too many. A few are repeated by the queue and do no harm.')
@minValue(1)
param mostFailures int = 10

@description('Optional. Percent of controls that cannot be read, over half an hour, above which the reason is not one tenant.')
@minValue(1)
@maxValue(100)
param mostPercentUnknown int = 20

@description('Optional. Hours after which an engaged brake is told again.')
@minValue(1)
param longestBrakeHours int = 4

// Windows and frequencies are ISO 8601 durations; severity 1 is an error, 2 a warning (Azure Monitor).
// A gauge is one value a row, which is its Sum; Min and Max are those of histograms.
// The metrics are those of clients/telemetry.py, and arrive within ten minutes, or never where an instance is gone before;
// log lines arrive within two or three. So what must not be missed is looked for among log lines as well.
var rules = [
  {
    name: 'message-parked'
    description: 'A message could not be worked on and was put aside. Nothing is lost; somebody has to look.'
    severity: 1
    window: 'PT15M'
    every: 'PT5M'
    query: 'union (AppMetrics | where Name == "holdfast.parked" | project Hits = Sum), (AppTraces | where Message startswith "incident kind=" and tostring(Properties["kind"]) == "parked" | project Hits = 1.0) | summarize Value = sum(Hits)'
    above: 0
  }
  {
    name: 'incident'
    description: 'The service itself needs a person: its log line and its entry in the ledger service say what for.'
    severity: 1
    window: 'PT15M'
    every: 'PT5M'
    query: 'AppTraces | where Message startswith "incident kind=" and tostring(Properties["kind"]) != "parked" | summarize Value = count()'
    above: 0
  }
  {
    name: 'checks-late'
    description: 'The oldest check of a tenant is older than three intervals of its lane.'
    severity: 1
    window: 'PT15M'
    every: 'PT5M'
    query: 'union (AppMetrics | where Name == "holdfast.check.oldest" | project TimeGenerated, lane = tostring(Properties["lane"]), Age = Sum), (AppTraces | where Message startswith "fleet_measured tenants=" | project TimeGenerated, lane = "fast", Age = todouble(tostring(Properties["fast_s"]))), (AppTraces | where Message startswith "fleet_measured tenants=" | project TimeGenerated, lane = "slow", Age = todouble(tostring(Properties["slow_s"]))) | summarize arg_max(TimeGenerated, Age) by lane | extend Limit = iff(lane == "fast", ${fastMinutes * 180}, ${slowMinutes * 180}) | summarize Value = countif(Age > Limit)'
    above: 0
  }
  {
    name: 'ticks-silent'
    description: 'No tick has reported for half an hour: the timer does not run and nothing wakes, or telemetry does not arrive.'
    severity: 1
    window: 'PT30M'
    every: 'PT15M'
    query: 'AppTraces | where Message startswith "tick tenants=" | summarize Seen = count() | project Value = iff(Seen > 0, 0, 1)'
    above: 0
  }
  {
    name: 'objective-burning-fast'
    description: 'Drift is seen or put back too late so often that the error budget of a month is gone in two days.'
    severity: 1
    window: 'PT1H'
    every: 'PT5M'
    // 14.4 times the 5 percent that may be late; of fewer than five measurements one says nothing.
    query: 'AppMetrics | where Name == "holdfast.objective" | summarize Missed = sumif(Sum, tostring(Properties["met"]) == "false"), All = sum(Sum) by objective = tostring(Properties["objective"]) | summarize Value = max(iff(All >= 5, 100.0 * Missed / All, 0.0))'
    above: 72
  }
  {
    name: 'objective-burning'
    description: 'Drift is seen or put back too late so often that the error budget of a month is gone in five days.'
    severity: 2
    window: 'PT6H'
    every: 'PT30M'
    query: 'AppMetrics | where Name == "holdfast.objective" | summarize Missed = sumif(Sum, tostring(Properties["met"]) == "false"), All = sum(Sum) by objective = tostring(Properties["objective"]) | summarize Value = max(iff(All >= 5, 100.0 * Missed / All, 0.0))'
    above: 30
  }
  {
    name: 'needs-person-rising'
    description: 'Many controls newly need a person.'
    severity: 2
    window: 'PT1H'
    every: 'PT15M'
    query: 'AppTraces | where tostring(Properties["event"]) == "needs_person" | summarize Value = count()'
    above: mostNeedingAPerson - 1
  }
  {
    name: 'invocations-failing'
    description: 'Functions fail again and again.'
    severity: 2
    window: 'PT15M'
    every: 'PT5M'
    // Without those that the platform cut off when it took an instance away: the queue gives their messages again.
    query: 'AppRequests | where Success == false | join kind=leftanti (AppExceptions | where ExceptionType has "FunctionTimeoutAbortException") on OperationId | summarize Value = sum(ItemCount)'
    above: mostFailures
  }
  {
    name: 'controls-unknown'
    description: 'A large part of all controls cannot be read: a service is down, or the app has lost its permissions.'
    severity: 2
    window: 'PT30M'
    every: 'PT15M'
    query: 'AppMetrics | where Name in ("holdfast.controls", "holdfast.unknowns") | summarize Unknown = sumif(Sum, Name == "holdfast.unknowns"), All = sumif(Sum, Name == "holdfast.controls") | project Value = iff(All > 0, 100.0 * Unknown / All, 0.0)'
    above: mostPercentUnknown
  }
  {
    name: 'package-written'
    description: 'A package was written or removed. A deployment does that too: without one in these minutes, or by another identity than the deployer, somebody has the app run other code.'
    severity: 2
    window: 'PT15M'
    every: 'PT5M'
    query: 'StorageBlobLogs | where AccountName == "${packagesName}" and Category in ("StorageWrite", "StorageDelete") and StatusText == "Success" | summarize Value = count()'
    above: 0
  }
  {
    name: 'brake-engaged'
    description: 'The brake has been engaged for hours: nothing is put back anywhere.'
    severity: 1
    window: 'PT30M'
    every: 'PT15M'
    query: 'union (AppMetrics | where Name == "holdfast.brake.engaged" | project TimeGenerated, Seconds = Sum), (AppTraces | where Message startswith "fleet_measured tenants=" | project TimeGenerated, Seconds = todouble(tostring(Properties["brake_s"]))) | summarize arg_max(TimeGenerated, Seconds) | project Value = Seconds / 3600.0'
    above: longestBrakeHours
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'holdfast-operators'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'holdfast'
    emailReceivers: [{ name: 'operators', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in rules: {
    name: 'holdfast-${rule.name}'
    location: location
    tags: tags
    properties: {
      displayName: 'Holdfast: ${replace(rule.name, '-', ' ')}'
      description: '${rule.description} docs/operations.md, ${rule.name}.'
      severity: rule.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: rule.every
      windowSize: rule.window
      autoMitigate: true
      // A table that no telemetry has reached yet does not exist, and the first deployment comes before the first look.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Maximum'
            metricMeasureColumn: 'Value'
            operator: 'GreaterThan'
            threshold: rule.above
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [people.id] }
    }
  }
]
