import type { BicepObject, BicepResource, BicepTemplate, BicepValue } from "./bicepTemplate.ts";

/** Something in a template that must not be so. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly text: string;
}

/** What the templates are held to, from outside of them. */
export interface CodeFacts {
  /** The settings that the code reads in the cloud, those that may be absent included. */
  readonly settings: ReadonlySet<string>;
  /** The Cosmos containers that the code opens. */
  readonly containers: ReadonlySet<string>;
  /** The metrics that the code reports. */
  readonly metrics: ReadonlySet<string>;
  /** `infra/cosmos.json`, as it was read. */
  readonly cosmos: CosmosDefinition;
}

/** The one definition of the database. */
export interface CosmosDefinition {
  readonly database: string;
  readonly containers: readonly {
    readonly id: string;
    readonly partitionKey: {
      readonly paths: readonly string[];
      readonly kind: string;
      readonly version?: number;
    };
    readonly defaultTtl?: number;
    readonly indexingPolicy?: {
      readonly includedPaths?: readonly { readonly path: string }[];
      readonly excludedPaths?: readonly { readonly path: string }[];
      readonly compositeIndexes?: readonly (readonly {
        readonly path: string;
        readonly order?: string;
      }[])[];
    };
  }[];
}

type Rule = (templates: readonly BicepTemplate[], facts: CodeFacts) => readonly Finding[];

/** Applies every rule. No finding means that the templates keep all of them. */
export function checkPolicy(
  templates: readonly BicepTemplate[],
  facts: CodeFacts,
): readonly Finding[] {
  return Object.values(rules).flatMap((rule) => rule(templates, facts));
}

