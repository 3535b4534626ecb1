import type { PluginConfig } from "@azure/cosmos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseChangeFeedQuery } from "../../shared/feed/changeFeedQuery.ts";
import { Problem } from "../../shared/problem/problem.ts";
import type { ChangeItem } from "../../shared/store/studyItems.ts";
import { onlyDefaultTenant } from "../../shared/tenancy/onlyDefaultTenant.ts";
import type { TenantScope } from "../../shared/tenancy/tenantScope.ts";
import { readChangeFeed, readLatestChange } from "../../shared/transactions/readChangeFeed.ts";
import { sequenceChanges } from "../../shared/transactions/sequenceChanges.ts";
import {
  newInstance,
  scopeOf,
  SeededRandom,
  serviceURL,
  startFeedFixture,
  type FeedClient,
  type FeedFixture,
} from "./feedFixture.ts";

let fixture: FeedFixture;
beforeAll(async () => {
  fixture = await startFeedFixture(2);
});
afterAll(async () => {
  await fixture.close();
});

// Small, so that a few events fill several.
const segmentEntries = 7;

let tenantCount = 0;

function newScope(): TenantScope {
  tenantCount += 1;
  return scopeOf(`sequenced-${tenantCount}`);
}

/** Events of a tenant as the store writes them. */
function makeChanges(scope: TenantScope, count: number, first = 0): ChangeItem[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `change:${String(first + i).padStart(26, "0")}`,
    tenant: scope.tenant,
    partition: scope.partition,
    study: `1.2.${i % 3}`,
    kind: "change",
    action: "create",
    series: "1.2.1",
    sop: `1.2.1.${first + i}`,
    sopClass: "1.2.840.10008.5.1.4.1.1.2",
    modality: "CT",
    revision: 1,
    at: "2026-01-01T00:00:00.000Z",
    remove: [],
    bytes: 100,
  }));
}

async function logged(client: FeedClient, scope: TenantScope): Promise<string[]> {
  const last = await client.log.lastSequence(scope);
  // It throws when a number is missing.
  const entries = await client.log.entries(scope, 1, last);
  const timestamps = entries.map(({ timestamp }) => timestamp);
  expect(timestamps).toEqual(timestamps.toSorted());
  return entries.map(({ id }) => id);
}

async function sequence(client: FeedClient, items: readonly unknown[]): Promise<number> {
  const { log, deadLetters } = client;
  return await sequenceChanges({ log, deadLetters, tenants: onlyDefaultTenant }, items);
}

/** Ends the process, as it were, before or after the nth request to the log. */
function killer(
  nth: number,
  moment: "before" | "after",
): { readonly plugin: PluginConfig; readonly hasStruck: () => boolean } {
  let requests = 0;
  return {
    hasStruck: () => requests >= nth,
    plugin: {
      on: "request",
      plugin: async (context, _, next) => {
        if (context.path?.includes("colls/feedlog/docs") !== true) {
          return await next(context);
        }
        requests += 1;
        if (requests > nth || (requests === nth && moment === "before")) {
          throw new Error("killed");
        }
        const response = await next(context);
        if (requests === nth) {
          throw new Error("killed");
        }
        return response;
      },
    },
  };
}

// Goal: whatever a sequencer had done when it ended, the next one leaves every event with exactly one number, in order.
// Method: end it before and after its nth request, for n = 1 until it completes; then replay the whole batch.
test.each(["before", "after"] as const)(
  "a sequencer that is killed %s any of its effects leaves no gap and nothing twice",
  async (moment) => {
    let killed = 0;
    for (let nth = 1; ; nth += 1) {
      const scope = newScope();
      const changes = makeChanges(scope, 25);
      const { plugin, hasStruck } = killer(nth, moment);
      const doomed = fixture.connect({ segmentEntries, plugin });
      await sequence(doomed, changes).catch((error: unknown) => {
        expect(String(error)).toContain("killed");
      });
      const next = fixture.connect({ segmentEntries });
      const before = await logged(next, scope);
      expect(before).toEqual(changes.slice(0, before.length).map(({ id }) => id));
      expect(await sequence(next, changes)).toBe(25 - before.length);
      expect(await logged(next, scope)).toEqual(changes.map(({ id }) => id));
      if (!hasStruck()) {
        break;
      }
      killed += 1;
    }
    expect(killed).toBeGreaterThan(8);
  },
);

