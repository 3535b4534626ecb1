import type { BatchEntry, Container, ItemOperation, ItemResult } from "./container.ts";
import {
  parseFeedStart,
  readAllVersions,
  readLatestVersions,
  type FeedPage,
} from "./changeFeed.ts";
import { intersectEpkRanges, wholeEpkRange, type EpkRange } from "./effectivePartitionKey.ts";
import { badRequest, GatewayError, rangeGone, requestTooLarge } from "./gatewayError.ts";
import {
  header,
  isTrue,
  parseBody,
  parseObjectBody,
  parsePageSize,
  type Answer,
  type GatewayRequest,
} from "./gatewayRequest.ts";
import { getProperty, isJsonObject, type JsonObject } from "./json.ts";
import {
  parsePartitionKeyHeader,
  requireFullPartitionKey,
  type PartitionKeyComponent,
} from "./partitionKey.ts";
import { parsePatch } from "./patchDocument.ts";
import { planRequest, runQuery } from "./query.ts";
import type { QueryScope } from "./queryPages.ts";

const batchOperationsMax = 100;
// What a transaction may carry in all, by the service's quotas.
const transactionBytesMax = 2 * 1024 * 1024;
const feedPageDefault = 100;
const queryPageDefault = 1_000;
const keyHeader = "x-ms-documentdb-partitionkey";
const rangeHeader = "x-ms-documentdb-partitionkeyrangeid";

function wantsMinimal(request: GatewayRequest): boolean {
  return /\breturn=minimal\b/iu.test(header(request, "prefer") ?? "");
}

function itemAnswer(request: GatewayRequest, result: ItemResult, rangeId: string): Answer {
  const isWrite = request.method !== "GET";
  return {
    status: result.status,
    headers: {
      "x-ms-request-charge": String(result.requestCharge),
      [rangeHeader]: rangeId,
      ...(result.etag === undefined ? {} : { etag: result.etag }),
    },
    body: isWrite && wantsMinimal(request) ? undefined : result.body,
  };
}

