import { rmSync } from "node:fs";

import type { Container, FeedOptions, SqlQuerySpec } from "@azure/cosmos";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CosmosFixture, hierarchicalKey, refusal, sorted } from "./cosmosFixture.ts";

let fixture: CosmosFixture;
let container: Container;
/** The same documents, with the path of `n` included by name. */
let named: Container;

interface Entry {
  readonly id: string;
  readonly tenant: string;
  readonly partition: string;
  readonly study: string;
  readonly n?: number | string | boolean | null;
  readonly tag: string;
}

/** Values of all types under one name, and some documents without it. */
const values: readonly Entry["n"][] = [
  null,
  false,
  true,
  -1,
  0,
  0.5,
  3,
  10,
  "",
  "a",
  "b",
  "é",
  undefined,
];

const entries: readonly Entry[] = Array.from({ length: 120 }, (_, i) => {
  const n = values[(i * 7) % values.length];
  return {
    id: `i${i}`,
    tenant: `t${i % 3}`,
    partition: "p",
    study: `s${i % 5}`,
    tag: `tag${i % 4}`,
    ...(n === undefined ? {} : { n }),
  };
});

beforeAll(async () => {
  fixture = await CosmosFixture.start({ physicalPartitions: 3 });
  container = await fixture.container("queries", {
    partitionKey: hierarchicalKey,
    indexingPolicy: {
      includedPaths: [{ path: "/*" }],
      excludedPaths: [{ path: "/hidden/*" }],
      compositeIndexes: [
        [
          { path: "/tag", order: "ascending" },
          { path: "/n", order: "descending" },
        ],
      ],
    },
  });
  named = await fixture.container("named", {
    partitionKey: hierarchicalKey,
    indexingPolicy: { includedPaths: [{ path: "/*" }, { path: "/n/?" }], excludedPaths: [] },
  });
  for (const entry of entries) {
    await container.items.create(entry);
    await named.items.create(entry);
  }
});

afterAll(async () => {
  await fixture.stop();
});

async function all(
  query: string | SqlQuerySpec,
  options: FeedOptions = {},
  from: Container = container,
): Promise<unknown[]> {
  return (await from.items.query<unknown>(query, options).fetchAll()).resources;
}

async function pages(
  query: string | SqlQuerySpec,
  options: FeedOptions,
  from: Container = container,
): Promise<unknown[][]> {
  const iterator = from.items.query<unknown>(query, options);
  const result: unknown[][] = [];
  while (iterator.hasMoreResults()) {
    const { resources } = await iterator.fetchNext();
    if (resources !== undefined) result.push(resources);
  }
  return result;
}

describe("scopes", () => {
  test("a prefix reaches what lies under it, without the query saying so", async () => {
    expect(await all("SELECT VALUE COUNT(1) FROM c", { partitionKey: ["t0"] })).toEqual([40]);
    expect(await all("SELECT VALUE COUNT(1) FROM c", { partitionKey: ["t0", "p"] })).toEqual([40]);
    expect(await all("SELECT VALUE COUNT(1) FROM c", { partitionKey: ["t0", "q"] })).toEqual([0]);
    expect(await all("SELECT VALUE COUNT(1) FROM c", { partitionKey: ["t0", "p", "s0"] })).toEqual([
      8,
    ]);
  });

  test("a prefix of an absent component is not the prefix without it", async () => {
    expect(await all("SELECT * FROM c", { partitionKey: ["t0", undefined] as never })).toEqual([]);
  });

  test("without a key the client merges what the ranges answer", async () => {
    expect(await all("SELECT VALUE COUNT(1) FROM c")).toEqual([120]);
    expect(await all("SELECT VALUE MAX(c.n) FROM c WHERE IS_NUMBER(c.n)")).toEqual([10]);
    expect(await all("SELECT VALUE AVG(c.n) FROM c WHERE c.n IN (3, 10)")).toHaveLength(1);
    const grouped = await all("SELECT c.tag, COUNT(1) AS n FROM c GROUP BY c.tag");
    expect(grouped).toHaveLength(4);
    expect(grouped).toContainEqual({ tag: "tag0", n: 30 });
    expect(await all("SELECT DISTINCT VALUE c.tag FROM c ORDER BY c.tag")).toEqual([
      "tag0",
      "tag1",
      "tag2",
      "tag3",
    ]);
    expect(
      await all("SELECT VALUE c.id FROM c WHERE c.n = 10 ORDER BY c.id OFFSET 2 LIMIT 3"),
    ).toHaveLength(3);
  });

  test("what the gateway leaves to the client is 400/1004 with the plan", async () => {
    const response = await fixture.request("POST", "dbs/db/colls/queries/docs", {
      headers: { "x-ms-documentdb-isquery": "true", "content-type": "application/query+json" },
      body: JSON.stringify({ query: "SELECT TOP 1 * FROM c" }),
    });
    expect([response.status, response.headers.get("x-ms-substatus")]).toEqual([400, "1004"]);
    const { additionalErrorInfo } = (await response.json()) as { additionalErrorInfo: string };
    expect(JSON.parse(additionalErrorInfo)).toMatchObject({ queryInfo: { top: 1 } });
  });
});

