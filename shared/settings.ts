/** How the service reaches an Azure resource: by a connection string on a developer's machine, else by its identity. */
export type Connection =
  | { readonly kind: "connectionString"; readonly connectionString: string }
  | { readonly kind: "identity"; readonly endpoint: string; readonly clientId: string | undefined };

/** A secret that seals what callers keep for the service, under a name. */
export interface TokenKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

/**
 * How callers are known: not at all, on a developer's own machine, or by the tokens that they send.
 *
 * The issuers of tenants are in the registry of tenants; who administers the platform is told by the settings alone.
 */
export type Authentication =
  | { readonly kind: "none" }
  | {
      readonly kind: "tokens";
      readonly platform: {
        readonly issuer: string;
        readonly jwksUri: string;
        readonly audience: string;
        readonly adminRole: string;
      };
      /** What a challenge tells callers who have no good token, when it is configured. */
      readonly authorizationURI: string | undefined;
      readonly resourceId: string | undefined;
      /** Whether issuers may be on this machine, as only those of a developer are. */
      readonly allowsLoopback: boolean;
    };

/**
 * The names of all settings. `deployed` ones are for the cloud, `local` ones for a developer's machine alone, and
 * `optional` ones may be absent everywhere.
 */
export const settingNames = {
  COSMOS__accountEndpoint: "deployed",
  COSMOS__clientId: "optional",
  COSMOS: "local",
  COSMOS_DATABASE: "deployed",
  CONTENT__blobServiceUri: "deployed",
  CONTENT__clientId: "optional",
  CONTENT: "local",
  AUTHENTICATION: "deployed",
  PLATFORM_ISSUER: "deployed",
  PLATFORM_JWKS_URI: "deployed",
  PLATFORM_AUDIENCE: "deployed",
  PLATFORM_ADMIN_ROLE: "optional",
  AUTHORIZATION_URI: "optional",
  RESOURCE_ID: "optional",
  EMBEDDED_RUNTIME_LISTENER: "local",
  PUBLIC_BASE_URL: "optional",
  TRUSTED_FORWARDED_HOSTS: "optional",
  TRUSTED_FORWARDED_PREFIXES: "optional",
  FEED_TOKEN_KEYS: "deployed",
  REQUEST_BODY_BYTES_MAX: "optional",
  AUDIT_RETENTION_DAYS: "optional",
  TRUSTED_PROXIES: "optional",
  OTEL_EXPORTER_OTLP_ENDPOINT: "optional",
  OTEL_METRIC_EXPORT_INTERVAL: "optional",
} as const;

type SettingName = keyof typeof settingNames;
type Environment = Readonly<Record<string, string | undefined>>;

/** The role of who administers the platform, when the settings name no other. */
const adminRoleDefault = "Strata Platform Admin";

/** All that the service is told by its surroundings. */
export interface Settings {
  readonly cosmos: Connection;
  readonly cosmosDatabase: string;
  readonly content: Connection;
  readonly authentication: Authentication;
  /** Where callers find the service, without a slash at the end; as the request says when absent. */
  readonly publicBaseURL: string | undefined;
  /** What proxies are believed of where callers find the service. */
  readonly forwarding: { readonly hosts: readonly string[]; readonly prefixes: readonly string[] };
  /** The first seals the tokens of the feed, all open them. */
  readonly feedTokenKeys: readonly TokenKey[];
  /** How many bytes the body of a request may hold. */
  readonly bodyBytesMax: number;
  /** How long an event of the audit is kept. */
  readonly auditRetentionDays: number;
  /** How many proxies of the operator's own stand between the Functions host and its callers. */
  readonly trustedProxies: number;
  /** How often telemetry is sent to a collector; it is only logged when absent. */
  readonly telemetryIntervalMilliseconds: number | undefined;
}

