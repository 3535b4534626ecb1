import { expect, test } from "vitest";
import { readFileSync } from "node:fs";
import { readSettings, settingNames, SettingsError } from "../../../shared/settings.ts";

const local = {
  AUTHENTICATION: "none",
  EMBEDDED_RUNTIME_LISTENER: "127.0.0.1:7071",
  COSMOS: "AccountEndpoint=http://127.0.0.1:1/;AccountKey=a2V5;",
  COSMOS_DATABASE: "strata",
  CONTENT: "UseDevelopmentStorage=true",
  FEED_TOKEN_KEYS: `new:${Buffer.alloc(32, 1).toString("base64")}, old:${Buffer.alloc(48, 2).toString("base64")}`,
};

function refusal(environment: Record<string, string | undefined>): string {
  try {
    readSettings(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as SettingsError).message;
  }
  throw new Error("The settings were accepted");
}

test("the hosts and prefixes that are believed are lists, hosts in any case", () => {
  const { forwarding } = readSettings({
    ...local,
    TRUSTED_FORWARDED_HOSTS: "A.example, b.example:8443 ,[2001:db8::1]",
    TRUSTED_FORWARDED_PREFIXES: "/pacs,/hospital/dicom",
  });
  expect(forwarding).toEqual({
    hosts: ["a.example", "b.example:8443", "[2001:db8::1]"],
    prefixes: ["/pacs", "/hospital/dicom"],
  });
});

test("the settings of the embedded runtime are read", () => {
  expect(readSettings({ ...local, PUBLIC_BASE_URL: "https://example.org/pacs//" })).toEqual({
    cosmos: { kind: "connectionString", connectionString: local.COSMOS },
    cosmosDatabase: "strata",
    content: { kind: "connectionString", connectionString: local.CONTENT },
    authentication: { kind: "none" },
    publicBaseURL: "https://example.org/pacs",
    feedTokenKeys: [
      { id: "new", secret: Buffer.alloc(32, 1) },
      { id: "old", secret: Buffer.alloc(48, 2) },
    ],
    forwarding: { hosts: [], prefixes: [] },
    auditRetentionDays: 2192,
    trustedProxies: 0,
    telemetryIntervalMilliseconds: undefined,
    bodyBytesMax: 4 * 1024 ** 3,
  });
});

const deployed = {
  ...local,
  AUTHENTICATION: "tokens",
  EMBEDDED_RUNTIME_LISTENER: undefined,
  PLATFORM_ISSUER: "https://login.example/v2.0",
  PLATFORM_JWKS_URI: "https://login.example/keys",
  PLATFORM_AUDIENCE: "strata-platform",
};

test("who administers the platform is read, with the role that makes an administrator", () => {
  const { authentication } = readSettings(deployed);
  expect(authentication).toEqual({
    kind: "tokens",
    platform: {
      issuer: "https://login.example/v2.0",
      jwksUri: "https://login.example/keys",
      audience: "strata-platform",
      adminRole: "Strata Platform Admin",
    },
    authorizationURI: undefined,
    resourceId: undefined,
    allowsLoopback: false,
  });
  expect(readSettings({ ...deployed, PLATFORM_ADMIN_ROLE: " " }).authentication).toEqual(
    authentication,
  );
  expect(
    readSettings({
      ...deployed,
      PLATFORM_ADMIN_ROLE: "Operators",
      EMBEDDED_RUNTIME_LISTENER: "127.0.0.1:7071",
      PLATFORM_JWKS_URI: "http://127.0.0.1:5000/jwks",
      AUTHORIZATION_URI: "https://login.example/authorize",
    }).authentication,
  ).toMatchObject({
    platform: { adminRole: "Operators", jwksUri: "http://127.0.0.1:5000/jwks" },
    authorizationURI: "https://login.example/authorize",
    allowsLoopback: true,
  });
});

test("every setting that is read has a name in the table, and every name of the table is described", () => {
  const source = readFileSync("shared/settings.ts", "utf8");
  const described = [...source.matchAll(/^ \* \| (.*?) \| /gm)].flatMap(([, cell = ""]) =>
    Array.from(cell.matchAll(/`(\w+)`/g), ([, name = ""]) => name),
  );
  expect(described.toSorted()).toEqual(Object.keys(settingNames).toSorted());
});