describe("paging", () => {
  test.each([
    "SELECT VALUE c.id FROM c",
    "SELECT VALUE c.id FROM c ORDER BY c.tag DESC",
    "SELECT DISTINCT VALUE c.n FROM c",
  ])("the pages of %j are together the whole, whatever their size", async (query) => {
    const whole = await all(query, { partitionKey: ["t1"] });
    for (const maxItemCount of [1, 7, 39, 40, 41]) {
      const parts = await pages(query, { partitionKey: ["t1"], maxItemCount });
      expect(parts.flat()).toEqual(whole);
      expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(maxItemCount);
    }
  });

  test("OFFSET, LIMIT and TOP count over all pages", async () => {
    const ordered = await all("SELECT VALUE c.id FROM c ORDER BY c.tag", { partitionKey: ["t2"] });
    const options = { partitionKey: ["t2"], maxItemCount: 4 };
    const limited = await pages(
      "SELECT VALUE c.id FROM c ORDER BY c.tag OFFSET 5 LIMIT 10",
      options,
    );
    expect(limited.map((page) => page.length)).toEqual([4, 4, 2]);
    expect(limited.flat()).toEqual(ordered.slice(5, 15));
    expect((await pages("SELECT TOP 9 VALUE c.id FROM c", options)).flat()).toHaveLength(9);
    expect((await pages("SELECT TOP 0 VALUE c.id FROM c", options)).flat()).toEqual([]);
  });

  test("rows written or deleted between pages neither hide nor repeat others", async () => {
    const moving = await fixture.container("moving");
    const document = (i: number): { id: string } & Record<string, unknown> => ({
      id: `i${String(i).padStart(3, "0")}`,
      tenant: "t",
      partition: "p",
      study: "s",
      v: i,
    });
    for (let i = 10; i < 50; i++) await moving.items.create(document(i));
    const iterator = moving.items.query<number>("SELECT VALUE c.v FROM c ORDER BY c.v", {
      partitionKey: ["t"],
      maxItemCount: 5,
    });
    const seen: number[] = [];
    for (let page = 0; iterator.hasMoreResults(); page++) {
      seen.push(...((await iterator.fetchNext()).resources ?? []));
      // One row before the position of the reader comes, and the one that it has just read goes.
      await moving.items.create(document(page));
      await moving.item(document(seen.at(-1) ?? 0).id, ["t", "p", "s"]).delete();
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i + 10));
  });

  test("a continuation outlives a restart, and is refused by another query", async () => {
    const first = await container.items
      .query("SELECT VALUE c.id FROM c", { partitionKey: ["t1"], maxItemCount: 30 })
      .fetchNext();
    await fixture.restart();
    container = fixture.database.container("queries");
    named = fixture.database.container("named");
    const options = { partitionKey: ["t1"], continuationToken: first.continuationToken };
    expect(await all("SELECT VALUE c.id FROM c", options)).toHaveLength(10);
    for (const continuationToken of [first.continuationToken, "nonsense", "e30"]) {
      const other = all("SELECT VALUE c.tag FROM c", { partitionKey: ["t1"], continuationToken });
      expect(await refusal(other)).toMatchObject({ code: 400 });
    }
  });

  test("pages ordered by texts of 20 KB continue too", async () => {
    const large = await fixture.container("largeTexts");
    for (let i = 0; i < 6; i++) {
      const text = `${"x".repeat(20_000)}${i}`;
      await large.items.create({ id: `i${i}`, tenant: "t", partition: "p", study: "s", text });
    }
    const iterator = large.items.query(
      "SELECT VALUE c.id FROM c ORDER BY c.text DESC OFFSET 1 LIMIT 4",
      {
        partitionKey: ["t"],
        maxItemCount: 2,
      },
    );
    expect((await iterator.fetchAll()).resources).toEqual(["i4", "i3", "i2", "i1"]);
  });

  test("an empty page with a continuation is not the end", async () => {
    fixture.server.control.setFaults([
      { action: { kind: "emptyPage" }, requests: ["query"], count: 2 },
    ]);
    expect(await all("SELECT VALUE c.id FROM c", { partitionKey: ["t1"] })).toHaveLength(40);
  });
});

