import type { PluginConfig } from "@azure/cosmos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { effectivePartitionKey } from "../../shared/feed/effectivePartitionKey.ts";
import { tenantEpkRange } from "../../shared/feed/epkRange.ts";
import { openContinuation, openRange, sealContinuation } from "../../shared/feed/feedState.ts";
import { FeedTokens } from "../../shared/feed/feedToken.ts";
import { Problem } from "../../shared/problem/problem.ts";
import { listFeedRanges, measureLag } from "../../shared/transactions/readFeed.ts";
import type { SealingKey } from "../../shared/tokens/sealedTokens.ts";
import {
  newInstance,
  readPage,
  readToEnd,
  scopeOf,
  startFeedFixture,
  testKeys,
  type FeedClient,
  type FeedFixture,
} from "./feedFixture.ts";

let fixture: FeedFixture;
let client: FeedClient;
beforeAll(async () => {
  fixture = await startFeedFixture();
  client = fixture.connect();
});
afterAll(async () => {
  await fixture.close();
});

let tenantCount = 0;

/** A tenant that nothing has been stored for. */
function newScope(): ReturnType<typeof scopeOf> {
  tenantCount += 1;
  return scopeOf(`tenant-${tenantCount}`);
}

async function store(
  scope: ReturnType<typeof scopeOf>,
  study: string,
  sops: readonly string[],
  modality = "CT",
): Promise<void> {
  await client.index.put(
    scope,
    study,
    sops.map((sopInstanceUID) =>
      newInstance(
        { studyInstanceUID: study, seriesInstanceUID: `${study}.1`, sopInstanceUID },
        modality,
      ),
    ),
    "upsert",
  );
}

function splitBefore(scope: ReturnType<typeof scopeOf>, study: string): void {
  fixture.split(effectivePartitionKey([scope.tenant, scope.partition, study]));
}

/** Requires a refusal with a problem of this kind, and returns its sentence. */
async function refusal(call: Promise<unknown>, kind: string): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Problem);
  const problem = error as Problem;
  expect(problem.kind).toBe(kind);
  return problem.detail;
}

