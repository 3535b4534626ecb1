import { CosmosClient, type Container } from "@azure/cosmos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CosmosFixture, refusal } from "./cosmosFixture.ts";

let fixture: CosmosFixture;
let container: Container;
const key = ["t", "p", "s"];

function item(
  id: string,
  more: Record<string, unknown> = {},
): Record<string, unknown> & { id: string } {
  return { id, tenant: "t", partition: "p", study: "s", ...more };
}

beforeAll(async () => {
  fixture = await CosmosFixture.start({ physicalPartitions: 3 });
  container = await fixture.container("items");
});

afterAll(async () => {
  await fixture.stop();
});

describe("the account", () => {
  test("names itself, its one location and its consistency", async () => {
    const { resource } = await fixture.client.getDatabaseAccount();
    expect(resource?.consistencyPolicy).toBe("Strong");
    const { endpoint } = fixture.server;
    expect(resource?.writableLocations).toMatchObject([{ databaseAccountEndpoint: endpoint }]);
    expect(resource?.readableLocations).toEqual(resource?.writableLocations);
    expect(resource?.enableMultipleWritableLocations).toBe(false);
  });
});

describe("databases and containers", () => {
  test("an existing database is a conflict and a missing one is not found", async () => {
    expect(await refusal(fixture.client.databases.create({ id: "db" }))).toMatchObject({
      code: 409,
    });
    expect(
      (await fixture.client
        .database("nope")
        .read()
        .catch((e: unknown) => e)) as object,
    ).toMatchObject({
      code: 404,
    });
  });

  test("the ranges of a container tile all keys", async () => {
    const { resources } = await container.readPartitionKeyRanges().fetchAll();
    expect(resources.map((range) => [range.minInclusive, range.maxExclusive])).toEqual([
      ["", `15${"5".repeat(29)}4`],
      [`15${"5".repeat(29)}4`, `2A${"A".repeat(29)}9`],
      [`2A${"A".repeat(29)}9`, "FF"],
    ]);
  });

  test("throughput sets the number of ranges, and can be read and changed", async () => {
    const created = await fixture.database.containers.create({
      id: "throughput",
      partitionKey: { paths: ["/pk"] },
      throughput: 21_000,
    });
    const { resources } = await created.container.readPartitionKeyRanges().fetchAll();
    expect(resources.map((range) => range.maxExclusive)).toEqual([
      "05C1CFFFFFFFF8",
      "05C1DFFFFFFFFC",
      "05C1E7FFFFFFFE",
      "FF",
    ]);
    const { offer, resource } = await created.container.readOffer();
    expect(resource?.content?.offerThroughput).toBe(21_000);
    await offer?.replace({ ...resource, content: { offerThroughput: 25_000 } } as never);
    expect((await created.container.readOffer()).resource?.content?.offerThroughput).toBe(25_000);
  });

  test("a container is replaced, found by query, and deleted with its items", async () => {
    const first = await fixture.container("replaced", {
      partitionKey: { paths: ["/pk"], version: 2 },
    });
    const { resource } = await first.read();
    await first.replace({ ...resource, id: "replaced", defaultTtl: 60 } as never);
    expect((await first.read()).resource?.defaultTtl).toBe(60);
    const query = {
      query: "SELECT VALUE c.id FROM c WHERE c.id = @id",
      parameters: [{ name: "@id", value: "replaced" }],
    };
    expect((await fixture.database.containers.query(query).fetchAll()).resources).toEqual([
      "replaced",
    ]);
    await first.items.create({ id: "1", pk: "a" });
    await first.delete();
    const again = await fixture.container("replaced", {
      partitionKey: { paths: ["/pk"], version: 2 },
    });
    expect((await again.item("1", "a").read()).statusCode).toBe(404);
  });
});