/** Requires that a session token is not ahead of the log: this server would then have lost what the client saw. */
function requireSession(container: Container, request: GatewayRequest): void {
  const token = header(request, "x-ms-session-token");
  if (token === undefined || token === "") return;
  for (const part of token.split(",")) {
    // Range ids that are not there any more need no mapping, because all ranges count in one sequence.
    const match = /^\s*[^:]*:(?:-?\d+#)?(\d+)(?:#.*)?\s*$/u.exec(part);
    if (match === null) throw badRequest("The session token is invalid.");
    if (Number(match[1]) > container.lsn) {
      throw new GatewayError(
        404,
        "The read session is not available for the input session token.",
        {
          substatus: 1002,
        },
      );
    }
  }
}

/** Serves `/dbs/{database}/colls/{container}/docs`. */
export function serveDocuments(container: Container, request: GatewayRequest): Answer {
  if (request.method === "GET") return serveFeed(container, request);
  if (request.method !== "POST") {
    throw new GatewayError(405, `The method ${request.method} is not allowed on this resource.`);
  }
  if (isTrue(request, "x-ms-cosmos-is-query-plan-request")) return planRequest(container, request);
  if (isTrue(request, "x-ms-cosmos-is-batch-request")) return serveBatch(container, request);
  const type = header(request, "content-type") ?? "";
  if (isTrue(request, "x-ms-documentdb-isquery") || type.startsWith("application/query+json")) {
    requireSession(container, request);
    const scope = scopeOf(container, request);
    return runQuery(container, request, scope, parsePageSize(request, queryPageDefault));
  }
  const document = parseObjectBody(request);
  const key = requireFullPartitionKey(
    header(request, keyHeader),
    container.definition.partitionKey,
  );
  const isUpsert = isTrue(request, "x-ms-documentdb-is-upsert");
  const operation: ItemOperation = isUpsert
    ? { kind: "upsert", document, ifMatch: header(request, "if-match") }
    : { kind: "create", document };
  const result = container.run(key, operation);
  return itemAnswer(request, result, container.ranges.holding(container.epkOf(key)).id);
}

/** Serves `/dbs/{database}/colls/{container}/docs/{item}`. */
export function serveDocument(container: Container, request: GatewayRequest, id: string): Answer {
  const key = requireFullPartitionKey(
    header(request, keyHeader),
    container.definition.partitionKey,
  );
  const result = container.run(key, pointOperation(container, request, id));
  return itemAnswer(request, result, container.ranges.holding(container.epkOf(key)).id);
}

function pointOperation(container: Container, request: GatewayRequest, id: string): ItemOperation {
  const ifMatch = header(request, "if-match");
  switch (request.method) {
    case "GET":
      requireSession(container, request);
      return { kind: "read", id, ifMatch, ifNoneMatch: header(request, "if-none-match") };
    case "PUT":
      return { kind: "replace", id, document: parseObjectBody(request), ifMatch };
    case "PATCH":
      return { kind: "patch", id, patch: parsePatch(parseBody(request)), ifMatch };
    case "DELETE":
      return { kind: "delete", id, ifMatch };
    default:
      throw new GatewayError(405, `The method ${request.method} is not allowed on this resource.`);
  }
}

/** Serves `/dbs/{database}/colls/{container}/operations/partitionkeydelete`. */
export function servePartitionKeyDelete(container: Container, request: GatewayRequest): Answer {
  if (request.method !== "POST") {
    throw new GatewayError(405, `The method ${request.method} is not allowed on this resource.`);
  }
  const key = requireFullPartitionKey(
    header(request, keyHeader),
    container.definition.partitionKey,
  );
  container.deletePartitionKey(key);
  return { status: 200, headers: { "x-ms-request-charge": "1" }, body: undefined };
}

function requireText(operation: JsonObject, name: string): string {
  const value = getProperty(operation, name);
  if (typeof value !== "string") throw badRequest(`An operation of the batch has no '${name}'.`);
  return value;
}

function optionalText(operation: JsonObject, name: string): string | undefined {
  const value = getProperty(operation, name);
  return typeof value === "string" ? value : undefined;
}

function parseOperation(operation: JsonObject): ItemOperation {
  const body = getProperty(operation, "resourceBody");
  const ifMatch = optionalText(operation, "ifMatch");
  const document = (): JsonObject => {
    if (!isJsonObject(body)) throw badRequest("An operation of the batch has no document.");
    return body;
  };
  const type = requireText(operation, "operationType");
  switch (type) {
    case "Create":
      return { kind: "create", document: document() };
    case "Upsert":
      return { kind: "upsert", document: document(), ifMatch };
    case "Replace":
      return { kind: "replace", id: requireText(operation, "id"), document: document(), ifMatch };
    case "Patch":
      if (body === undefined) throw badRequest("A patch operation of the batch has no body.");
      return { kind: "patch", id: requireText(operation, "id"), patch: parsePatch(body), ifMatch };
    case "Delete":
      return { kind: "delete", id: requireText(operation, "id"), ifMatch };
    case "Read":
      return {
        kind: "read",
        id: requireText(operation, "id"),
        ifMatch,
        ifNoneMatch: optionalText(operation, "ifNoneMatch"),
      };
    default:
      throw badRequest(`The operation type '${type.slice(0, 40)}' of the batch is not known.`);
  }
}

function caught<Result>(parse: () => Result): Result | GatewayError {
  try {
    return parse();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}

function parseOperations(request: GatewayRequest): JsonObject[] {
  const body = parseBody(request);
  if (!Array.isArray(body)) throw badRequest("The body of a batch is an array of operations.");
  if (body.length > batchOperationsMax) {
    throw badRequest("Batch request has more operations than what is supported.");
  }
  return body.map((operation) => {
    if (!isJsonObject(operation)) throw badRequest("An operation of the batch is not an object.");
    return operation;
  });
}

function entryText(entry: BatchEntry, isMinimal: boolean): string {
  if (entry instanceof GatewayError) {
    return JSON.stringify({
      statusCode: entry.status,
      subStatusCode: entry.substatus,
      requestCharge: 0,
      message: entry.message,
      ...(entry.retryAfterMilliseconds === undefined
        ? {}
        : { retryAfterMilliseconds: entry.retryAfterMilliseconds }),
    });
  }
  const fields = [`"statusCode":${entry.status}`, `"requestCharge":${entry.requestCharge}`];
  if (entry.etag !== undefined) fields.push(`"eTag":${JSON.stringify(entry.etag)}`);
  if (entry.body !== undefined && !isMinimal) fields.push(`"resourceBody":${entry.body}`);
  return `{${fields.join(",")}}`;
}

function batchAnswer(
  request: GatewayRequest,
  entries: readonly BatchEntry[],
  rangeId: string,
): Answer {
  const isMinimal = wantsMinimal(request);
  let charge = 0;
  let failure: GatewayError | undefined;
  for (const entry of entries) {
    if (!(entry instanceof GatewayError)) charge += entry.requestCharge;
    else if (entry.status !== 424) failure ??= entry;
  }
  return {
    status: failure === undefined ? 200 : 207,
    headers: {
      "x-ms-request-charge": String(Math.round(charge * 100) / 100),
      "x-ms-item-count": String(entries.length),
      [rangeHeader]: rangeId,
      ...(failure === undefined || failure.substatus === 0
        ? {}
        : { "x-ms-substatus": String(failure.substatus) }),
    },
    body: `[${entries.map((entry) => entryText(entry, isMinimal)).join(",")}]`,
  };
}

/** The keys under which an operation of a batch may name its own. */
function operationKey(container: Container, operation: JsonObject): PartitionKeyComponent[] {
  const text = requireText(operation, "partitionKey");
  return requireFullPartitionKey(text, container.definition.partitionKey);
}

function serveBatch(container: Container, request: GatewayRequest): Answer {
  const operations = parseOperations(request);
  if (!isTrue(request, "x-ms-cosmos-batch-atomic")) {
    return serveBulk(container, request, operations);
  }
  if (request.body.length > transactionBytesMax) throw requestTooLarge();
  const key = requireFullPartitionKey(
    header(request, keyHeader),
    container.definition.partitionKey,
  );
  const epk = container.epkOf(key);
  for (const operation of operations) {
    if (operation["partitionKey"] === undefined) continue;
    if (container.epkOf(operationKey(container, operation)) !== epk) {
      throw badRequest(
        "One or more operations within the batch request have a different partition key value than the request.",
        1001,
      );
    }
  }
  const entries = container.runAtomically(
    key,
    operations.map((operation) => caught(() => parseOperation(operation))),
  );
  return batchAnswer(request, entries, container.ranges.holding(epk).id);
}

function serveBulk(
  container: Container,
  request: GatewayRequest,
  operations: readonly JsonObject[],
): Answer {
  const rangeId = header(request, rangeHeader);
  const range = rangeId === undefined ? undefined : container.ranges.get(rangeId);
  const parsed = operations.map((operation) =>
    caught(() => ({
      key: operationKey(container, operation),
      operation: parseOperation(operation),
    })),
  );
  for (const entry of parsed) {
    if (range === undefined || entry instanceof GatewayError) continue;
    if (container.ranges.holding(container.epkOf(entry.key)).id !== range.id) throw rangeGone();
  }
  const continues =
    header(request, "x-ms-cosmos-batch-continue-on-error")?.toLowerCase() !== "false";
  const entries = container.runEach(parsed, continues);
  return batchAnswer(request, entries, range?.id ?? "0");
}

/** Works out what part of the container the headers of a query or feed request name. */
function scopeOf(container: Container, request: GatewayRequest): QueryScope {
  const rangeId = header(request, rangeHeader);
  const keyText = header(request, keyHeader);
  const key =
    keyText === undefined
      ? undefined
      : parsePartitionKeyHeader(keyText, container.definition.partitionKey);
  const hasKey = key !== undefined;
  if (
    key !== undefined &&
    key.length < container.definition.partitionKey.paths.length &&
    container.definition.partitionKey.kind !== "MultiHash"
  ) {
    throw badRequest("The partition key has fewer components than the container's.", 1001);
  }
  let span: EpkRange = key === undefined ? wholeEpkRange : container.spanOf(key);
  const isFullKey = key?.length === container.definition.partitionKey.paths.length;
  if (rangeId === undefined) return { span, rangeId, hasKey, isFullKey };
  const range = container.ranges.get(rangeId);
  if (header(request, "x-ms-read-key-type") === "EffectivePartitionKeyRange") {
    const part = {
      epkMin: header(request, "x-ms-start-epk") ?? range.epkMin,
      epkMax: header(request, "x-ms-end-epk") ?? range.epkMax,
    };
    // A client whose map of the container is old may ask a partition for keys that it does not hold all of.
    if (part.epkMin < range.epkMin || part.epkMax > range.epkMax) throw rangeGone();
    span = intersectEpkRanges(span, part) ?? { epkMin: part.epkMin, epkMax: part.epkMin };
  }
  return {
    span: intersectEpkRanges(span, range) ?? { epkMin: range.epkMin, epkMax: range.epkMin },
    rangeId,
    hasKey,
    // What is left of the key inside a range may be nothing.
    isFullKey: false,
  };
}

function serveFeed(container: Container, request: GatewayRequest): Answer {
  requireSession(container, request);
  const scope = scopeOf(container, request);
  const mode = header(request, "a-im")?.toLowerCase();
  if (mode === undefined) {
    const all: GatewayRequest = { ...request, body: Buffer.from('{"query":"SELECT * FROM c"}') };
    return runQuery(container, all, scope, parsePageSize(request, feedPageDefault));
  }
  if (mode !== "incremental feed" && mode !== "full-fidelity feed") {
    throw badRequest("The header 'A-IM' names no kind of feed that this server knows.");
  }
  const start = parseFeedStart(
    header(request, "if-none-match"),
    header(request, "if-modified-since"),
  );
  const pageSize = parsePageSize(request, feedPageDefault);
  const read = mode === "incremental feed" ? readLatestVersions : readAllVersions;
  return feedAnswer(container, read(container, scope, start, pageSize), scope.rangeId);
}

function feedAnswer(container: Container, page: FeedPage, rangeId: string | undefined): Answer {
  const isEmpty = page.documents.length === 0;
  return {
    status: isEmpty ? 304 : 200,
    headers: {
      etag: `"${page.lsn}"`,
      "x-ms-request-charge": String(page.requestCharge),
      "x-ms-item-count": String(page.documents.length),
      ...(rangeId === undefined ? {} : { [rangeHeader]: rangeId }),
    },
    body: isEmpty
      ? undefined
      : `{"_rid":${JSON.stringify(container.identity.rid)},"Documents":[${page.documents.join(",")}],"_count":${page.documents.length}}`,
  };
}