describe("a tenant with changes of every kind on several physical partitions", () => {
  const scope = newScope();
  const studies = ["1.3.1", "1.3.2", "1.3.3"];
  beforeAll(async () => {
    for (const study of studies) {
      await store(scope, study, ["1", "2", "3"]);
    }
    splitBefore(scope, "1.3.2");
    await store(scope, "1.3.1", ["2"]);
    await client.index.remove(scope, { studyInstanceUID: "1.3.2" });
    splitBefore(scope, "1.3.3");
    await store(scope, "1.3.2", ["3"]);
  });

  // Goal: a reader that stops anywhere resumes without losing or repeating an entry.
  // Method: stop after every page in turn, resume from its continuation, and compare with one uninterrupted read.
  test.each([
    ["all", 1],
    ["all", 3],
    ["latest", 1],
    ["latest", 2],
  ])(
    "in the mode %s with %d a page, a read cut after any page goes on where it was",
    async (mode, size) => {
      const query = { mode, pageSize: String(size) };
      const whole = await readToEnd(client, scope, query);
      const ids = whole.entries.map(({ id }) => id);
      expect(new Set(ids).size).toBe(mode === "all" ? 9 + 1 + 3 + 1 : 9);
      let page = await readPage(client, scope, query);
      const before = page.entries.map(({ entry }) => entry.id);
      for (let cuts = 0; page.hasMore; cuts += 1) {
        expect(cuts).toBeLessThan(100);
        // Another instance of the service takes over.
        const rest = await readToEnd(fixture.connect(), scope, {
          continuation: page.continuation,
          pageSize: String(size),
        });
        expect([...before, ...rest.entries.map(({ id }) => id)]).toEqual(ids);
        page = await readPage(client, scope, { ...query, continuation: page.continuation });
        before.push(...page.entries.map(({ entry }) => entry.id));
      }
      expect(before).toEqual(ids);
    },
  );

  test("states tell what the instance of an event is now", async () => {
    const { entries } = await readToEnd(client, scope, { mode: "all" });
    const told = entries.map(
      (entry) =>
        `${entry.studyInstanceUid} ${entry.sopInstanceUid} ${entry.action} ${entry.revision} ${entry.state}`,
    );
    expect(told.toSorted()).toEqual(
      [
        "1.3.1 1 create 1 current",
        "1.3.1 2 create 1 replaced",
        "1.3.1 2 update 2 current",
        "1.3.1 3 create 1 current",
        "1.3.2 1 create 1 deleted",
        "1.3.2 1 delete 1 deleted",
        "1.3.2 2 create 1 deleted",
        "1.3.2 2 delete 1 deleted",
        "1.3.2 3 create 1 replaced",
        "1.3.2 3 create 2 current",
        "1.3.2 3 delete 1 replaced",
        "1.3.3 1 create 1 current",
        "1.3.3 2 create 1 current",
        "1.3.3 3 create 1 current",
      ].toSorted(),
    );
  });

  test("metadata is that of the instance now, and absent where there is none", async () => {
    const page = await readPage(client, scope, {
      mode: "all",
      includeMetadata: "true",
      study: "1.3.2",
    });
    for (const { entry, metadata } of page.entries) {
      const text = await metadata();
      expect(text === undefined).toBe(entry.state === "deleted");
      if (text !== undefined) {
        const dataset = JSON.parse(text) as Record<string, { Value: unknown[] }>;
        expect(dataset["00080018"]?.Value).toEqual([entry.sopInstanceUid]);
      }
    }
    expect(page.entries.map(({ entry }) => entry.studyInstanceUid)).toContain("1.3.2");
    const without = await readPage(client, scope, { mode: "all", study: "1.3.2" });
    expect(await without.entries[0]?.metadata()).toBeUndefined();
  });

  test.each([1, 2, 5, 16, 100])(
    "%d ranges or more cover the tenant exactly and without overlap",
    async (minimum) => {
      const tokens = await listFeedRanges(client.stores, scope, { minimum, mode: undefined });
      expect(tokens.length).toBeGreaterThanOrEqual(minimum);
      // Two cuts lie inside the tenant.
      expect(tokens.length).toBeGreaterThanOrEqual(3);
      const container = await client.stores.source.resourceId();
      const ranges = tokens.map((token) =>
        openRange(client.stores.tokens, { tenant: scope.tenant, container }, token, "range"),
      );
      const whole = tenantEpkRange(scope);
      expect(ranges[0]?.epkMin).toBe(whole.epkMin);
      expect(ranges.at(-1)?.epkMax).toBe(whole.epkMax);
      for (const [i, range] of ranges.entries()) {
        expect(range.epkMin < range.epkMax).toBe(true);
        expect(range.epkMax).toBe(ranges[i + 1]?.epkMin ?? whole.epkMax);
      }
      const parts = await Promise.all(
        tokens.map(
          async (range) => (await readToEnd(client, scope, { mode: "all", range })).entries,
        ),
      );
      const { entries } = await readToEnd(client, scope, { mode: "all" });
      const found = parts.flat().map(({ id }) => id);
      expect(found.toSorted()).toEqual(entries.map(({ id }) => id).toSorted());
    },
  );
});

describe("starting points", () => {
  // The database writes down by its own clock when an item changed; this test sets it forward instead of waiting.
  let serverAheadSeconds = 0;

  // Goal: a reader who began now or at a time never sees what was before, even when its first page leaves some of its
  // physical partitions unread. The SDK's own continuation starts those from the beginning.
  test.each(["now", "a time"])(
    "a reader from %s on sees what is later, on every physical partition",
    async (from) => {
      const scope = newScope();
      const studies = ["1.4.1", "1.4.2", "1.4.3", "1.4.4"];
      for (const study of studies) {
        await store(scope, study, ["1"]);
      }
      for (const study of studies) {
        splitBefore(scope, study);
      }
      const betweenMilliseconds = Date.now() + serverAheadSeconds * 1_000 + 50_000;
      fixture.server.advanceClock(100);
      serverAheadSeconds += 100;
      const query = {
        mode: "all",
        pageSize: "1",
        startFrom: from === "now" ? "now" : new Date(betweenMilliseconds).toISOString(),
      };
      // A time is taken up at the first page, like "now": what is stored after it is seen.
      const first = from === "now" ? await readPage(client, scope, query) : undefined;
      expect(first?.entries ?? []).toEqual([]);
      expect(first?.hasMore ?? false).toBe(false);
      for (const study of studies) {
        await store(scope, study, ["2"]);
      }
      const { entries } = await readToEnd(
        client,
        scope,
        first === undefined ? query : { continuation: first.continuation, pageSize: "1" },
      );
      expect(
        entries
          .map(({ studyInstanceUid, sopInstanceUid }) => `${studyInstanceUid} ${sopInstanceUid}`)
          .toSorted(),
      ).toEqual(studies.map((study) => `${study} 2`));
    },
  );

  test("a continuation carries mode, filters and scope, and wins over the parameters beside it", async () => {
    const scope = newScope();
    await store(scope, "1.5.1", ["1", "2"], "MR");
    await store(scope, "1.5.2", ["1"], "CT");
    await client.index.remove(scope, { studyInstanceUID: "1.5.2" });
    const start = await readPage(client, scope, { mode: "all", modality: "CT", startFrom: "now" });
    await store(scope, "1.5.1", ["3"], "MR");
    await store(scope, "1.5.2", ["1"], "CT");
    const page = await readPage(client, scope, {
      continuation: start.continuation,
      mode: "latest",
      startFrom: "beginning",
      modality: "MR",
      study: "1.5.1",
    });
    expect(page.entries.map(({ entry }) => [entry.studyInstanceUid, entry.action])).toEqual([
      ["1.5.2", "create"],
    ]);
  });

  test("a study is followed alone", async () => {
    const scope = newScope();
    await store(scope, "1.6.1", ["1"]);
    await store(scope, "1.6.2", ["1"]);
    const { entries, continuation } = await readToEnd(client, scope, {
      mode: "all",
      study: "1.6.2",
    });
    expect(entries.map(({ studyInstanceUid }) => studyInstanceUid)).toEqual(["1.6.2"]);
    await store(scope, "1.6.1", ["2"]);
    await client.index.remove(scope, { studyInstanceUID: "1.6.2" });
    const next = await readToEnd(client, scope, { continuation });
    expect(next.entries.map(({ studyInstanceUid, action }) => [studyInstanceUid, action])).toEqual([
      ["1.6.2", "delete"],
    ]);
  });
});

