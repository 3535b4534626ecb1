import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../../../local/cosmos/json.ts";
import { evaluatePredicate, evaluateQuery } from "../../../../../local/cosmos/sql/evaluate.ts";
import { parseCondition, parseQuery } from "../../../../../local/cosmos/sql/parse.ts";
import { SqlError } from "../../../../../local/cosmos/sql/sqlError.ts";
import type { Parameter } from "../../../../../local/cosmos/sql/syntaxTree.ts";

function run(
  text: string,
  documents: readonly JsonValue[] = [{}],
  parameters: readonly Parameter[] = [],
): readonly JsonValue[] {
  return [...evaluateQuery(parseQuery(text), parameters, documents)];
}

/** The value of an expression over one document; `undefined` when it has none. */
function valueOf(expression: string, document: JsonValue = {}): JsonValue | undefined {
  return run(`SELECT VALUE ${expression} FROM c`, [document])[0];
}

const families: readonly JsonValue[] = [
  {
    id: "1",
    name: "Andersen",
    year: 1999,
    open: true,
    tags: ["x", "y"],
    children: [
      { given: "Ann", grade: 5, pets: [{ name: "Fluffy" }] },
      { given: "Bo", grade: 1 },
    ],
  },
  { id: "2", name: "Wakefield", year: 1988, open: false, tags: ["y"], children: [] },
  { id: "3", name: "Miller", open: null, tags: "x" },
];

describe("what is selected", () => {
  test.each<[string, readonly JsonValue[]]>([
    // Recorded on the service: statement order, what is missing left out, `$1` for what has no name.
    [
      "SELECT c.name, c.year FROM c",
      [{ name: "Andersen", year: 1999 }, { name: "Wakefield", year: 1988 }, { name: "Miller" }],
    ],
    ["SELECT VALUE c.year FROM c", [1999, 1988]],
    ["SELECT VALUE [c.id, c.year] FROM c WHERE c.id = '3'", [["3", null]]],
    [
      "SELECT c.id, 1, 2 AS two, c.tags[0] FROM c WHERE c.id = '1'",
      [{ id: "1", $1: 1, two: 2, $2: "x" }],
    ],
    ["SELECT VALUE {id: c.id, year: c.year} FROM c WHERE c.id = '3'", [{ id: "3" }]],
    ["SELECT c FROM c WHERE c.id = '2'", [{ c: families[1] ?? null }]],
    ['SELECT c["name"] n FROM c WHERE c.id = "2"', [{ n: "Wakefield" }]],
    ["SELECT * FROM c.tags WHERE IS_STRING(tags)", ["x"]],
    ["SELECT VALUE t FROM t IN c.tags", ["x", "y", "y"]],
    ["SELECT f.id FROM Families f WHERE f.year > 1990", [{ id: "1" }]],
    ["SELECT VALUE root.id FROM root", ["1", "2", "3"]],
    ["SELECT 1 AS one", [{ one: 1 }]],
    ["SELECT TOP 2 VALUE c.id FROM c", ["1", "2"]],
    ["SELECT TOP 0 * FROM c", []],
    ["SELECT VALUE c.id FROM c OFFSET 1 LIMIT 1", ["2"]],
    ["SELECT VALUE c.id FROM c OFFSET 9 LIMIT 1", []],
    // Without a value there is no result, so it takes no place in OFFSET LIMIT either.
    ["SELECT VALUE c.year FROM c OFFSET 1 LIMIT 5", [1988]],
    ["SELECT DISTINCT VALUE t FROM t IN c.tags", ["x", "y"]],
    ["SELECT DISTINCT IS_ARRAY(c.tags) AS a FROM c", [{ a: true }, { a: false }]],
    ["SELECT VALUE c.constructor FROM c", []],
    [
      'SELECT VALUE {"__proto__": c.id} FROM c WHERE c.id = "1"',
      [JSON.parse('{"__proto__":"1"}') as JsonValue],
    ],
  ])("%s", (text, expected) => {
    expect(run(text, families)).toEqual(expected);
  });

  test("reading stops when LIMIT is reached", () => {
    let taken = 0;
    function* documents(): Generator<JsonValue> {
      for (;;) yield { id: String(taken++) };
    }
    const query = parseQuery("SELECT VALUE c.id FROM c WHERE c.id != '1' OFFSET 1 LIMIT 2");
    expect([...evaluateQuery(query, [], documents())]).toEqual(["2", "3"]);
    expect(taken).toBe(4);
  });
});

