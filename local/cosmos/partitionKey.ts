import { badRequest } from "./gatewayError.ts";
import { getProperty, isJsonObject, type JsonObject, type JsonValue } from "./json.ts";

/** One component of a partition key; `undefined` is the absent value, which differs from `null`. */
export type PartitionKeyComponent = string | number | boolean | null | undefined;

/** How a container places its documents, as its definition says. */
export interface PartitionKeyDefinition {
  readonly paths: readonly string[];
  readonly kind: "Hash" | "MultiHash";
  readonly version: 1 | 2;
}

const mismatch =
  "PartitionKey extracted from document doesn't match the one specified in the header.";

// The limits of the service: 2 KB with large keys (version 2), 101 bytes without.
const keyBytesMax = { 1: 101, 2: 2048 } as const;

/** Splits a path such as `/a/"b c"/0` into its names; refuses one that the service would refuse. */
export function parsePath(path: string): string[] {
  if (!path.startsWith("/")) throw badRequest(`The path '${path}' does not begin with '/'.`);
  const names: string[] = [];
  let at = 1;
  while (at <= path.length) {
    if (path[at] === '"') {
      const end = path.indexOf('"', at + 1);
      if (end < 0 || (end + 1 < path.length && path[end + 1] !== "/")) {
        throw badRequest(`The path '${path}' has a quotation mark without its pair.`);
      }
      names.push(path.slice(at + 1, end));
      at = end + 2;
    } else {
      const slash = path.indexOf("/", at);
      const end = slash < 0 ? path.length : slash;
      if (end === at) throw badRequest(`The path '${path}' has an empty name.`);
      names.push(path.slice(at, end));
      at = end + 1;
    }
  }
  return names;
}

/** Reads the value at the names of a path; an array is not entered. */
function valueAtPath(document: JsonObject, names: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = document;
  for (const name of names) {
    if (!isJsonObject(value)) return undefined;
    value = getProperty(value, name);
  }
  return value;
}

function asComponent(value: JsonValue | undefined): PartitionKeyComponent {
  if (typeof value === "object" && value !== null) {
    // The wire form of the absent value is an empty object; nothing else that is composite can be a key.
    if (!Array.isArray(value) && Object.keys(value).length === 0) return undefined;
    throw badRequest("A partition key component is an object or an array.", 1001);
  }
  return value;
}

function checkSize(components: readonly PartitionKeyComponent[], version: 1 | 2): void {
  let bytes = 0;
  for (const component of components) {
    if (typeof component !== "string") continue;
    // Half a surrogate pair has no UTF-8 form, so two such keys would be hashed as one.
    if (!component.isWellFormed())
      throw badRequest("The partition key is not well-formed Unicode.");
    bytes += Buffer.byteLength(component);
  }
  if (bytes > keyBytesMax[version]) {
    throw badRequest(`Partition key is larger than ${keyBytesMax[version]} bytes.`);
  }
}

/**
 * Parses the `x-ms-documentdb-partitionkey` header: a JSON array with at most as many components as the key has paths.
 *
 * Fewer components are the caller's to judge: they name a prefix in a query and are an error anywhere else.
 */
export function parsePartitionKeyHeader(
  header: string,
  definition: PartitionKeyDefinition,
): PartitionKeyComponent[] {
  let value: JsonValue;
  try {
    value = JSON.parse(header) as JsonValue;
  } catch {
    throw badRequest(`Partition key ${header.slice(0, 100)} is invalid.`);
  }
  if (!Array.isArray(value)) {
    throw badRequest(`Partition key ${header.slice(0, 100)} is invalid.`);
  }
  if (value.length > definition.paths.length) {
    throw badRequest(
      "The partition key supplied in x-ms-partitionkey header has more components than defined in the collection.",
      1001,
    );
  }
  const components = value.map(asComponent);
  checkSize(components, definition.version);
  return components;
}

/** Requires the key of a point operation: a header is there, and it has a component for every path. */
export function requireFullPartitionKey(
  header: string | undefined,
  definition: PartitionKeyDefinition,
): PartitionKeyComponent[] {
  const components = header === undefined ? [] : parsePartitionKeyHeader(header, definition);
  if (components.length < definition.paths.length) {
    throw badRequest(
      "The partition key supplied in x-ms-partitionkey header has fewer components than defined in the the collection.",
      1001,
    );
  }
  return components;
}

/** Takes the partition key out of a document. Fails when a component is an object or an array. */
export function extractPartitionKey(
  document: JsonObject,
  paths: readonly (readonly string[])[],
): PartitionKeyComponent[] {
  return paths.map((names) => {
    const value = valueAtPath(document, names);
    if (typeof value === "object" && value !== null) throw badRequest(mismatch, 1001);
    return value;
  });
}

/** Requires that a document lies under the key that the request names. */
export function requireSamePartitionKey(
  document: JsonObject,
  paths: readonly (readonly string[])[],
  expected: readonly PartitionKeyComponent[],
): void {
  const actual = extractPartitionKey(document, paths);
  // Object.is tells -0 from 0, as the hash of the service does.
  if (!actual.every((component, i) => Object.is(component, expected[i]))) {
    throw badRequest(mismatch, 1001);
  }
}
