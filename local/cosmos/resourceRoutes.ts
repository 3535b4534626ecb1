import type { Account, ContainerEntry, Database } from "./account.ts";
import { badRequest, GatewayError } from "./gatewayError.ts";
import {
  header,
  isTrue,
  parseObjectBody,
  type Answer,
  type GatewayRequest,
} from "./gatewayRequest.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { queryInMemory } from "./query.ts";
import { newEtag, rangeRid } from "./resourceId.ts";

const resourceCharge = "2";

function answer(status: number, resource: JsonObject): Answer {
  const etag = resource["_etag"];
  return {
    status,
    headers: {
      "x-ms-request-charge": resourceCharge,
      ...(typeof etag === "string" ? { etag } : {}),
    },
    body: JSON.stringify(resource),
  };
}

function noContent(): Answer {
  return { status: 204, headers: { "x-ms-request-charge": resourceCharge }, body: undefined };
}

function feed(rid: string, name: string, resources: readonly JsonValue[]): Answer {
  return {
    status: 200,
    headers: {
      "x-ms-request-charge": resourceCharge,
      "x-ms-item-count": String(resources.length),
    },
    body: JSON.stringify({ _rid: rid, [name]: resources, _count: resources.length }),
  };
}

function methodNotAllowed(request: GatewayRequest): GatewayError {
  return new GatewayError(405, `The method ${request.method} is not allowed on this resource.`);
}

function isQuery(request: GatewayRequest): boolean {
  const type = header(request, "content-type") ?? "";
  return isTrue(request, "x-ms-documentdb-isquery") || type.startsWith("application/query+json");
}

/** Lists resources, all of them or those that the query in the body selects. */
function listOrQuery(
  request: GatewayRequest,
  rid: string,
  name: string,
  resources: readonly JsonObject[],
): Answer {
  return feed(rid, name, request.method === "GET" ? resources : queryInMemory(request, resources));
}

/** Reads the two headers that ask for throughput, fixed or autoscaled. */
function requestedThroughput(request: GatewayRequest): JsonObject | undefined {
  const autoscale = header(request, "x-ms-cosmos-offer-autopilot-settings");
  if (autoscale !== undefined) {
    try {
      return JSON.parse(autoscale) as JsonObject;
    } catch {
      throw badRequest("The header 'x-ms-cosmos-offer-autopilot-settings' is not JSON.");
    }
  }
  const fixed = header(request, "x-ms-offer-throughput");
  return fixed === undefined ? undefined : { offerThroughput: Number(fixed) };
}

/** Describes the account: the first thing that a client reads, and what tells it where to send the rest. */
export function readAccount(endpoint: string): Answer {
  const location = { name: "Local", databaseAccountEndpoint: endpoint };
  const replication = { asyncReplication: false, minReplicaSetSize: 1, maxReplicasetSize: 1 };
  return answer(200, {
    _self: "",
    // The SDK throws the locations away when the account is called "localhost".
    id: "strata-local",
    _rid: "strata-local.documents.local",
    media: "//media/",
    addresses: "//addresses/",
    _dbs: "//dbs/",
    writableLocations: [location],
    readableLocations: [location],
    enableMultipleWriteLocations: false,
    enablePerPartitionFailoverBehavior: false,
    continuousBackupEnabled: false,
    userReplicationPolicy: replication,
    userConsistencyPolicy: { defaultConsistencyLevel: "Strong" },
    systemReplicationPolicy: replication,
    readPolicy: { primaryReadCoefficient: 1, secondaryReadCoefficient: 1 },
    queryEngineConfiguration: JSON.stringify({
      maxSqlQueryInputLength: 524288,
      maxJoinsPerSqlQuery: 10,
      maxInExpressionItemsCount: 16000,
      maxLogicalAndPerSqlQuery: 2000,
      maxLogicalOrPerSqlQuery: 2000,
      sqlAllowNonFiniteNumbers: false,
      sqlAllowTop: true,
      sqlAllowSubQuery: true,
      sqlAllowLike: true,
      sqlAllowScalarSubQuery: true,
      allowNewKeywords: true,
      sqlDisableOptimizationFlags: 0,
      enableSpatialIndexing: false,
      maxSpatialQueryCells: 0,
    }),
  });
}

function databaseResource(database: Database): JsonObject {
  return {
    id: database.id,
    _rid: database.rid,
    _self: `dbs/${database.rid}/`,
    _etag: database.etag,
    _colls: "colls/",
    _users: "users/",
    _ts: database.ts,
  };
}

/** Serves `/dbs`. */
export function serveDatabases(account: Account, request: GatewayRequest): Answer {
  if (request.method === "POST" && !isQuery(request)) {
    const database = account.createDatabase(
      parseObjectBody(request)["id"],
      requestedThroughput(request),
    );
    return answer(201, databaseResource(database));
  }
  if (request.method !== "GET" && request.method !== "POST") throw methodNotAllowed(request);
  return listOrQuery(request, "", "Databases", account.databases().map(databaseResource));
}

