import { createHash } from "node:crypto";

import type { Container } from "./container.ts";
import { badRequest, GatewayError } from "./gatewayError.ts";
import {
  header,
  isTrue,
  parseObjectBody,
  type Answer,
  type GatewayRequest,
} from "./gatewayRequest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import {
  isRowWise,
  parseProgress,
  readQueryPage,
  type QueryProgress,
  type QueryScope,
  type QueryText,
} from "./queryPages.ts";
import { pageCharge } from "./requestCharge.ts";
import { evaluateQuery } from "./sql/evaluate.ts";
import { parseQuery } from "./sql/parse.ts";
import { checkServable, crossPartitionRefusal, planQuery, type QueryPlan } from "./sql/plan.ts";
import { SqlError } from "./sql/sqlError.ts";
import type { Parameter, Query } from "./sql/syntaxTree.ts";

interface RequestedQuery extends QueryText {
  /** Tells queries apart whose continuations are not good for each other. */
  readonly fingerprint: string;
}

const parametersMax = 2_000;
const parsedMax = 500;
const parsed = new Map<string, Query>();

function parseCached(text: string): Query {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const query = parseQuery(text);
  if (parsed.size >= parsedMax) parsed.clear();
  parsed.set(text, query);
  return query;
}

/** Runs `task` and turns what is wrong with the query text into the answer of the service. */
function refusing<Result>(task: () => Result): Result {
  try {
    return task();
  } catch (error) {
    if (error instanceof SqlError) throw badRequest(error.serviceMessage, error.substatus);
    throw error;
  }
}

function parseParameters(value: JsonValue | undefined): Parameter[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > parametersMax) {
    throw badRequest("The parameters of the query are not an array, or are too many.");
  }
  const names = new Set<string>();
  return value.map((parameter) => {
    const name = isJsonObject(parameter) ? parameter["name"] : undefined;
    if (!isJsonObject(parameter) || typeof name !== "string" || !/^@./u.test(name)) {
      throw badRequest("A parameter of the query has no name that begins with '@'.");
    }
    if (names.has(name)) throw badRequest(`The query has the parameter '${name}' twice.`);
    names.add(name);
    return "value" in parameter ? { name, value: parameter["value"] ?? null } : { name };
  });
}

function parseQueryBody(request: GatewayRequest): RequestedQuery {
  const body = parseObjectBody(request);
  const text = body["query"];
  if (typeof text !== "string") throw badRequest("The request has no query text.");
  const parameters = parseParameters(body["parameters"]);
  const query = refusing(() => parseCached(text));
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([isOrderedByRow(query) ? withoutFilter(query) : text]))
    .update(JSON.stringify(body["parameters"] ?? []))
    .digest("base64url")
    .slice(0, 16);
  return { query, parameters, fingerprint };
}

function isOrderedByRow(query: Query): boolean {
  return query.orderBy.length > 0 && isRowWise(query);
}

/**
 * What an ordered query asks for apart from its WHERE, as JSON text.
 *
 * A client that merges an ordered query goes on in each physical partition with the continuation that it has, and with
 * a WHERE that it has narrowed to what may still come. The place of a row in the order is the same for both.
 */
function withoutFilter(query: Query): string {
  const places: ReadonlySet<string> = new Set(["start", "end"]);
  return JSON.stringify({ ...query, where: undefined }, (name, value: unknown) =>
    places.has(name) ? undefined : value,
  );
}

/** Evaluates the query of a request over resources that are not documents: databases, containers, offers. */
export function queryInMemory(
  request: GatewayRequest,
  resources: readonly JsonObject[],
): JsonValue[] {
  const { query, parameters } = parseQueryBody(request);
  return refusing(() => [...evaluateQuery(query, parameters, resources)]);
}

