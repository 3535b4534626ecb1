// What somebody should be woken for. docs/telemetry.md says where each figure comes from, docs/deployment.md what to do.

param name string
param location string
param tags object
param emails array
param workspaceId string
param componentId string
param cosmosId string
param dataStorageId string

@description('The URL of the health check; empty when it cannot be reached from outside.')
param probedUrl string

@description('0 critical to 4 verbose.')
param severity int

param monthlyBudget int
param budgetStart string

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: take(name, 12)
    enabled: true
    emailReceivers: [
      for (email, index) in emails: {
        name: 'mail-${index}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

// The service writes what it measures into its log, one line of JSON for each value.
var measures = 'AppTraces | where Message startswith "measure " | extend Measure = parse_json(substring(Message, 8)) | extend Name = tostring(Measure.name), Value = todouble(Measure.value)'

// Queries over the workspace: one row for each alert, none while all is well.
// What is measured every five minutes, or seldom, is looked for in fifteen: rows arrive minutes after they were written.
var queries = [
  {
    name: 'server-errors'
    window: 'PT5M'
    text: 'More than 1 % of the requests of five minutes were answered with 5xx.'
    query: 'AppRequests | summarize total = count(), failed = countif(ResultCode startswith "5") | where total > 20 and failed * 100.0 / total > 1'
  }
  {
    name: 'refused-for-load'
    window: 'PT5M'
    text: 'More than 5 % of the requests of five minutes were answered with 429.'
    query: 'AppRequests | summarize total = count(), refused = countif(ResultCode == "429") | where total > 20 and refused * 100.0 / total > 5'
  }
  {
    name: 'feed-lag'
    window: 'PT5M'
    text: 'The sequenced feed is more than five minutes behind what has been stored.'
    query: '${measures} | where Name == "strata.feed.lag" | summarize lag = max(Value) | where lag > 300'
  }
  {
    name: 'dead-letters'
    window: 'PT15M'
    text: 'A change could not be brought into the sequenced feed and waits for somebody.'
    query: '${measures} | where Name == "strata.feed.dead_letters" | summarize letters = max(Value) | where letters > 0'
  }
  {
    name: 'audit-failures'
    window: 'PT15M'
    text: 'Requests were refused because they could not be put on record.'
    query: '${measures} | where Name == "strata.audit.failures" | summarize failures = sum(Value) | where failures > 0'
  }
]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for item in queries: {
    name: 'alert-${name}-${item.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Strata: ${item.name}'
      description: item.text
      enabled: true
      severity: severity
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: item.window
      // The tables appear with the first rows: an hour after a first deployment they may be missing still.
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: item.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [people.id] }
    }
  }
]

resource throttled 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-${name}-database-throttled'
  location: 'global'
  tags: tags
  properties: {
    description: 'The database answers 429: its request units are used up.'
    severity: severity
    enabled: true
    scopes: [cosmosId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'throttled'
          metricNamespace: 'Microsoft.DocumentDB/databaseAccounts'
          metricName: 'TotalRequests'
          dimensions: [{ name: 'StatusCode', operator: 'Include', values: ['429'] }]
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 100
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}

resource storageUnavailable 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-${name}-storage-unavailable'
  location: 'global'
  tags: tags
  properties: {
    description: 'Fewer than 99 % of the requests to the content store succeed.'
    severity: severity
    enabled: true
    scopes: [dataStorageId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'available'
          metricNamespace: 'Microsoft.Storage/storageAccounts'
          metricName: 'Availability'
          timeAggregation: 'Average'
          operator: 'LessThan'
          threshold: 99
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}

resource probe 'Microsoft.Insights/webtests@2022-06-15' = if (!empty(probedUrl)) {
  name: 'probe-${name}'
  location: location
  // The portal finds the test of a component by this tag.
  tags: union(tags, { 'hidden-link:${componentId}': 'Resource' })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: 'probe-${name}'
    Name: 'probe-${name}'
    Kind: 'standard'
    Enabled: true
    Frequency: 300
    Timeout: 30
    RetryEnabled: true
    Locations: [{ Id: 'emea-nl-ams-azr' }, { Id: 'us-va-ash-azr' }, { Id: 'apac-sg-sin-azr' }]
    Request: {
      RequestUrl: probedUrl
      HttpVerb: 'GET'
      FollowRedirects: false
      ParseDependentRequests: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 14
    }
  }
}

resource unreachable 'Microsoft.Insights/metricAlerts@2018-03-01' = if (!empty(probedUrl)) {
  name: 'alert-${name}-unreachable'
  location: 'global'
  tags: tags
  properties: {
    description: 'The health check fails from two places or more.'
    severity: severity
    enabled: true
    scopes: [probe.id, componentId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: probe.id
      componentId: componentId
      failedLocationCount: 2
    }
    actions: [{ actionGroupId: people.id }]
  }
}

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = if (monthlyBudget > 0) {
  name: 'budget-${name}'
  properties: {
    category: 'Cost'
    amount: monthlyBudget
    timeGrain: 'Monthly'
    timePeriod: { startDate: budgetStart }
    notifications: {
      nearlySpent: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: emails
        contactGroups: [people.id]
      }
      foreseen: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: emails
        contactGroups: [people.id]
      }
    }
  }
}
