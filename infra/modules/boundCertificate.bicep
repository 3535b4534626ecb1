// The binding of a domain, with its certificate.

param appName string
param domain string
param thumbprint string

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

resource binding 'Microsoft.Web/sites/hostNameBindings@2025-03-01' = {
  parent: app
  name: domain
  properties: {
    siteName: appName
    sslState: 'SniEnabled'
    thumbprint: thumbprint
  }
}