describe("JOIN and subqueries", () => {
  test.each<[string, readonly JsonValue[]]>([
    [
      "SELECT c.id, t FROM c JOIN t IN c.tags",
      [
        { id: "1", t: "x" },
        { id: "1", t: "y" },
        { id: "2", t: "y" },
      ],
    ],
    [
      "SELECT k.given, p.name FROM c JOIN k IN c.children JOIN p IN k.pets",
      [{ given: "Ann", name: "Fluffy" }],
    ],
    [
      "SELECT VALUE k FROM c JOIN k IN (SELECT VALUE x.given FROM x IN c.children WHERE x.grade > 1)",
      ["Ann"],
    ],
    ["SELECT VALUE k.given FROM c JOIN (SELECT VALUE x FROM x IN c.children) AS k", ["Ann", "Bo"]],
    [
      "SELECT VALUE s.given FROM (SELECT VALUE k FROM k IN c.children) AS s WHERE s.grade = 1",
      ["Bo"],
    ],
    ["SELECT VALUE s FROM (SELECT VALUE COUNT(1) FROM c) AS s", [3]],
    ["SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = 'x')", ["1"]],
    [
      "SELECT VALUE c.id FROM c WHERE NOT EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = 'x')",
      ["2", "3"],
    ],
    // The subquery sees the aliases around it.
    [
      "SELECT VALUE k.given FROM c JOIN k IN c.children WHERE EXISTS(SELECT VALUE p FROM p IN k.pets WHERE p.name = 'Fluffy' AND c.open)",
      ["Ann"],
    ],
    [
      "SELECT VALUE ARRAY(SELECT VALUE k.grade FROM k IN c.children WHERE k.grade > 0) FROM c",
      [[5, 1], [], []],
    ],
    ["SELECT VALUE (SELECT VALUE COUNT(1) FROM k IN c.children) FROM c", [2, 0, 0]],
    ["SELECT VALUE (SELECT VALUE c.year) FROM c", [1999, 1988]],
    ["SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE c.year)", ["1", "2"]],
    ["SELECT VALUE t FROM c JOIN c2 IN c.children JOIN t IN c2.pets", [{ name: "Fluffy" }]],
  ])("%s", (text, expected) => {
    expect(run(text, families)).toEqual(expected);
  });

  test("a scalar subquery with two results is an error", () => {
    expect(() => run("SELECT VALUE (SELECT VALUE t FROM t IN c.tags) FROM c", families)).toThrow(
      /cardinality/,
    );
  });
});

