import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../../../../local/cosmos/json.ts";
import { compileQuery } from "../../../../../local/cosmos/sql/compileToSqlite.ts";
import type { SqlValue } from "../../../../../local/cosmos/sql/compileToSqlite.ts";
import { evaluateQuery } from "../../../../../local/cosmos/sql/evaluate.ts";
import { pathSql } from "../../../../../local/cosmos/sql/indexExpressions.ts";
import { parseQuery } from "../../../../../local/cosmos/sql/parse.ts";
import type { Parameter } from "../../../../../local/cosmos/sql/syntaxTree.ts";

const seed = 20_261_121;
const scope = { sql: "1", params: [] };

const databases: DatabaseSync[] = [];
afterAll(() => {
  for (const database of databases) database.close();
});

/** A table as the server has one, with the documents in it. */
function tableOf(documents: readonly JsonObject[]): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  databases.push(database);
  database.exec("CREATE TABLE docs(rid INTEGER PRIMARY KEY, epk TEXT, id TEXT, body BLOB)");
  const insert = database.prepare("INSERT INTO docs(epk, id, body) VALUES ('', ?, jsonb(?))");
  database.exec("BEGIN");
  for (const document of documents) {
    insert.run(document["id"] as string, JSON.stringify(document));
  }
  database.exec("COMMIT");
  return database;
}

function runCompiled(
  database: DatabaseSync,
  text: string,
  parameters: readonly Parameter[] = [],
  takesUndefinedOrder = false,
): { readonly results: readonly JsonValue[]; readonly exact: boolean; readonly sql: string } {
  const query = { ...parseQuery(text), takesUndefinedOrder };
  const compiled = compileQuery(query, parameters, {
    table: "docs",
    bodyColumn: "body",
    scope,
    ridOrder: "rid",
    stringColumns: new Map([["id", "id"]]),
  });
  if (compiled === undefined) throw new Error("The query does not compile.");
  const rows = database.prepare(compiled.sql).iterate(...compiled.params);
  const results = [...compiled.finish(rows)];
  return { results, exact: compiled.exact, sql: compiled.sql };
}

function plan(database: DatabaseSync, sql: string, params: readonly SqlValue[]): string {
  return database
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...params)
    .map((row) => String(row["detail"]))
    .join("\n");
}

