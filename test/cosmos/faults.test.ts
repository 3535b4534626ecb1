import { ChangeFeedStartFrom, type Container } from "@azure/cosmos";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { FaultAction, RequestKind } from "../../local/cosmos/faults.ts";
import { CosmosFixture, drainFeed, refusal } from "./cosmosFixture.ts";

let fixture: CosmosFixture;
let container: Container;
const key = ["t", "p", "s"];

beforeAll(async () => {
  fixture = await CosmosFixture.start({ physicalPartitions: 2, admin: true });
  container = await fixture.container("faults");
  await container.items.create({ id: "i", tenant: "t", partition: "p", study: "s", v: 1 });
});

afterEach(() => {
  fixture.server.control.setFaults([]);
  fixture.server.control.setThrottle({});
});

afterAll(async () => {
  await fixture.stop();
});

function strikeNext(action: FaultAction, requests: readonly RequestKind[], count = 1): void {
  fixture.server.control.setFaults([{ action, requests, count }]);
}

function struck(): number {
  return fixture.server.control.faults.strikes()[0]?.struck ?? 0;
}

function item(id: string): { id: string } & Record<string, unknown> {
  return { id, tenant: "t", partition: "p", study: "s" };
}

async function exists(id: string): Promise<boolean> {
  return (await container.item(id, key).read()).statusCode === 200;
}

describe("what the SDK does on its own", () => {
  test("429 is retried after the time that the answer asks for", async () => {
    strikeNext(
      { kind: "fail", status: 429, substatus: 3200, retryAfterMilliseconds: 5 },
      ["read"],
      3,
    );
    const response = await container.item("i", key).read();
    expect(response.statusCode).toBe(200);
    expect(response.headers["x-ms-throttle-retry-count"]).toBe(3);
    expect(struck()).toBe(3);
  });

  test.each([449, 408, 503, 500, 410])(
    "a write that is answered %i is thrown, and took no effect",
    async (status) => {
      strikeNext({ kind: "fail", status }, ["create"]);
      expect(await refusal(container.items.create(item(`refused-${status}`)))).toMatchObject({
        code: status,
      });
      expect(await exists(`refused-${status}`)).toBe(false);
      expect((await container.items.create(item(`refused-${status}`))).statusCode).toBe(201);
    },
  );

  test("a write that fails after its effect has taken effect", async () => {
    strikeNext({ kind: "fail", status: 503, afterEffect: true }, ["create"]);
    expect(await refusal(container.items.create(item("after")))).toMatchObject({ code: 503 });
    expect(await exists("after")).toBe(true);
  });

  test("a read that is answered 503 is retried once", async () => {
    strikeNext({ kind: "fail", status: 503 }, ["read"]);
    expect(await exists("i")).toBe(true);
    expect(struck()).toBe(1);
  });

  test.each([
    ["before", false],
    ["after", true],
  ])("a connection that is reset %s the effect", async (when, afterEffect) => {
    const id = `reset-${when}`;
    // Without the SDK, which repeats some requests whose connection was lost: one request shows one failure.
    strikeNext({ kind: "reset", afterEffect }, ["create"]);
    const body = JSON.stringify(item(id));
    const headers = { "x-ms-documentdb-partitionkey": JSON.stringify(key) };
    await expect(
      fixture.request("POST", "dbs/db/colls/faults/docs", { headers, body }),
    ).rejects.toThrow();
    expect(await exists(id)).toBe(afterEffect);
  });

  test("a delay holds the answer back and nothing else", async () => {
    strikeNext({ kind: "delay", milliseconds: 300 }, ["read"]);
    const order: string[] = [];
    const slow = exists("i").then(() => order.push("delayed"));
    await expect.poll(struck).toBe(1);
    await exists("i");
    order.push("other");
    await slow;
    expect(order).toEqual(["other", "delayed"]);
  });

  test("404/1002 on a session read is retried", async () => {
    strikeNext({ kind: "fail", status: 404, substatus: 1002 }, ["query"], 1);
    const { resources } = await container.items
      .query("SELECT * FROM c", { partitionKey: key })
      .fetchAll();
    expect(resources.length).toBeGreaterThan(0);
  });
});

describe("splits under the client's feet", () => {
  test("bulk goes on with the children", async () => {
    await container.items.bulk([
      { operationType: "Upsert", partitionKey: key, resourceBody: item("warm") },
    ] as never);
    fixture.server.control.setFaults([{ action: { kind: "split" }, requests: ["bulk"], count: 2 }]);
    const operations = Array.from({ length: 60 }, (_, i) => ({
      operationType: "Create" as const,
      partitionKey: [`b${i}`, "p", "s"],
      resourceBody: { id: "i", tenant: `b${i}`, partition: "p", study: "s" },
    }));
    const results = await container.items.executeBulkOperations(operations as never);
    expect(results.map((result) => result.response?.statusCode)).toEqual(operations.map(() => 201));
    expect(struck()).toBe(2);
  });

  test("a change feed goes on with the children, without loss or repetition", async () => {
    const before = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
    });
    fixture.server.control.setFaults([
      { action: { kind: "split" }, requests: ["feed"], skip: 2, count: 2 },
    ]);
    const during = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
      maxItemCount: 10,
    });
    expect(struck()).toBe(2);
    const names = (items: readonly Record<string, unknown>[]): string[] =>
      items.map(({ _rid }) => String(_rid)).toSorted();
    expect(names(during.items)).toEqual(names(before.items));
  });

  test("a query of a prefix does not notice", async () => {
    const iterator = container.items.query<unknown>("SELECT VALUE c.id FROM c", {
      partitionKey: ["t"],
      maxItemCount: 2,
    });
    const ids: unknown[] = [];
    while (iterator.hasMoreResults()) {
      ids.push(...((await iterator.fetchNext()).resources ?? []));
      fixture.server.control.split("db", "faults");
    }
    const { resources } = await container.items
      .query("SELECT VALUE c.id FROM c", { partitionKey: ["t"] })
      .fetchAll();
    expect(ids).toEqual(resources);
  });
});

