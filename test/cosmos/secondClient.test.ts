import { CosmosClient } from "@cfworker/cosmos";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { CosmosFixture } from "./cosmosFixture.ts";

/*
 * A client that was written independently of the SDK, and from the protocol's description. It speaks an older version of
 * it (2018-12-31), signs and encodes by code of its own, asks for keys of version 1, sends session tokens with every
 * request and merges nothing. What works through both clients is not a habit of one of them.
 */

interface Entry {
  readonly id: string;
  readonly pk: string;
  readonly n?: number;
  readonly text?: string;
}

let fixture: CosmosFixture;
let client: CosmosClient;

beforeAll(async () => {
  fixture = await CosmosFixture.start({ physicalPartitions: 3 });
  client = new CosmosClient({
    connectionString: fixture.server.connectionString,
    dbId: "db",
    collId: "second",
  });
  const created = await client.createCollection({
    partitionKey: { paths: ["/pk"], kind: "Hash" },
    indexingPolicy: {
      indexingMode: "consistent",
      automatic: true,
      includedPaths: [{ path: "/*" }],
      excludedPaths: [{ path: "/hidden/*" }],
    },
  });
  expect(created.status).toBe(201);
});

afterEach(() => {
  fixture.server.control.setFaults([]);
});

afterAll(async () => {
  await fixture.stop();
});

async function create(entry: Entry): Promise<void> {
  const { status } = await client.createDocument({ document: entry, partitionKey: entry.pk });
  expect(status).toBe(201);
}

/** All pages of a query, as the continuations of the server lead from one to the next. */
async function pages<T>(
  args: Parameters<CosmosClient["queryDocuments"]>[0],
): Promise<readonly T[][]> {
  const result: T[][] = [];
  let response = await client.queryDocuments<T>(args);
  for (;;) {
    expect(response.status).toBe(200);
    const items = await response.json();
    expect(response.count).toBe(items.length);
    result.push(items);
    if (!response.hasNext) return result;
    response = await response.next();
  }
}

describe("databases and containers", () => {
  test("are listed and read", async () => {
    const databases = await (await client.getDatabases()).json();
    expect(databases.map(({ id }) => id)).toEqual(["db"]);
    expect(await (await client.getDatabase()).json()).toMatchObject({ id: "db", _colls: "colls/" });
    expect((await client.getDatabase({ dbId: "nowhere" })).status).toBe(404);
    const containers = await (await client.getCollections()).json();
    expect(containers.map(({ id }) => id)).toContain("second");
  });

  test("a container is created, conflicts, is replaced with its policy and deleted", async () => {
    const collId = "changing";
    const partitionKey = { paths: ["/pk"], kind: "Hash" as const };
    const indexingPolicy = {
      indexingMode: "consistent" as const,
      automatic: true,
      includedPaths: [{ path: "/n/?" }],
      excludedPaths: [{ path: "/*" }],
    };
    expect((await client.createCollection({ collId, partitionKey })).status).toBe(201);
    expect((await client.createCollection({ collId, partitionKey })).status).toBe(409);
    const replaced = await client.replaceCollection({ collId, partitionKey, indexingPolicy });
    expect(replaced.status).toBe(200);
    const read = await (await client.getCollection({ collId })).json();
    expect(read).toMatchObject({
      id: collId,
      partitionKey: { paths: ["/pk"], kind: "Hash" },
      indexingPolicy: { includedPaths: [{ path: "/n/?" }] },
      conflictResolutionPolicy: { mode: "LastWriterWins" },
    });
    expect((await client.deleteCollection({ collId })).status).toBe(204);
    expect((await client.getCollection({ collId })).status).toBe(404);
  });
});