describe("compiled SQL agrees with the reference evaluation", () => {
  const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
    fc.constantFrom<JsonValue>(null, true, false, 0, 1, -1, 1.5, 2, 1e21, -0.25, 2 ** 53, 2 ** 62),
    fc.constantFrom<JsonValue>(
      "",
      "a",
      "ab",
      "abc",
      "b",
      "A",
      "AB",
      "\u212a",
      "İa",
      "é",
      "2",
      "true",
      "😀",
      "！",
      "a%b",
      "a'\"\\",
      "x\ny",
      "\u0000z",
      "\ud7ff",
    ),
  );
  const value: fc.Arbitrary<JsonValue> = fc.oneof(
    { weight: 6, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.dictionary(fc.constantFrom("x", "y"), scalar, { maxKeys: 2 }) },
    {
      weight: 1,
      arbitrary: fc.array(fc.dictionary(fc.constantFrom("x", "y"), scalar, { maxKeys: 2 }), {
        maxLength: 2,
      }),
    },
  );
  const document: fc.Arbitrary<JsonObject> = fc.dictionary(
    fc.constantFrom("a", "b", "order", "00100020"),
    value,
    { maxKeys: 4 },
  );
  const path = fc.constantFrom(
    "c.a",
    "c.b",
    'c["order"]',
    'c["00100020"]',
    "c.a.x",
    "c.b[0]",
    "c.a[1].y",
    "c.id",
    'c["a"]["x"]',
  );
  const literal = value.map((found) => JSON.stringify(found));
  const operator = fc.constantFrom("=", "!=", "<", "<=", ">", ">=", "<>");
  const text = fc.constantFrom(
    '"a"',
    '"ab"',
    '""',
    '"\ud7ff"',
    '"é"',
    '"É"',
    '"k"',
    '"i"',
    '"B"',
    "1",
    "null",
  );
  const itemLeaf = fc.oneof(
    fc.tuple(operator, literal).map(([op, right]) => `s ${op} ${right}`),
    fc.tuple(operator, literal).map(([op, right]) => `s.x ${op} ${right}`),
    fc.tuple(operator, path).map(([op, right]) => `s ${op} ${right}`),
    fc.constantFrom("IS_DEFINED(s.x)", 'STARTSWITH(s, "a")', "true", "IS_NULL(s)"),
  );
  const leaf: fc.Arbitrary<string> = fc.oneof(
    fc.tuple(path, operator, literal).map((parts) => parts.join(" ")),
    fc.tuple(literal, operator, path).map((parts) => parts.join(" ")),
    fc.tuple(path, operator, path).map((parts) => parts.join(" ")),
    fc
      .tuple(
        path,
        fc.constantFrom("IN", "NOT IN"),
        fc.array(literal, { minLength: 1, maxLength: 12 }),
      )
      .map(([left, word, list]) => `${left} ${word} (${list.join(", ")})`),
    fc
      .tuple(path, fc.constantFrom("BETWEEN", "NOT BETWEEN"), literal, literal)
      .map(([left, word, low, high]) => `${left} ${word} ${low} AND ${high}`),
    fc
      .tuple(
        fc.constantFrom(
          "IS_DEFINED",
          "IS_NULL",
          "IS_BOOL",
          "IS_NUMBER",
          "IS_STRING",
          "IS_ARRAY",
          "IS_OBJECT",
          "IS_PRIMITIVE",
          "IS_INTEGER",
        ),
        path,
      )
      .map(([name, argument]) => `${name}(${argument})`),
    fc
      .tuple(
        fc.constantFrom("STARTSWITH", "ENDSWITH", "CONTAINS", "StringEquals"),
        path,
        text,
        fc.constantFrom("", ", true", ", false", ", 1"),
      )
      .map(([name, left, right, flag]) => `${name}(${left}, ${right}${flag})`),
    fc
      .tuple(
        path,
        fc.constantFrom("LIKE", "NOT LIKE"),
        fc.constantFrom(
          "a%",
          "%b",
          "a_",
          "%",
          "abc",
          "[a-b]%",
          "é",
          "%b%",
          "_b%",
          "a!%b",
          "%!%_%",
          "a%c",
          "!a%",
        ),
      )
      .map(
        ([left, word, pattern]) =>
          `${left} ${word} "${pattern}"${pattern.length % 2 === 0 ? ' ESCAPE "!"' : ""}`,
      ),
    fc
      .tuple(
        path,
        fc.constantFrom(
          "ab",
          "^a",
          "a.?b",
          "(a|b)b",
          "b$",
          "a%",
          "[a-z]b",
          "ab?",
          "(ab)",
          "a\\\\nb",
        ),
        fc.constantFrom("", ', "i"', ', "x"', ", 1"),
      )
      .map(([left, pattern, flags]) => `RegexMatch(${left}, "${pattern}"${flags})`),
    fc.tuple(path, literal).map(([left, right]) => `ARRAY_CONTAINS(${left}, ${right})`),
    fc.tuple(path, literal).map(([left, right]) => `ARRAY_CONTAINS(${left}, ${right}, true)`),
    path.map((sought) => `ARRAY_CONTAINS(@list, ${sought})`),
    fc
      .tuple(path, itemLeaf)
      .map(([array, condition]) => `EXISTS(SELECT VALUE s FROM s IN ${array} WHERE ${condition})`),
    fc
      .tuple(path, itemLeaf)
      .map(
        ([array, condition]) => `EXISTS(SELECT VALUE s.x FROM s IN ${array} WHERE ${condition})`,
      ),
    path,
    fc.constantFrom("true", "false", "undefined", "null", "1", "@missing = 1", "c.a = @missing"),
    fc.constantFrom(
      'c.a = LOWER("AB")',
      'c.a IN (1 + 1, "a" || "b", @list[0])',
      "ARRAY_CONTAINS([1, [1], @list[1]], c.b)",
      "c.b > RAND() - 2",
      "IS_DEFINED(@missing) OR IS_DEFINED(@list)",
      'STARTSWITH(c.a, CONCAT("a", "b"))',
      "EXISTS(SELECT VALUE s FROM s IN c.a WHERE EXISTS(SELECT VALUE r FROM r IN s WHERE r = c.id))",
    ),
    fc.constantFrom("LENGTH(c.a) > 1", "c.a + 1 = 2", "(c.a ?? 1) = 1", "(c.a = 1 ? true : c.b)"),
  );
  const { condition } = fc.letrec<{ condition: string }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      { weight: 4, arbitrary: leaf },
      {
        weight: 1,
        arbitrary: fc.tuple(tie("condition"), tie("condition")).map(([a, b]) => `(${a} AND ${b})`),
      },
      {
        weight: 2,
        arbitrary: fc.tuple(tie("condition"), tie("condition")).map(([a, b]) => `(${a} OR ${b})`),
      },
      { weight: 1, arbitrary: tie("condition").map((a) => `NOT (${a})`) },
    ),
  }));
  const ordering = fc.array(
    fc.tuple(path, fc.constantFrom("ASC", "DESC", "")).map((parts) => parts.join(" ")),
    { maxLength: 2 },
  );
  const paging = fc.oneof(
    fc.constant(""),
    fc.tuple(fc.nat(3), fc.nat(4)).map(([offset, limit]) => `OFFSET ${offset} LIMIT ${limit}`),
  );
  const selection = fc.constantFrom(
    "*",
    "c.id, c.a",
    "VALUE c.a",
    "VALUE c",
    "VALUE c.id",
    "DISTINCT VALUE c.b",
    "DISTINCT c.a",
  );
  const aggregate = fc.constantFrom(
    "VALUE COUNT(1)",
    'VALUE [{"item": COUNT(1)}]',
    "COUNT(c.a) AS n, SUM(c.a) AS s",
    "VALUE MAX(c.a)",
  );
  const query = fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(selection, condition, ordering, paging)
        .map(
          ([select, where, order, page]) =>
            `SELECT ${select} FROM c WHERE ${where} ${
              order.length === 0 ? "" : `ORDER BY ${order.join(", ")}`
            } ${page}`,
        ),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(aggregate, condition)
        .map(([select, where]) => `SELECT ${select} FROM c WHERE ${where}`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(path, condition)
        .map(([array, where]) => `SELECT c.id, s FROM c JOIN s IN ${array} WHERE ${where}`),
    },
    {
      weight: 1,
      arbitrary: condition.map(
        (where) => `SELECT c.a, COUNT(1) AS n FROM c WHERE ${where} GROUP BY c.a`,
      ),
    },
  );

  // Goal: SQLite never decides differently from the reference, in filter, order, limit or count.
  // Method: random documents of all types and random queries; run both ways; compare the results in order.
  test(`for random documents and queries (seed ${seed})`, () => {
    let exact = 0;
    let withResults = 0;
    let runs = 0;
    fc.assert(
      fc.property(
        fc.array(document, { maxLength: 20, size: "max" }),
        fc.array(query, { minLength: 20, maxLength: 20 }),
        fc.array(value, { maxLength: 12 }),
        fc.boolean(),
        (found, texts, list, takesUndefinedOrder) => {
          const documents = found.map((each, index) => ({ ...each, id: `d${index % 7}` }));
          const database = tableOf(documents);
          const parameters = [{ name: "@list", value: list }];
          for (const each of texts) {
            const bound = { ...parseQuery(each), takesUndefinedOrder };
            const expected = [...evaluateQuery(bound, parameters, documents)];
            const actual = runCompiled(database, each, parameters, takesUndefinedOrder);
            expect(actual.results, `${each}\n${actual.sql}`).toEqual(expected);
            runs++;
            if (actual.exact) exact++;
            if (expected.length > 0) withResults++;
          }
          database.close();
          databases.pop();
        },
      ),
      { seed, numRuns: 400 },
    );
    expect(runs).toBeGreaterThanOrEqual(8000);
    // The comparison shows little if SQLite decides nothing.
    expect(exact / runs).toBeGreaterThan(0.2);
    expect(withResults / runs).toBeGreaterThan(0.15);
  });
});

