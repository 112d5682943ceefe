// az deployment group create --resource-group ... --template-file main.bicep --parameters vault=...
@description('Where it runs')
param location string = '%%REGION%%'

@description('The image, by its digest')
param image string = '%%IMAGE%%'

@description('The name of the Key Vault that holds the secrets')
param vault string

@description('The subnet for the environment, delegated to Microsoft.App/environments')
param subnet string

@description('May it be called from outside the virtual network?')
param external bool = false

resource keys 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vault
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '%%NAME%%'
  location: location
}

resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(keys.id, identity.id, 'reads')
  scope: keys
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')
  }
}

resource environment 'Microsoft.App/managedEnvironments@2026-07-01' = {
  name: '%%NAME%%'
  location: location
  properties: {
    appLogsConfiguration: {
      destination: 'none'
    }
    workloadProfiles: [
      {
        name: 'ingress'
        workloadProfileType: 'D4'
        minimumCount: 2
        maximumCount: 4
      }
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
    ingressConfiguration: {
      workloadProfileName: 'ingress'
      requestIdleTimeout: %%IDLE%%
      terminationGracePeriodSeconds: %%GRACE%%
    }
    vnetConfiguration: {
      infrastructureSubnetId: subnet
      internal: !external
    }
    peerTrafficConfiguration: {
      encryption: {
        enabled: true
      }
    }
  }
}

resource app 'Microsoft.App/containerApps@2026-07-01' = {
  name: '%%NAME%%'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    environmentId: environment.id
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: external
        targetPort: %%PORT%%
        transport: 'http'
        allowInsecure: false
      }
      secrets: [
        %%VAULTED%%
      ]
    }
    template: {
      terminationGracePeriodSeconds: %%GRACE%%
      containers: [
        {
          name: 'lethe'
          image: image
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          env: [
            {
              name: 'LETHE_HOST'
              value: '0.0.0.0'
            }
            {
              name: 'LETHE_PORT'
              value: '%%PORT%%'
            }
            {
              name: 'LETHE_DRAIN'
              value: '%%DRAIN%%'
            }
            {
              name: 'LETHE_TOML'
              value: loadTextContent('lethe.toml')
            }
            %%SECRETS%%
          ]
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/ready'
                port: %%PORT%%
              }
              periodSeconds: 1
              failureThreshold: 30
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/ready'
                port: %%PORT%%
              }
              periodSeconds: 5
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/health'
                port: %%PORT%%
              }
              periodSeconds: 30
            }
          ]
        }
      ]
      scale: {
        minReplicas: 1
        maxReplicas: 10
        cooldownPeriod: 600
        rules: [
          {
            name: 'streams'
            http: {
              metadata: {
                concurrentRequests: '%%CONCURRENCY%%'
              }
            }
          }
        ]
      }
    }
  }
  dependsOn: [
    reads
  ]
}

output address string = app.properties.configuration.ingress.fqdn
