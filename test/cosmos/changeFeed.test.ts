import { ChangeFeedMode, ChangeFeedStartFrom, type Container } from "@azure/cosmos";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CosmosFixture, drainFeed, hierarchicalKey, refusal, sorted } from "./cosmosFixture.ts";

let fixture: CosmosFixture;

beforeAll(async () => {
  fixture = await CosmosFixture.start({ physicalPartitions: 4, admin: true });
});

afterAll(async () => {
  await fixture.stop();
});

function item(
  tenant: string,
  study: string,
  id: string,
  v = 0,
): Record<string, unknown> & { id: string } {
  return { id, tenant, partition: "p", study, v };
}

function ids(items: readonly Record<string, unknown>[]): unknown[] {
  return items.map(({ id }) => id);
}

async function filled(name: string): Promise<Container> {
  const container = await fixture.container(name);
  for (let i = 0; i < 24; i++) {
    await container.items.create(item(`t${i % 3}`, `s${i % 6}`, `i${i}`));
  }
  return container;
}

describe("latest version", () => {
  test("the whole container, a prefix, a full key and each feed range give what lies in them", async () => {
    const container = await filled("scopes");
    const all = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
    });
    expect(new Set(ids(all.items)).size).toBe(24);
    const prefix = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Beginning(["t1"]),
    });
    expect(ids(prefix.items)).toEqual(["i1", "i4", "i7", "i10", "i13", "i16", "i19", "i22"]);
    const full = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Beginning(["t1", "p", "s4"]),
    });
    expect(ids(full.items)).toEqual(["i4", "i10", "i16", "i22"]);
    const ranges = await container.getFeedRanges();
    expect(ranges).toHaveLength(4);
    const parts = await Promise.all(
      ranges.map(async (range) => {
        const part = await drainFeed(container, {
          changeFeedStartFrom: ChangeFeedStartFrom.Beginning(range),
        });
        return part.items;
      }),
    );
    expect(sorted(parts.flatMap(ids))).toEqual(sorted(ids(all.items)));
  });

  test("each item appears once, at its newest version, in the order of the log, and deleted ones do not", async () => {
    const container = await filled("newest");
    await container.items.upsert(item("t0", "s0", "i0", 7));
    await container.item("i3", ["t0", "p", "s3"]).delete();
    const { items } = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Beginning(["t0"]),
    });
    expect(ids(items)).toEqual(["i6", "i9", "i12", "i15", "i18", "i21", "i0"]);
    expect(items.at(-1)).toMatchObject({ v: 7 });
    const positions = items.map((entry) => Number(entry["_lsn"]));
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  });

  test("from now gives only what is written later, also after the continuation was taken to another client", async () => {
    const container = await filled("now");
    const start = await drainFeed(container, { changeFeedStartFrom: ChangeFeedStartFrom.Now() });
    expect(start.items).toEqual([]);
    await container.items.create(item("t2", "s1", "late"));
    const rest = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Continuation(start.continuation),
    });
    expect(ids(rest.items)).toEqual(["late"]);
  });

  test("from a time gives what is of a later second", async () => {
    const container = await filled("time");
    fixture.server.control.advanceClock(10);
    await container.items.create(item("t0", "s0", "later"));
    const { resource } = await container.item("i0", ["t0", "p", "s0"]).read<{ _ts: number }>();
    const time = new Date(((resource?._ts ?? 0) + 5) * 1000);
    const { items } = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Time(time),
    });
    expect(ids(items)).toEqual(["later"]);
  });

  test("a part of a range, by effective partition key, gives what lies in it", async () => {
    await filled("parts");
    const read = async (from: string, to: string): Promise<unknown[]> => {
      const headers = {
        "a-im": "Incremental Feed",
        "x-ms-documentdb-partitionkeyrangeid": "3",
        "x-ms-read-key-type": "EffectivePartitionKeyRange",
        "x-ms-start-epk": from,
        "x-ms-end-epk": to,
      };
      const response = await fixture.request("GET", "dbs/db/colls/parts/docs", { headers });
      if (response.status === 304) return [];
      return ids(((await response.json()) as { Documents: Record<string, unknown>[] }).Documents);
    };
    // The prefix t1, with the second level in the middle: see the vectors of the hash.
    const prefix = "3D48BB14DA9D090D22112C96695028B6";
    const own = await read(prefix, `${prefix}FF`);
    expect(own).toEqual(["i1", "i4", "i7", "i10", "i13", "i16", "i19", "i22"]);
    const low = await read(prefix, `${prefix}2000`);
    const high = await read(`${prefix}2000`, `${prefix}FF`);
    expect(sorted([...low, ...high])).toEqual(sorted(own));
    expect(await read("3FF0", "FF")).toEqual([]);
  });

  test("an item that has expired is not in the feed, and what replaces it is", async () => {
    const container = await fixture.container("expiring", {
      partitionKey: hierarchicalKey,
      defaultTtl: -1,
    });
    await container.items.create({ ...item("t", "s", "short"), ttl: 5 });
    await container.items.create(item("t", "s", "long"));
    const start = { changeFeedStartFrom: ChangeFeedStartFrom.Beginning(["t"]) };
    expect(ids((await drainFeed(container, start)).items)).toEqual(["short", "long"]);
    fixture.server.control.advanceClock(6);
    const { items, continuation } = await drainFeed(container, start);
    expect(ids(items)).toEqual(["long"]);
    await container.items.create(item("t", "s", "short", 2));
    const rest = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Continuation(continuation),
    });
    expect(rest.items).toMatchObject([{ id: "short", v: 2 }]);
  });

  test("a page does not end inside a transactional batch", async () => {
    const container = await fixture.container("batches");
    const key = ["t", "p", "s"];
    for (let batch = 0; batch < 3; batch++) {
      const operations = Array.from({ length: 7 }, (_, i) => ({
        operationType: "Create",
        resourceBody: item("t", "s", `b${batch}-${i}`),
      }));
      await container.items.batch(operations as never, key);
    }
    const { items, pages } = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Beginning(key),
      maxItemCount: 5,
    });
    expect(pages).toEqual([7, 7, 7]);
    expect(ids(items)).toEqual(
      Array.from({ length: 21 }, (_, i) => `b${Math.floor(i / 7)}-${i % 7}`),
    );
  });

  test("an answer without news is 304 and carries the position in its entity tag", async () => {
    const container = await filled("tags");
    const headers = {
      "a-im": "Incremental Feed",
      "if-none-match": "*",
      "x-ms-documentdb-partitionkeyrangeid": "0",
    };
    const response = await fixture.request("GET", "dbs/db/colls/tags/docs", { headers });
    expect([response.status, response.headers.get("etag")]).toEqual([304, '"24"']);
    expect((await container.items.create(item("t", "s", "x"))).headers["lsn"]).toBe("25");
  });

  test.each([
    ["a continuation that is no position", { "if-none-match": '"abc"' }, 400, undefined],
    ["a date that is none", { "if-modified-since": "yesterday" }, 400, undefined],
    ["a page size that is none", { "x-ms-max-item-count": "many" }, 400, undefined],
    ["a range that never was", { "x-ms-documentdb-partitionkeyrangeid": "99" }, 410, "1002"],
    [
      "keys that the range does not hold",
      {
        "x-ms-documentdb-partitionkeyrangeid": "0",
        "x-ms-read-key-type": "EffectivePartitionKeyRange",
        "x-ms-start-epk": "3A",
        "x-ms-end-epk": "3B",
      },
      410,
      "1002",
    ],
  ])("%s is refused", async (_, headers, status, substatus) => {
    await fixture.container("refused");
    const response = await fixture.request("GET", "dbs/db/colls/refused/docs", {
      headers: { "a-im": "Incremental Feed", ...headers },
    });
    expect(response.status).toBe(status);
    expect(response.headers.get("x-ms-substatus") ?? undefined).toBe(substatus);
  });
});