describe("conditions at SQLite's limits", () => {
  const documents = Array.from({ length: 10 }, (_, index) => ({ id: `d${index}`, a: index * 100 }));
  const database = tableOf(documents);

  test.each([10, 1500, 6000])("%i alternatives, and as many exclusions", (count) => {
    const numbers = Array.from({ length: count }, (_, index) => index);
    for (const where of [
      numbers.map((number) => `c.a = ${number}`).join(" OR "),
      numbers.map((number) => `c.a != ${number}`).join(" AND "),
      `c.a IN (${numbers.join(", ")})`,
      `c.a NOT IN (${numbers.map((number) => 2 ** 53 + number * 4).join(", ")})`,
    ]) {
      const text = `SELECT VALUE c.a FROM c WHERE ${where}`;
      expect(runCompiled(database, text).results).toEqual([
        ...evaluateQuery(parseQuery(text), [], documents),
      ]);
    }
  });

  test("nesting as deep as a query may be", () => {
    const text = `SELECT VALUE c.a FROM c WHERE ${"NOT (c.b OR ".repeat(45)}c.a > 300${")".repeat(45)}`;
    expect(runCompiled(database, text).results).toEqual([
      ...evaluateQuery(parseQuery(text), [], documents),
    ]);
  });
});

describe("expression indexes", () => {
  const documents = Array.from({ length: 2000 }, (_, index) => ({
    id: `i${index}`,
    kind: index % 2 === 0 ? "study" : "series",
    order: index,
    q: { "00100020": `P${index % 50}`, "00080020": `2026${String(index % 12).padStart(2, "0")}01` },
  }));
  const database = tableOf(documents);
  const indexed = (...names: string[]): string => {
    const sql = pathSql("body", names);
    return `${sql?.rank ?? ""}, ${sql?.value ?? ""}`;
  };
  database.exec(`CREATE INDEX byPatient ON docs(${indexed("q", "00100020")})`);
  database.exec(`CREATE INDEX byDate ON docs(${indexed("q", "00080020")})`);
  database.exec(`CREATE INDEX byOrder ON docs(${indexed("order")})`);

  test.each([
    ['c.q["00100020"] = @v', "byPatient"],
    ['c.q["00100020"] = @v AND c.kind = "study"', "byPatient"],
    ['STARTSWITH(c.q["00100020"], "P1")', "byPatient"],
    ['c.q["00100020"] IN ("P1", "P2")', "byPatient"],
    ['ARRAY_CONTAINS(@list, c.q["00100020"])', "byPatient"],
    ['c.q["00080020"] BETWEEN "20260201" AND "20260301"', "byDate"],
    ['c.q["00080020"] >= "20261101"', "byDate"],
    ['c.q["00100020"] LIKE "P1%"', "byPatient"],
    ['c["order"] = 3', "byOrder"],
  ])("%s uses %s", (condition, index) => {
    const list = Array.from({ length: 20 }, (_, count) => `P${count}`);
    const compiled = compileQuery(
      parseQuery(`SELECT * FROM c WHERE ${condition}`),
      [
        { name: "@v", value: "P1" },
        { name: "@list", value: list },
      ],
      { table: "docs", bodyColumn: "body", scope, ridOrder: "rid" },
    );
    expect(plan(database, compiled?.sql ?? "", compiled?.params ?? [])).toMatch(
      new RegExp(`^SEARCH docs USING INDEX ${index} `, "m"),
    );
  });

  test.each([
    ["ASC", false],
    ["DESC", false],
    ["ASC", true],
    ["DESC", true],
  ])("ORDER BY an indexed path %s follows its index, undefined taken: %j", (direction, taken) => {
    const query = parseQuery(`SELECT * FROM c ORDER BY c["order"] ${direction} OFFSET 0 LIMIT 10`);
    const compiled = compileQuery({ ...query, takesUndefinedOrder: taken }, [], {
      table: "docs",
      bodyColumn: "body",
      scope,
      ridOrder: "rid",
    });
    expect(plan(database, compiled?.sql ?? "", compiled?.params ?? [])).toContain(
      "USING INDEX byOrder",
    );
  });

  test("a lookup by id uses the key of the table", () => {
    database.exec("CREATE INDEX byId ON docs(epk, id)");
    const compiled = compileQuery(
      parseQuery("SELECT * FROM c WHERE ARRAY_CONTAINS(@ids, c.id)"),
      [{ name: "@ids", value: Array.from({ length: 30 }, (_, index) => `i${index}`) }],
      {
        table: "docs",
        bodyColumn: "body",
        scope: { sql: "epk = ?", params: [""] },
        ridOrder: "rid",
        stringColumns: new Map([["id", "id"]]),
      },
    );
    expect(plan(database, compiled?.sql ?? "", compiled?.params ?? [])).toContain(
      "USING INDEX byId (epk=? AND id=?)",
    );
  });

  test("a path that no JSON path spells has no SQL", () => {
    expect(pathSql("body", ['a"b'])).toBeUndefined();
    expect(pathSql("body", ["a\\b"])).toBeUndefined();
    expect(pathSql("body", [""])).toBeUndefined();
    expect(pathSql("body", ["a/b"])?.value).toContain(`'$."a/b"'`);
  });
});
