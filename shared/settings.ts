/** How the service reaches an Azure resource: by a connection string on a developer's machine, else by its identity. */
export type Connection =
  | { readonly kind: "connectionString"; readonly connectionString: string }
  | { readonly kind: "identity"; readonly endpoint: string; readonly clientId: string | undefined };

/** A secret that seals what callers keep for the service, under a name. */
export interface TokenKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

/** All that the service is told by its surroundings. */
export interface Settings {
  readonly cosmos: Connection;
  readonly cosmosDatabase: string;
  readonly content: Connection;
  readonly authentication: "none";
  /** Where callers find the service, without a slash at the end; as the request says when absent. */
  readonly publicBaseURL: string | undefined;
  /** The first seals the tokens of the feed, all open them. */
  readonly feedTokenKeys: readonly TokenKey[];
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
 * | `AUTHENTICATION` | `none`: every caller is the tenant `default`; only where the embedded runtime listens on loopback |
 * | `EMBEDDED_RUNTIME_LISTENER` | where the embedded runtime listens, set by it alone |
 * | `PUBLIC_BASE_URL` | optional: the URL under which callers find the service |
 * | `FEED_TOKEN_KEYS` | `id:base64`, with commas between them: the first seals the tokens of the feed, all open them |
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const authentication = environment["AUTHENTICATION"];
  if (authentication !== "none") {
    throw new SettingsError(
      authentication === undefined
        ? 'The setting AUTHENTICATION is missing: this version knows "none", for a developer\'s own machine.'
        : 'The setting AUTHENTICATION has a value that this version does not know: it knows "none".',
    );
  }
  if (!isLoopback(environment["EMBEDDED_RUNTIME_LISTENER"])) {
    throw new SettingsError(
      "The setting AUTHENTICATION is none, which is allowed only where the embedded runtime listens on loopback.",
    );
  }
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
    publicBaseURL: readBaseURL(environment["PUBLIC_BASE_URL"]),
    feedTokenKeys: readTokenKeys(environment["FEED_TOKEN_KEYS"]),
  };
}

function readConnection(
  environment: Readonly<Record<string, string | undefined>>,
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

function readBaseURL(text: string | undefined): string | undefined {
  if (text === undefined || text === "") {
    return undefined;
  }
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new SettingsError("The setting PUBLIC_BASE_URL is not an http or https URL.");
  }
  return text.replace(/\/+$/, "");
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