describe("paging over all keys, merged by the client", () => {
  // Not smaller than OFFSET: the SDK takes a page that OFFSET leaves nothing of for the end.
  test.each<[string, number]>([
    ["SELECT VALUE c.id FROM c", 2],
    ["SELECT VALUE c.id FROM c ORDER BY c.tag", 2],
    ["SELECT TOP 30 VALUE c.id FROM c ORDER BY c.id DESC", 2],
    ["SELECT VALUE c.id FROM c WHERE c.tag != 'tag2' ORDER BY c.id OFFSET 3 LIMIT 20", 7],
  ])("the client's own continuations of %j lead through the whole", async (query, smallPage) => {
    const whole = await all(query);
    for (const maxItemCount of [smallPage, 50]) {
      const found: unknown[] = [];
      let continuationToken: string | undefined;
      do {
        // Each page by an iterator of its own, as a web service would that gives the continuation away.
        const page = await container.items
          .query<unknown>(query, {
            maxItemCount,
            enableQueryControl: true,
            ...(continuationToken === undefined ? {} : { continuationToken }),
          })
          .fetchNext();
        found.push(...page.resources);
        continuationToken = page.continuationToken;
        // Behind the last row that a limit allows the SDK gives empty pages without end.
      } while (continuationToken !== undefined && found.length < whole.length);
      expect(sorted(found)).toEqual(sorted(whole));
      if (query.includes("ORDER BY")) expect(found).toEqual(whole);
    }
  });
});