function parseContinuation(
  token: string | undefined,
  fingerprint: string,
): QueryProgress | undefined {
  if (token === undefined || token === "") return undefined;
  let value: JsonValue | undefined;
  try {
    value = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as JsonValue;
  } catch {
    value = undefined;
  }
  if (!isJsonObject(value) || value["fingerprint"] !== fingerprint) {
    throw badRequest("Invalid Continuation Token");
  }
  // An empty first page has nothing to go on from but the beginning.
  return value["emitted"] === undefined ? undefined : parseProgress(value);
}

/** Answers a query request with one page of its result. */
export function runQuery(
  container: Container,
  request: GatewayRequest,
  scope: QueryScope,
  itemsMax: number,
): Answer {
  const text = parseQueryBody(request);
  const startedAt = performance.now();
  const from = parseContinuation(header(request, "x-ms-continuation"), text.fingerprint);
  const { rows, progress } = refusing(() => {
    checkServable(text.query, text.parameters, container.definition.indexingPolicy);
    if (!scope.hasKey && scope.rangeId === undefined) requireServableByGateway(container, text);
    if (request.wantsEmptyPage) return { rows: [], progress: from ?? {} };
    return readQueryPage(container, text, scope, itemsMax, from);
  });
  const bytes = rows.reduce((sum, row) => sum + row.length, 0);
  const { rid } = container.identity;
  const milliseconds = (performance.now() - startedAt).toFixed(2);
  return {
    status: 200,
    headers: {
      "x-ms-request-charge": String(pageCharge(rows.length, bytes)),
      "x-ms-item-count": String(rows.length),
      "x-ms-cosmos-query-execution-info": '{"reverseRidEnabled":false,"reverseIndexScan":false}',
      ...(scope.rangeId === undefined
        ? {}
        : { "x-ms-documentdb-partitionkeyrangeid": scope.rangeId }),
      ...(isTrue(request, "x-ms-documentdb-populatequerymetrics")
        ? {
            "x-ms-documentdb-query-metrics": `totalExecutionTimeInMs=${milliseconds};outputDocumentCount=${rows.length};outputDocumentSize=${bytes}`,
          }
        : {}),
      ...(progress === undefined
        ? {}
        : {
            "x-ms-continuation": Buffer.from(
              JSON.stringify({ fingerprint: text.fingerprint, ...progress }),
            ).toString("base64url"),
          }),
    },
    body: `{"_rid":${JSON.stringify(rid)},"Documents":[${rows.join(",")}],"_count":${rows.length}}`,
  };
}

/** Plans a query for a client that merges what each physical partition answers. */
function plan(container: Container, text: QueryText): QueryPlan {
  const { keyPaths } = container.definition;
  return planQuery(text.query, text.parameters, {
    partitionKeyPaths: keyPaths,
    rangeOfKey: (values) => {
      // What is no value of a key has no documents of its own to go by.
      const key = values.filter((value) => typeof value !== "object" || value === null);
      if (key.length === 0 || key.length < values.length) return undefined;
      const { epkMin, epkMax } = container.spanOf(key);
      return { min: epkMin, max: epkMax, isMinInclusive: true, isMaxInclusive: false };
    },
  });
}

/** Answers a request for the plan of a query. */
export function planRequest(container: Container, request: GatewayRequest): Answer {
  const text = parseQueryBody(request);
  const result = refusing(() => {
    checkServable(text.query, text.parameters, container.definition.indexingPolicy);
    return plan(container, text);
  });
  return { status: 200, headers: { "x-ms-request-charge": "1" }, body: JSON.stringify(result) };
}

/** Refuses what the service leaves to the client: to merge, sort or count over all physical partitions. */
function requireServableByGateway(container: Container, text: QueryText): void {
  const refusal = crossPartitionRefusal(text.query);
  if (refusal === undefined) return;
  const { substatus, message } = refusal;
  throw new GatewayError(400, message, {
    substatus,
    ...(refusal.carriesPlan ? { additionalErrorInfo: plan(container, text) } : {}),
  });
}