test("the changes of one store in one study come in one page, however small the page", async () => {
  const scope = newScope();
  const sops = Array.from({ length: 30 }, (_, i) => String(i + 1));
  await store(scope, "1.7.1", sops);
  const page = await readPage(client, scope, { mode: "all", pageSize: "1" });
  expect(page.entries.map(({ entry }) => entry.sopInstanceUid).toSorted()).toEqual(sops.toSorted());
});

describe("filters", () => {
  const scope = newScope();
  beforeAll(async () => {
    for (let i = 0; i < 40; i += 1) {
      await store(scope, `1.8.${i}`, ["1"], i % 4 === 0 ? "MR" : "CT");
    }
    await client.index.remove(scope, { studyInstanceUID: "1.8.3" });
  });

  test.each([
    [{ modality: "MR" }, 10],
    [{ modality: "MR,CT" }, 41],
    [{ action: "delete" }, 1],
    [{ action: "create", modality: "CT" }, 30],
    [{ sopClass: "1.2.840.10008.5.1.4.1.1.4" }, 0],
    [{ sopClass: "1.2.840.10008.5.1.4.1.1.2" }, 41],
    [{ partition: "Microsoft.Default" }, 41],
    [{ partition: "other" }, 0],
  ])("%j lets %d events pass", async (filter, count) => {
    const { entries } = await readToEnd(client, scope, { mode: "all", pageSize: "7", ...filter });
    expect(entries).toHaveLength(count);
  });

  test("a page that filters everything out is empty, moves on and says that there is more", async () => {
    const page = await readPage(client, scope, { mode: "all", pageSize: "1", action: "delete" });
    expect(page.entries).toEqual([]);
    expect(page.hasMore).toBe(true);
    const next = await readPage(client, scope, { continuation: page.continuation, pageSize: "1" });
    expect(next.continuation).not.toBe(page.continuation);
  });
});

