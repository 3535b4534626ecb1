import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  isFunctionDisabled,
  parseTimeSpan,
  readHostConfiguration,
  resolveSettingNames,
} from "../../../../local/host/hostConfiguration.ts";
import {
  blobServiceClient,
  cosmosClient,
  queueServiceClient,
  resolveConnection,
} from "../../../../local/host/connections.ts";
import { retryDelayMs } from "../../../../local/host/triggerContext.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "strata-configuration-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
function write(name: string, content: unknown): void {
  writeFileSync(
    join(folder, name),
    typeof content === "string" ? content : JSON.stringify(content),
  );
}

describe("host.json", () => {
  test("without it the defaults of the real host hold", () => {
    expect(readHostConfiguration(folder, {})).toMatchObject({
      routePrefix: "api",
      bodyBytesMax: 104_857_600,
      functionTimeoutSeconds: 1_800,
      maxConcurrentRequests: Number.POSITIVE_INFINITY,
      queues: {
        batchSize: 16,
        maxDequeueCount: 5,
        visibilityTimeoutSeconds: 0,
        maxPollingIntervalMs: 60_000,
        messageEncoding: "base64",
      },
    });
  });

  test("settings override it, whatever the casing of the key", () => {
    write("host.json", {
      version: "2.0",
      functionTimeout: "00:10:00",
      extensions: { Http: { RoutePrefix: "v" }, queues: { batchSize: 4 } },
    });
    const configuration = readHostConfiguration(folder, {
      AzureFunctionsJobHost__extensions__queues__batchSize: "8",
      azurefunctionsjobhost__FUNCTIONTIMEOUT: "-1",
      AzureFunctionsJobHost__extensions__http__customHeaders__x: "1",
    });
    expect(configuration.routePrefix).toBe("v");
    expect(configuration.queues.batchSize).toBe(8);
    expect(configuration.functionTimeoutSeconds).toBeUndefined();
    expect(configuration.customHeaders).toEqual({ x: "1" });
  });

  test.each([
    ["host.json", "{", "not valid JSON"],
    ["host.json", { version: "1.0" }, "version"],
    ["host.json", { version: "2.0", extensions: { queues: { batchSize: 33 } } }, "batchSize"],
    [
      "host.json",
      { version: "2.0", extensions: { queues: { messageEncoding: "hex" } } },
      "messageEncoding",
    ],
    ["host.json", { version: "2.0", extensions: { http: { routePrefix: 1 } } }, "routePrefix"],
    ["host.json", { version: "2.0", functionTimeout: "ten minutes" }, "functionTimeout"],
    ["local.settings.json", "[]", "not a JSON object"],
    ["local.settings.json", { Host: { LocalHttpPort: "x" } }, "LocalHttpPort"],
  ])("%s with %j is refused and %s is named", (name, content, word) => {
    write(name, content);
    expect(() => readHostConfiguration(folder, {})).toThrow(word);
  });

  test("a body limit that is no number is refused", () => {
    expect(() =>
      readHostConfiguration(folder, { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: "1e9" }),
    ).toThrow("number of bytes");
  });
});

test.each([
  ["00:00:30", 30_000],
  ["1.02:03:04", 93_784_000],
  ["00:00:00.250", 250],
  ["01:30", 5_400_000],
  ["24:00:00", undefined],
  ["5", undefined],
  ["0 * * * * *", undefined],
])("%s is %s milliseconds", (text, expected) => {
  expect(parseTimeSpan(text)).toBe(expected);
});

test("a function is disabled by a setting that may spell the period as underscores", () => {
  expect(isFunctionDisabled("a", { "AzureWebJobs.a.Disabled": "true" })).toBe(true);
  expect(isFunctionDisabled("a", { AzureWebJobs__a__Disabled: "1" })).toBe(true);
  expect(isFunctionDisabled("a", { "AzureWebJobs.b.Disabled": "true" })).toBe(false);
  expect(isFunctionDisabled("a", { "AzureWebJobs.a.Disabled": "false" })).toBe(false);
});

test("settings are put into bindings, and a missing one is named", () => {
  expect(resolveSettingNames("a %B% %C%", { B: "1", C: "2" })).toBe("a 1 2");
  expect(() => resolveSettingNames("%D%", {})).toThrow("%D%");
});

test("a connection is looked up with the prefix first, and as a string before as an identity", () => {
  const plain = (connectionString: string): object => ({
    kind: "connectionString",
    connectionString,
  });
  const endpoint = "https://a.example/";
  const section = { X__accountEndpoint: endpoint, X__credential: "managedidentity" };
  expect(resolveConnection("X", { X: "plain", AzureWebJobsX: "prefixed" }, "Y")).toEqual(
    plain("prefixed"),
  );
  expect(resolveConnection("", { Y: "fallback" }, "Y")).toEqual(plain("fallback"));
  expect(resolveConnection("X", { ...section, X: "plain" }, "Y")).toEqual(plain("plain"));
  expect(resolveConnection("X", section, "Y")).toEqual({
    kind: "identity",
    name: "X",
    section: new Map([
      ["accountendpoint", endpoint],
      ["credential", "managedidentity"],
    ]),
  });
  expect(() => resolveConnection("X", { X__accountEndpoint: endpoint }, "Y")).toThrow(
    "X__credential",
  );
  expect(() => resolveConnection("X", {}, "Y")).toThrow('"X" names no setting');
});

test("a section without its endpoint is refused by the name of the setting", () => {
  const connection = resolveConnection("X", { X__credential: "managedidentity" }, "Y");
  expect(() => cosmosClient(connection)).toThrow("X__accountEndpoint");
  expect(() => blobServiceClient(connection)).toThrow("X__blobServiceUri");
  expect(() => queueServiceClient(connection)).toThrow("X__queueServiceUri");
});

test("retries are a fixed time apart, or double between their bounds", () => {
  expect(
    retryDelayMs(
      { retryStrategy: "fixedDelay", maxRetryCount: 1, delayInterval: { seconds: 3 } },
      5,
    ),
  ).toBe(3_000);
  const policy = {
    retryStrategy: "exponentialBackoff",
    maxRetryCount: -1,
    minimumInterval: { seconds: 1 },
    maximumInterval: { seconds: 60 },
  };
  for (let retry = 0; retry < 100; retry++) {
    const delay = retryDelayMs(policy, retry);
    expect(delay).toBeGreaterThanOrEqual(Math.min(60_000, 1_000 * 2 ** retry * 0.8));
    expect(delay).toBeLessThanOrEqual(60_000);
  }
});
