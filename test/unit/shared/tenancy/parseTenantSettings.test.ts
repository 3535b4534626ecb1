import { describe, expect, test } from "vitest";
import { Problem } from "../../../../shared/problem/problem.ts";
import { parseTenantSettings } from "../../../../shared/tenancy/parseTenantSettings.ts";

const issuer = {
  issuer: "https://login.example/tenant-a",
  jwksUri: "https://login.example/keys",
  audiences: ["https://dicom.example"],
};

test("what is not said is off, empty or unlimited", () => {
  expect(parseTenantSettings({})).toEqual({
    issuers: [],
    partitionsEnabled: false,
    corsOrigins: [],
    quotas: {},
  });
});

test("all that can be said is kept as it was said, URLs in their normal form", () => {
  const settings = {
    displayName: "Hospital",
    issuers: [
      {
        ...issuer,
        algorithms: ["ES256"],
        subjects: { claim: "tid", value: "7" },
        rolesClaim: "groups",
        roles: { radiology: ["read", "feed"] },
        scopesAllowed: true,
        partitionsClaim: "sites",
        patientClaim: "patient",
        studyClaim: "study",
      },
    ],
    partitionsEnabled: true,
    corsOrigins: ["https://viewer.example", "http://localhost:3000", "*"],
    publicBaseURL: "https://pacs.example/dicom",
    quotas: {
      storedBytes: 0,
      storedInstances: 5,
      requestsPerSecond: 0.5,
      requestChargePerSecond: 400,
    },
    retentionDays: 365,
  };
  expect(
    parseTenantSettings({ ...settings, publicBaseURL: "https://pacs.example/dicom/" }),
  ).toEqual(settings);
});

test("a member that is null is as good as absent", () => {
  expect(parseTenantSettings({ displayName: null, retentionDays: null })).toEqual(
    parseTenantSettings({}),
  );
});

describe("a setting that makes no sense is refused by its name", () => {
  test.each<readonly [string, unknown]>([
    ["The body", []],
    ["The body", "x"],
    ["colour", { colour: "red" }],
    ["displayName", { displayName: "" }],
    ["displayName", { displayName: "x".repeat(201) }],
    ["issuers", { issuers: {} }],
    ["issuers", { issuers: Array.from({ length: 21 }, () => issuer) }],
    ["issuers[0].issuer", { issuers: [{ ...issuer, issuer: "" }] }],
    ["issuers[0].jwksUri", { issuers: [{ ...issuer, jwksUri: "http://login.example/keys" }] }],
    ["issuers[0].jwksUri", { issuers: [{ ...issuer, jwksUri: "https://a:b@login.example/" }] }],
    ["issuers[0].jwksUri", { issuers: [{ ...issuer, jwksUri: "file:///etc/passwd" }] }],
    ["issuers[0].audiences", { issuers: [{ ...issuer, audiences: [] }] }],
    ["issuers[0].algorithms", { issuers: [{ ...issuer, algorithms: [] }] }],
    ["issuers[0].audiences[0]", { issuers: [{ ...issuer, audiences: [7] }] }],
    ["issuers[0].algorithms[0]", { issuers: [{ ...issuer, algorithms: ["HS256"] }] }],
    ["issuers[0].algorithms[0]", { issuers: [{ ...issuer, algorithms: ["none"] }] }],
    ["issuers[0].subjects", { issuers: [{ ...issuer, subjects: "tid" }] }],
    ["subjects.value", { issuers: [{ ...issuer, subjects: { claim: "tid" } }] }],
    ['roles["root"][0]', { issuers: [{ ...issuer, roles: { root: ["platform.admin"] } }] }],
    ["issuers[0].scopesAllowed", { issuers: [{ ...issuer, scopesAllowed: "yes" }] }],
    ["partitionsEnabled", { partitionsEnabled: 1 }],
    ["corsOrigins[0]", { corsOrigins: ["https://viewer.example/"] }],
    ["corsOrigins[0]", { corsOrigins: ["null"] }],
    ["corsOrigins[0]", { corsOrigins: ["https://*.example"] }],
    ["publicBaseURL", { publicBaseURL: "https://pacs.example/?x=1" }],
    ["publicBaseURL", { publicBaseURL: "ftp://pacs.example" }],
    ["quotas.storedBytes", { quotas: { storedBytes: -1 } }],
    ["quotas.storedInstances", { quotas: { storedInstances: 1.5 } }],
    ["quotas.requestsPerSecond", { quotas: { requestsPerSecond: 0 } }],
    ["quotas.requestChargePerSecond", { quotas: { requestChargePerSecond: "many" } }],
    ["quotas", { quotas: { everything: 1 } }],
    ["retentionDays", { retentionDays: 0 }],
    ["retentionDays", { retentionDays: 36_501 }],
  ])("%s", (name, settings) => {
    const refusal = expect(() => parseTenantSettings(settings));
    refusal.toThrow(Problem);
    expect(messageOf(settings)).toContain(name);
  });
});

function messageOf(settings: unknown): string {
  try {
    parseTenantSettings(settings);
    return "";
  } catch (error) {
    return error instanceof Problem && error.kind === "malformed" ? error.detail : "";
  }
}