describe("tokens", () => {
  const scope = newScope();
  const other = newScope();
  let continuation = "";
  let range = "";
  beforeAll(async () => {
    await store(scope, "1.9.1", ["1", "2"]);
    await store(other, "1.9.2", ["1", "2"]);
    ({ continuation } = await readPage(client, scope, { mode: "all", pageSize: "1" }));
    [range = ""] = await listFeedRanges(client.stores, scope, { minimum: 1, mode: undefined });
  });

  const sentence = (parameter: string): string =>
    `"${parameter}" is not a token that this feed has given out.`;

  /** Counts requests for items: what a refused token must not cause. */
  function watched(): { readonly client: FeedClient; readonly requests: () => number } {
    let requests = 0;
    const plugin: PluginConfig = {
      on: "request",
      plugin: async (context, _, next) => {
        requests += context.resourceType === "docs" ? 1 : 0;
        return await next(context);
      },
    };
    return { client: fixture.connect({ plugin }), requests: () => requests };
  }

  test("a token with any bit of any byte flipped is refused, tells nothing and reads nothing", async () => {
    const { client: reader, requests } = watched();
    for (const [parameter, token] of [
      ["continuation", continuation],
      ["range", range],
    ] as const) {
      const bytes = Buffer.from(token, "base64url");
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const forged = Buffer.from(bytes);
        forged[bit >> 3] = forged.readUInt8(bit >> 3) ^ (1 << (bit & 7));
        expect(
          await refusal(
            readPage(reader, scope, { [parameter]: forged.toString("base64url") }),
            "malformed",
          ),
        ).toBe(sentence(parameter));
      }
      for (let length = 0; length < token.length; length += 1) {
        await refusal(
          readPage(reader, scope, { [parameter]: token.slice(0, length) }),
          "malformed",
        );
      }
      await refusal(readPage(reader, scope, { [parameter]: `${token}A` }), "malformed");
    }
    expect(requests()).toBe(0);
  });

  test("a token of another tenant, another kind, another container or another key is refused alike", async () => {
    const { client: reader, requests } = watched();
    const binding = { tenant: scope.tenant, container: "AAAAAAAAAAA=" };
    const { stores } = client;
    const container = await stores.source.resourceId();
    const state = openContinuation(stores.tokens, { ...binding, container }, continuation, "");
    const foreign = new FeedTokens([{ id: "test", secret: Buffer.alloc(32, 8) }]);
    const cases: [ReturnType<typeof scopeOf>, string, string][] = [
      [other, "continuation", continuation],
      [other, "range", range],
      [scope, "continuation", range],
      [scope, "range", continuation],
      [scope, "continuation", sealContinuation(stores.tokens, binding, state)],
      [scope, "continuation", sealContinuation(foreign, { ...binding, container }, state)],
      [scope, "continuation", "ü"],
      [scope, "continuation", "A".repeat(100_000)],
    ];
    for (const [reading, parameter, token] of cases) {
      expect(await refusal(readPage(reader, reading, { [parameter]: token }), "malformed")).toBe(
        sentence(parameter),
      );
    }
    expect(requests()).toBe(0);
  });

  test("even a well-made token whose range is widened reads nothing", async () => {
    const { client: reader, requests } = watched();
    const { stores } = client;
    const container = await stores.source.resourceId();
    const token = sealContinuation(
      stores.tokens,
      { tenant: scope.tenant, container },
      {
        mode: "all",
        filters: {},
        scope: {
          kind: "ranges",
          ranges: [{ epkMin: "", epkMax: "FF", position: { at: "beginning" } }],
        },
      },
    );
    await refusal(readPage(reader, scope, { continuation: token }), "malformed");
    expect(requests()).toBe(0);
  });

  test("a row of another tenant that the database returns nonetheless is not handed on", async () => {
    const plugin: PluginConfig = {
      on: "request",
      plugin: async (context, _, next) => {
        const response = (await next(context)) as { result?: { Documents?: { tenant: string }[] } };
        for (const document of response.result?.Documents ?? []) {
          document.tenant = other.tenant;
        }
        return response as never;
      },
    };
    await expect(readPage(fixture.connect({ plugin }), scope, {})).rejects.toThrow(
      "A row of another tenant",
    );
  });

  test("keys rotate without ending the tokens of the one before", async () => {
    const [old] = testKeys;
    const next: SealingKey = { id: "next", secret: Buffer.alloc(32, 9) };
    const rotated = fixture.connect();
    const stores = { ...rotated.stores, tokens: new FeedTokens([next, ...testKeys]) };
    const page = await readPage({ ...rotated, stores }, scope, { continuation });
    expect(page.hasMore).toBe(false);
    expect(page.continuation).not.toBe(continuation);
    // The new key alone opens what it sealed, and not what the old one did.
    const later = { ...rotated, stores: { ...stores, tokens: new FeedTokens([next]) } };
    await readPage(later, scope, { continuation: page.continuation });
    await refusal(readPage(later, scope, { continuation }), "malformed");
    expect(old?.id).toBe("test");
  });

  test("the same position makes the same token", async () => {
    const [first, second] = [
      await readPage(client, scope, { continuation }),
      await readPage(fixture.connect(), scope, { continuation }),
    ];
    expect(second.continuation).toBe(first.continuation);
  });

  test("a range for one mode is refused for readers in the other", async () => {
    const [latest = ""] = await listFeedRanges(client.stores, scope, {
      minimum: 1,
      mode: "latest",
    });
    expect(
      await refusal(readPage(client, scope, { range: latest, mode: "all" }), "malformed"),
    ).toContain('"range"');
    expect(
      await refusal(readPage(client, scope, { range: latest, continuation }), "malformed"),
    ).toContain('"range"');
    expect((await readPage(client, scope, { range: latest })).entries).toHaveLength(2);
  });
});

