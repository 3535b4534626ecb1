import { expect, test } from "vitest";
import { readSettings, SettingsError } from "../../../shared/settings.ts";

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

test("the settings of the embedded runtime are read", () => {
  expect(readSettings({ ...local, PUBLIC_BASE_URL: "https://example.org/pacs//" })).toEqual({
    cosmos: { kind: "connectionString", connectionString: local.COSMOS },
    cosmosDatabase: "strata",
    content: { kind: "connectionString", connectionString: local.CONTENT },
    authentication: "none",
    publicBaseURL: "https://example.org/pacs",
    feedTokenKeys: [
      { id: "new", secret: Buffer.alloc(32, 1) },
      { id: "old", secret: Buffer.alloc(48, 2) },
    ],
  });
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
