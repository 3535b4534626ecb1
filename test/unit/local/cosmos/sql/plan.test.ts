import { describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../../../../local/cosmos/json.ts";
import { evaluateQuery } from "../../../../../local/cosmos/sql/evaluate.ts";
import { parseQuery } from "../../../../../local/cosmos/sql/parse.ts";
import {
  checkServable,
  crossPartitionRefusal,
  isIndexed,
  ordersUndefined,
  planQuery,
  type QueryInfo,
} from "../../../../../local/cosmos/sql/plan.ts";
import { SqlError } from "../../../../../local/cosmos/sql/sqlError.ts";
import type { Parameter } from "../../../../../local/cosmos/sql/syntaxTree.ts";

const container = { partitionKeyPaths: [["tenant"], ["study"]] };

function infoOf(text: string, parameters: readonly Parameter[] = []): QueryInfo {
  return planQuery(parseQuery(text), parameters, container).queryInfo;
}

/** The rows that one physical partition answers to the rewritten query. */
function rowsOf(text: string, documents: readonly JsonValue[]): readonly JsonValue[] {
  const rewritten = infoOf(text).rewrittenQuery.replace(
    "{documentdb-formattableorderbyquery-filter}",
    "true",
  );
  return [...evaluateQuery(parseQuery(rewritten), [], documents)];
}

const documents: readonly JsonValue[] = [
  { _rid: "r1", t: "a", v: 3, k: [1, 2] },
  { _rid: "r2", t: "b", v: 1, k: [] },
  { _rid: "r3", t: "a", v: 4 },
];

describe("the plan", () => {
  test("of a plain query is empty and covers all keys", () => {
    expect(planQuery(parseQuery("SELECT * FROM c WHERE c.v > 1"), [], container)).toEqual({
      partitionedQueryExecutionInfoVersion: 2,
      queryInfo: {
        distinctType: "None",
        top: null,
        offset: null,
        limit: null,
        orderBy: [],
        orderByExpressions: [],
        groupByExpressions: [],
        groupByAliases: [],
        aggregates: [],
        groupByAliasToAggregateType: {},
        rewrittenQuery: "",
        hasSelectValue: false,
        dCountInfo: null,
        hasNonStreamingOrderBy: false,
      },
      queryRanges: [{ min: "", max: "FF", isMinInclusive: true, isMaxInclusive: false }],
      hybridSearchQueryInfo: null,
    });
  });

  test("of an ordered query asks for ids, keys and payload, with the place for the client's filter", () => {
    expect(infoOf("SELECT * FROM c ORDER BY c.v DESC")).toMatchObject({
      orderBy: ["Descending"],
      orderByExpressions: ["c.v"],
      rewrittenQuery:
        'SELECT c._rid, [{"item": c.v}] AS orderByItems, c AS payload FROM c WHERE ({documentdb-formattableorderbyquery-filter}) ORDER BY c.v DESC',
    });
    expect(rowsOf("SELECT c.t AS x FROM c WHERE c.v > 1 ORDER BY c.v DESC", documents)).toEqual([
      { _rid: "r3", orderByItems: [{ item: 4 }], payload: { x: "a" } },
      { _rid: "r1", orderByItems: [{ item: 3 }], payload: { x: "a" } },
    ]);
    expect(rowsOf("SELECT VALUE c.k FROM c ORDER BY c.t, c.v", documents)).toEqual([
      { _rid: "r1", orderByItems: [{ item: "a" }, { item: 3 }], payload: [1, 2] },
      { _rid: "r2", orderByItems: [{ item: "b" }, { item: 1 }], payload: [] },
    ]);
    expect(rowsOf("SELECT k FROM c JOIN k IN c.k ORDER BY c.v", documents)).toEqual([
      { _rid: "r1", orderByItems: [{ item: 3 }], payload: { k: 1 } },
      { _rid: "r1", orderByItems: [{ item: 3 }], payload: { k: 2 } },
    ]);
  });

  test("lets each partition give as many as the whole may need", () => {
    const parameters = [
      { name: "@o", value: 2 },
      { name: "@l", value: 3 },
    ];
    expect(infoOf("SELECT * FROM c OFFSET @o LIMIT @l", parameters)).toMatchObject({
      offset: 2,
      limit: 3,
      rewrittenQuery: "SELECT * FROM c OFFSET 0 LIMIT 5",
    });
    expect(infoOf("SELECT TOP @l * FROM c", parameters)).toMatchObject({
      top: 3,
      rewrittenQuery: "",
    });
    expect(infoOf("SELECT TOP 3 * FROM c ORDER BY c.v").rewrittenQuery).toMatch(
      /^SELECT TOP 3 c\._rid/,
    );
    expect(infoOf("SELECT * FROM c ORDER BY c.v OFFSET 2 LIMIT 3").rewrittenQuery).toMatch(
      /OFFSET 0 LIMIT 5$/,
    );
    // Doubles are dropped after the merge, so nothing may be cut off before it.
    expect(infoOf("SELECT DISTINCT TOP 3 c.v FROM c ORDER BY c.v").rewrittenQuery).not.toContain(
      "TOP",
    );
    expect(infoOf("SELECT c.t FROM c GROUP BY c.t OFFSET 0 LIMIT 1").rewrittenQuery).not.toContain(
      "LIMIT",
    );
  });

  test("says when equal results come one after the other", () => {
    expect(infoOf("SELECT DISTINCT c.t FROM c").distinctType).toBe("Unordered");
    expect(infoOf("SELECT DISTINCT c.t FROM c ORDER BY c.t, c.v").distinctType).toBe("Ordered");
    expect(infoOf("SELECT DISTINCT VALUE c.t FROM c ORDER BY c.t").distinctType).toBe("Ordered");
    expect(infoOf("SELECT DISTINCT c.t FROM c ORDER BY c.v, c.t").distinctType).toBe("Unordered");
    expect(infoOf("SELECT DISTINCT * FROM c ORDER BY c.v").distinctType).toBe("Unordered");
  });

  test.each<[string, string, JsonValue, JsonValue]>([
    ["COUNT(1)", "Count", { item: 3 }, { item: 0 }],
    ["COUNTIF(c.v > 1)", "CountIf", { item: 2 }, { item: 0 }],
    ["SUM(c.v)", "Sum", { item: 8 }, { item: 0 }],
    ["AVG(c.v)", "Average", { item: { sum: 8, count: 3 } }, { item: { sum: 0, count: 0 } }],
    ["MIN(c.v)", "Min", { item: 1, item2: { min: 1, count: 3 } }, { item2: { count: 0 } }],
    ["MAX(c.v)", "Max", { item: 4, item2: { max: 4, count: 3 } }, { item2: { count: 0 } }],
    // An empty object is how the client learns that the whole is undefined.
    ["SUM(c.t)", "Sum", {}, { item: 0 }],
    ["AVG(c.t)", "Average", {}, { item: { sum: 0, count: 0 } }],
    ["MAX(c.k)", "Max", {}, { item2: { count: 0 } }],
  ])("aggregates %s in parts", (expression, type, some, none) => {
    const text = `SELECT VALUE ${expression} FROM c`;
    expect(infoOf(text)).toMatchObject({ aggregates: [type], hasSelectValue: true });
    expect(rowsOf(text, documents)).toEqual([[some]]);
    expect(rowsOf(text, [])).toEqual([[none]]);
  });

  test("groups in parts", () => {
    const text = 'SELECT c.t, COUNT(1) AS n, MAX(c.v) AS "m" FROM c GROUP BY c.t'.replace(
      '"m"',
      "m",
    );
    expect(infoOf(text)).toMatchObject({
      groupByExpressions: ["c.t"],
      groupByAliases: ["t", "n", "m"],
      aggregates: [],
    });
    expect({ ...infoOf(text).groupByAliasToAggregateType }).toEqual({
      t: null,
      n: "Count",
      m: "Max",
    });
    expect(rowsOf(text, documents)).toEqual([
      {
        groupByItems: [{ item: "a" }],
        payload: { t: "a", n: { item: 2 }, m: { item: 4, item2: { max: 4, count: 2 } } },
      },
      {
        groupByItems: [{ item: "b" }],
        payload: { t: "b", n: { item: 1 }, m: { item: 1, item2: { max: 1, count: 1 } } },
      },
    ]);
    // Without a key there is one group, and its aggregates have names.
    expect({ ...infoOf("SELECT COUNT(1) AS n FROM c").groupByAliasToAggregateType }).toEqual({
      n: "Count",
    });
    expect(rowsOf("SELECT COUNT(1) AS n FROM c", documents)).toEqual([
      { payload: { n: { item: 3 } } },
    ]);
    expect(rowsOf("SELECT VALUE c.t FROM c GROUP BY c.t", documents)).toEqual([
      { groupByItems: [{ item: "a" }], payload: "a" },
      { groupByItems: [{ item: "b" }], payload: "b" },
    ]);
  });

  test.each([
    "SELECT VALUE SUM(c.a) / COUNT(1) FROM c",
    "SELECT VALUE {n: COUNT(1)} FROM c",
    "SELECT VALUE s FROM (SELECT VALUE COUNT(1) FROM c) AS s",
    "SELECT VALUE s FROM (SELECT DISTINCT VALUE c.t FROM c) AS s",
    "SELECT * FROM k IN c.k ORDER BY k.x",
  ])("%s cannot be merged", (text) => {
    expect(() => infoOf(text)).toThrow(SqlError);
  });

  test("is narrowed to the key that WHERE fixes", () => {
    const keyed = {
      ...container,
      rangeOfKey: (values: readonly JsonValue[]) => ({
        min: JSON.stringify(values),
        max: `${JSON.stringify(values)}FF`,
        isMinInclusive: true,
        isMaxInclusive: false,
      }),
    };
    const minOf = (text: string): string | undefined =>
      planQuery(parseQuery(text), [{ name: "@t", value: "x" }], keyed).queryRanges[0]?.min;
    expect(minOf('SELECT * FROM c WHERE c.tenant = @t AND c["study"] = "1" AND c.v > 1')).toBe(
      '["x","1"]',
    );
    expect(minOf("SELECT * FROM c WHERE 'x' = c.tenant")).toBe('["x"]');
    expect(minOf("SELECT * FROM c WHERE c.study = '1'")).toBe("");
    expect(minOf("SELECT * FROM c WHERE c.tenant = @t OR c.v = 1")).toBe("");
    expect(minOf("SELECT * FROM c WHERE c.tenant = @missing")).toBe("");
  });
});

describe("a query over several partitions", () => {
  test.each([
    "SELECT c.a FROM c JOIN t IN c.tags WHERE c.a LIKE 'x%' AND t IN (1, 2)",
    "SELECT VALUE ARRAY(SELECT VALUE COUNT(1) FROM t IN c.tags) FROM c",
  ])("is served page by page: %s", (text) => {
    expect(crossPartitionRefusal(parseQuery(text))).toBeUndefined();
  });

  test.each([
    "SELECT TOP 1 * FROM c",
    "SELECT * FROM c ORDER BY c.a",
    "SELECT * FROM c OFFSET 0 LIMIT 1",
    "SELECT DISTINCT c.a FROM c",
    "SELECT VALUE COUNT(1) FROM c",
    "SELECT VALUE s FROM (SELECT VALUE COUNT(1) FROM c) AS s",
  ])("is left to the client with the plan: %s", (text) => {
    expect(crossPartitionRefusal(parseQuery(text))).toMatchObject({
      substatus: 1004,
      carriesPlan: true,
    });
  });

  test.each(["SELECT COUNT(1) AS n FROM c", "SELECT c.a FROM c GROUP BY c.a"])(
    "is left to the client by a text that it knows: %s",
    (text) => {
      const refusal = crossPartitionRefusal(parseQuery(text));
      expect(refusal).toMatchObject({ carriesPlan: false });
      expect(refusal?.message).toContain(
        "Cross partition query only supports 'VALUE <AggregateFunc>' for aggregates",
      );
    },
  );
});

describe("what the indexes serve", () => {
  const policy: JsonObject = {
    indexingMode: "consistent",
    includedPaths: [{ path: "/*" }, { path: "/hidden/seen/?" }],
    excludedPaths: [{ path: "/hidden/*" }, { path: '/"_etag"/?' }],
    compositeIndexes: [
      [
        { path: "/a", order: "ascending" },
        { path: "/q/00080020", order: "descending" },
      ],
      [{ path: "/b" }, { path: "/a" }],
    ],
  };
  const refusalOf = (order: string, found = policy): string => {
    try {
      checkServable(parseQuery(`SELECT * FROM c ORDER BY ${order}`), [], found);
    } catch (error) {
      if (error instanceof SqlError) return error.message;
      throw error;
    }
    return "";
  };

  test.each([
    "c.a",
    "c.a.b.c DESC",
    "c.hidden.seen",
    "c._ts",
    'c.a, c.q["00080020"] DESC',
    'c.a DESC, c.q["00080020"] ASC',
    "c.b, c.a",
    "c.b DESC, c.a DESC",
  ])("ORDER BY %s is served", (order) => {
    expect(refusalOf(order)).toBe("");
  });

  test.each([
    ["c.hidden.a", /excluded/],
    ["c._etag", /excluded/],
    ['c.a, c.q["00080020"]', /composite/],
    ['c.q["00080020"] DESC, c.a', /composite/],
    ["c.b, c.a DESC", /composite/],
    ["c.b, c.a, c.d", /composite/],
    ["LOWER(c.a)", /document path/],
    ["c.a[0]", /document path/],
    ["c", /document path/],
  ])("ORDER BY %s is refused", (order, message) => {
    expect(refusalOf(order)).toMatch(message);
  });

  test("without a policy everything is indexed, with indexing off nothing is", () => {
    expect(refusalOf("c.a", {})).toBe("");
    expect(refusalOf("c.a", { indexingMode: "none" })).toMatch(/excluded/);
    expect(refusalOf("c.a", { includedPaths: [{ path: "/b/?" }] })).toMatch(/excluded/);
  });

  test("the most specific path of the policy decides", () => {
    const nested: JsonObject = {
      includedPaths: [{ path: "/a/*" }, { path: "/a/b/c/?" }],
      excludedPaths: [{ path: "/*" }, { path: "/a/b/*" }],
    };
    expect(isIndexed(["a"], nested)).toBe(true);
    expect(isIndexed(["a", "x"], nested)).toBe(true);
    expect(isIndexed(["a", "b", "x"], nested)).toBe(false);
    expect(isIndexed(["a", "b", "c"], nested)).toBe(true);
    expect(isIndexed(["a", "b", "c", "d"], nested)).toBe(false);
    expect(isIndexed(["x"], nested)).toBe(false);
    expect(isIndexed(["id"], nested)).toBe(true);
  });

  test.each([
    ["c.a", false],
    ["c.hidden.seen", true],
    ["c.hidden.seen.below", false],
    ["c.hidden.unseen", false],
    ['c.a, c.q["00080020"] DESC', true],
    ["c.b DESC, c.a DESC", true],
  ])("ORDER BY %s takes documents without a value: %j", (order, expected) => {
    const query = parseQuery(`SELECT * FROM c ORDER BY ${order}`);
    expect(ordersUndefined(query, [], policy)).toBe(expected);
  });

  test("no document is taken for what it lacks by a wildcard, whatever it is under", () => {
    const query = parseQuery("SELECT * FROM c ORDER BY c.a.b");
    expect(ordersUndefined(query, [], {})).toBe(false);
    expect(ordersUndefined(query, [], { includedPaths: [{ path: "/a/*" }] })).toBe(false);
    expect(ordersUndefined(query, [], { includedPaths: [{ path: "/a/b/*" }] })).toBe(false);
    expect(ordersUndefined(query, [], { includedPaths: [{ path: '/"a"/b/?' }] })).toBe(true);
  });

  test("a path below the source counts from the root of the document", () => {
    const query = parseQuery("SELECT * FROM c.hidden AS h ORDER BY h.seen");
    expect(() => checkServable(query, [], policy)).not.toThrow();
    const other = parseQuery("SELECT * FROM c.hidden AS h ORDER BY h.other");
    expect(() => checkServable(other, [], policy)).toThrow(SqlError);
  });
});