describe("items", () => {
  test("an item comes back with its properties in order and those of the system", async () => {
    const { resource, statusCode, headers } = await container.items.create(
      item("order", { b: 1, a: { z: "é😀", y: [1.5, null, true] } }),
    );
    expect(statusCode).toBe(201);
    expect(Object.keys(resource ?? {}).join(" ")).toBe(
      "id tenant partition study b a _rid _self _etag _attachments _ts",
    );
    const read = await container.item("order", key).read();
    expect(read.resource).toEqual(resource);
    expect(read.etag).toBe(resource?.["_etag"]);
    expect(headers["x-ms-request-charge"]).toBe("6.67");
    expect(read.requestCharge).toBe(1);
  });

  test.each(["a b%c?é", "%20", "+&='", "a?b=c", "日本語", "i;v=1"])(
    "the id %j is kept, signed and found",
    async (id) => {
      await container.items.upsert(item(id, { v: 1 }));
      expect((await container.item(id, key).read<{ v: number }>()).resource?.v).toBe(1);
      await container.item(id, key).delete();
      expect((await container.item(id, key).read()).statusCode).toBe(404);
    },
  );

  test("the same id is a conflict under one key and another item under another key", async () => {
    await container.items.create(item("twin"));
    expect(await refusal(container.items.create(item("twin")))).toMatchObject({ code: 409 });
    await container.items.create({ ...item("twin"), study: "other" });
    expect((await container.item("twin", ["t", "p", "other"]).read()).statusCode).toBe(200);
  });

  test("null, an absent component and a text are three keys", async () => {
    await container.items.create({ id: "k", tenant: "n", partition: "p", study: null });
    await container.items.create({ id: "k", tenant: "n", partition: "p" });
    await container.items.create({ id: "k", tenant: "n", partition: "p", study: "null" });
    const { resources } = await container.items
      .query("SELECT VALUE c.id FROM c", { partitionKey: ["n"] })
      .fetchAll();
    expect(resources).toEqual(["k", "k", "k"]);
  });

  test("upsert creates with 201 and replaces with 200", async () => {
    expect((await container.items.upsert(item("up", { v: 1 }))).statusCode).toBe(201);
    const second = await container.items.upsert(item("up", { v: 2 }));
    expect(second.statusCode).toBe(200);
    expect(second.resource).toMatchObject({ v: 2 });
  });

  test("If-Match lets one of two writers through", async () => {
    const { resource } = await container.items.create(item("etag", { v: 0 }));
    const condition = { type: "IfMatch", condition: String(resource?.["_etag"]) };
    const target = container.item("etag", key);
    await target.replace(item("etag", { v: 1 }), { accessCondition: condition });
    const accessCondition = condition;
    const replaced = target.replace(item("etag", { v: 2 }), { accessCondition });
    expect(await refusal(replaced)).toMatchObject({ code: 412 });
    const upserted = container.items.upsert(item("etag", { v: 2 }), { accessCondition });
    expect(await refusal(upserted)).toMatchObject({ code: 412 });
    const patched = target.patch([{ op: "set", path: "/v", value: 2 }], { accessCondition });
    expect(await refusal(patched)).toMatchObject({ code: 412 });
    expect(await refusal(target.delete({ accessCondition }))).toMatchObject({ code: 412 });
    expect((await target.read()).resource).toMatchObject({ v: 1 });
  });

  test("If-None-Match of the current version answers 304 without a body", async () => {
    const { resource } = await container.items.create(item("unchanged"));
    const response = await container.item("unchanged", key).read({
      accessCondition: { type: "IfNoneMatch", condition: String(resource?.["_etag"]) },
    });
    expect(response.statusCode).toBe(304);
  });

  test("a patch with a condition applies or is refused with 412, and leaves no trace when refused", async () => {
    await container.items.create(item("patched", { n: 1, list: [] }));
    const target = container.item("patched", key);
    const operations = [
      { op: "incr" as const, path: "/n", value: 2 },
      { op: "add" as const, path: "/list/-", value: "x" },
    ];
    const condition = "from c where c.n = 1";
    expect((await target.patch({ condition, operations })).resource).toMatchObject({
      n: 3,
      list: ["x"],
    });
    expect(await refusal(target.patch({ condition, operations }))).toMatchObject({ code: 412 });
    const half = [operations[0], { op: "remove" as const, path: "/absent" }];
    expect(await refusal(target.patch(half as never))).toMatchObject({ code: 400 });
    expect((await target.read()).resource).toMatchObject({ n: 3, list: ["x"] });
  });

  test("a hundred concurrent increments all count", async () => {
    await container.items.create(item("counter", { n: 0 }));
    const target = container.item("counter", key);
    await Promise.all(
      Array.from(
        { length: 100 },
        async () => await target.patch([{ op: "incr", path: "/n", value: 1 }]),
      ),
    );
    expect((await target.read()).resource).toMatchObject({ n: 100 });
  });

  test("missing items are refused by every write", async () => {
    const target = container.item("never", key);
    expect(await refusal(target.replace(item("never")))).toMatchObject({ code: 404 });
    expect(await refusal(target.delete())).toMatchObject({ code: 404 });
    expect(await refusal(target.patch([{ op: "set", path: "/v", value: 1 }]))).toMatchObject({
      code: 404,
    });
  });

  test("a key that is not the document's is refused with 400/1001", async () => {
    await container.items.create(item("moved"));
    const moved = { ...item("moved"), study: "elsewhere" };
    expect(await refusal(container.item("moved", key).replace(moved))).toMatchObject({
      code: 400,
      substatus: 1001,
    });
    expect(await refusal(container.item("moved", ["t", "p"]).read())).toMatchObject({
      code: 400,
      substatus: 1001,
    });
  });

  test.each([
    ["a document over 2 MB", item("big", { text: "x".repeat(2 * 1024 * 1024) }), 413],
    ["a body over 4 MB", item("huge", { text: "x".repeat(5 * 1024 * 1024) }), 413],
    [
      "nesting of 200 levels",
      item("deep", { a: JSON.parse("[".repeat(200) + "]".repeat(200)) }),
      400,
    ],
    ["an id of 1,100 bytes", item("x".repeat(1_100)), 400],
    ["a TTL of zero", item("ttl", { ttl: 0 }), 400],
    ["a TTL that is a text", item("ttl", { ttl: "1" }), 400],
  ])("%s is refused with its status, and the next request is served", async (_, document, code) => {
    expect(await refusal(container.items.create(document))).toMatchObject({ code });
    expect((await container.item("order", key).read()).statusCode).toBe(200);
  });

  test("an item of just under 2 MB is taken, and comes back whole", async () => {
    const text = "x".repeat(2 * 1024 * 1024 - 1_000);
    const { headers } = await container.items.create(item("largest", { text }));
    const read = await container.item("largest", key).read<{ text: string }>();
    expect(read.resource?.text).toBe(text);
    // Larger ones cost more, to read and to write.
    expect(read.requestCharge).toBeGreaterThan(100);
    expect(Number(headers["x-ms-request-charge"])).toBeGreaterThan(read.requestCharge);
    await container.item("largest", key).delete();
  });

  test("deleting by partition key removes what lies under it and nothing else", async () => {
    for (let i = 0; i < 20; i++) {
      await container.items.create({
        id: `d${i}`,
        tenant: "del",
        partition: "p",
        study: `s${i % 2}`,
      });
    }
    await container.deleteAllItemsForPartitionKey(["del", "p", "s0"]);
    const query = container.items.query("SELECT VALUE c.study FROM c", { partitionKey: ["del"] });
    const { resources } = await query.fetchAll();
    expect(resources).toEqual(Array.from({ length: 10 }, () => "s1"));
  });
});

