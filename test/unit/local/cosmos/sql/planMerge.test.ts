import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CosmosClient } from "@azure/cosmos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../../../../local/cosmos/json.ts";
import { evaluateQuery } from "../../../../../local/cosmos/sql/evaluate.ts";
import { parseQuery } from "../../../../../local/cosmos/sql/parse.ts";
import { crossPartitionRefusal, planQuery } from "../../../../../local/cosmos/sql/plan.ts";
import { SqlError } from "../../../../../local/cosmos/sql/sqlError.ts";
import type { Parameter } from "../../../../../local/cosmos/sql/syntaxTree.ts";

// Goal: what the real client merges from the partitions' answers is what the query means.
// Method: a gateway with nothing but a plan, three partitions and the reference evaluation; the client runs each
// query over it; the same query is evaluated over all documents at once.

const containerRid = "DJB7AI1lZHo=";

function ridOf(counter: number): string {
  const bytes = Buffer.alloc(16);
  Buffer.from(containerRid, "base64").copy(bytes);
  bytes.writeBigUInt64LE(BigInt(counter), 8);
  return bytes.toString("base64").replaceAll("/", "-");
}

/** In the order of `_rid`, and so of the partitions: the client puts equal keys of the first one first. */
const documents: readonly JsonObject[] = Array.from({ length: 57 }, (_, index) => ({
  id: `d${index}`,
  t: ["a", "b", "c"][(index * 7) % 3] ?? "",
  v: (index * 13) % 11,
  w: `w${(index * 5) % 4}`,
  k: Array.from({ length: index % 3 }, (_item, at) => ({ n: at + index })),
  ...(index % 4 === 0 ? { some: index } : {}),
  ...(index % 9 === 0 ? { odd: index % 2 === 0 ? index : "text" } : {}),
  _rid: ridOf(index + 1),
}));
const partitions: readonly (readonly JsonObject[])[] = [
  documents.slice(0, 31),
  documents.slice(31),
  [],
];
const bounds = ["", "15", "2A", "FF"];

interface Answer {
  readonly status: number;
  readonly body: JsonValue | object;
  readonly continuation?: string;
}

/** Answers one request of the client; `header` gives the request's headers. */
function answer(
  method: string,
  path: string,
  header: (name: string) => string | undefined,
  body: string,
  endpoint: string,
): Answer {
  if (path === "/") {
    const location = [{ name: "East US", databaseAccountEndpoint: endpoint }];
    return {
      status: 200,
      body: { id: "strata", writableLocations: location, readableLocations: location },
    };
  }
  if (path.endsWith("/pkranges")) {
    const ranges = partitions.map((_, index) => ({
      id: String(index),
      minInclusive: bounds[index],
      maxExclusive: bounds[index + 1],
    }));
    return { status: 200, body: { _rid: containerRid, PartitionKeyRanges: ranges } };
  }
  if (method === "GET") {
    const partitionKey = { paths: ["/id"], kind: "Hash", version: 2 };
    return { status: 200, body: { id: "c", _rid: containerRid, partitionKey } };
  }
  const { query: text, parameters = [] } = JSON.parse(body) as {
    query: string;
    parameters?: Parameter[];
  };
  try {
    const query = parseQuery(text);
    const plan = (): object => planQuery(query, parameters, { partitionKeyPaths: [["id"]] });
    if (header("x-ms-cosmos-is-query-plan-request") !== undefined) {
      return { status: 200, body: plan() };
    }
    const range = header("x-ms-documentdb-partitionkeyrangeid");
    const refusal = range === undefined ? crossPartitionRefusal(query) : undefined;
    if (refusal !== undefined) {
      const { message, carriesPlan } = refusal;
      const info = carriesPlan ? { additionalErrorInfo: JSON.stringify(plan()) } : {};
      return { status: 400, body: { code: "BadRequest", message, ...info } };
    }
    const found = range === undefined ? documents : (partitions[Number(range)] ?? []);
    const results = [...evaluateQuery(query, parameters, found)];
    const from = Number(header("x-ms-continuation") ?? 0);
    const to = from + Number(header("x-ms-max-item-count") ?? 1000);
    const page = results.slice(from, to);
    return {
      status: 200,
      body: { _rid: containerRid, Documents: page, _count: page.length },
      ...(to < results.length ? { continuation: String(to) } : {}),
    };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return { status: 400, body: { code: "BadRequest", message: error.serviceMessage } };
  }
}

let server: Server;
let client: CosmosClient;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const found = answer(
        request.method ?? "",
        request.url ?? "",
        (name) => request.headers[name]?.toString(),
        Buffer.concat(chunks).toString("utf8"),
        endpointOf(server),
      );
      response.writeHead(found.status, {
        "content-type": "application/json",
        "x-ms-request-charge": "1",
        ...(found.continuation === undefined ? {} : { "x-ms-continuation": found.continuation }),
      });
      response.end(JSON.stringify(found.body));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const key = Buffer.alloc(64).toString("base64");
  client = new CosmosClient({ endpoint: endpointOf(server), key });
});