describe("aggregates", () => {
  const numbers = [{ g: "a", v: 3 }, { g: "b", v: 1 }, { g: "a", v: 2 }, { g: "a" }];
  test.each<[string, readonly JsonValue[]]>([
    ["SELECT VALUE COUNT(1) FROM c", [4]],
    ["SELECT VALUE COUNT(c.v) FROM c", [3]],
    ["SELECT VALUE COUNTIF(c.v > 1) FROM c", [2]],
    ["SELECT VALUE SUM(c.v) FROM c", [6]],
    ["SELECT VALUE AVG(c.v) FROM c", [2]],
    ["SELECT VALUE MIN(c.v) FROM c", [1]],
    ["SELECT VALUE MAX(c.v) FROM c", [3]],
    ["SELECT VALUE MAX(c.g) FROM c", ["b"]],
    ["SELECT VALUE COUNT(1) FROM c WHERE c.g = 'z'", [0]],
    ["SELECT VALUE AVG(c.v) FROM c WHERE c.g = 'z'", []],
    ["SELECT VALUE MIN(c.v) FROM c WHERE c.g = 'z'", []],
    // One value that is no number leaves no sum.
    ["SELECT SUM(c.g) AS s, COUNT(1) AS n FROM c", [{ n: 4 }]],
    [
      "SELECT c.g, COUNT(1) AS n, SUM(c.v) AS s FROM c GROUP BY c.g",
      [
        { g: "a", n: 3, s: 5 },
        { g: "b", n: 1, s: 1 },
      ],
    ],
    ["SELECT VALUE c.g FROM c GROUP BY c.g", ["a", "b"]],
    ["SELECT UPPER(c.g) AS u FROM c GROUP BY UPPER(c.g)", [{ u: "A" }, { u: "B" }]],
    ["SELECT c.v FROM c GROUP BY c.v OFFSET 1 LIMIT 2", [{ v: 1 }, { v: 2 }]],
    ["SELECT c.g FROM c WHERE c.g = 'z' GROUP BY c.g", []],
    ["SELECT VALUE COUNT(1) / 2 FROM c", [2]],
    ["SELECT VALUE MAKELIST(c.g) FROM c", [["a", "b", "a", "a"]]],
    ["SELECT VALUE MAKESET(c.g) FROM c", [["a", "b"]]],
    // As the queries are that one physical partition gets.
    ['SELECT VALUE [{"item": COUNT(1)}] FROM c', [[{ item: 4 }]]],
    [
      'SELECT VALUE [{"item": {"sum": SUM(c.v), "count": COUNT(c.v)}}] FROM c',
      [[{ item: { sum: 6, count: 3 } }]],
    ],
    [
      'SELECT [{"item": c.g}] AS groupByItems, {"g": c.g, "n": {"item": COUNT(1)}} AS payload FROM c GROUP BY c.g',
      [
        { groupByItems: [{ item: "a" }], payload: { g: "a", n: { item: 3 } } },
        { groupByItems: [{ item: "b" }], payload: { g: "b", n: { item: 1 } } },
      ],
    ],
  ])("%s", (text, expected) => {
    expect(run(text, numbers)).toEqual(expected);
  });
});