describe("unique keys", () => {
  test("a unique key holds within one partition key, and a missing value equals another", async () => {
    const unique = await fixture.container("unique", {
      partitionKey: { paths: ["/pk"], version: 2 },
      uniqueKeyPolicy: { uniqueKeys: [{ paths: ["/u/v", "/w"] }] },
    });
    await unique.items.create({ id: "1", pk: "a", u: { v: "x" }, w: 1 });
    expect(
      await refusal(unique.items.create({ id: "2", pk: "a", u: { v: "x" }, w: 1 })),
    ).toMatchObject({ code: 409 });
    await unique.items.create({ id: "2", pk: "b", u: { v: "x" }, w: 1 });
    await unique.items.create({ id: "3", pk: "a", u: { v: "x" }, w: "1" });
    await unique.items.create({ id: "4", pk: "a" });
    expect(await refusal(unique.items.create({ id: "5", pk: "a", w: null }))).toMatchObject({
      code: 409,
    });
    expect(
      await refusal(unique.item("3", "a").patch([{ op: "set", path: "/w", value: 1 }])),
    ).toMatchObject({ code: 409 });
    expect((await unique.item("3", "a").read()).resource).toMatchObject({ w: "1" });
  });
});

describe("time to live", () => {
  test("an expired item is gone for every reader, and its id is free again", async () => {
    const expiring = await fixture.container("expiring", {
      partitionKey: { paths: ["/pk"], version: 2 },
      defaultTtl: 100,
    });
    await expiring.items.create({ id: "default", pk: "a" });
    await expiring.items.create({ id: "own", pk: "a", ttl: 10 });
    await expiring.items.create({ id: "never", pk: "a", ttl: -1 });
    const ids = async (): Promise<unknown[]> =>
      (
        await expiring.items
          .query<unknown>("SELECT VALUE c.id FROM c ORDER BY c.id", { partitionKey: "a" })
          .fetchAll()
      ).resources;
    expect(await ids()).toEqual(["default", "never", "own"]);
    fixture.server.control.advanceClock(11);
    expect(await ids()).toEqual(["default", "never"]);
    expect((await expiring.item("own", "a").read()).statusCode).toBe(404);
    expect((await expiring.items.create({ id: "own", pk: "a", ttl: 10 })).statusCode).toBe(201);
    fixture.server.control.advanceClock(101);
    expect(await ids()).toEqual(["never"]);
  });

  test("a container without a default ignores the TTL of its items", async () => {
    await container.items.create(item("stays", { ttl: 1 }));
    fixture.server.control.advanceClock(100);
    expect((await container.item("stays", key).read()).statusCode).toBe(200);
  });
});