test("replayed batches are dropped, in the segment and long after it", async () => {
  const scope = newScope();
  const client = fixture.connect({ segmentEntries });
  const changes = makeChanges(scope, 40);
  for (const [from, to] of [
    [0, 10],
    [0, 10],
    [5, 25],
    [0, 3],
    [20, 40],
    [0, 40],
  ] as const) {
    await sequence(client, changes.slice(from, to));
  }
  await sequence(fixture.connect({ segmentEntries }), changes);
  expect(await logged(client, scope)).toEqual(changes.map(({ id }) => id));
});

test.each([20261121, 7, 99])(
  "three sequencers at once that share their batches give every event one number (seed %d)",
  async (seed) => {
    const random = new SeededRandom(seed);
    const scopes = [newScope(), newScope()];
    const changes = scopes.map((scope) => makeChanges(scope, 60));
    await Promise.all(
      Array.from({ length: 3 }, async () => {
        const client = fixture.connect({ segmentEntries });
        let done = 0;
        while (done < 60) {
          // A batch begins at what was surely sequenced, as the change feed's checkpoint does.
          const from = Math.max(0, done - random.below(5));
          const to = Math.min(60, from + 1 + random.below(20));
          const batch = changes.flatMap((all) => all.slice(from, to));
          try {
            await sequence(client, batch);
            done = Math.max(done, to);
          } catch (error) {
            // The others were faster time and again. The trigger brings the batch again.
            expect(error).toBeInstanceOf(Problem);
            expect((error as Problem).kind).toBe("unavailable");
          }
        }
      }),
    );
    const reader = fixture.connect({ segmentEntries });
    for (const [i, scope] of scopes.entries()) {
      expect(await logged(reader, scope)).toEqual(changes[i]?.map(({ id }) => id));
    }
  },
);

test("a clock that goes back does not take timestamps with it", async () => {
  const scope = newScope();
  const times = [
    "2026-05-01T00:00:02.000Z",
    "2026-05-01T00:00:01.000Z",
    "2026-05-01T00:00:03.000Z",
  ];
  const changes = makeChanges(scope, 3);
  for (const [i, time] of times.entries()) {
    await sequence(
      fixture.connect({ segmentEntries: 1, timestamp: () => time }),
      changes.slice(i, i + 1),
    );
  }
  const client = fixture.connect({ segmentEntries: 1 });
  const entries = await client.log.entries(scope, 1, 3);
  expect(entries.map(({ timestamp }) => timestamp)).toEqual([times[0], times[0], times[2]]);
});

describe("events that cannot be sequenced", () => {
  test("are set aside with the others going on, and the health check tells their number", async () => {
    const own = await startFeedFixture();
    try {
      const client = own.connect();
      const scope = newScope();
      const [first, second, third] = makeChanges(scope, 3);
      expect(await client.deadLetters.probe()).toEqual({
        isComplete: true,
        description: "No event is set aside.",
      });
      const poison = [
        { ...second, tenant: "Not A Tenant" },
        { ...second, id: "change:2", action: "explode" },
        { ...second, id: "change:3", revision: "one" },
      ];
      for (let replay = 0; replay < 2; replay += 1) {
        await sequence(client, [first, ...poison, { kind: "instance" }, third]);
      }
      expect(await logged(client, scope)).toEqual([first?.id, third?.id]);
      const health = await own.connect().deadLetters.probe();
      expect(health.isComplete).toBe(false);
      expect(health.description).toContain("3");
    } finally {
      await own.close();
    }
  });

  test("because the database refuses the entry are set aside one by one", async () => {
    const scope = newScope();
    const changes = makeChanges(scope, 5);
    const poisonous = { ...changes[2], study: "x".repeat(3_000_000) };
    const client = fixture.connect();
    const items = changes.map((change, i) => (i === 2 ? poisonous : change));
    expect(await sequence(client, items)).toBe(4);
    expect(await logged(client, scope)).toEqual(
      changes.filter((_, i) => i !== 2).map(({ id }) => id),
    );
  });

  test("for the moment, because the database is down, come again", async () => {
    const scope = newScope();
    const plugin: PluginConfig = {
      on: "request",
      plugin: async () => {
        throw await Promise.resolve(Object.assign(new Error("down"), { code: 503, headers: {} }));
      },
    };
    await expect(
      sequence(fixture.connect({ plugin }), makeChanges(scope, 2)),
    ).rejects.toBeInstanceOf(Problem);
    expect(await logged(fixture.connect(), scope)).toEqual([]);
  });
});