describe("the language, through the SDK", () => {
  const document = {
    id: "language",
    tenant: "language",
    partition: "p",
    study: "s",
    name: "Müller^Änne",
    n: 7,
    list: ["CT", "MR"],
    series: [
      { uid: "1.2", modality: "CT", count: 3 },
      { uid: "1.3", modality: "MR", count: 5 },
    ],
    "00080020": { vr: "DA", Value: ["20200115"] },
  };

  beforeAll(async () => {
    await container.items.create(document);
  });

  test.each<[string, unknown[]]>([
    ["c.id FROM c WHERE STARTSWITH(c.name, @text, true)", ["language"]],
    ["c.id FROM c WHERE STARTSWITH(c.name, @text)", []],
    [
      "c.id FROM c WHERE CONTAINS(c.name, 'änne', true) AND ENDSWITH(c.name, 'NNE', true)",
      ["language"],
    ],
    ["c.id FROM c WHERE STRINGEQUALS(c.name, 'MÜLLER^ÄNNE', true)", ["language"]],
    ["c.id FROM c WHERE c.name LIKE 'M_ller^%' AND c.name NOT LIKE '%x%'", ["language"]],
    ["c.id FROM c WHERE c.n BETWEEN 7 AND 8 AND c.n NOT IN (1, 2) AND NOT (c.n < 7)", ["language"]],
    ["c.id FROM c WHERE ARRAY_CONTAINS(c.list, 'MR') AND ARRAY_CONTAINS(@list, c.n)", ["language"]],
    ["c.id FROM c WHERE ARRAY_CONTAINS(c.series, {modality: 'MR'}, true)", ["language"]],
    [
      "c.id FROM c WHERE EXISTS(SELECT VALUE s FROM s IN c.series WHERE s.modality = 'MR' AND s.count > 4)",
      ["language"],
    ],
    ["c.id FROM c WHERE EXISTS(SELECT VALUE s FROM s IN c.series WHERE s.count > 5)", []],
    ["c.id FROM c WHERE c['00080020']['Value'][0] >= '20200101'", ["language"]],
    [
      "c.id FROM c WHERE IS_DEFINED(c.n) AND IS_NUMBER(c.n) AND NOT IS_DEFINED(c.none)",
      ["language"],
    ],
    ["s.count FROM c JOIN s IN c.series WHERE s.modality IN ('CT', 'MR')", [3, 5]],
    ["ARRAY(SELECT VALUE s.uid FROM s IN c.series WHERE s.count = 5) FROM c", [["1.3"]]],
    ["{m: MAX(s.count), k: COUNT(1)} FROM c JOIN s IN c.series GROUP BY c.id", [{ m: 5, k: 2 }]],
    ["AVG(s.count) FROM s IN c.series", [4]],
  ])("SELECT VALUE %s", async (text, expected) => {
    const query = {
      query: `SELECT VALUE ${text}`,
      parameters: [
        { name: "@text", value: "mÜLL" },
        { name: "@list", value: [6, 7] },
      ],
    };
    // The document by its key, and by its prefix over all partitions.
    for (const partitionKey of [["language"], ["language", "p", "s"]]) {
      expect(await all(query, { partitionKey })).toEqual(expected);
    }
  });
});

describe("refusals", () => {
  test.each([
    ["an order by two paths without a composite index", "SELECT * FROM c ORDER BY c.n, c.tag"],
    ["an order by an excluded path", "SELECT * FROM c ORDER BY c.hidden.x"],
    ["a syntax error", "SELECT * FORM c"],
    ["a negative LIMIT", "SELECT * FROM c OFFSET 0 LIMIT -1"],
    ["a user-defined function", "SELECT udf.f(c) FROM c"],
    ["a trailing semicolon", "SELECT * FROM c;"],
  ])("%s is a 400", async (_, query) => {
    expect(await refusal(all(query, { partitionKey: ["t0"] }))).toMatchObject({ code: 400 });
  });

  test.each([
    [
      "a parameter twice",
      [
        { name: "@a", value: 1 },
        { name: "@a", value: 2 },
      ],
    ],
    ["a parameter without '@'", [{ name: "a", value: 1 }]],
  ])("%s is a 400", async (_, parameters) => {
    const query = { query: "SELECT * FROM c WHERE c.n = @a", parameters };
    expect(await refusal(all(query, { partitionKey: ["t0"] }))).toMatchObject({ code: 400 });
  });

  test("an order by a composite index is served, in both directions", async () => {
    const up = await all("SELECT VALUE c.id FROM c ORDER BY c.tag, c.n DESC", {
      partitionKey: ["t0"],
    });
    const down = await all("SELECT VALUE c.id FROM c ORDER BY c.tag DESC, c.n ASC", {
      partitionKey: ["t0"],
    });
    expect(down).toHaveLength(up.length);
    // With those that have no `n`: a composite index has them all.
    expect(up).toHaveLength(40);
  });
});