describe("splits and merges", () => {
  test("a continuation of a prefix goes on through a split inside the prefix, and through the merge after it", async () => {
    const container = await filled("split");
    const prefix = { changeFeedStartFrom: ChangeFeedStartFrom.Beginning(["t1"]), maxItemCount: 3 };
    const iterator = container.items.getChangeFeedIterator<Record<string, unknown>>(prefix);
    const first = await iterator.readNext();
    expect(first.result).toHaveLength(3);
    const { control } = fixture.server;
    const epk = "3D48BB14DA9D090D22112C96695028B6";
    const holding = control
      .ranges("db", "split")
      .find((range) => range.epkMin <= epk && epk < range.epkMax);
    // The key of t1 with its second level cut in the middle lies inside the prefix.
    control.split("db", "split", holding?.id, `${epk}2000`);
    const second = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Continuation(first.continuationToken),
    });
    expect(sorted(ids([...first.result, ...second.items]))).toEqual(
      sorted(["i1", "i4", "i7", "i10", "i13", "i16", "i19", "i22"]),
    );
    await container.items.create(item("t1", "s4", "after"));
    const children = control
      .ranges("db", "split")
      .filter((range) => range.parents.includes(holding?.id ?? ""));
    control.merge("db", "split", children[0]?.id ?? "", children[1]?.id ?? "");
    const third = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Continuation(second.continuation),
    });
    expect(ids(third.items)).toEqual(["after"]);
  });

  test("continuations of the whole and of each feed range go on through merges with changes unread", async () => {
    const container = await filled("merge");
    const { control } = fixture.server;
    const start = async (
      from: ChangeFeedStartFrom,
    ): Promise<{ seen: unknown[]; continuation: string }> => {
      const iterator = container.items.getChangeFeedIterator<Record<string, unknown>>({
        changeFeedStartFrom: from,
        maxItemCount: 2,
      });
      const page = await iterator.readNext();
      return { seen: ids(page.result ?? []), continuation: page.continuationToken };
    };
    const ranges = await container.getFeedRanges();
    expect(ranges).toHaveLength(4);
    const readers = [await start(ChangeFeedStartFrom.Beginning())];
    for (const range of ranges) readers.push(await start(ChangeFeedStartFrom.Beginning(range)));
    // The four become two, and then one, each time with writes that nobody has read yet.
    const [a = "", b = "", c = "", d = ""] = control.ranges("db", "merge").map(({ id }) => id);
    control.merge("db", "merge", a, b);
    control.merge("db", "merge", c, d);
    for (let i = 0; i < 6; i++) await container.items.create(item(`t${i}`, "late", `late${i}`));
    const middle = await Promise.all(
      readers.map(async ({ continuation }) => {
        return await drainFeed(container, {
          changeFeedStartFrom: ChangeFeedStartFrom.Continuation(continuation),
          maxItemCount: 3,
        });
      }),
    );
    const [left = "", right = ""] = control.ranges("db", "merge").map(({ id }) => id);
    control.merge("db", "merge", left, right);
    for (let i = 0; i < 6; i++) await container.items.create(item(`t${i}`, "last", `last${i}`));
    const end = await Promise.all(
      middle.map(async ({ continuation }) => {
        return await drainFeed(container, {
          changeFeedStartFrom: ChangeFeedStartFrom.Continuation(continuation),
        });
      }),
    );
    const expected = sorted([
      ...Array.from({ length: 24 }, (_, i) => `i${i}`),
      ...Array.from({ length: 6 }, (_, i) => `late${i}`),
      ...Array.from({ length: 6 }, (_, i) => `last${i}`),
    ]);
    const [whole = [], ...parts] = readers.map(({ seen }, at) => [
      ...seen,
      ...ids(middle[at]?.items ?? []),
      ...ids(end[at]?.items ?? []),
    ]);
    expect(sorted(whole)).toEqual(expected);
    // Each range gives its own share, although one partition now holds all.
    expect(sorted(parts.flat())).toEqual(expected);
    for (const part of parts) expect(part.length).toBeLessThan(expected.length);
  });

  test("410/1007, a partition that is being split, is waited out by the SDK", async () => {
    const container = await filled("splitting");
    fixture.server.control.setFaults([
      { action: { kind: "fail", status: 410, substatus: 1007 }, requests: ["feed"], count: 1 },
    ]);
    const { items } = await drainFeed(container, {
      changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
    });
    expect(fixture.server.control.faults.strikes()[0]?.struck).toBe(1);
    fixture.server.control.setFaults([]);
    expect(new Set(ids(items)).size).toBe(24);
    expect(items).toHaveLength(24);
  });

  test("a container that outgrows its limit is split by size, and loses nothing", async () => {
    const small = await CosmosFixture.start({ partitionBytesMax: 20_000 });
    try {
      const container = await small.container("grows");
      for (let i = 0; i < 100; i++) {
        await container.items.create({ ...item(`t${i}`, "s", `i${i}`), text: "x".repeat(1_000) });
      }
      expect(small.server.control.ranges("db", "grows").length).toBeGreaterThanOrEqual(4);
      const { items } = await drainFeed(container, {
        changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
      });
      expect(new Set(ids(items)).size).toBe(100);
      await small.restart();
      expect(small.server.control.ranges("db", "grows").length).toBeGreaterThanOrEqual(4);
    } finally {
      await small.stop();
    }
  });
});