describe("reading", () => {
  const scope = newScope();
  const seed = 20261121;
  const timestamps: string[] = [];
  let client: FeedClient;
  beforeAll(async () => {
    const random = new SeededRandom(seed);
    let milliseconds = Date.parse("2026-06-01T12:00:00.000Z");
    client = fixture.connect({
      segmentEntries,
      timestamp: () => new Date(milliseconds).toISOString(),
    });
    const changes = makeChanges(scope, 60);
    for (let from = 0; from < changes.length;) {
      const batch = changes.slice(from, from + 1 + random.below(9));
      await sequence(client, batch);
      from += batch.length;
      milliseconds += random.below(3) * 500;
    }
    timestamps.push(...(await client.log.entries(scope, 1, 60)).map(({ timestamp }) => timestamp));
  });

  async function sequences(version: "v1" | "v2", query: string): Promise<number[]> {
    const stores = { ...client.stores, log: client.log };
    const parsed = parseChangeFeedQuery(
      new URLSearchParams(`${query}&includeMetadata=false`),
      version,
    );
    const entries = await readChangeFeed(stores, scope, parsed, () => serviceURL);
    return entries.map(({ entry }) => entry.sequence);
  }

  function run(first: number, last: number): number[] {
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  }

  test.each([
    ["", run(1, 10)],
    ["limit=100", run(1, 60)],
    ["offset=7&limit=7", run(8, 14)],
    ["offset=13&limit=2", run(14, 15)],
    ["offset=58", run(59, 60)],
    ["offset=60", []],
    ["offset=1000000000", []],
    ["startTime=nonsense", run(1, 10)],
  ])("under v1, %j is the run of numbers after the offset", async (query, expected) => {
    expect(await sequences("v1", query)).toEqual(expected);
  });

  test.each([
    ["", run(1, 60)],
    ["limit=9", run(1, 9)],
    ["OFFSET=7&Limit=7", run(8, 14)],
    ["offset=60", []],
    ["startTime=0001-01-01T00:00:00Z&endTime=9999-12-31T23:59:59.9999999Z", run(1, 60)],
    ["startTime=2027-01-01T00:00:00Z", []],
    ["endTime=2026-01-01T00:00:00Z", []],
  ])("under v2, %j is the rows after the offset", async (query, expected) => {
    expect(await sequences("v2", query)).toEqual(expected);
  });

  test(`under v2, a window is its start and not its end, wherever it lies (seed ${seed})`, async () => {
    const random = new SeededRandom(seed + 1);
    const base = Date.parse(timestamps[0] ?? "");
    const end = Date.parse(timestamps.at(-1) ?? "");
    for (let i = 0; i < 60; i += 1) {
      const from = base - 600 + random.below(end - base + 1_200);
      const to = from + 1 + random.below(end - base);
      const offset = random.below(6);
      const limit = 1 + random.below(30);
      const [startTime, endTime] = [new Date(from).toISOString(), new Date(to).toISOString()];
      const expected = timestamps
        .flatMap((time, row) => (time >= startTime && time < endTime ? [row + 1] : []))
        .slice(offset, offset + limit);
      expect(
        await sequences(
          "v2",
          `startTime=${startTime}&endTime=${endTime}&offset=${offset}&limit=${limit}`,
        ),
      ).toEqual(expected);
    }
  });

  test("parts of a millisecond count: what begins after an entry does not hold it", async () => {
    const time = (timestamps[20] ?? "").replace("Z", "");
    const [first] = await sequences("v2", `startTime=${time}0000Z&limit=1`);
    expect(timestamps[(first ?? 0) - 1]).toBe(timestamps[20]);
    const [later] = await sequences("v2", `startTime=${time}0001Z&limit=1`);
    expect(timestamps[(later ?? 0) - 1]).not.toBe(timestamps[20]);
  });

  test("an offset costs the same, however large it is", async () => {
    const count = async (query: string, version: "v1" | "v2"): Promise<number> => {
      let requests = 0;
      const counting = fixture.connect({
        segmentEntries,
        plugin: {
          on: "request",
          plugin: async (context, _, next) => {
            requests += context.resourceType === "docs" ? 1 : 0;
            return await next(context);
          },
        },
      });
      const parsed = parseChangeFeedQuery(new URLSearchParams(query), version);
      const counted = { ...counting.stores, log: counting.log };
      await readChangeFeed(counted, scope, parsed, () => serviceURL);
      return requests;
    };
    const limits = "limit=1&includeMetadata=false";
    expect(await count(`offset=55&${limits}`, "v2")).toBe(await count(`offset=0&${limits}`, "v2"));
    expect(await count(`offset=55&${limits}`, "v1")).toBe(await count(`offset=0&${limits}`, "v1"));
  });
});

