import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bicepParser, type BicepTemplate } from "../../infra/check/bicepTemplate.ts";
import { readCodeFacts } from "../../infra/check/codeFacts.ts";
import { checkPolicy, type CodeFacts, type Finding } from "../../infra/check/policyRules.ts";

const infra = join(import.meta.dirname, "..", "..", "infra");
let parse: (file: string) => BicepTemplate;
let facts: CodeFacts;
let folder: string;

beforeAll(async () => {
  parse = await bicepParser();
  facts = readCodeFacts(join(infra, ".."));
  folder = mkdtempSync(join(tmpdir(), "strata-infra-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function templatesIn(root: string): readonly BicepTemplate[] {
  return [root, join(root, "modules")].flatMap((place) =>
    readdirSync(place)
      .filter((name) => name.endsWith(".bicep"))
      .map((name) => parse(join(place, name))),
  );
}

/** The findings once `before` in `file` reads `after`. */
function planted(file: string, before: string, after: string): readonly Finding[] {
  const root = mkdtempSync(join(folder, "copy-"));
  cpSync(infra, root, { recursive: true });
  const path = join(root, file);
  const text = readFileSync(path, "utf8");
  expect(text, `${file} holds what is to be replaced`).toContain(before);
  writeFileSync(path, text.replace(before, after));
  return checkPolicy(templatesIn(root), facts);
}

test("the templates keep every rule", () => {
  expect(checkPolicy(templatesIn(infra), facts)).toEqual([]);
});

test("there is something to check", () => {
  const templates = templatesIn(infra);
  expect(templates.flatMap(({ resources }) => resources).length).toBeGreaterThan(40);
  expect(facts.settings.size).toBeGreaterThan(8);
  expect(facts.containers).toContain("dicom");
  expect(facts.metrics.size).toBeGreaterThan(0);
});

describe("a planted fault is found", () => {
  const faults: readonly (readonly [
    claim: string,
    rule: string,
    file: string,
    before: string,
    after: string,
  ])[] = [
    ["a syntax error", "syntax", "main.bicep", "module identity", "modul identity"],
    [
      "a type that nobody knows",
      "types",
      "modules/identity.bicep",
      "userAssignedIdentities@",
      "userAssignedIdentity@",
    ],
    [
      "a version that was never tried",
      "types",
      "modules/identity.bicep",
      "@2024-11-30",
      "@2099-01-01",
    ],
    [
      "a key that is read",
      "secrets",
      "modules/hostStorage.bicep",
      "output id string = account.id",
      "output id string = account.listKeys().keys[0].value",
    ],
    ["a connection string", "secrets", "modules/functionApp.bicep", "'tokens'", "'AccountKey=abc'"],
    [
      "shared keys",
      "hardening",
      "modules/dataStorage.bicep",
      "allowSharedKeyAccess: false",
      "allowSharedKeyAccess: true",
    ],
    [
      "public blobs",
      "hardening",
      "modules/hostStorage.bicep",
      "    allowBlobPublicAccess: false\n",
      "",
    ],
    [
      "local authentication of the database",
      "hardening",
      "modules/cosmos.bicep",
      "disableLocalAuth: true",
      "disableLocalAuth: false",
    ],
    ["weaker consistency", "hardening", "modules/cosmos.bicep", "'Strong'", "'Session'"],
    ["plain HTTP", "hardening", "modules/functionApp.bicep", "httpsOnly: true", "httpsOnly: false"],
    [
      "local authentication of telemetry",
      "hardening",
      "modules/monitoring.bicep",
      "DisableLocalAuth: true",
      "DisableLocalAuth: false",
    ],
    [
      "publishing with a password",
      "publishing",
      "modules/functionApp.bicep",
      "name: 'scm'",
      "name: 'other'",
    ],
    [
      "a setting that Flex refuses",
      "flexConsumption",
      "modules/functionApp.bicep",
      "AUTHENTICATION: 'tokens'",
      "AUTHENTICATION: 'tokens'\n      FUNCTIONS_WORKER_RUNTIME: 'node'",
    ],
    [
      "a property that Flex refuses",
      "flexConsumption",
      "modules/functionApp.bicep",
      "http20Enabled: true",
      "http20Enabled: true\n      linuxFxVersion: 'NODE|24'",
    ],
    [
      "CORS of the platform",
      "flexConsumption",
      "modules/functionApp.bicep",
      "http20Enabled: true",
      "http20Enabled: true\n      cors: { allowedOrigins: ['*'] }",
    ],
    [
      "an assignment that races its identity",
      "roles",
      "modules/dataStorage.bicep",
      "    principalType: 'ServicePrincipal'\n",
      "",
    ],
    [
      "a role that is too much",
      "roles",
      "modules/dataStorage.bicep",
      "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
      "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    ],
    [
      "an assignment for the whole group",
      "roles",
      "modules/dataStorage.bicep",
      "  scope: account\n  properties: {\n    roleDefinitionId",
      "  properties: {\n    roleDefinitionId",
    ],
    [
      "a setting that nothing reads",
      "settings",
      "modules/functionApp.bicep",
      "AUTHENTICATION: 'tokens'",
      "AUTHENTICATION: 'tokens'\n      LEFT_OVER: 'x'",
    ],
    [
      "a setting that is missing",
      "settings",
      "modules/functionApp.bicep",
      "      COSMOS_DATABASE: cosmosDatabase\n",
      "",
    ],
    [
      "a container made by hand",
      "containers",
      "modules/cosmos.bicep",
      "any(container)",
      "{ id: container.id, partitionKey: container.partitionKey }",
    ],
    [
      "another definition of the containers",
      "containers",
      "modules/cosmos.bicep",
      "loadJsonContent('../cosmos.json')",
      "loadJsonContent('../other.json')",
    ],
    [
      "a parameter that a module does not have",
      "wiring",
      "main.bicep",
      "retentionDays: logRetentionDays",
      "retentionDays: logRetentionDays\n    extra: 1",
    ],
    [
      "a parameter that a module is not given",
      "wiring",
      "main.bicep",
      "    dailyQuotaGb: logDailyQuotaGb\n",
      "",
    ],
    [
      "an output that a module does not have",
      "wiring",
      "main.bicep",
      "identity.outputs.clientId",
      "identity.outputs.client",
    ],
    [
      "a module that is not there",
      "wiring",
      "main.bicep",
      "modules/alerts.bicep",
      "modules/alarms.bicep",
    ],
    [
      "a parameter that nobody uses",
      "wiring",
      "modules/identity.bicep",
      "param tags object",
      "param tags object\nparam spare string",
    ],
    [
      "an alert on a metric that nobody reports",
      "alerts",
      "modules/alerts.bicep",
      "strata.feed.lag",
      "strata.feed.lags",
    ],
  ];

  test.each(faults)("%s", (_claim, rule, file, before, after) => {
    expect(planted(file, before, after).map((finding) => finding.rule)).toContain(rule);
  });

  test("a container that the code opens and the definition lacks, and the other way round", () => {
    const { cosmos, containers } = facts;
    const rulesFor = (changed: Partial<CodeFacts>): readonly string[] =>
      checkPolicy(templatesIn(infra), { ...facts, ...changed }).map(({ rule }) => rule);
    expect(rulesFor({ containers: new Set([...containers, "unheard-of"]) })).toEqual([
      "containers",
    ]);
    expect(
      rulesFor({ containers: new Set([...containers].filter((name) => name !== "dicom")) }),
    ).toEqual(["containers"]);
    const [first, ...others] = cosmos.containers;
    expect(first).toBeDefined();
    if (first === undefined) {
      return;
    }
    const changed = (container: object): Partial<CodeFacts> => ({
      cosmos: { ...cosmos, containers: [{ ...first, ...container }, ...others] },
    });
    expect(
      rulesFor(changed({ partitionKey: { ...first.partitionKey, kind: "Multihash" } })),
    ).toEqual(["containers"]);
    expect(
      rulesFor(changed({ indexingPolicy: { includedPaths: [], excludedPaths: [{ path: "/*" }] } }))
        .length,
    ).toBe(first.partitionKey.paths.length);
  });
});