describe("ORDER BY", () => {
  const mixed = ["b", 2, null, true, "a", 1, false, [1], { x: 1 }, "😀", "！"];
  const documents: JsonValue[] = [...mixed.map((v, id) => ({ id, v })), { id: 99 }];

  test("orders by type, then by value, and leaves out what has none", () => {
    const ascending = [null, false, true, 1, 2, "a", "b", "！", "😀", [1], { x: 1 }];
    expect(run("SELECT VALUE c.v FROM c ORDER BY c.v", documents)).toEqual(ascending);
    expect(run("SELECT VALUE c.v FROM c ORDER BY c.v DESC", documents)).toEqual(
      ascending.toReversed(),
    );
  });

  test("puts what has no value before all values where the index has it", () => {
    const query = (order: string): unknown[] => {
      const parsed = parseQuery(`SELECT VALUE c.id FROM c ORDER BY ${order}`);
      return [...evaluateQuery({ ...parsed, takesUndefinedOrder: true }, [], documents)];
    };
    const ascending = [99, 2, 6, 3, 5, 1, 4, 0, 10, 9, 7, 8];
    expect(query("c.v")).toEqual(ascending);
    expect(query("c.v DESC")).toEqual(ascending.toReversed());
    expect(query("c.nowhere, c.id DESC")).toEqual([99, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  test("keeps the order of resource ids where keys are equal, and orders by several", () => {
    const rows = [
      { id: 1, a: 1, b: 2 },
      { id: 2, a: 0, b: 1 },
      { id: 3, a: 1, b: 1 },
      { id: 4, a: 1, b: 2 },
    ];
    expect(run("SELECT VALUE c.id FROM c ORDER BY c.a DESC", rows)).toEqual([1, 3, 4, 2]);
    expect(run("SELECT VALUE c.id FROM c ORDER BY c.a DESC, c.b ASC", rows)).toEqual([3, 1, 4, 2]);
    expect(run("SELECT TOP 1 VALUE c.id FROM c ORDER BY c.b", rows)).toEqual([2]);
    expect(run("SELECT DISTINCT VALUE c.b FROM c ORDER BY c.b OFFSET 1 LIMIT 1", rows)).toEqual([
      2,
    ]);
  });
});

describe("operators", () => {
  test.each<[string, JsonValue | undefined]>([
    // Three outcomes: u is undefined.
    ["true AND c.u", undefined],
    ["false AND c.u", false],
    ["c.u AND false", false],
    ["true OR c.u", true],
    ["c.u OR true", true],
    ["false OR c.u", undefined],
    ["NOT c.u", undefined],
    ["NOT 1", undefined],
    ["1 AND true", undefined],
    ["1 AND false", false],
    // Equality is defined between all types, order only within one.
    ["1 = 1", true],
    ["1 = '1'", false],
    ["1 != '1'", true],
    ["null = null", true],
    ["null != 1", true],
    ["c.u = c.u", undefined],
    ["c.u != 1", undefined],
    ["null = c.u", undefined],
    ["true = 1", false],
    ["[1, {'a': 2}] = [1, {'a': 2}]", true],
    ["{'a': 1, 'b': 2} = {'b': 2, 'a': 1}", true],
    ["{'a': 1} = {'a': 1, 'b': 2}", false],
    ["1 < 2", true],
    ["1 < '2'", undefined],
    ["'a' < 'b'", true],
    ["'！' < '😀'", true],
    ["false < true", true],
    ["null <= null", true],
    ["[1] < [2]", undefined],
    ["2 BETWEEN 1 AND 3", true],
    ["4 BETWEEN 1 AND 3", false],
    ["'2' BETWEEN 1 AND 3", undefined],
    ["2 NOT BETWEEN 1 AND 3", false],
    ["2 IN (1, 2)", true],
    ["2 IN (1, '2')", false],
    ["2 NOT IN (1, '2')", true],
    ["c.u IN (1)", undefined],
    ["2 IN (1, c.u)", undefined],
    ["2 NOT IN (1, c.u)", undefined],
    ["[1] IN ([1], 2)", true],
    ["c.u ?? 1", 1],
    ["null ?? 1", null],
    ["1 = 1 ? 'y' : 'n'", "y"],
    ["c.u ? 'y' : 'n'", "n"],
    ["1 ? 'y' : 'n'", "n"],
    ["'a' || 'b'", "ab"],
    ["'a' || 1", undefined],
    ["7 % 4", 3],
    ["1 + 'a'", undefined],
    ["-c.n", -3],
    ["- 'a'", undefined],
    ["~5", -6],
    ["6 & 3", 2],
    ["6 | 3", 7],
    ["6 ^ 3", 5],
    ["1 << 4", 16],
    ["-16 >> 2", -4],
    ["-1 >>> 28", 15],
    ["1e308 * 10", undefined],
    ["c['n']", 3],
    ["c[CONCAT('n', '')]", 3],
    ["c.list[1]", 20],
    ["c.list[c.n - 2]", 20],
    ["c.list['0']", undefined],
    ["c.list[-1]", undefined],
    ["c.n.x", undefined],
    ["c.list.length", undefined],
  ])("%s", (expression, expected) => {
    expect(valueOf(expression, { n: 3, list: [10, 20] })).toEqual(expected);
  });

  test("a division by zero is an error of its own number", () => {
    for (const text of ["1 / 0", "1 % 0", "1 / c.zero"]) {
      try {
        valueOf(text, { zero: 0 });
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(SqlError);
        expect(error).toMatchObject({ substatus: 4001 });
      }
    }
  });
});

describe("LIKE", () => {
  test.each<[string, string, boolean]>([
    ["abc", "abc", true],
    ["abc", "ABC", false],
    ["abc", "a%", true],
    ["abc", "%c", true],
    ["abc", "%b%", true],
    ["abc", "a_c", true],
    ["abc", "a_", false],
    ["abc", "%", true],
    ["", "%", true],
    ["", "_", false],
    ["a.c", "a.c", true],
    ["abc", "a.c", false],
    ["abc", "[a-c]bc", true],
    ["abc", "[xyz]bc", false],
    ["abc", "[^a]bc", false],
    ["abc", "[^x-z]bc", true],
    ["a]c", "a[]]c", true],
    ["a[c", "a[c", true],
    ["50%", "50!%", true],
    ["500", "50!%", false],
    ["😀x", "_x", true],
  ])("'%s' LIKE '%s' is %s", (text, pattern, expected) => {
    const parameters = [
      { name: "@t", value: text },
      { name: "@p", value: pattern },
    ];
    const [found] = run(
      "SELECT VALUE [@t LIKE @p ESCAPE '!', @t NOT LIKE @p ESCAPE '!']",
      [],
      parameters,
    );
    expect(found).toEqual([expected, !expected]);
  });

  test("is undefined for what is no text", () => {
    expect(valueOf("1 LIKE '1'")).toBeUndefined();
    expect(valueOf("c.u NOT LIKE '1'")).toBeUndefined();
    expect(valueOf("'a' LIKE 1")).toBeUndefined();
  });

  test("does not grow with the number of wildcards", () => {
    const parameters = [
      { name: "@t", value: "a".repeat(20_000) },
      { name: "@p", value: `${"%a".repeat(500)}%b` },
    ];
    // A matcher that tries all ways would not come back.
    expect(run("SELECT VALUE @t LIKE @p", [], parameters)).toEqual([false]);
  });
});

describe("parameters", () => {
  test("stand for their value, and for undefined without one", () => {
    const documents = [{ a: 1 }, { a: [1] }];
    expect(run("SELECT * FROM c WHERE c.a = @v", documents, [{ name: "@v", value: [1] }])).toEqual([
      { a: [1] },
    ]);
    expect(run("SELECT * FROM c WHERE c.a = @v", documents, [{ name: "@v" }])).toEqual([]);
    expect(run("SELECT VALUE c[@name] FROM c", documents, [{ name: "@name", value: "a" }])).toEqual(
      [1, [1]],
    );
    expect(
      run("SELECT VALUE c.a FROM c OFFSET @o LIMIT @l", documents, [
        { name: "@o", value: 1 },
        { name: "@l", value: 5 },
      ]),
    ).toEqual([[1]]);
  });

  test.each([1.5, -1, "1", null, 2 ** 31])("TOP %j is refused", (value) => {
    expect(() => run("SELECT TOP @n * FROM c", [{}], [{ name: "@n", value }])).toThrow(SqlError);
  });
});

test("the condition of a patch holds when it is true, not when it is undefined", () => {
  const condition = parseCondition("from c where c.version = @v and c.tags[0] = 'x'");
  const parameters = [{ name: "@v", value: 2 }];
  expect(evaluatePredicate(condition, parameters, { version: 2, tags: ["x"] })).toBe(true);
  expect(evaluatePredicate(condition, parameters, { version: 1, tags: ["x"] })).toBe(false);
  expect(evaluatePredicate(condition, parameters, { version: 2 })).toBe(false);
});

describe("what a query may not take up", () => {
  const long = "a".repeat(2 ** 20);
  const parameters = [{ name: "@long", value: long }];
  test.each([
    "REPLACE(@long, 'a', @long)",
    "STRINGJOIN(STRINGSPLIT(@long, 'a'), 'aaaaaaaa')",
    "CONCAT(@long, @long, @long, @long, @long)",
    "@long || @long || @long || @long || @long",
    "ARRAY_CONCAT(STRINGSPLIT(@long, 'a'), [1])",
    `@long LIKE "${"a%".repeat(2000)}"`,
  ])("more than a document's worth of memory: %s", (expression) => {
    expect(() => run(`SELECT VALUE ${expression}`, [], parameters)).toThrow(SqlError);
  });

  test("a parameter that nests deeper than a document", () => {
    const value = JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`) as JsonValue;
    expect(() => run("SELECT * FROM c WHERE c.a = @p", [{}], [{ name: "@p", value }])).toThrow(
      SqlError,
    );
  });

  test("more rows than there is time for", () => {
    const items = Array.from({ length: 1000 }, (_, index) => index);
    const text = "SELECT VALUE COUNT(1) FROM c JOIN x IN c.a JOIN y IN c.a JOIN z IN c.a";
    expect(() => run(text, [{ a: items }])).toThrow(/rows/);
  });
});
