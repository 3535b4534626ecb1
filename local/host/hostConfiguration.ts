import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { HostError } from "./hostError.ts";

/** Application settings by name: the environment, and below it the Values of local.settings.json. */
export type Settings = Readonly<Record<string, string>>;

/** What host.json, local.settings.json and the settings say about the host itself. */
export interface HostConfiguration {
  readonly settings: Settings;
  readonly port: number | undefined;
  readonly routePrefix: string;
  readonly functionTimeoutSeconds: number | undefined;
  readonly maxConcurrentRequests: number;
  readonly maxOutstandingRequests: number;
  readonly customHeaders: Readonly<Record<string, string>>;
  readonly cors:
    { readonly origins: readonly string[]; readonly hasCredentials: boolean } | undefined;
  readonly bodyBytesMax: number;
  readonly isHomepageDisabled: boolean;
  readonly queues: QueueConfiguration;
}

/** The `extensions.queues` section of host.json. */
export interface QueueConfiguration {
  readonly batchSize: number;
  readonly newBatchThreshold: number;
  readonly maxDequeueCount: number;
  readonly visibilityTimeoutSeconds: number;
  readonly maxPollingIntervalMs: number;
  readonly messageEncoding: "base64" | "none";
}

/** Kestrel's default, which the Functions host leaves as it is. */
const bodyBytesMaxDefault = 104_857_600;
const functionTimeoutSecondsDefault = 30 * 60;

/**
 * Reads host.json and local.settings.json in `appRoot` and lays `environment` over them.
 *
 * A setting `AzureFunctionsJobHost__a__b` overrides `a.b` of host.json, whatever the casing. Throws `HostError`, naming
 * file and key, for JSON that does not parse and for values out of range.
 */
export function readHostConfiguration(appRoot: string, environment: Settings): HostConfiguration {
  const local = readJsonFile(join(appRoot, "local.settings.json")) ?? {};
  const settings = { ...stringValues(local["Values"]), ...environment };
  const hostFile = join(appRoot, "host.json");
  const hostJson = readJsonFile(hostFile);
  if (hostJson !== undefined && hostJson["version"] !== "2.0") {
    throw new HostError(`${hostFile} must have "version": "2.0".`);
  }
  const section = new Section(hostJson ?? {}, settings);
  const host = asObject(local["Host"]);

  const batchSize = section.integer(["extensions", "queues", "batchSize"], 16, 1, 32);
  const encoding = section.text(["extensions", "queues", "messageEncoding"]) ?? "base64";
  if (encoding.toLowerCase() !== "base64" && encoding.toLowerCase() !== "none") {
    throw new HostError(
      `extensions.queues.messageEncoding is "${encoding}", not "base64" or "none".`,
    );
  }
  const isDevelopment = settings["AZURE_FUNCTIONS_ENVIRONMENT"] === "Development";
  return {
    settings,
    port: optionalPort(host["LocalHttpPort"]),
    routePrefix: section.text(["extensions", "http", "routePrefix"]) ?? "api",
    functionTimeoutSeconds: section.functionTimeout(),
    maxConcurrentRequests: section.limit(["extensions", "http", "maxConcurrentRequests"]),
    maxOutstandingRequests: section.limit(["extensions", "http", "maxOutstandingRequests"]),
    customHeaders: stringValues(section.value(["extensions", "http", "customHeaders"])),
    cors: corsOf(host),
    bodyBytesMax: bodyLimit(settings["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"]),
    isHomepageDisabled: settings["AzureWebJobsDisableHomepage"]?.toLowerCase() === "true",
    queues: {
      batchSize,
      newBatchThreshold: section.integer(
        ["extensions", "queues", "newBatchThreshold"],
        Math.floor((batchSize / 2) * availableParallelism()),
        0,
        1024,
      ),
      maxDequeueCount: section.integer(
        ["extensions", "queues", "maxDequeueCount"],
        5,
        1,
        1_000_000,
      ),
      visibilityTimeoutSeconds: section.seconds(["extensions", "queues", "visibilityTimeout"], 0),
      maxPollingIntervalMs: section.milliseconds(
        ["extensions", "queues", "maxPollingInterval"],
        isDevelopment ? 2_000 : 60_000,
      ),
      messageEncoding: encoding.toLowerCase() === "none" ? "none" : "base64",
    },
  };
}

/** Whether the setting `AzureWebJobs.<function>.Disabled` switches the function off. */
export function isFunctionDisabled(name: string, settings: Settings): boolean {
  const wanted = `azurewebjobs.${name}.disabled`.toLowerCase();
  // Where a setting's name may hold no period, two underscores stand for it.
  const alternative = wanted
    .replaceAll(".", "_")
    .replaceAll("_disabled", "__disabled")
    .replace("azurewebjobs_", "azurewebjobs__");
  return Object.entries(settings).some(
    ([key, value]) =>
      (key.toLowerCase() === wanted || key.toLowerCase() === alternative) &&
      /^(?:true|1)$/iu.test(value),
  );
}

/**
 * Puts the value of the setting in place of each `%SETTING%` in `text`.
 *
 * Throws `HostError` when there is no such setting, as the real host fails to index the function.
 */
export function resolveSettingNames(text: string, settings: Settings): string {
  return text.replaceAll(/%([^%]+)%/gu, (_whole, name: string) => {
    const value = settings[name];
    if (value === undefined) {
      throw new HostError(`"%${name}%" does not resolve to a setting.`);
    }
    return value;
  });
}