describe("an order by a property that some documents lack", () => {
  const partitionKey = ["t1"];
  const own = entries.filter(({ tenant }) => tenant === "t1");
  const lacking = own.filter(({ n }) => n === undefined).map(({ id }) => id);

  test.each(["ASC", "DESC"])("a wildcard leaves them out (%s)", async (direction) => {
    const query = `SELECT VALUE c.id FROM c ORDER BY c.n ${direction}`;
    expect(lacking.length).toBeGreaterThan(1);
    for (const maxItemCount of [1, 7, 100]) {
      const found = (await pages(query, { partitionKey, maxItemCount })).flat();
      expect(found).toHaveLength(own.length - lacking.length);
      for (const id of lacking) expect(found).not.toContain(id);
    }
  });

  test("a path included by name has them first, or last when descending, whatever the pages", async () => {
    const rising = "SELECT VALUE c.id FROM c ORDER BY c.n";
    for (const maxItemCount of [1, 2, 7, 100]) {
      const options = { partitionKey, maxItemCount };
      const up = (await pages(rising, options, named)).flat();
      expect(up.slice(0, lacking.length)).toEqual(lacking);
      expect(new Set(up).size).toBe(own.length);
      expect(up).toHaveLength(own.length);
      const down = (await pages(`${rising} DESC`, options, named)).flat();
      expect(down.slice(-lacking.length)).toEqual(lacking);
      expect(down).toHaveLength(own.length);
    }
  });

  test("OFFSET, LIMIT, DISTINCT and a condition count them as any other", async () => {
    const first = "SELECT VALUE c.id FROM c ORDER BY c.n OFFSET 1 LIMIT 2";
    expect(await all(first, { partitionKey, maxItemCount: 1 }, named)).toEqual(lacking.slice(1, 3));
    expect(await all("SELECT TOP 1 c.n FROM c ORDER BY c.n", { partitionKey }, named)).toEqual([
      {},
    ]);
    const different = "SELECT DISTINCT c.n FROM c ORDER BY c.n";
    expect(await all(different, { partitionKey }, named)).toHaveLength(values.length);
    expect(await all(different, { partitionKey })).toHaveLength(values.length - 1);
    const defined = "SELECT VALUE c.id FROM c WHERE IS_DEFINED(c.n) ORDER BY c.n";
    expect(await all(defined, { partitionKey }, named)).toEqual(
      await all(defined, { partitionKey }),
    );
  });

  test("a composite index has them, in the order of its second path", async () => {
    const query = "SELECT VALUE c.id FROM c WHERE c.tag = 'tag1' ORDER BY c.tag DESC, c.n";
    const tagged = own.filter(({ tag }) => tag === "tag1");
    const expected = tagged.filter(({ n }) => n === undefined).map(({ id }) => id);
    expect(expected.length).toBeGreaterThan(0);
    for (const maxItemCount of [1, 3]) {
      const found = (await pages(query, { partitionKey, maxItemCount })).flat();
      expect(found).toHaveLength(tagged.length);
      expect(found.slice(0, expected.length)).toEqual(expected);
    }
  });

  test("a page that ends among them is continued by another client", async () => {
    const query = "SELECT VALUE c.id FROM c ORDER BY c.n DESC";
    const whole = await all(query, { partitionKey }, named);
    const first = await named.items
      .query<unknown>(query, { partitionKey, maxItemCount: own.length - 1 })
      .fetchNext();
    const { continuationToken } = first;
    const rest = await all(query, { partitionKey, continuationToken }, named);
    expect([...first.resources, ...rest]).toEqual(whole);
  });

  test("merged by the client, those of a wildcard are left out and those of a named path are of a type of their own", async () => {
    const query =
      "SELECT VALUE c.id FROM c WHERE NOT IS_DEFINED(c.n) OR IS_STRING(c.n) ORDER BY c.n";
    const texts = entries.filter(({ n }) => typeof n === "string").map(({ id }) => id);
    expect(new Set(await all(query, { maxItemCount: 3 }))).toEqual(new Set(texts));
    // The SDK merges rows of one type only; it throws so with the service too (Azure/azure-sdk-for-js, issue 36556).
    expect(await refusal(all(query, {}, named))).toMatchObject({
      message: expect.stringContaining("on mixed types") as string,
    });
    const missing = "SELECT VALUE c.id FROM c WHERE NOT IS_DEFINED(c.n) ORDER BY c.n";
    const expected = entries.filter(({ n }) => n === undefined).map(({ id }) => id);
    expect(new Set(await all(missing, { maxItemCount: 3 }, named))).toEqual(new Set(expected));
    expect(await all(missing)).toEqual([]);
  });
});