describe("transactional batch", () => {
  test("all operations take effect, in order and at one position of the log", async () => {
    const batch = ["t", "p", "batch"];
    const document = (id: string): Record<string, unknown> => ({ ...item(id), study: "batch" });
    const response = await container.items.batch(
      [
        { operationType: "Create", resourceBody: document("b1") as never },
        { operationType: "Upsert", resourceBody: document("b2") as never },
        {
          operationType: "Patch",
          id: "b1",
          resourceBody: {
            operations: [{ op: "incr", path: "/n", value: 2 }],
            condition: "from c where NOT IS_DEFINED(c.n)",
          },
        },
        { operationType: "Read", id: "b1" },
        { operationType: "Replace", id: "b2", resourceBody: { ...document("b2"), v: 1 } as never },
        { operationType: "Delete", id: "b2" },
      ],
      batch,
    );
    expect(response.code).toBe(200);
    expect(response.result?.map((entry) => entry.statusCode)).toEqual([
      201, 201, 200, 200, 200, 204,
    ]);
    expect(response.result?.[3]?.resourceBody).toMatchObject({ id: "b1", n: 2 });
    expect((await container.item("b2", batch).read()).statusCode).toBe(404);
  });

  test.each([
    ["a conflict", { operationType: "Create", resourceBody: item("order") }, 409],
    ["a missing item", { operationType: "Delete", id: "never" }, 404],
    ["a failed precondition", { operationType: "Delete", id: "order", ifMatch: '"other"' }, 412],
    [
      "a false condition",
      {
        operationType: "Patch",
        id: "order",
        resourceBody: {
          operations: [{ op: "set", path: "/v", value: 1 }],
          condition: "from c where false",
        },
      },
      412,
    ],
    [
      "a document of another key",
      { operationType: "Create", resourceBody: { ...item("x"), study: "other" } },
      400,
    ],
    ["an operation that is not known", { operationType: "Truncate", id: "order" }, 400],
  ])(
    "%s undoes the whole batch: 207, its own status, 424 for the rest",
    async (_, failing, status) => {
      const before = (await container.item("order", key).read()).resource as unknown;
      const response = await container.items.batch(
        [
          { operationType: "Create", resourceBody: item("undone") },
          failing,
          { operationType: "Delete", id: "order" },
        ] as never,
        key,
      );
      expect(response.code).toBe(207);
      expect(response.result?.map((entry) => entry.statusCode)).toEqual([424, status, 424]);
      expect((await container.item("undone", key).read()).statusCode).toBe(404);
      expect((await container.item("order", key).read()).resource).toEqual(before);
    },
  );

  test.each([
    [
      "more than 100 operations",
      Array.from({ length: 101 }, () => ({ operationType: "Read", id: "order" })),
      "more operations than what is supported",
    ],
    [
      "an operation under another key",
      [{ operationType: "Read", id: "order", partitionKey: '["t","p","other"]' }],
      "have a different partition key value than the request",
    ],
    ["a body that is no array", { operationType: "Read", id: "order" }, "array"],
  ])("%s is refused with 400", async (_, operations, text) => {
    const response = await fixture.request("POST", "dbs/db/colls/items/docs", {
      headers: {
        "x-ms-documentdb-partitionkey": JSON.stringify(key),
        "x-ms-cosmos-is-batch-request": "True",
        "x-ms-cosmos-batch-atomic": "True",
      },
      body: JSON.stringify(operations),
    });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(text);
  });

  test("100 operations of just under 2 MB in all are taken, more than 2 MB are refused with 413 and leave no trace", async () => {
    const under = ["t", "p", "limits"];
    const operations = (prefix: string, bytes: number): unknown =>
      Array.from({ length: 100 }, (_, i) => ({
        operationType: "Create",
        resourceBody: { ...item(`${prefix}${i}`), study: "limits", text: "x".repeat(bytes) },
      }));
    const taken = await container.items.batch(operations("a", 20_500) as never, under);
    expect(taken.code).toBe(200);
    // The SDK wraps what a batch is refused with.
    await expect(
      container.items.batch(operations("b", 21_500) as never, under),
    ).rejects.toHaveProperty("cause.code", 413);
    const { resources } = await container.items
      .query<unknown>("SELECT VALUE COUNT(1) FROM c", { partitionKey: under })
      .fetchAll();
    expect(resources).toEqual([100]);
  });

  test("a batch without bodies in its answer has none", async () => {
    const response = await container.items.batch(
      [{ operationType: "Upsert", resourceBody: item("quiet") }] as never,
      key,
      { contentResponseOnWriteEnabled: false },
    );
    expect(response.result?.[0]).toMatchObject({ statusCode: 201 });
    expect(response.result?.[0]?.resourceBody).toBeUndefined();
  });
});

