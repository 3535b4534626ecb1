// A domain of one's own with a certificate that Azure keeps up.
//
// Two passes: the domain is bound without a certificate, the certificate is made for it, and the binding then takes it on.

param appName string
param domain string
param location string
param tags object

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

resource binding 'Microsoft.Web/sites/hostNameBindings@2025-03-01' = {
  parent: app
  name: domain
  properties: {
    siteName: appName
    hostNameType: 'Verified'
    sslState: 'Disabled'
  }
}

// An app on Flex Consumption has its certificates to itself: those of a plan are not for it.
resource certificate 'Microsoft.Web/sites/certificates@2025-03-01' = {
  parent: app
  name: 'cert-${replace(domain, '.', '-')}'
  location: location
  tags: tags
  properties: {
    canonicalName: domain
  }
  // It is made only for a domain that is bound.
  dependsOn: [binding]
}

// A second deployment of the same binding, which one template cannot say twice.
module secured 'boundCertificate.bicep' = {
  name: 'secured-${uniqueString(domain)}'
  params: {
    appName: appName
    domain: domain
    thumbprint: certificate.properties.thumbprint
  }
}