test("of an empty feed there is no page and no latest entry", async () => {
  const client = fixture.connect();
  const stores = { ...client.stores, log: client.log };
  const scope = newScope();
  for (const version of ["v1", "v2"] as const) {
    const query = parseChangeFeedQuery(
      new URLSearchParams("startTime=2020-01-01T00:00:00Z"),
      version,
    );
    expect(await readChangeFeed(stores, scope, query, () => serviceURL)).toEqual([]);
  }
  expect(await readLatestChange(stores, scope, true, () => serviceURL)).toBeUndefined();
});

// The histories of the table in the contract of the Azure service: state is a property of the instance now.
test.each([
  [["store"], ["create current"]],
  [
    ["store", "remove"],
    ["create deleted", "delete deleted"],
  ],
  [
    ["store", "remove", "store"],
    ["create replaced", "delete replaced", "create current"],
  ],
  [
    ["store", "store"],
    ["create replaced", "update current"],
  ],
  [
    ["store", "store", "remove"],
    ["create deleted", "update deleted", "delete deleted"],
  ],
])("after %j the entries are %j", async (history, expected) => {
  const client = fixture.connect();
  const scope = newScope();
  const uids = { studyInstanceUID: "1.2.3", seriesInstanceUID: "1.2.4", sopInstanceUID: "1.2.5" };
  for (const step of history) {
    if (step === "store") {
      await client.index.put(scope, uids.studyInstanceUID, [newInstance(uids)], "upsert");
    } else {
      await client.index.remove(scope, uids);
    }
  }
  const { resources } = await client.dicom.items
    .query<ChangeItem>(
      {
        query: 'SELECT * FROM c WHERE c.tenant = @tenant AND c.kind = "change" ORDER BY c.id ASC',
        parameters: [{ name: "@tenant", value: scope.tenant }],
      },
      { partitionKey: [scope.tenant, scope.partition, uids.studyInstanceUID] },
    )
    .fetchAll();
  await sequence(client, resources);
  const stores = { ...client.stores, log: client.log };
  const query = parseChangeFeedQuery(new URLSearchParams(), "v2");
  const entries = await readChangeFeed(stores, scope, query, () => serviceURL);
  expect(entries.map(({ entry }) => `${entry.action} ${entry.state}`)).toEqual(expected);
  for (const { entry, metadata } of entries) {
    expect((await metadata()) === undefined).toBe(entry.state === "deleted");
  }
});