describe("bulk", () => {
  test("each operation has its own outcome, over all ranges", async () => {
    const operations = Array.from({ length: 60 }, (_, i) => ({
      operationType: "Create" as const,
      partitionKey: [`bulk${i % 30}`, "p", "s"],
      resourceBody: { id: `i${i % 2}`, tenant: `bulk${i % 30}`, partition: "p", study: "s" },
    }));
    const first = await container.items.bulk(operations as never);
    // Of the 60, i and i + 30 share key and id.
    expect(first.map((entry) => entry.statusCode).filter((code) => code === 201)).toHaveLength(30);
    expect(first.map((entry) => entry.statusCode).filter((code) => code === 409)).toHaveLength(30);
    const results = await container.items.executeBulkOperations(
      operations
        .slice(0, 30)
        .map((operation) => ({ ...operation, operationType: "Upsert" })) as never,
    );
    expect(results.map((result) => result.response?.statusCode)).toEqual(
      Array.from({ length: 30 }, () => 200),
    );
  });
});

describe("malformed requests", () => {
  test.each([
    ["no JSON", "{", 400],
    ["a text in place of an object", '"x"', 400],
    ["brackets without end", "[".repeat(1_000_000), 400],
    ["brackets nested a million deep", "[".repeat(1_000_000) + "]".repeat(1_000_000), 400],
    ["nothing", "", 400],
    [
      "a number beyond all doubles",
      '{"id":"x","tenant":"t","partition":"p","study":"s","n":1e999}',
      400,
    ],
  ])("a body of %s is refused, and the next request is served", async (_, body, status) => {
    const headers = { "x-ms-documentdb-partitionkey": JSON.stringify(key) };
    const response = await fixture.request("POST", "dbs/db/colls/items/docs", { headers, body });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code: "BadRequest" });
    expect((await container.item("order", key).read()).statusCode).toBe(200);
  });

  test.each([
    ["POST", "dbs/db/colls/items/docs", '["t","p"]', 400],
    ["POST", "dbs/db/colls/items/docs", '["t","p","s","x"]', 400],
    ["POST", "dbs/db/colls/items/docs", '["t","p",{"a":1}]', 400],
    ["POST", "dbs/db/colls/items/docs", '["t","p","\\ud800"]', 400],
    ["POST", "dbs/db/colls/items/docs", "t", 400],
    ["POST", "dbs/db/colls/items/docs", JSON.stringify(["t", "p", "s".repeat(2_048)]), 400],
    ["DELETE", "dbs/db/colls/items/docs", "[]", 405],
    ["GET", "dbs/db/colls/items/nonsense", "[]", 400],
    ["GET", "dbs/db/colls/nowhere/docs/x", "[]", 404],
    ["GET", "media/x", "[]", 400],
  ])("%s /%s under the key %s is answered %i", async (method, link, partitionKey, status) => {
    const response = await fixture.request(method, link, {
      headers: { "x-ms-documentdb-partitionkey": partitionKey },
      ...(method === "POST" ? { body: JSON.stringify(item("malformed")) } : {}),
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toHaveProperty("message");
  });
});