// Goal: whatever happens between two reads, a reader that goes on from its continuation sees every change.
// Method: random writes, splits, merges and restarts between pages; at the end the last version that the reader saw
// of each item must be the one that is stored, and within one key the log positions must never go back.
test("a reader misses nothing through random writes, splits, merges and restarts", async () => {
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant("write"), item: fc.nat(30), tenant: fc.nat(4) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("delete"), item: fc.nat(30), tenant: fc.nat(4) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("read"), item: fc.nat(9), tenant: fc.nat(4) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("split"), item: fc.nat(30), tenant: fc.nat(4) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("merge"), item: fc.nat(30), tenant: fc.nat(4) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("restart"), item: fc.nat(1), tenant: fc.nat(1) }),
    },
  );
  let run = 0;
  const model = await CosmosFixture.start({ physicalPartitions: 2 });
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 60 }),
        fc.boolean(),
        async (steps, isPrefix) => {
          const name = `model${run++}`;
          await model.container(name);
          const container = (): Container => model.database.container(name);
          const stored = new Map<string, number>();
          const seen = new Map<string, number>();
          const positions = new Map<string, number>();
          let continuation: string | undefined;
          let version = 0;
          const from = (): ChangeFeedStartFrom =>
            continuation === undefined
              ? isPrefix
                ? ChangeFeedStartFrom.Beginning(["t1"])
                : ChangeFeedStartFrom.Beginning()
              : ChangeFeedStartFrom.Continuation(continuation);
          const note = (items: readonly Record<string, unknown>[]): void => {
            for (const entry of items) {
              const key = `${String(entry["tenant"])}/${String(entry["id"])}`;
              const position = Number(entry["_lsn"]);
              const before = positions.get(String(entry["tenant"])) ?? 0;
              expect(position).toBeGreaterThan(before);
              positions.set(String(entry["tenant"]), position);
              seen.set(key, Number(entry["v"]));
            }
          };
          for (const { kind, item: n, tenant } of steps) {
            const ranges = model.server.control.ranges("db", name);
            const key = `t${tenant}/i${n}`;
            if (kind === "write") {
              await container().items.upsert(item(`t${tenant}`, "s", `i${n}`, ++version));
              stored.set(key, version);
            } else if (kind === "delete" && stored.delete(key)) {
              await container()
                .item(`i${n}`, [`t${tenant}`, "p", "s"])
                .delete();
            } else if (kind === "split") {
              model.server.control.split("db", name, ranges[n % ranges.length]?.id);
            } else if (kind === "merge" && ranges.length > 1) {
              const at = n % (ranges.length - 1);
              model.server.control.merge(
                "db",
                name,
                ranges[at]?.id ?? "",
                ranges[at + 1]?.id ?? "",
              );
            } else if (kind === "restart") {
              await model.restart();
            } else if (kind === "read") {
              const options = { changeFeedStartFrom: from(), maxItemCount: n + 1 };
              const page = await container()
                .items.getChangeFeedIterator<Record<string, unknown>>(options)
                .readNext();
              note(page.result ?? []);
              continuation = page.continuationToken;
            }
          }
          note((await drainFeed(container(), { changeFeedStartFrom: from() })).items);
          for (const [key, v] of stored) {
            if (!isPrefix || key.startsWith("t1/")) expect(seen.get(key)).toBe(v);
          }
        },
      ),
      { seed: 20261121, numRuns: 25, endOnFailure: true },
    );
  } finally {
    await model.stop();
  }
});