test("endpoints with an identity take the place of connection strings", () => {
  const { COSMOS: _cosmos, CONTENT: _content, ...rest } = local;
  const settings = readSettings({
    ...rest,
    COSMOS__accountEndpoint: "https://account.example/",
    COSMOS__clientId: "client",
    CONTENT__blobServiceUri: "https://blobs.example/",
  });
  expect(settings.cosmos).toEqual({
    kind: "identity",
    endpoint: "https://account.example/",
    clientId: "client",
  });
  expect(settings.content).toEqual({
    kind: "identity",
    endpoint: "https://blobs.example/",
    clientId: undefined,
  });
});

test.each([
  ["a missing authentication", { ...local, AUTHENTICATION: undefined }, "AUTHENTICATION"],
  ["an unknown authentication", { ...local, AUTHENTICATION: "maybe" }, "AUTHENTICATION"],
  [
    "no authentication outside the embedded runtime",
    { ...local, EMBEDDED_RUNTIME_LISTENER: undefined },
    "loopback",
  ],
  [
    "no authentication on an address that others reach",
    { ...local, EMBEDDED_RUNTIME_LISTENER: "0.0.0.0:7071" },
    "loopback",
  ],
  [
    "no authentication on an address that only looks like loopback",
    { ...local, EMBEDDED_RUNTIME_LISTENER: "127.0.0.1.example.org:7071" },
    "loopback",
  ],
  ["a missing issuer of the platform", { ...deployed, PLATFORM_ISSUER: " " }, "PLATFORM_ISSUER"],
  [
    "a missing audience of the platform",
    { ...deployed, PLATFORM_AUDIENCE: undefined },
    "PLATFORM_AUDIENCE",
  ],
  [
    "keys of the platform without encryption",
    { ...deployed, PLATFORM_JWKS_URI: "http://login.example/keys" },
    "PLATFORM_JWKS_URI",
  ],
  [
    "keys of the platform on this machine outside the embedded runtime",
    { ...deployed, PLATFORM_JWKS_URI: "http://127.0.0.1/keys" },
    "PLATFORM_JWKS_URI",
  ],
  [
    "a challenge that would break out of its quotation marks",
    { ...deployed, AUTHORIZATION_URI: 'https://x", error="y' },
    "AUTHORIZATION_URI",
  ],
  ["a missing database", { ...local, COSMOS_DATABASE: undefined }, "COSMOS_DATABASE"],
  ["a missing account", { ...local, COSMOS: undefined }, "COSMOS__accountEndpoint"],
  [
    "an account named twice",
    { ...local, COSMOS__accountEndpoint: "https://account.example/" },
    "exclude one another",
  ],
  [
    "an endpoint without encryption",
    { ...local, CONTENT: undefined, CONTENT__blobServiceUri: "http://blobs.example/" },
    "CONTENT__blobServiceUri",
  ],
  ["a base URL that is none", { ...local, PUBLIC_BASE_URL: "pacs" }, "PUBLIC_BASE_URL"],
  [
    "a forwarded host that is a URL",
    { ...local, TRUSTED_FORWARDED_HOSTS: "https://a.example" },
    "TRUSTED_FORWARDED_HOSTS",
  ],
  [
    "a forwarded host that is a wildcard",
    { ...local, TRUSTED_FORWARDED_HOSTS: "a.example,*" },
    "TRUSTED_FORWARDED_HOSTS",
  ],
  [
    "a forwarded prefix without a slash",
    { ...local, TRUSTED_FORWARDED_PREFIXES: "pacs" },
    "TRUSTED_FORWARDED_PREFIXES",
  ],
  [
    "a forwarded prefix that is another host",
    { ...local, TRUSTED_FORWARDED_PREFIXES: "//evil.example" },
    "TRUSTED_FORWARDED_PREFIXES",
  ],
  ["a missing token key", { ...local, FEED_TOKEN_KEYS: undefined }, "FEED_TOKEN_KEYS"],
  ["a token key without a name", { ...local, FEED_TOKEN_KEYS: "AAAA" }, "FEED_TOKEN_KEYS"],
  ["a token key that is too short", { ...local, FEED_TOKEN_KEYS: "a:AAAA" }, "FEED_TOKEN_KEYS"],
  [
    "two token keys of one name",
    { ...local, FEED_TOKEN_KEYS: `${local.FEED_TOKEN_KEYS},${local.FEED_TOKEN_KEYS}` },
    "FEED_TOKEN_KEYS",
  ],
])("%s is refused with a sentence that names the setting", (_, environment, named) => {
  const message = refusal(environment);
  expect(message).toContain(named);
  expect(message).toMatch(/\.$/);
});
