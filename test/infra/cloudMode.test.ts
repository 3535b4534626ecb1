import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bicepParser } from "../../infra/check/bicepTemplate.ts";
import { appSettings } from "../../infra/check/policyRules.ts";
import { buildApp, type BuiltApp } from "../../local/buildApp.ts";
import { packagesOf } from "../../local/describePackages.ts";
import { startCloud, type Cloud } from "../../local/cloud/startCloud.ts";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import { eventually } from "../support/eventually.ts";

const root = join(import.meta.dirname, "..", "..");
let folder: string;
let built: BuiltApp;
let cloud: Cloud;
let deployed: ReadonlyMap<string, string>;
const lines: string[] = [];

/** The settings that the template gives to the app, with the values that the stand-ins have for them. */
async function settingsOfTemplate(): Promise<ReadonlyMap<string, string>> {
  const parse = await bicepParser();
  const names = [
    ...appSettings([parse(join(root, "infra", "modules", "functionApp.bicep"))]).keys(),
  ];
  expect(names.filter((name) => !cloud.settings.has(name))).toEqual([]);
  return new Map(names.map((name) => [name, cloud.settings.get(name) ?? ""]));
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "strata-cloud-"));
  const app = join(folder, "app");
  mkdirSync(app);
  for (const file of ["host.json", "package.json"]) {
    copyFileSync(join(root, file), join(app, file));
  }
  built = await buildApp({ root, outfile: join(app, "dist", "app.cjs") });
  cloud = await startCloud({
    root,
    appRoot: app,
    dataDir: join(folder, "data"),
    log: (line) => {
      lines.push(line);
    },
  });
  deployed = await settingsOfTemplate();
});

afterAll(async () => {
  // What the app itself met: nothing that it does not know.
  expect(lines.filter((line) => line.includes("unexpected: "))).toEqual([]);
  await cloud.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("with exactly the settings of the template, and identities alone, the service does its work", async () => {
  const url = await cloud.startApp(deployed);
  const health = await fetch(`${url}/health/check`);
  expect(await health.json()).toMatchObject({ overallStatus: "Healthy" });

  const administrator = cloud.identity.sign({
    aud: cloud.platformAudience,
    sub: "an-administrator",
    roles: ["Strata Platform Admin"],
  });
  const taken = await fetch(`${url}/v2/tenants/first-hospital`, {
    method: "PUT",
    headers: { Authorization: `Bearer ${administrator}`, "Content-Type": "application/json" },
    body: JSON.stringify({
      issuers: [
        { issuer: cloud.identity.issuer, jwksUri: cloud.identity.jwksUri, audiences: ["strata"] },
      ],
    }),
  });
  expect(taken.status, await taken.text()).toBe(201);

  const Authorization = `Bearer ${cloud.identity.sign({
    aud: "strata",
    sub: "an-engine",
    roles: ["DICOM Data Owner"],
  })}`;
  const instance = makeInstance();
  const stored = await fetch(`${url}/v2/studies`, {
    method: "POST",
    headers: {
      Authorization,
      "Content-Type": "application/dicom",
      Accept: "application/dicom+json",
    },
    body: instance.bytes,
  });
  expect(stored.status, await stored.text()).toBe(200);
  const found = await fetch(`${url}/v2/studies?StudyInstanceUID=${instance.studyInstanceUID}`, {
    headers: { Authorization, Accept: "application/dicom+json" },
  });
  expect(found.status).toBe(200);
  // The public URL of the settings, not the address that the request went to.
  expect(await found.text()).toContain("https://images.hospital.example/v2/studies/");
  // The follower works with the identity, too.
  const changes = await eventually(
    async () => {
      const answer = await fetch(`${url}/v2/changefeed`, { headers: { Authorization } });
      return (await answer.json()) as readonly unknown[];
    },
    ({ length }) => length > 0,
  );
  expect(changes).toMatchObject([{ sopInstanceUid: instance.sopInstanceUID }]);
});

test("what is deployed is licensed in ways that allow it", () => {
  const licenses = new Set(packagesOf(root, built.inputs).map(({ license }) => license));
  const allowed = new Set(["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"]);
  expect(licenses.size).toBeGreaterThan(2);
  expect([...licenses].filter((license) => !allowed.has(license))).toEqual([]);
});

describe("without one setting, or with one too many, the app does not start, and says why", () => {
  // Of each kind one; the rest is told apart by the unit tests of the settings.
  test.each([
    ["COSMOS__accountEndpoint", undefined],
    ["PLATFORM_JWKS_URI", "http://issuer.example/keys"],
    // As the platform leaves it when it cannot read the vault.
    [
      "FEED_TOKEN_KEYS",
      "@Microsoft.KeyVault(SecretUri=https://kv.example/secrets/feed-token-keys)",
    ],
    ["CONTENT", "UseDevelopmentStorage=true"],
  ])("%s: %s", async (name, value) => {
    const settings = new Map(deployed);
    settings.delete(name);
    if (value !== undefined) {
      settings.set(name, value);
    }
    await expect(cloud.startApp(settings)).rejects.toThrow(
      new RegExp(`The settings? (?:\\w+ and )?${name}\\b[^\\n]*\\.`),
    );
  });
});