describe("all versions and deletes", () => {
  const all = { changeFeedMode: ChangeFeedMode.AllVersionsAndDeletes };

  async function versioned(name: string): Promise<Container> {
    return await fixture.container(name, {
      partitionKey: hierarchicalKey,
      defaultTtl: -1,
      changeFeedPolicy: { retentionDuration: 10 },
    } as never);
  }

  test("every version, delete and expiry appears once, in order, with its metadata", async () => {
    const container = await versioned("versions");
    const start = await drainFeed(container, {
      ...all,
      changeFeedStartFrom: ChangeFeedStartFrom.Now(),
    });
    const target = container.item("a", ["t", "p", "s"]);
    await container.items.create(item("t", "s", "a", 1));
    await target.replace(item("t", "s", "a", 2));
    await target.patch([{ op: "incr", path: "/v", value: 1 }]);
    await target.delete();
    await container.items.create({ ...item("t", "s", "b", 1), ttl: 5 });
    fixture.server.control.advanceClock(6);
    const rest = await drainFeed(container, {
      ...all,
      changeFeedStartFrom: ChangeFeedStartFrom.Continuation(start.continuation),
    });
    interface Change {
      current: { id?: string; v?: number };
      metadata: {
        operationType: string;
        timeToLiveExpired?: boolean;
        lsn: number;
        previousImageLSN?: number;
      };
    }
    const changes = rest.items as unknown as Change[];
    expect(
      changes.map(({ current, metadata }) => [metadata.operationType, current.id, current.v]),
    ).toEqual([
      ["create", "a", 1],
      ["replace", "a", 2],
      ["replace", "a", 3],
      ["delete", undefined, undefined],
      ["create", "b", 1],
      ["delete", undefined, undefined],
    ]);
    expect(changes.map(({ metadata }) => metadata.timeToLiveExpired)).toEqual([
      undefined,
      undefined,
      undefined,
      false,
      undefined,
      true,
    ]);
    expect(changes[3]?.metadata).toMatchObject({
      id: "a",
      partitionKey: { tenant: "t", partition: "p", study: "s" },
      previousImageLSN: changes[2]?.metadata.lsn,
    });
  });

  test("a reader cannot begin in the past, nor go on from before the retention", async () => {
    const container = await versioned("retention");
    const beginning = drainFeed(container, {
      ...all,
      changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
    });
    expect((await refusal(beginning)).message).toContain("within the retention period");
    const start = await drainFeed(container, {
      ...all,
      changeFeedStartFrom: ChangeFeedStartFrom.Now(),
    });
    await container.items.create(item("t", "s", "a"));
    fixture.server.control.advanceClock(11 * 60);
    const late = drainFeed(container, {
      ...all,
      changeFeedStartFrom: ChangeFeedStartFrom.Continuation(start.continuation),
    });
    expect((await refusal(late)).message).toContain("within the retention period");
  });

  test("a log that begins later than the container does not pretend to reach back", async () => {
    const container = await fixture.container("later");
    await container.items.create(item("t", "s", "unlogged"));
    const headers = { "a-im": "Full-Fidelity Feed", "if-none-match": '"0"' };
    const { resource } = await container.read();
    await container.replace({
      ...resource,
      id: "later",
      changeFeedPolicy: { retentionDuration: 10 },
    } as never);
    const early = await fixture.request("GET", "dbs/db/colls/later/docs", { headers });
    expect(early.status).toBe(400);
    headers["if-none-match"] = '"1"';
    await container.items.create(item("t", "s", "logged"));
    const late = await fixture.request("GET", "dbs/db/colls/later/docs", { headers });
    expect(await late.json()).toMatchObject({
      _count: 1,
      Documents: [{ current: { id: "logged" } }],
    });
  });

  test("a container without a retention has no such feed", async () => {
    const container = await fixture.container("without");
    const read = drainFeed(container, { ...all, changeFeedStartFrom: ChangeFeedStartFrom.Now() });
    expect(await refusal(read)).toMatchObject({ code: 400 });
  });
});