/** Serves `/dbs/{database}`. */
export function serveDatabase(account: Account, request: GatewayRequest, id: string): Answer {
  switch (request.method) {
    case "GET":
      return answer(200, databaseResource(account.database(id)));
    case "DELETE":
      account.deleteDatabase(id);
      return noContent();
    default:
      throw methodNotAllowed(request);
  }
}

function containerResource({ container, etag, ts }: ContainerEntry): JsonObject {
  return {
    ...container.definition.json,
    _rid: container.identity.rid,
    _self: container.identity.self,
    _etag: etag,
    _docs: "docs/",
    _sprocs: "sprocs/",
    _triggers: "triggers/",
    _udfs: "udfs/",
    _conflicts: "conflicts/",
    _ts: ts,
  };
}

/** Serves `/dbs/{database}/colls`. */
export function serveContainers(account: Account, request: GatewayRequest, id: string): Answer {
  const database = account.database(id);
  if (request.method === "POST" && !isQuery(request)) {
    const entry = account.createContainer(
      id,
      parseObjectBody(request),
      requestedThroughput(request),
    );
    return answer(201, containerResource(entry));
  }
  if (request.method !== "GET" && request.method !== "POST") throw methodNotAllowed(request);
  const resources = [...database.containers.values()].map(containerResource);
  return listOrQuery(request, database.rid, "DocumentCollections", resources);
}

/** Serves `/dbs/{database}/colls/{container}`. */
export function serveContainer(
  account: Account,
  request: GatewayRequest,
  databaseId: string,
  id: string,
): Answer {
  switch (request.method) {
    case "GET": {
      const entry = account.container(databaseId, id);
      const result = answer(200, containerResource(entry));
      if (!isTrue(request, "x-ms-documentdb-populatequotainfo")) return result;
      const { bytes, documents } = entry.container.size();
      const usage = `documentSize=0;documentsSize=${Math.ceil(bytes / 1024)};documentsCount=${documents};collectionSize=${Math.ceil(bytes / 1024)};`;
      return { ...result, headers: { ...result.headers, "x-ms-resource-usage": usage } };
    }
    case "PUT":
      return answer(
        200,
        containerResource(account.replaceContainer(databaseId, id, parseObjectBody(request))),
      );
    case "DELETE":
      account.deleteContainer(databaseId, id);
      return noContent();
    default:
      throw methodNotAllowed(request);
  }
}

/** Serves `/dbs/{database}/colls/{container}/pkranges`. The entity tag changes whenever the ranges do. */
export function servePartitionKeyRanges(
  account: Account,
  request: GatewayRequest,
  databaseId: string,
  id: string,
): Answer {
  if (request.method !== "GET") throw methodNotAllowed(request);
  const { container, ts } = account.container(databaseId, id);
  const { rid, self } = container.identity;
  const ranges = container.ranges.all();
  const etag = `"${ranges.map((range) => range.id).join("-")}"`;
  if (header(request, "if-none-match") === etag) {
    return { status: 304, headers: { etag, "x-ms-request-charge": "1" }, body: undefined };
  }
  const resources = ranges.map((range) => {
    const ownRid = rangeRid(rid, range.id);
    return {
      _rid: ownRid,
      id: range.id,
      _etag: newEtag(),
      minInclusive: range.epkMin,
      maxExclusive: range.epkMax,
      ridPrefix: Number(range.id),
      _self: `${self}pkranges/${ownRid}/`,
      throughputFraction: 1 / ranges.length,
      status: "online",
      parents: [...range.parents],
      ownedArchivalPKRangeIds: [],
      _ts: ts,
      lsn: container.lsn,
    };
  });
  const result = feed(rid, "PartitionKeyRanges", resources);
  return { ...result, headers: { ...result.headers, etag, "x-ms-request-charge": "1" } };
}

/** Serves `/offers` and `/offers/{offer}`. */
export function serveOffers(
  account: Account,
  request: GatewayRequest,
  id: string | undefined,
): Answer {
  if (id === undefined) {
    if (request.method !== "GET" && request.method !== "POST") throw methodNotAllowed(request);
    return listOrQuery(request, "", "Offers", account.offers());
  }
  if (request.method === "PUT")
    return answer(200, account.replaceOffer(id, parseObjectBody(request)));
  if (request.method !== "GET") throw methodNotAllowed(request);
  return answer(200, account.offer(id));
}

const emptyFeeds: Readonly<Record<string, string>> = {
  sprocs: "StoredProcedures",
  triggers: "Triggers",
  udfs: "UserDefinedFunctions",
  conflicts: "Conflicts",
};

/** Lists the script and conflict feeds of a container, which are always empty: this server runs no scripts. */
export function serveEmptyFeed(
  account: Account,
  request: GatewayRequest,
  databaseId: string,
  id: string,
  kind: string,
): Answer {
  const { container } = account.container(databaseId, id);
  const name = emptyFeeds[kind];
  if (name === undefined) throw badRequest("Request url is invalid.");
  if (request.method !== "GET" && !isQuery(request)) {
    throw badRequest("This server has no stored procedures, triggers and user-defined functions.");
  }
  return feed(container.identity.rid, name, []);
}