// Goal: the server's answers agree with a naive reading of the language.
// Method: random conditions, orders, limits, scopes and page sizes, compared with arrays filtered and sorted here,
// by code that shares nothing with the server's.
test("random queries agree with a naive evaluation in memory", async () => {
  type Value = Entry["n"];
  const rank = (value: Value): number =>
    value === undefined
      ? 0
      : value === null
        ? 1
        : { boolean: 2, number: 3, string: 4 }[typeof value as "string"];
  const compare = (a: Value, b: Value): number => {
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
    if (typeof a === "string" && typeof b === "string")
      return Buffer.compare(Buffer.from(a), Buffer.from(b));
    return Number(a) - Number(b);
  };
  type Truth = boolean | undefined;
  interface Condition {
    readonly sql: string;
    readonly holds: (entry: Entry) => Truth;
  }
  const operators = {
    "=": (order: number) => order === 0,
    "!=": (order: number) => order !== 0,
    "<": (order: number) => order < 0,
    "<=": (order: number) => order <= 0,
    ">": (order: number) => order > 0,
    ">=": (order: number) => order >= 0,
  };
  const literal = fc.constantFrom(...values.filter((value) => value !== undefined));
  const property = fc.constantFrom("n" as const, "tag" as const);
  const comparison: fc.Arbitrary<Condition> = fc
    .tuple(
      property,
      fc.constantFrom(...(Object.keys(operators) as (keyof typeof operators)[])),
      literal,
    )
    .map(([name, operator, value]) => ({
      sql: `c.${name} ${operator} ${JSON.stringify(value)}`,
      holds: (entry) => {
        const own = entry[name];
        if (own === undefined) return undefined;
        if (operator === "=" || operator === "!=") return operators[operator](compare(own, value));
        return rank(own) === rank(value) ? operators[operator](compare(own, value)) : undefined;
      },
    }));
  const membership: fc.Arbitrary<Condition> = fc
    .tuple(property, fc.array(literal, { minLength: 1, maxLength: 4 }))
    .map(([name, list]) => ({
      sql: `c.${name} IN (${list.map((value) => JSON.stringify(value)).join(", ")})`,
      holds: (entry) =>
        entry[name] === undefined
          ? undefined
          : list.some((value) => compare(value, entry[name]) === 0),
    }));
  const defined: fc.Arbitrary<Condition> = property.map((name) => ({
    sql: `IS_DEFINED(c.${name})`,
    holds: (entry) => entry[name] !== undefined,
  }));
  const leaf = fc.oneof(comparison, membership, defined);
  const { tree } = fc.letrec<{ tree: Condition; and: Condition; or: Condition; not: Condition }>(
    (tie) => ({
      tree: fc.oneof({ maxDepth: 3, depthSize: "small" }, leaf, tie("and"), tie("or"), tie("not")),
      and: fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => ({
        sql: `(${a.sql} AND ${b.sql})`,
        holds: (entry: Entry): Truth => {
          const [x, y] = [a.holds(entry), b.holds(entry)];
          return x === false || y === false
            ? false
            : x === undefined || y === undefined
              ? undefined
              : true;
        },
      })),
      or: fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => ({
        sql: `(${a.sql} OR ${b.sql})`,
        holds: (entry: Entry): Truth => {
          const [x, y] = [a.holds(entry), b.holds(entry)];
          return x === true || y === true
            ? true
            : x === undefined || y === undefined
              ? undefined
              : false;
        },
      })),
      not: tie("tree").map((a) => ({
        sql: `NOT (${a.sql})`,
        holds: (entry: Entry): Truth => {
          const x = a.holds(entry);
          return x === undefined ? undefined : !x;
        },
      })),
    }),
  );
  const scope: fc.Arbitrary<string[]> = fc.constantFrom(["t0"], ["t1", "p"], ["t2", "p", "s2"]);
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        condition: tree,
        scope,
        order: fc.option(fc.record({ name: property, isDescending: fc.boolean() }), {
          nil: undefined,
        }),
        window: fc.option(fc.tuple(fc.nat(10), fc.nat(20)), { nil: undefined }),
        maxItemCount: fc.integer({ min: 1, max: 50 }),
        isNamed: fc.boolean(),
      }),
      async ({ condition, scope: partitionKey, order, window, maxItemCount, isNamed }) => {
        let expected = entries.filter(
          (entry) =>
            [entry.tenant, entry.partition, entry.study].slice(0, partitionKey.length).join() ===
              partitionKey.join() && condition.holds(entry) === true,
        );
        let query = `SELECT VALUE c.id FROM c WHERE ${condition.sql}`;
        if (order !== undefined) {
          const { name, isDescending } = order;
          query += ` ORDER BY c.${name} ${isDescending ? "DESC" : "ASC"}`;
          expected = expected
            .filter((entry) => isNamed || entry[name] !== undefined)
            .toSorted((a, b) => (isDescending ? -1 : 1) * compare(a[name], b[name]));
        }
        if (window !== undefined) {
          query += ` OFFSET ${window[0]} LIMIT ${window[1]}`;
          expected = expected.slice(window[0], window[0] + window[1]);
        }
        const options = { partitionKey, maxItemCount };
        const found = await all(query, options, isNamed ? named : container);
        expect(found).toEqual(expected.map(({ id }) => id));
      },
    ),
    { seed: 20261121, numRuns: 300 },
  );
});