/** A setting that is missing, malformed, or at odds with another. The message names it and says what to do. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/**
 * Reads and checks the settings. Throws {@link SettingsError} with one sentence that names the setting.
 *
 * | setting | meaning |
 * | --- | --- |
 * | `COSMOS__accountEndpoint`, `COSMOS__clientId` | the Cosmos DB account, reached with the managed identity |
 * | `COSMOS` | instead of those, on a developer's machine: a connection string |
 * | `COSMOS_DATABASE` | the database that holds the containers of `infra/cosmos.json` |
 * | `CONTENT__blobServiceUri`, `CONTENT__clientId` | the Blob Storage account of the instances' bytes |
 * | `CONTENT` | instead of those, on a developer's machine: a connection string |
 * | `AUTHENTICATION` | `tokens`: callers send bearer tokens; `none`: every caller is the tenant `default`, only where the embedded runtime listens on loopback |
 * | `PLATFORM_ISSUER`, `PLATFORM_JWKS_URI`, `PLATFORM_AUDIENCE` | with tokens: whose tokens may administer the platform |
 * | `PLATFORM_ADMIN_ROLE` | optional: the role that such a token has to have; `Strata Platform Admin` |
 * | `AUTHORIZATION_URI`, `RESOURCE_ID` | optional: what a 401 tells callers of where tokens are to be had, and for what |
 * | `EMBEDDED_RUNTIME_LISTENER` | where the embedded runtime listens, set by it alone |
 * | `PUBLIC_BASE_URL` | optional: the URL under which callers find the service |
 * | `TRUSTED_FORWARDED_HOSTS` | optional, with commas between them: the values of X-Forwarded-Host that are believed |
 * | `TRUSTED_FORWARDED_PREFIXES` | optional, with commas between them: the values of X-Forwarded-Prefix that are believed |
 * | `FEED_TOKEN_KEYS` | `id:base64`, with commas between them: the first seals the tokens of the feed and of searches, all open them |
 * | `REQUEST_BODY_BYTES_MAX` | optional: how many bytes the body of a request may hold; 4 GiB, and no more than the host's own limit |
 * | `AUDIT_RETENTION_DAYS` | optional: how long an event of the audit is kept, six years (2192) or longer; 2192 |
 * | `TRUSTED_PROXIES` | optional: how many proxies of the operator's own stand before the Functions host, from 0 to 8; 0 |
 * | `OTEL_EXPORTER_OTLP_ENDPOINT` | optional: the URL of the OpenTelemetry collector that telemetry is sent to |
 * | `OTEL_METRIC_EXPORT_INTERVAL` | optional: how often, in milliseconds, from 100 to 600000; 30000 |
 */
export function readSettings(environment: Environment): Settings {
  const authentication = readAuthentication(environment);
  const cosmosDatabase = environment["COSMOS_DATABASE"];
  if (cosmosDatabase === undefined || cosmosDatabase === "") {
    throw new SettingsError(
      "The setting COSMOS_DATABASE is missing: it names the Cosmos DB database.",
    );
  }
  return {
    cosmos: readConnection(environment, "COSMOS", "accountEndpoint"),
    cosmosDatabase,
    content: readConnection(environment, "CONTENT", "blobServiceUri"),
    authentication,
    publicBaseURL: readBaseURL(environment, "PUBLIC_BASE_URL"),
    forwarding: {
      hosts: readList(environment, "TRUSTED_FORWARDED_HOSTS", forwardedHostPattern).map((host) =>
        host.toLowerCase(),
      ),
      prefixes: readList(environment, "TRUSTED_FORWARDED_PREFIXES", forwardedPrefixPattern),
    },
    feedTokenKeys: readTokenKeys(environment["FEED_TOKEN_KEYS"]),
    bodyBytesMax: readInteger(environment, "REQUEST_BODY_BYTES_MAX", bodyBytesMax),
    auditRetentionDays: readInteger(environment, "AUDIT_RETENTION_DAYS", auditRetentionDays),
    trustedProxies: readInteger(environment, "TRUSTED_PROXIES", trustedProxies),
    telemetryIntervalMilliseconds:
      readBaseURL(environment, "OTEL_EXPORTER_OTLP_ENDPOINT") === undefined
        ? undefined
        : readInteger(environment, "OTEL_METRIC_EXPORT_INTERVAL", telemetryInterval),
  };
}

interface IntegerBounds {
  readonly absent: number;
  readonly least: number;
  readonly most: number;
}

// 45 CFR 164.316(b)(2)(i): six years. The most is what Cosmos DB takes as an item's time to live.
const auditRetentionDays: IntegerBounds = { absent: 2192, least: 2192, most: 24_855 };
// A request of the Azure service holds as much.
const bodyBytesMax: IntegerBounds = {
  absent: 4 * 1024 ** 3,
  least: 1024 * 1024,
  most: Number.MAX_SAFE_INTEGER,
};
const telemetryInterval: IntegerBounds = { absent: 30_000, least: 100, most: 600_000 };
const trustedProxies: IntegerBounds = { absent: 0, least: 0, most: 8 };

function readInteger(
  environment: Environment,
  name: SettingName,
  { absent, least, most }: IntegerBounds,
): number {
  const text = environment[name];
  if (text === undefined || text === "") {
    return absent;
  }
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new SettingsError(`The setting ${name} is not an integer from ${least} to ${most}.`);
  }
  return value;
}