describe("items", () => {
  test("are created, read, replaced, upserted and deleted", async () => {
    const key = { docId: "life", partitionKey: "p" };
    await create({ id: "life", pk: "p", n: 1, text: "é😀" });
    const read = await client.getDocument<Entry>(key);
    expect(await read.json()).toMatchObject({ id: "life", n: 1, text: "é😀" });
    expect(read.etag).toMatch(/^"[0-9a-f-]{36}"$/u);
    expect(read.requestCharge).toBe(1);
    const document = { id: "life", pk: "p", n: 2 };
    const stale = await client.replaceDocument({ ...key, document, ifMatch: '"other"' });
    expect(stale.status).toBe(412);
    const current = await client.replaceDocument<Entry>({
      ...key,
      document,
      ifMatch: read.etag ?? "",
    });
    expect([current.status, (await current.json()).n]).toEqual([200, 2]);
    const unchanged = await client.getDocument({ ...key, ifNoneMatch: current.etag ?? "" });
    expect(unchanged.status).toBe(304);
    const upsert = { document: { ...document, n: 3 }, partitionKey: "p", isUpsert: true };
    expect((await client.createDocument(upsert)).status).toBe(200);
    expect((await client.createDocument({ document, partitionKey: "p" })).status).toBe(409);
    expect((await client.deleteDocument(key)).status).toBe(204);
    expect((await client.getDocument(key)).status).toBe(404);
  });

  test("a key that is not the document's is refused with 400/1001", async () => {
    const document = { id: "moved", pk: "p" };
    const response = await client.createDocument({ document, partitionKey: "q" });
    expect([response.status, response.headers.get("x-ms-substatus")]).toEqual([400, "1001"]);
  });

  test("a key outside ASCII, which this client escapes, is the same key to the SDK", async () => {
    await create({ id: "escaped", pk: "日本語-é" });
    const container = fixture.database.container("second");
    expect((await container.item("escaped", "日本語-é").read()).statusCode).toBe(200);
  });

  test("what one client has written the other reads, in the same place of the log", async () => {
    const container = fixture.database.container("second");
    const { headers } = await container.items.create({ id: "both", pk: "shared" });
    const read = await client.getDocument({ docId: "both", partitionKey: "shared" });
    expect(read.status).toBe(200);
    expect(read.headers.get("lsn")).toBe(headers["lsn"]);
  });

  test("a throttled request is repeated after the time that the answer asks for", async () => {
    await create({ id: "throttled", pk: "p" });
    const before = client.retries.count;
    fixture.server.control.setFaults([
      {
        action: { kind: "fail", status: 429, substatus: 3200, retryAfterMilliseconds: 5 },
        requests: ["read"],
        count: 3,
      },
    ]);
    const read = await client.getDocument({ docId: "throttled", partitionKey: "p" });
    expect([read.status, client.retries.count - before]).toEqual([200, 3]);
  });

  test("its session, one token for all ranges, is good before and after a split", async () => {
    const keys = Array.from({ length: 12 }, (_, i) => `session${i}`);
    for (const pk of keys) await create({ id: "s", pk });
    fixture.server.control.split("db", "second");
    for (const pk of keys) {
      const sent = client.retries.count;
      expect((await client.getDocument({ docId: "s", partitionKey: pk })).status).toBe(200);
      expect(client.retries.count).toBe(sent);
    }
  });
});

describe("queries and paging", () => {
  const count = 25;

  beforeAll(async () => {
    for (let i = 0; i < count; i++) {
      await create({ id: `q${i}`, pk: `q${i % 5}`, n: i, text: i % 2 === 0 ? "Even" : "odd" });
    }
  });

  test("a query over all keys comes in pages that are together the whole", async () => {
    const query = "SELECT VALUE c.id FROM c WHERE STARTSWITH(c.pk, @prefix) AND IS_DEFINED(c.n)";
    const parameters = [{ name: "@prefix", value: "q" }];
    const expected = Array.from({ length: count }, (_, i) => `q${i}`).toSorted();
    for (const maxItems of [1, 7, 100]) {
      const found = await pages<string>({ query, parameters, maxItems });
      expect(found.flat().toSorted()).toEqual(expected);
      expect(Math.max(...found.map((page) => page.length))).toBeLessThanOrEqual(maxItems);
    }
  });

  test.each<[string, unknown[]]>([
    ["SELECT VALUE c.n FROM c ORDER BY c.n DESC", [22, 17, 12, 7, 2]],
    ["SELECT TOP 2 VALUE c.n FROM c ORDER BY c.n", [2, 7]],
    ["SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 1 LIMIT 3", [7, 12, 17]],
    ["SELECT VALUE COUNT(1) FROM c WHERE c.n > 10", [3]],
    [
      "SELECT c.text, SUM(c.n) AS s FROM c WHERE c.text = 'Even' GROUP BY c.text",
      [{ text: "Even", s: 36 }],
    ],
    ["SELECT DISTINCT VALUE c.text FROM c ORDER BY c.text", ["Even", "odd"]],
    ["SELECT VALUE c.n FROM c WHERE CONTAINS(c.text, 'EVEN', true) AND c.n NOT IN (2)", [12, 22]],
  ])("under one key %j is answered, whatever the pages", async (query, expected) => {
    for (const maxItems of [1, 2, 100]) {
      const found = await pages({ query, partitionKey: "q2", maxItems });
      expect(found.flat()).toEqual(expected);
    }
  });

  test("what only a merging client could do over all keys is refused with its reason", async () => {
    const query = "SELECT * FROM c ORDER BY c.n";
    const response = await client.queryDocuments({ query });
    expect([response.status, response.headers.get("x-ms-substatus")]).toEqual([400, "1004"]);
    const faulty = await client.queryDocuments({ query: "SELECT * FORM c" });
    expect(faulty.status).toBe(400);
    expect(await faulty.raw.text()).toContain("SC1001");
  });

  test("the items of a container are listed page by page", async () => {
    const ids: string[] = [];
    let response = await client.getDocuments<Entry>({ maxItems: 10 });
    for (;;) {
      const items = await response.json();
      expect(items.length).toBeLessThanOrEqual(10);
      ids.push(...items.map(({ id, pk }) => `${pk}/${id}`));
      if (!response.hasNext) break;
      response = await response.next();
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => /^q\d\/q\d+$/u.test(id))).toHaveLength(count);
  });
});