describe("indexes", () => {
  test("a query on an indexed path of a large container makes and uses an index", async () => {
    const { Account } = await import("../../local/cosmos/account.ts");
    const { readQueryPage } = await import("../../local/cosmos/queryPages.ts");
    const { compileQuery } = await import("../../local/cosmos/sql/compileToSqlite.ts");
    const { parseQuery } = await import("../../local/cosmos/sql/parse.ts");
    const other = await CosmosFixture.start();
    const { dataDir } = other;
    await other.stop();
    const account = new Account(dataDir, {
      physicalPartitions: 1,
      partitionBytesMax: undefined,
      now: () => 1_700_000_000_000,
    });
    try {
      account.createDatabase("db", undefined);
      const entry = account.createContainer(
        "db",
        {
          id: "c",
          partitionKey: { paths: ["/tenant", "/study"], kind: "MultiHash", version: 2 },
          indexingPolicy: {
            includedPaths: [{ path: "/q/*" }, { path: "/kind/?" }],
            excludedPaths: [{ path: "/*" }],
          },
        },
        undefined,
      );
      const target = entry.container;
      target.runEach(
        Array.from({ length: 3_000 }, (_, i) => ({
          key: [`t${i % 2}`, `s${i % 300}`],
          operation: {
            kind: "create" as const,
            document: {
              id: `i${i}`,
              tenant: `t${i % 2}`,
              study: `s${i % 300}`,
              kind: "study",
              q: { "00100020": `p${i % 500}`, other: i },
            },
          },
        })),
        true,
      );
      const query = parseQuery(
        'SELECT c.id FROM c WHERE c.kind = "study" AND c.q["00100020"] = @p AND c.unindexed = 1',
      );
      const parameters = [{ name: "@p", value: "p42" }];
      const span = target.spanOf(["t0"]);
      const scoped = { span, rangeId: undefined, hasKey: true, isFullKey: false };
      readQueryPage(target, { query, parameters }, scoped, 100, undefined);
      const compiled = compileQuery(query, parameters, {
        table: target.table.name,
        bodyColumn: "body",
        scope: { sql: "epk >= ? AND epk < ?", params: [span.epkMin, span.epkMax] },
        columns: "rid",
        ridOrder: "rid",
      });
      const plan = account.db
        .prepare(`EXPLAIN QUERY PLAN ${compiled?.sql ?? ""}`)
        .all(...(compiled?.params ?? []))
        .map((row) => String(row["detail"]));
      const indexes = account.db
        .prepare("SELECT sql FROM sqlite_schema WHERE name GLOB 'docs_1_by_*'")
        .all()
        .map((row) => String(row["sql"]));
      expect(indexes).toHaveLength(2);
      expect(indexes.join("\n")).not.toContain("unindexed");
      expect(plan.join("\n")).toMatch(
        /SEARCH docs_1 USING INDEX docs_1_by_\w+ \(<expr>=\? AND <expr>=\? AND epk>\? AND epk<\?\)/u,
      );
    } finally {
      account.close();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