/** Milliseconds of a .NET TimeSpan such as `00:00:30`, `1.02:03:04` or `00:00:00.250`; undefined when it is none. */
export function parseTimeSpan(text: string): number | undefined {
  const match = /^(?:(\d+)\.)?(\d{1,2}):([0-5]?\d)(?::([0-5]?\d)(\.\d{1,7})?)?$/u.exec(text.trim());
  if (match === null) {
    return undefined;
  }
  const [, days = "0", hours = "0", minutes = "0", seconds = "0", fraction = "0"] = match;
  if (Number(hours) > 23) {
    return undefined;
  }
  const whole = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return Math.round((whole + Number(fraction)) * 1_000);
}

/** Looks up keys of host.json without regard to case, with the overriding settings first. */
class Section {
  readonly #root: unknown;
  readonly #overrides: ReadonlyMap<string, string>;

  constructor(root: unknown, settings: Settings) {
    this.#root = root;
    this.#overrides = new Map(
      Object.entries(settings)
        .filter(([key]) => /^AzureFunctionsJobHost(?:__|:)/iu.test(key))
        .map(([key, value]) => [key.toLowerCase().split(/__|:/u).slice(1).join("."), value]),
    );
  }

  value(path: readonly string[]): unknown {
    const override = this.#overrides.get(path.join(".").toLowerCase());
    if (override !== undefined) {
      return override;
    }
    let at: unknown = this.#root;
    for (const key of path) {
      const found: [string, unknown] | undefined = Object.entries(asObject(at)).find(
        ([name]) => name.toLowerCase() === key.toLowerCase(),
      );
      at = found?.[1];
    }
    if (at !== null && typeof at === "object") {
      return { ...at, ...this.#below(path) };
    }
    const below = this.#below(path);
    return at ?? (Object.keys(below).length > 0 ? below : undefined);
  }

  text(path: readonly string[]): string | undefined {
    const value = this.value(path);
    if (value === undefined || value === null) {
      return undefined;
    }
    if (typeof value !== "string") {
      throw new HostError(`host.json: ${path.join(".")} must be a string.`);
    }
    return value;
  }

  integer(path: readonly string[], fallback: number, min: number, max: number): number {
    const value = this.value(path);
    if (value === undefined || value === null) {
      return fallback;
    }
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof number !== "number" || !Number.isInteger(number) || number < min || number > max) {
      throw new HostError(
        `host.json: ${path.join(".")} must be an integer from ${String(min)} to ${String(max)}.`,
      );
    }
    return number;
  }

  /** A count of which -1 says that there is no limit. */
  limit(path: readonly string[]): number {
    const value = this.integer(path, -1, -1, Number.MAX_SAFE_INTEGER);
    return value === -1 ? Number.POSITIVE_INFINITY : value;
  }

  /** A TimeSpan; the queue extension also takes a number of milliseconds for polling. */
  milliseconds(path: readonly string[], fallback: number): number {
    const value = this.value(path);
    if (value === undefined || value === null) {
      return fallback;
    }
    const parsed =
      typeof value === "number" ? value : parseTimeSpan(typeof value === "string" ? value : "");
    if (parsed === undefined || parsed < 0) {
      throw new HostError(`host.json: ${path.join(".")} must be a time span such as "00:00:30".`);
    }
    return parsed;
  }

  seconds(path: readonly string[], fallback: number): number {
    return Math.round(this.milliseconds(path, fallback * 1_000) / 1_000);
  }

  functionTimeout(): number | undefined {
    const value = this.value(["functionTimeout"]);
    if (value === -1 || value === "-1") {
      return undefined;
    }
    const seconds =
      this.milliseconds(["functionTimeout"], functionTimeoutSecondsDefault * 1_000) / 1_000;
    if (seconds <= 0) {
      throw new HostError("host.json: functionTimeout must be longer than no time at all.");
    }
    return seconds;
  }

  #below(path: readonly string[]): Record<string, string> {
    const prefix = `${path.join(".").toLowerCase()}.`;
    return Object.fromEntries(
      [...this.#overrides]
        .filter(([key]) => key.startsWith(prefix) && !key.slice(prefix.length).includes("."))
        .map(([key, value]) => [key.slice(prefix.length), value]),
    );
  }
}

function readJsonFile(file: string): Record<string, unknown> | undefined {
  if (!existsSync(file)) {
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8").replace(/^\uFEFF/u, ""));
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw new HostError(`${file} is not a JSON object.`);
    }
    return value as Record<string, unknown>;
  } catch (cause) {
    throw cause instanceof HostError
      ? cause
      : new HostError(`${file} is not valid JSON.`, { cause });
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
}

function stringValues(value: unknown): Record<string, string> {
  const entries = Object.entries(asObject(value)).filter(
    (entry): entry is [string, string | number | boolean] =>
      ["string", "number", "boolean"].includes(typeof entry[1]),
  );
  return Object.fromEntries(entries.map(([key, text]) => [key, String(text)]));
}

function corsOf(host: Readonly<Record<string, unknown>>): HostConfiguration["cors"] {
  const cors = host["CORS"];
  if (typeof cors !== "string" || cors.trim() === "") {
    return undefined;
  }
  const origins = cors
    .split(",")
    .map((origin) => origin.trim().replace(/\/$/u, ""))
    .filter((origin) => origin !== "");
  return { origins, hasCredentials: host["CORSCredentials"] === true };
}

function optionalPort(value: unknown): number | undefined {
  if (value === undefined || value === null) {
    return undefined;
  }
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 65_535) {
    throw new HostError("local.settings.json: Host.LocalHttpPort must be a port number.");
  }
  return value;
}

function bodyLimit(text: string | undefined): number {
  if (text === undefined || text === "") {
    return bodyBytesMaxDefault;
  }
  const bytes = Number(text);
  if (!/^\d+$/u.test(text) || !Number.isSafeInteger(bytes)) {
    throw new HostError("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT must be a number of bytes.");
  }
  return bytes;
}