function readAuthentication(environment: Environment): Authentication {
  const kind = environment["AUTHENTICATION"];
  const isEmbedded = isLoopback(environment["EMBEDDED_RUNTIME_LISTENER"]);
  switch (kind) {
    case "none":
      if (!isEmbedded) {
        throw new SettingsError(
          "The setting AUTHENTICATION is none, which is allowed only where the embedded runtime listens on loopback.",
        );
      }
      return { kind };
    case "tokens":
      return {
        kind,
        platform: {
          issuer: readText(environment, "PLATFORM_ISSUER"),
          jwksUri: readIssuerURL(environment, "PLATFORM_JWKS_URI", isEmbedded),
          audience: readText(environment, "PLATFORM_AUDIENCE"),
          // An empty role would be one that every empty claim has.
          adminRole: environment["PLATFORM_ADMIN_ROLE"]?.trim() || adminRoleDefault,
        },
        authorizationURI: readQuotable(environment, "AUTHORIZATION_URI"),
        resourceId: readQuotable(environment, "RESOURCE_ID"),
        allowsLoopback: isEmbedded,
      };
    case undefined:
      throw new SettingsError('The setting AUTHENTICATION is missing: it is "tokens" or "none".');
    default:
      throw new SettingsError('The setting AUTHENTICATION is neither "tokens" nor "none".');
  }
}

function readText(environment: Environment, name: SettingName): string {
  const text = environment[name]?.trim();
  if (text === undefined || text === "") {
    throw new SettingsError(`The setting ${name} is missing: AUTHENTICATION is tokens.`);
  }
  return text;
}

function readIssuerURL(
  environment: Environment,
  name: SettingName,
  allowsLoopback: boolean,
): string {
  const text = readText(environment, name);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = url?.protocol === "http:" && isLoopback(`${url.hostname}:${url.port || "80"}`);
  if (url?.protocol !== "https:" && !(allowsLoopback && isLocal)) {
    throw new SettingsError(`The setting ${name} is not an https URL.`);
  }
  return text;
}

/** A text that goes between quotation marks in a header. */
function readQuotable(environment: Environment, name: SettingName): string | undefined {
  const text = environment[name];
  if (text !== undefined && !/^[!#-[\]-~]+$/.test(text)) {
    throw new SettingsError(`The setting ${name} is not a URI.`);
  }
  return text;
}

function readConnection(
  environment: Environment,
  name: string,
  endpointSuffix: string,
): Connection {
  const connectionString = environment[name];
  const endpointName = `${name}__${endpointSuffix}`;
  const endpoint = environment[endpointName];
  if (endpoint !== undefined && connectionString !== undefined) {
    throw new SettingsError(`The settings ${name} and ${endpointName} exclude one another.`);
  }
  if (connectionString !== undefined) {
    return { kind: "connectionString", connectionString };
  }
  if (endpoint === undefined) {
    throw new SettingsError(`The setting ${endpointName} is missing.`);
  }
  if (!URL.canParse(endpoint) || new URL(endpoint).protocol !== "https:") {
    throw new SettingsError(`The setting ${endpointName} is not an https URL.`);
  }
  return { kind: "identity", endpoint, clientId: environment[`${name}__clientId`] };
}

function readBaseURL(environment: Environment, name: SettingName): string | undefined {
  const text = environment[name];
  if (text === undefined || text === "") {
    return undefined;
  }
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new SettingsError(`The setting ${name} is not an http or https URL.`);
  }
  return text.replace(/\/+$/, "");
}

const forwardedHostPattern = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?$/i;
const forwardedPrefixPattern = /^(?:\/[\w.~-]+)+$/;

function readList(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  pattern: RegExp,
): readonly string[] {
  const values = (environment[name] ?? "")
    .split(",")
    .map((value) => value.trim())
    .filter((value) => value !== "");
  if (!values.every((value) => pattern.test(value))) {
    throw new SettingsError(
      `The setting ${name} is not a list, with commas between them, of ${
        pattern === forwardedHostPattern ? "hosts" : "paths such as /pacs"
      }.`,
    );
  }
  return values;
}

const tokenKeyBytesMin = 32;

function readTokenKeys(text: string | undefined): readonly TokenKey[] {
  if (text === undefined || text.trim() === "") {
    throw new SettingsError(
      "The setting FEED_TOKEN_KEYS is missing: it holds keys as id:base64, the first of which seals the tokens of the feed.",
    );
  }
  const keys = text.split(",").map((part): TokenKey => {
    const [, id, base64] = /^\s*([A-Za-z0-9._-]{1,16}):([A-Za-z0-9+/]+={0,2})\s*$/.exec(part) ?? [];
    const secret = Buffer.from(base64 ?? "", "base64");
    if (id === undefined || secret.length < tokenKeyBytesMin) {
      throw new SettingsError(
        `The setting FEED_TOKEN_KEYS holds a key that is not id:base64 of at least ${tokenKeyBytesMin} bytes.`,
      );
    }
    return { id, secret };
  });
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    throw new SettingsError("The setting FEED_TOKEN_KEYS has two keys of the same name.");
  }
  return keys;
}

function isLoopback(listener: string | undefined): boolean {
  return listener !== undefined && /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost):\d+$/.test(listener);
}