describe("throttling", () => {
  test("a budget of request units turns a burst into retries, and nothing is lost", async () => {
    fixture.server.control.setThrottle({ requestUnitsPerSecond: 200 });
    const responses = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => await container.items.create(item(`burst-${i}`))),
    );
    expect(responses.map((response) => response.statusCode)).toEqual(responses.map(() => 201));
    const retries = responses.map((response) =>
      Number(response.headers["x-ms-throttle-retry-count"]),
    );
    expect(Math.max(...retries)).toBeGreaterThan(0);
  });
});

describe("throttling by rate", () => {
  test("requests beyond the rate are refused with 429/3200 and the time to wait, and metadata is not", async () => {
    fixture.server.control.setThrottle({ requestsPerSecond: 2 });
    const headers = { "x-ms-documentdb-partitionkey": JSON.stringify(key) };
    const responses = [];
    for (let i = 0; i < 4; i++) {
      responses.push(await fixture.request("GET", "dbs/db/colls/faults/docs/i", { headers }));
    }
    const refused = responses.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const response of refused) {
      expect(response.headers.get("x-ms-substatus")).toBe("3200");
      expect(Number(response.headers.get("x-ms-retry-after-ms"))).toBeGreaterThan(0);
    }
    expect((await fixture.request("GET", "dbs/db/colls/faults")).status).toBe(200);
  });
});

describe("faults by chance", () => {
  test("the same seed strikes the same requests", async () => {
    const outcomes = async (): Promise<number[]> => {
      const rule = {
        action: { kind: "fail", status: 449 } as const,
        requests: ["upsert" as const],
        probability: 0.5,
      };
      fixture.server.control.setFaults([rule], 7);
      const codes: number[] = [];
      for (let i = 0; i < 30; i++) {
        const response = await fixture.request("POST", "dbs/db/colls/faults/docs", {
          headers: {
            "x-ms-documentdb-partitionkey": JSON.stringify(key),
            "x-ms-documentdb-is-upsert": "true",
          },
          body: JSON.stringify(item("chance")),
        });
        codes.push(response.status);
      }
      return codes;
    };
    const first = await outcomes();
    expect(await outcomes()).toEqual(first.map((code) => (code === 201 ? 200 : code)));
    expect(first.filter((code) => code === 449).length).toBeGreaterThan(5);
    expect(first.filter((code) => code !== 449).length).toBeGreaterThan(5);
  });
});

describe("admin routes", () => {
  async function post(action: string, body: unknown, type = "application/json"): Promise<Response> {
    return await fetch(`${fixture.server.endpoint}_admin/${action}`, {
      method: "POST",
      headers: { "content-type": type },
      body: JSON.stringify(body),
    });
  }

  test("faults are set, counted and taken back", async () => {
    const rules = [
      { action: { kind: "fail", status: 449 }, requests: ["read"], item: "i", count: 1 },
    ];
    expect((await post("faults", { rules, seed: 3 })).status).toBe(200);
    expect(await refusal(container.item("i", key).read())).toMatchObject({ code: 449 });
    const counted = await (await fetch(`${fixture.server.endpoint}_admin/faults`)).json();
    expect(counted).toMatchObject({ rules: [{ seen: 1, struck: 1 }] });
    expect((await post("faults", { rules: [] })).status).toBe(200);
  });

  test("a range is split and its children merged again", async () => {
    await fixture.container("admin");
    const target = { database: "db", container: "admin" };
    interface Ranges {
      readonly ranges: { id: string; epkMin: string; epkMax: string; parents: string[] }[];
    }
    const split = (await (await post("split", { ...target, range: "0" })).json()) as Ranges;
    expect(split.ranges.map(({ id, parents }) => [id, parents])).toEqual([
      ["2", ["0"]],
      ["3", ["0"]],
      ["1", []],
    ]);
    const merged = (await (
      await post("merge", { ...target, ranges: ["3", "2"] })
    ).json()) as Ranges;
    expect(merged.ranges.map(({ id, parents }) => [id, parents])).toEqual([
      ["4", ["0", "2", "3"]],
      ["1", []],
    ]);
    expect((await post("split", { ...target, range: "0" })).status).toBe(410);
  });

  test.each([
    ["faults", {}],
    ["faults", { rules: [{ action: { kind: "explode" } }] }],
    ["faults", { rules: [{ action: { kind: "fail", status: 200 } }] }],
    ["faults", { rules: [{ action: { kind: "split" }, requests: ["everything"] }] }],
    ["throttle", { requestsPerSecond: 0 }],
    ["split", { database: "db" }],
    ["split", { database: "db", container: "faults", epk: "zz" }],
    ["merge", { database: "db", container: "faults", ranges: ["0"] }],
    ["clock", { advanceSeconds: -1 }],
  ])("POST /_admin/%s refuses %j with 400", async (action, body) => {
    expect((await post(action, body)).status).toBe(400);
  });

  test("a body that a web page could send without asking is refused", async () => {
    expect((await post("clock", { advanceSeconds: 1 }, "text/plain")).status).toBe(400);
  });
});
