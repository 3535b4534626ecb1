import { badRequest, GatewayError } from "./gatewayError.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import { parsePath, type PartitionKeyDefinition } from "./partitionKey.ts";

/** What a container is made of, read out of its definition once. */
export interface ContainerDefinition {
  readonly id: string;
  readonly partitionKey: PartitionKeyDefinition;
  /** The partition key paths, split into names. */
  readonly keyPaths: readonly (readonly string[])[];
  /** Absent: items never expire; -1: only those with a `ttl`; otherwise the seconds that hold for the rest. */
  readonly defaultTtl: number | undefined;
  /** Each unique key as its paths, split into names. */
  readonly uniqueKeys: readonly (readonly (readonly string[])[])[];
  /** Minutes that the change feed keeps all versions and deletes for; 0 is not at all. */
  readonly changeFeedRetentionMinutes: number;
  readonly indexingPolicy: JsonObject;
  /** The definition as it is answered, with the service's defaults and without the system properties. */
  readonly json: JsonObject;
}

const resourceIdLengthMax = 255;
const keyPathsMax = 3;
const uniqueKeysMax = 10;
const uniquePathsMax = 16;
const ttlMax = 2 ** 31 - 1;

/** Requires a name that a database or container may have. */
export function requireResourceId(id: JsonValue | undefined): string {
  if (typeof id !== "string" || id === "") {
    throw badRequest(
      "The input content is invalid because the required properties - 'id; ' - are missing",
    );
  }
  if (id.length > resourceIdLengthMax || /[/\\?#]|\s$/u.test(id) || !id.isWellFormed()) {
    throw badRequest(
      "The id is longer than 255 characters, contains one of '/', '\\', '?', '#', or ends with a space.",
    );
  }
  return id;
}

/** Requires a number of seconds to live: -1 or positive. */
export function requireTtl(value: JsonValue | undefined, name: string): number {
  const isValid =
    typeof value === "number" &&
    Number.isInteger(value) &&
    (value === -1 || value > 0) &&
    value <= ttlMax;
  if (!isValid) {
    throw badRequest(
      `The input ${name} is invalid: it is -1 or an integer from 1 to 2147483647, and nothing else.`,
    );
  }
  return value;
}

function asArray(value: JsonValue | undefined, name: string): JsonValue[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badRequest(`'${name}' is not an array.`);
  return value;
}

function asText(value: JsonValue | undefined, name: string): string {
  if (typeof value !== "string") throw badRequest(`'${name}' is not a text.`);
  return value;
}

function parsePartitionKey(value: JsonValue | undefined): PartitionKeyDefinition {
  if (value === undefined) return { paths: ["/_partitionKey"], kind: "Hash", version: 1 };
  if (!isJsonObject(value)) throw badRequest("'partitionKey' is not an object.");
  const paths = asArray(value["paths"], "partitionKey.paths").map((path) =>
    asText(path, "partitionKey.paths"),
  );
  const kind = value["kind"] ?? "Hash";
  const version = value["version"] ?? (kind === "MultiHash" ? 2 : 1);
  if (kind !== "Hash" && kind !== "MultiHash") {
    throw badRequest(`The partition key kind '${JSON.stringify(kind)}' is not known.`);
  }
  if (version !== 1 && version !== 2) {
    throw badRequest("The partition key version is neither 1 nor 2.");
  }
  if (kind === "MultiHash" && version !== 2) {
    throw badRequest("A MultiHash partition key has version 2.");
  }
  const pathsMax = kind === "MultiHash" ? keyPathsMax : 1;
  if (paths.length === 0 || paths.length > pathsMax || new Set(paths).size !== paths.length) {
    throw badRequest(
      `A ${kind} partition key has 1 to ${pathsMax} paths that differ; this one has ${paths.length}.`,
    );
  }
  return { paths, kind, version };
}

function completeIndexingPolicy(value: JsonValue | undefined): JsonObject {
  if (value !== undefined && !isJsonObject(value)) {
    throw badRequest("'indexingPolicy' is not an object.");
  }
  const given = value ?? {};
  const mode = given["indexingMode"] ?? "consistent";
  if (mode !== "consistent" && mode !== "none" && mode !== "lazy") {
    throw badRequest("The indexing mode is none of 'consistent', 'lazy' and 'none'.");
  }
  const policy: JsonObject = {
    ...given,
    indexingMode: mode,
    automatic: given["automatic"] ?? true,
  };
  if (mode === "none") return policy;
  const hasPaths = given["includedPaths"] !== undefined || given["excludedPaths"] !== undefined;
  policy["includedPaths"] = given["includedPaths"] ?? (hasPaths ? [] : [{ path: "/*" }]);
  policy["excludedPaths"] = given["excludedPaths"] ?? [];
  const texts: string[] = [];
  for (const name of ["includedPaths", "excludedPaths"] as const) {
    for (const entry of asArray(policy[name], name)) {
      const path = asText(isJsonObject(entry) ? entry["path"] : undefined, `${name}.path`);
      if (!path.startsWith("/") || !/\/[?*]$/u.test(path)) {
        throw badRequest(
          `The indexing path '${path}' could not be accepted: it begins with '/' and ends with '/?' or '/*'.`,
        );
      }
      texts.push(path);
    }
  }
  if (!texts.includes("/*")) {
    throw badRequest(
      'The special mandatory indexing path "/" is not provided in any of the path type sets.',
    );
  }
  if (new Set(texts).size !== texts.length) {
    throw badRequest("The indexing policy names a path twice.");
  }
  if (!hasPaths || !texts.includes('/"_etag"/?')) {
    policy["excludedPaths"] = [
      ...asArray(policy["excludedPaths"], "excludedPaths"),
      { path: '/"_etag"/?' },
    ];
  }
  for (const composite of asArray(given["compositeIndexes"], "compositeIndexes")) {
    const entries = asArray(composite, "compositeIndexes");
    if (entries.length < 2) throw badRequest("A composite index has at least two paths.");
    for (const entry of entries) {
      const path = asText(isJsonObject(entry) ? entry["path"] : undefined, "compositeIndexes.path");
      parsePath(path);
      const order = isJsonObject(entry) ? (entry["order"] ?? "ascending") : undefined;
      if (order !== "ascending" && order !== "descending") {
        throw badRequest("The order in a composite index is neither 'ascending' nor 'descending'.");
      }
    }
  }
  return policy;
}

function parseUniqueKeys(value: JsonValue | undefined): string[][][] {
  if (value === undefined) return [];
  if (!isJsonObject(value)) throw badRequest("'uniqueKeyPolicy' is not an object.");
  const keys = asArray(value["uniqueKeys"], "uniqueKeys").map((key) =>
    asArray(isJsonObject(key) ? key["paths"] : undefined, "uniqueKeys.paths").map((path) => {
      const names = parsePath(asText(path, "uniqueKeys.paths"));
      // Such a name cannot be written in the path of a SQLite expression, which enforces the key.
      if (names.some((name) => name.includes('"'))) {
        throw badRequest("A unique key path contains a quotation mark inside a name.");
      }
      return names;
    }),
  );
  const paths = keys.reduce((sum, key) => sum + key.length, 0);
  const isValid = keys.length <= uniqueKeysMax && paths <= uniquePathsMax;
  if (!isValid || keys.some((key) => key.length === 0)) {
    throw badRequest(
      `A unique key policy has at most ${uniqueKeysMax} keys and ${uniquePathsMax} paths, and no empty key.`,
    );
  }
  return keys;
}

/**
 * Reads a container definition, checks it as the service does, and fills in the service's defaults.
 *
 * What this server does not act on (vector and full-text policies, computed properties, …) is kept and answered as given.
 */
export function parseContainerDefinition(body: JsonObject): ContainerDefinition {
  const id = requireResourceId(body["id"]);
  const partitionKey = parsePartitionKey(body["partitionKey"]);
  const keyPaths = partitionKey.paths.map(parsePath);
  const indexingPolicy = completeIndexingPolicy(body["indexingPolicy"]);
  const uniqueKeys = parseUniqueKeys(body["uniqueKeyPolicy"]);
  const defaultTtl =
    body["defaultTtl"] === undefined ? undefined : requireTtl(body["defaultTtl"], "defaultTtl");
  const feedPolicy = body["changeFeedPolicy"];
  const retention = isJsonObject(feedPolicy) ? (feedPolicy["retentionDuration"] ?? 0) : 0;
  if (typeof retention !== "number" || !(retention >= 0)) {
    throw badRequest("The retention of the change feed policy is not a number of minutes.");
  }
  const json: JsonObject = { id };
  for (const [name, value] of Object.entries(body)) {
    if (!name.startsWith("_")) json[name] = value;
  }
  json["indexingPolicy"] = indexingPolicy;
  json["partitionKey"] = {
    paths: [...partitionKey.paths],
    kind: partitionKey.kind,
    ...(partitionKey.version === 2 ? { version: 2 } : {}),
  };
  json["conflictResolutionPolicy"] ??= {
    mode: "LastWriterWins",
    conflictResolutionPath: "/_ts",
    conflictResolutionProcedure: "",
  };
  json["geospatialConfig"] ??= { type: "Geography" };
  if (uniqueKeys.length === 0) delete json["uniqueKeyPolicy"];
  return {
    id,
    partitionKey,
    keyPaths,
    defaultTtl,
    uniqueKeys,
    changeFeedRetentionMinutes: retention,
    indexingPolicy,
    json,
  };
}

/** Requires that a replaced definition leaves alone what cannot change: the id, the partition key, the unique keys. */
export function requireReplaceable(before: ContainerDefinition, after: ContainerDefinition): void {
  if (after.id !== before.id) throw badRequest("The id of a container cannot change.");
  if (JSON.stringify(after.partitionKey) !== JSON.stringify(before.partitionKey)) {
    throw badRequest("Document collection partition key cannot be changed.");
  }
  if (JSON.stringify(after.uniqueKeys) !== JSON.stringify(before.uniqueKeys)) {
    throw new GatewayError(
      403,
      "The unique index cannot be modified. To change the unique index, remove the collection and re-create a new one.",
    );
  }
}