describe("authorization", () => {
  test("another key is refused with 401", async () => {
    const { endpoint } = fixture.server;
    const client = new CosmosClient({
      endpoint,
      key: Buffer.from("another key").toString("base64"),
    });
    expect(await refusal(client.database("db").read())).toMatchObject({ code: 401 });
    client.dispose();
  });

  test("no signature is refused with 401, and an old one with 403", async () => {
    const { endpoint } = fixture.server;
    const unsigned = await fetch(`${endpoint}dbs/db`);
    expect(unsigned.status).toBe(401);
    expect(await unsigned.json()).toMatchObject({ code: "Unauthorized" });
    const old = new Date(Date.now() - 20 * 60 * 1000);
    expect((await fixture.request("GET", "dbs/db", { date: old })).status).toBe(403);
    expect((await fixture.request("GET", "dbs/db")).status).toBe(200);
  });

  test("the admin routes are not there unless asked for", async () => {
    const response = await fetch(`${fixture.server.endpoint}_admin/faults`);
    expect(response.status).toBe(401);
  });
});

describe("sessions", () => {
  test("a client with session consistency reads its own writes, and a token ahead of the log is 404/1002", async () => {
    const client = new CosmosClient({
      endpoint: fixture.server.endpoint,
      key: fixture.server.key,
      consistencyLevel: "Session",
    });
    const session = client.database("db").container("items");
    await session.items.upsert(item("session", { v: 1 }));
    expect((await session.item("session", key).read()).resource).toMatchObject({ v: 1 });
    const headers = {
      "x-ms-documentdb-partitionkey": JSON.stringify(key),
      "x-ms-session-token": "0:-1#999999999",
    };
    const ahead = await fixture.request("GET", "dbs/db/colls/items/docs/session", { headers });
    expect([ahead.status, ahead.headers.get("x-ms-substatus")]).toEqual([404, "1002"]);
    client.dispose();
  });

  test("tokens from before a split and a merge are good after them, and one that is ahead still is not", async () => {
    const client = new CosmosClient({
      endpoint: fixture.server.endpoint,
      key: fixture.server.key,
      consistencyLevel: "Session",
    });
    await fixture.container("sessions");
    const session = client.database("db").container("sessions");
    const { control } = fixture.server;
    const tenants = Array.from({ length: 8 }, (_, i) => `t${i}`);
    const tokens: string[] = [];
    const write = async (v: number): Promise<void> => {
      for (const tenant of tenants) {
        const response = await session.items.upsert({ ...item("s", { v }), tenant });
        tokens.push(String(response.headers["x-ms-session-token"]));
      }
    };
    const read = async (v: number): Promise<void> => {
      for (const tenant of tenants) {
        // With what the client has gathered itself, and with the first and the last token that it was given.
        const target = session.item("s", [tenant, "p", "s"]);
        for (const sessionToken of [undefined, tokens.at(0), tokens.at(-1)]) {
          const options = sessionToken === undefined ? {} : { sessionToken };
          expect((await target.read(options)).resource).toMatchObject({ v });
        }
      }
      expect(
        (await session.items.query("SELECT * FROM c", { partitionKey: ["t0"] }).fetchAll())
          .resources,
      ).toMatchObject([{ v }]);
    };
    const ids = (): string[] => control.ranges("db", "sessions").map(({ id }) => id);
    await write(1);
    for (const id of ids()) control.split("db", "sessions", id);
    await read(1);
    await write(2);
    await read(2);
    const [first = "", second = ""] = ids();
    control.merge("db", "sessions", first, second);
    await read(2);
    // Without the SDK, which forgets its token and asks again.
    const ahead = await fixture.request("GET", "dbs/db/colls/sessions/docs/s", {
      headers: {
        "x-ms-documentdb-partitionkey": '["t0","p","s"]',
        "x-ms-session-token": `${first}:-1#999999`,
      },
    });
    expect([ahead.status, ahead.headers.get("x-ms-substatus")]).toEqual([404, "1002"]);
    client.dispose();
  });
});