afterAll(async () => {
  client.dispose();
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

function endpointOf(listening: Server): string {
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`;
}

async function merged(text: string, pageSize: number): Promise<readonly unknown[]> {
  const items = client.database("d").container("c").items;
  const { resources } = await items
    .query<unknown>({ query: text }, { maxItemCount: pageSize })
    .fetchAll();
  return resources;
}

function whole(text: string): readonly JsonValue[] {
  return [...evaluateQuery(parseQuery(text), [], documents)];
}

const byText = (left: unknown, right: unknown): number =>
  JSON.stringify(left) < JSON.stringify(right) ? -1 : 1;

describe("the client's merge gives what the query means", () => {
  test.each([
    "SELECT c.id, c.v FROM c ORDER BY c.v",
    "SELECT * FROM c ORDER BY c.v DESC, c.id",
    "SELECT VALUE c.id FROM c WHERE c.v > 3 ORDER BY c.w, c.v DESC, c.id",
    "SELECT TOP 7 VALUE c.id FROM c ORDER BY c.v, c.id",
    "SELECT VALUE c.id FROM c ORDER BY c.v, c.id OFFSET 5 LIMIT 10",
    "SELECT VALUE c.some FROM c ORDER BY c.v, c.id",
    "SELECT k.n, c.id FROM c JOIN k IN c.k ORDER BY c.id",
    "SELECT DISTINCT VALUE c.w FROM c ORDER BY c.w",
    "SELECT DISTINCT c.w, c.t FROM c ORDER BY c.w, c.t OFFSET 1 LIMIT 3",
    "SELECT DISTINCT TOP 2 VALUE c.t FROM c ORDER BY c.t DESC",
    "SELECT DISTINCT c.t FROM c ORDER BY c.w, c.t, c.id",
  ])("in order: %s", async (text) => {
    for (const pageSize of [3, 100]) expect(await merged(text, pageSize)).toEqual(whole(text));
  });

  test.each([
    "SELECT VALUE COUNT(1) FROM c",
    "SELECT VALUE COUNT(c.some) FROM c",
    "SELECT VALUE COUNTIF(c.v > 3) FROM c",
    "SELECT VALUE SUM(c.v) FROM c",
    "SELECT VALUE AVG(c.v) FROM c",
    "SELECT VALUE MIN(c.v) FROM c",
    "SELECT VALUE MAX(c.w) FROM c",
    "SELECT VALUE SUM(c.odd) FROM c",
    "SELECT VALUE AVG(c.odd) FROM c",
    "SELECT VALUE COUNT(1) FROM c WHERE c.v > 99",
    "SELECT VALUE MAX(c.v) FROM c WHERE c.v > 99",
    "SELECT VALUE AVG(c.v) FROM c WHERE c.v > 99",
    "SELECT VALUE COUNT(1) FROM c JOIN k IN c.k WHERE k.n > 2",
    "SELECT COUNT(1) AS n, SUM(c.v) AS s, MIN(c.w) AS m, AVG(c.v) AS a FROM c",
    "SELECT c.t, COUNT(1) AS n, MAX(c.v) AS m FROM c GROUP BY c.t",
    "SELECT c.t, c.w FROM c GROUP BY c.t, c.w",
    "SELECT VALUE c.t FROM c GROUP BY c.t",
    "SELECT VALUE SUM(c.v) FROM c GROUP BY c.t",
    "SELECT DISTINCT c.t, c.w FROM c",
    "SELECT DISTINCT VALUE k.n FROM k IN c.k WHERE k.n > 0",
    "SELECT c.id FROM c WHERE c.v BETWEEN 2 AND 5",
    "SELECT VALUE k.n FROM c JOIN k IN c.k",
  ])("in any order: %s", async (text) => {
    const expected = whole(text).toSorted(byText);
    for (const pageSize of [3, 100]) {
      expect((await merged(text, pageSize)).toSorted(byText)).toEqual(expected);
    }
  });

  test.each([
    ["SELECT TOP 5 c.id FROM c", 5],
    ["SELECT c.id FROM c OFFSET 50 LIMIT 100", 7],
    ["SELECT c.id FROM c OFFSET 3 LIMIT 4", 4],
    ["SELECT DISTINCT c.t FROM c OFFSET 1 LIMIT 5", 2],
    ["SELECT c.t FROM c GROUP BY c.t OFFSET 1 LIMIT 5", 2],
  ])("as many as there should be, all different: %s", async (text, count) => {
    const found = await merged(text, 3);
    expect(new Set(found.map((each) => JSON.stringify(each))).size).toBe(count);
    expect(found).toHaveLength(count);
  });
});