/** Roles that may be given to the app, by their ids: the least that each service offers for what the app does. */
const allowedRoles: ReadonlyMap<string, string> = new Map([
  ["b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "Storage Blob Data Owner"],
  ["ba92f5b4-2d11-453d-a403-e96b0029c9fe", "Storage Blob Data Contributor"],
  ["974c5e8b-45b9-4653-ba55-5f855dd0fb88", "Storage Queue Data Contributor"],
  ["0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "Storage Table Data Contributor"],
  ["3913510d-42f4-4e42-8a64-420c390055eb", "Monitoring Metrics Publisher"],
  ["4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User"],
  ["e147488a-f6f5-4113-8e2d-b22465e65bf6", "Key Vault Crypto Service Encryption User"],
]);

/** Settings that Flex Consumption refuses or ignores. */
const forbiddenSettings: ReadonlySet<string> = new Set([
  "ENABLE_ORYX_BUILD",
  "FUNCTIONS_EXTENSION_VERSION",
  "FUNCTIONS_WORKER_PROCESS_COUNT",
  "FUNCTIONS_WORKER_RUNTIME",
  "SCM_DO_BUILD_DURING_DEPLOYMENT",
  "TZ",
  "WEBSITES_CONTAINER_START_TIME_LIMIT",
  "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
  "WEBSITE_CONTENTSHARE",
  "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
  "WEBSITE_NODE_DEFAULT_VERSION",
  "WEBSITE_RUN_FROM_PACKAGE",
  "WEBSITE_TIME_ZONE",
]);

/** Properties of `siteConfig` that Flex Consumption refuses. */
const forbiddenSiteConfig: ReadonlySet<string> = new Set([
  "alwaysOn",
  "appSettings",
  "cors",
  "ftpsState",
  "functionsRuntimeScaleMonitoringEnabled",
  "linuxFxVersion",
  "netFrameworkVersion",
  "use32BitWorkerProcess",
]);

/** Settings that the Functions host reads, and not the code. */
const hostSettings: ReadonlySet<string> = new Set([
  "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
  "APPLICATIONINSIGHTS_CONNECTION_STRING",
  "AzureWebJobsStorage__blobServiceUri",
  "AzureWebJobsStorage__clientId",
  "AzureWebJobsStorage__credential",
  "AzureWebJobsStorage__queueServiceUri",
  "AzureWebJobsStorage__tableServiceUri",
  "COSMOS__credential",
  "CONTENT__credential",
  "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT",
]);

/** The types of resources that the templates may make, each in the one version that they are written for. */
const knownTypes: ReadonlyMap<string, string> = new Map([
  ["Microsoft.Authorization/locks", "2020-05-01"],
  ["Microsoft.Authorization/roleAssignments", "2022-04-01"],
  ["Microsoft.Cdn/profiles", "2025-06-01"],
  ["Microsoft.Cdn/profiles/afdEndpoints", "2025-06-01"],
  ["Microsoft.Cdn/profiles/afdEndpoints/routes", "2025-06-01"],
  ["Microsoft.Cdn/profiles/originGroups", "2025-06-01"],
  ["Microsoft.Cdn/profiles/originGroups/origins", "2025-06-01"],
  ["Microsoft.Cdn/profiles/securityPolicies", "2025-06-01"],
  ["Microsoft.Consumption/budgets", "2024-08-01"],
  ["Microsoft.DocumentDB/databaseAccounts", "2025-10-15"],
  ["Microsoft.DocumentDB/databaseAccounts/sqlDatabases", "2025-10-15"],
  ["Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers", "2025-10-15"],
  ["Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments", "2025-10-15"],
  ["Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions", "2025-10-15"],
  ["Microsoft.Insights/actionGroups", "2023-01-01"],
  ["Microsoft.Insights/components", "2020-02-02"],
  ["Microsoft.Insights/diagnosticSettings", "2021-05-01-preview"],
  ["Microsoft.Insights/metricAlerts", "2018-03-01"],
  ["Microsoft.Insights/scheduledQueryRules", "2023-12-01"],
  ["Microsoft.Insights/webtests", "2022-06-15"],
  ["Microsoft.KeyVault/vaults", "2025-05-01"],
  ["Microsoft.KeyVault/vaults/keys", "2025-05-01"],
  ["Microsoft.ManagedIdentity/userAssignedIdentities", "2024-11-30"],
  ["Microsoft.Network/frontDoorWebApplicationFirewallPolicies", "2025-03-01"],
  ["Microsoft.Network/networkSecurityGroups", "2025-05-01"],
  ["Microsoft.Network/privateDnsZones", "2024-06-01"],
  ["Microsoft.Network/privateDnsZones/virtualNetworkLinks", "2024-06-01"],
  ["Microsoft.Network/privateEndpoints", "2025-05-01"],
  ["Microsoft.Network/privateEndpoints/privateDnsZoneGroups", "2025-05-01"],
  ["Microsoft.Network/virtualNetworks", "2025-05-01"],
  ["Microsoft.OperationalInsights/workspaces", "2025-07-01"],
  ["Microsoft.Storage/storageAccounts", "2025-06-01"],
  ["Microsoft.Storage/storageAccounts/blobServices", "2025-06-01"],
  ["Microsoft.Storage/storageAccounts/blobServices/containers", "2025-06-01"],
  ["Microsoft.Storage/storageAccounts/managementPolicies", "2025-06-01"],
  ["Microsoft.Web/serverfarms", "2025-03-01"],
  ["Microsoft.Web/sites", "2025-03-01"],
  ["Microsoft.Web/sites/basicPublishingCredentialsPolicies", "2025-03-01"],
  ["Microsoft.Web/sites/certificates", "2025-03-01"],
  ["Microsoft.Web/sites/config", "2025-03-01"],
  ["Microsoft.Web/sites/hostNameBindings", "2025-03-01"],
]);

/** What each resource of a type has to say, as a path to a literal. */
const hardening: ReadonlyMap<string, readonly (readonly [path: string, literal: string])[]> =
  new Map([
    [
      "Microsoft.Storage/storageAccounts",
      [
        ["properties.allowSharedKeyAccess", "false"],
        ["properties.allowBlobPublicAccess", "false"],
        ["properties.allowCrossTenantReplication", "false"],
        ["properties.defaultToOAuthAuthentication", "true"],
        ["properties.minimumTlsVersion", "'TLS1_2'"],
        ["properties.supportsHttpsTrafficOnly", "true"],
      ],
    ],
    [
      "Microsoft.DocumentDB/databaseAccounts",
      [
        ["properties.disableLocalAuth", "true"],
        ["properties.disableKeyBasedMetadataWriteAccess", "true"],
        ["properties.minimalTlsVersion", "'Tls12'"],
        ["properties.networkAclBypass", "'None'"],
        ["properties.consistencyPolicy.defaultConsistencyLevel", "'Strong'"],
        ["properties.backupPolicy.type", "'Continuous'"],
      ],
    ],
    ["Microsoft.Insights/components", [["properties.DisableLocalAuth", "true"]]],
    [
      "Microsoft.OperationalInsights/workspaces",
      [["properties.features.disableLocalAuth", "true"]],
    ],
    [
      "Microsoft.KeyVault/vaults",
      [
        ["properties.enableRbacAuthorization", "true"],
        ["properties.enablePurgeProtection", "true"],
      ],
    ],
    [
      "Microsoft.Web/sites",
      [
        ["properties.httpsOnly", "true"],
        ["properties.siteConfig.minTlsVersion", "'1.2'"],
        ["properties.functionAppConfig.runtime.name", "'node'"],
        [
          "properties.functionAppConfig.deployment.storage.authentication.type",
          "'UserAssignedIdentity'",
        ],
      ],
    ],
    ["Microsoft.Web/sites/basicPublishingCredentialsPolicies", [["properties.allow", "false"]]],
    [
      "Microsoft.Storage/storageAccounts/blobServices/containers",
      [["properties.publicAccess", "'None'"]],
    ],
  ]);

const rules: Readonly<Record<string, Rule>> = {
  syntax: (templates) =>
    templates.flatMap(({ file, syntaxErrors }) =>
      syntaxErrors.map((line) =>
        finding(file, line, "syntax", "is no Bicep that the grammar knows"),
      ),
    ),

  types: overResources((resource, file) => {
    const version = knownTypes.get(resource.type);
    return version === resource.apiVersion
      ? []
      : [
          finding(
            file,
            resource.line,
            "types",
            version === undefined
              ? `${resource.type} is no type that the templates are meant to make`
              : `${resource.type} is written for ${version}, not ${resource.apiVersion}`,
          ),
        ];
  }),

  secrets: (templates) =>
    templates.flatMap(({ file, calls, texts }) => [
      ...calls
        .filter(({ name }) => /(?:^|\.)list[A-Z]\w*$/.test(name))
        .map(({ name, line }) => finding(file, line, "secrets", `${name} reads a secret`)),
      ...texts
        .filter(({ text }) =>
          /AccountKey=|SharedAccessKey|SharedAccessSignature|[?&]sig=/i.test(text),
        )
        .map(({ line }) => finding(file, line, "secrets", "a connection string with a key in it")),
    ]),

  hardening: overResources((resource, file) =>
    resource.isExisting
      ? []
      : (hardening.get(resource.type) ?? []).flatMap(([path, literal]) => {
          const value = at(resource.body, path);
          return value?.kind === "expression" && value.text === literal
            ? []
            : [
                finding(
                  file,
                  resource.line,
                  "hardening",
                  `${path} of ${resource.type} is not ${literal}`,
                ),
              ];
        }),
  ),

  publishing: (templates) =>
    templates
      .filter(({ resources }) =>
        resources.some(({ type, isExisting }) => type === "Microsoft.Web/sites" && !isExisting),
      )
      .flatMap(({ file, resources }) =>
        ["'ftp'", "'scm'"]
          .filter(
            (name) =>
              !resources.some(
                ({ type, body }) =>
                  type === "Microsoft.Web/sites/basicPublishingCredentialsPolicies" &&
                  textAt(body, "name") === name,
              ),
          )
          .map((name) =>
            finding(file, 1, "publishing", `basic publishing by ${name} is not switched off`),
          ),
      ),

  flexConsumption: (templates) =>
    templates.flatMap((template) => [
      ...[...appSettings([template])]
        .filter(([name]) => forbiddenSettings.has(name))
        .map(([name, { line }]) =>
          finding(
            template.file,
            line,
            "flexConsumption",
            `Flex Consumption refuses the setting ${name}`,
          ),
        ),
      ...template.resources.flatMap((resource) => {
        const siteConfig = at(resource.body, "properties.siteConfig");
        return resource.type === "Microsoft.Web/sites" && siteConfig?.kind === "object"
          ? [...siteConfig.properties]
              .filter(([name]) => forbiddenSiteConfig.has(name))
              .map(([name, { line }]) =>
                finding(
                  template.file,
                  line,
                  "flexConsumption",
                  `siteConfig.${name} has no place here`,
                ),
              )
          : [];
      }),
    ]),

  roles: (templates) =>
    templates.flatMap((template) => [
      ...template.resources
        .filter(({ type }) => type === "Microsoft.Authorization/roleAssignments")
        .flatMap((resource) => [
          ...(textAt(resource.body, "properties.principalType") === "'ServicePrincipal'"
            ? []
            : [
                finding(
                  template.file,
                  resource.line,
                  "roles",
                  `${resource.symbol} does not say principalType 'ServicePrincipal'`,
                ),
              ]),
          ...(textAt(resource.body, "name")?.startsWith("guid(") === true
            ? []
            : [
                finding(
                  template.file,
                  resource.line,
                  "roles",
                  `the name of ${resource.symbol} is not guid(…)`,
                ),
              ]),
          ...(resource.body.properties.has("scope")
            ? []
            : [
                finding(
                  template.file,
                  resource.line,
                  "roles",
                  `${resource.symbol} is for the whole group`,
                ),
              ]),
        ]),
      ...template.texts
        .filter(({ text }) => /^'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'$/i.test(text))
        .filter(({ text }) => !allowedRoles.has(text.slice(1, -1).toLowerCase()))
        .map(({ text, line }) =>
          finding(template.file, line, "roles", `${text} is no role that the app may have`),
        ),
    ]),

  settings: (templates, { settings }) => {
    const given = appSettings(templates);
    const where = templates.find(({ resources }) =>
      resources.some(({ type }) => type === "Microsoft.Web/sites/config"),
    );
    return [
      ...[...given]
        .filter(([name]) => !hostSettings.has(name) && !settings.has(name))
        .map(([name, { line }]) =>
          finding(
            where?.file ?? "main.bicep",
            line,
            "settings",
            `nothing reads the setting ${name}`,
          ),
        ),
      ...[...settings]
        .filter((name) => !given.has(name))
        .map((name) =>
          finding(
            where?.file ?? "main.bicep",
            1,
            "settings",
            `the setting ${name}, which the code reads, is not given`,
          ),
        ),
    ];
  },

  containers: (templates, { containers, cosmos }) => {
    const template = templates.find(({ resources }) =>
      resources.some(({ type }) => type.endsWith("/sqlDatabases/containers")),
    );
    const file = template?.file ?? "main.bicep";
    const definition = [...(template?.variables ?? [])].find(
      ([, { value }]) =>
        value.kind === "expression" && value.text === "loadJsonContent('../cosmos.json')",
    );
    const made =
      template?.resources.filter(({ type }) => type.endsWith("/sqlDatabases/containers")) ?? [];
    const defined = new Set(cosmos.containers.map(({ id }) => id));
    return [
      ...(definition === undefined
        ? [finding(file, 1, "containers", "the containers do not come from cosmos.json")]
        : []),
      ...made
        .filter(({ body }) => textAt(body, "properties.resource") !== "any(container)")
        .map(({ line }) =>
          finding(file, line, "containers", "a container is not made as cosmos.json says"),
        ),
      ...[...containers]
        .filter((name) => !defined.has(name))
        .map((name) =>
          finding(
            "cosmos.json",
            1,
            "containers",
            `the container ${name}, which the code opens, is missing`,
          ),
        ),
      ...[...defined]
        .filter((name) => !containers.has(name))
        .map((name) =>
          finding("cosmos.json", 1, "containers", `nothing opens the container ${name}`),
        ),
      ...cosmos.containers.flatMap((container) => containerFaults(container)),
    ];
  },

  wiring: (templates) =>
    templates.flatMap((template) => [
      ...template.modules.flatMap((module) => {
        const target = templates.find(
          ({ file }) => module.path.endsWith(`/${file}`) || module.path === file,
        );
        if (target === undefined) {
          return [finding(template.file, module.line, "wiring", `there is no ${module.path}`)];
        }
        return [
          ...[...module.parameters]
            .filter((name) => !target.parameters.has(name))
            .map((name) =>
              finding(
                template.file,
                module.line,
                "wiring",
                `${module.path} has no parameter ${name}`,
              ),
            ),
          ...[...target.parameters]
            .filter(([name, { isRequired }]) => isRequired && !module.parameters.has(name))
            .map(([name]) =>
              finding(template.file, module.line, "wiring", `${module.path} is not given ${name}`),
            ),
          ...template.outputUses
            .filter((use) => use.module === module.symbol && !target.outputs.has(use.output))
            .map(({ output, line }) =>
              finding(template.file, line, "wiring", `${module.path} has no output ${output}`),
            ),
        ];
      }),
      ...[...template.parameters, ...template.variables]
        .filter(([name]) => !template.uses.has(name))
        .map(([name, { line }]) => finding(template.file, line, "wiring", `${name} is not used`)),
    ]),

  alerts: (templates, { metrics }) =>
    templates.flatMap(({ file, texts }) =>
      texts.flatMap(({ text, line }) =>
        [...text.matchAll(/"(strata\.[a-z_.]+)"/g)]
          .map(([, name = ""]) => name)
          .filter((name) => !metrics.has(name))
          .map((name) => finding(file, line, "alerts", `nothing reports the metric ${name}`)),
      ),
    ),
};

function containerFaults(container: CosmosDefinition["containers"][number]): readonly Finding[] {
  const { id, partitionKey, indexingPolicy } = container;
  const fault = (text: string): Finding =>
    finding("cosmos.json", 1, "containers", `${id}: ${text}`);
  const all = [
    ...(indexingPolicy?.includedPaths ?? []),
    ...(indexingPolicy?.excludedPaths ?? []),
  ].map(({ path }) => path);
  const included = (indexingPolicy?.includedPaths ?? []).map(({ path }) => path);
  return [
    ...(partitionKey.kind === (partitionKey.paths.length > 1 ? "MultiHash" : "Hash")
      ? []
      : [fault(`the kind of its key is ${partitionKey.kind}`)]),
    ...(partitionKey.version === 2 ? [] : [fault("its key is not of version 2")]),
    ...(partitionKey.paths.length <= 3 ? [] : [fault("its key has more than three paths")]),
    ...(indexingPolicy === undefined || all.includes("/*")
      ? []
      : [fault("its index says nothing of /*")]),
    ...(indexingPolicy === undefined || included.includes("/*")
      ? []
      : partitionKey.paths
          .filter((path) => !included.includes(`${path}/?`))
          .map((path) =>
            fault(`${path} of its key is not indexed, so that every query would scan`),
          )),
    ...(indexingPolicy?.compositeIndexes ?? [])
      .filter((paths) => paths.length < 2)
      .map(() => fault("a composite index has fewer than two paths")),
  ];
}

/** The app settings that the templates give, by name. */
export function appSettings(templates: readonly BicepTemplate[]): ReadonlyMap<string, BicepValue> {
  return new Map(
    templates.flatMap(({ resources }) =>
      resources
        .filter(
          ({ type, body }) =>
            type === "Microsoft.Web/sites/config" && textAt(body, "name") === "'appsettings'",
        )
        .flatMap(({ body }) => {
          const properties = body.properties.get("properties");
          return properties?.kind === "object" ? [...properties.properties] : [];
        }),
    ),
  );
}

function overResources(check: (resource: BicepResource, file: string) => readonly Finding[]): Rule {
  return (templates) =>
    templates.flatMap(({ file, resources }) =>
      resources.flatMap((resource) => check(resource, file)),
    );
}

function at(object: BicepObject, path: string): BicepValue | undefined {
  const [first = "", ...rest] = path.split(".");
  const value = object.properties.get(first);
  if (rest.length === 0) {
    return value;
  }
  return value?.kind === "object" ? at(value, rest.join(".")) : undefined;
}

function textAt(object: BicepObject, path: string): string | undefined {
  const value = at(object, path);
  return value?.kind === "expression" ? value.text : undefined;
}

function finding(file: string, line: number, rule: string, text: string): Finding {
  return { file, line, rule, text };
}