test("a database that stays busy is told as such, and the continuation is as good as before", async () => {
  const scope = newScope();
  await store(scope, "1.10.1", ["1"]);
  let isBusy = false;
  const plugin: PluginConfig = {
    on: "request",
    plugin: async (context, _, next) => {
      if (isBusy && context.resourceType === "docs") {
        throw Object.assign(new Error("Request rate is large"), { code: 429, headers: {} });
      }
      return await next(context);
    },
  };
  const reader = fixture.connect({ plugin });
  const start = await readPage(reader, scope, { mode: "all", startFrom: "now" });
  await store(scope, "1.10.1", ["2"]);
  isBusy = true;
  await refusal(readPage(reader, scope, { continuation: start.continuation }), "unavailable");
  isBusy = false;
  const page = await readPage(reader, scope, { continuation: start.continuation });
  expect(page.entries.map(({ entry }) => entry.sopInstanceUid)).toEqual(["2"]);
});

test("a page costs one request to the database, once the container is known", async () => {
  const scope = newScope();
  await store(scope, "1.12.1", ["1", "2"]);
  const requests: string[] = [];
  const plugin: PluginConfig = {
    on: "request",
    plugin: async (context, _, next) => {
      requests.push(`${context.operationType} ${context.resourceType}`);
      return await next(context);
    },
  };
  const reader = fixture.connect({ plugin });
  let { continuation } = await readPage(reader, scope, { mode: "all", startFrom: "now" });
  for (let i = 0; i < 5; i += 1) {
    await store(scope, "1.12.1", [`3.${i}`]);
    requests.length = 0;
    const page = await readPage(reader, scope, { continuation, includeMetadata: "true" });
    ({ continuation } = page);
    expect(page.entries).toHaveLength(1);
    expect(requests).toHaveLength(1);
  }
});

test("the lag of a reader is the age of the oldest change it has not read, and their count", async () => {
  const scope = newScope();
  await store(scope, "1.11.1", ["1"]);
  const start = await readPage(client, scope, { mode: "all", startFrom: "now" });
  const now = Date.now();
  expect(await measureLag(client.stores, scope, start.continuation, now)).toEqual({
    seconds: 0,
    entries: 0,
  });
  await store(scope, "1.11.1", ["2", "3"]);
  await store(scope, "1.11.2", ["1"]);
  const lag = await measureLag(client.stores, scope, start.continuation, now + 60_000);
  expect(lag.entries).toBe(3);
  expect(lag.seconds).toBeGreaterThanOrEqual(55);
  expect(lag.seconds).toBeLessThanOrEqual(60);
});

describe("cursors", () => {
  test("of two who move the same cursor at once, one is refused", async () => {
    const scope = newScope();
    const { cursors } = client.stores;
    const { entityTag } = await cursors.put(scope, "a", "0", { kind: "isAbsent" });
    const moves = await Promise.allSettled(
      ["1", "2", "3"].map(
        async (position) => await cursors.put(scope, "a", position, { kind: "matches", entityTag }),
      ),
    );
    const won = moves.filter(({ status }) => status === "fulfilled");
    expect(won).toHaveLength(1);
    for (const move of moves) {
      if (move.status === "rejected") {
        expect(move.reason).toBeInstanceOf(Problem);
        expect((move.reason as Problem).kind).toBe("preconditionFailed");
      }
    }
    const kept = await cursors.get(scope, "a");
    expect(won[0]).toMatchObject({ value: { continuation: kept?.continuation } });
    const births = await Promise.allSettled(
      ["1", "2"].map(
        async (position) => await cursors.put(scope, "b", position, { kind: "isAbsent" }),
      ),
    );
    expect(births.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("of one tenant are not another's", async () => {
    const [scope, other] = [newScope(), newScope()];
    const { cursors } = client.stores;
    await cursors.put(scope, "mine", "0", { kind: "none" });
    await cursors.put(other, "mine", "1", { kind: "none" });
    expect((await cursors.get(scope, "mine"))?.continuation).toBe("0");
    await cursors.remove(scope, "mine", { kind: "none" });
    expect(await cursors.get(scope, "mine")).toBeUndefined();
    expect((await cursors.list(other)).map(({ name }) => name)).toEqual(["mine"]);
    expect(await cursors.list(scope)).toEqual([]);
  });
});
