import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCondition, parseQuery } from "../../../../../local/cosmos/sql/parse.ts";
import { printQuery } from "../../../../../local/cosmos/sql/printQuery.ts";
import { SqlError } from "../../../../../local/cosmos/sql/sqlError.ts";
import { queryLengthMax } from "../../../../../local/cosmos/sql/tokenize.ts";

const seed = 20_261_121;

function errorOf(text: string): SqlError {
  try {
    parseQuery(text);
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
  throw new Error(`Parsed: ${text}`);
}

describe("what parses", () => {
  test.each([
    ["select * from c", "SELECT * FROM c"],
    ["SELECT c.a -- the rest of the line\n FROM c", "SELECT c.a FROM c"],
    ["SELECT VALUE 1", "SELECT VALUE 1"],
    ["SELECT DISTINCT TOP @n c.a FROM c", "SELECT DISTINCT TOP @n c.a FROM c"],
    ["SELECT * FROM Families f", "SELECT * FROM Families AS f"],
    ["SELECT * FROM x IN c.a.b", "SELECT * FROM x IN c.a.b"],
    ['SELECT VALUE c["order"]["a b"][0] FROM c', 'SELECT VALUE c["order"]["a b"][0] FROM c'],
    ["SELECT VALUE c['it\\'s'] FROM c", 'SELECT VALUE c["it\'s"] FROM c'],
    ["SELECT VALUE '\\u00e9\\n' FROM c", 'SELECT VALUE "é\\n" FROM c'],
    ["SELECT VALUE 0x1F FROM c", "SELECT VALUE 31 FROM c"],
    ["SELECT VALUE 1.5e3 - -1 FROM c", "SELECT VALUE (1500 - -1) FROM c"],
    ["SELECT VALUE 1 + 2 * 3 FROM c", "SELECT VALUE (1 + (2 * 3)) FROM c"],
    ["SELECT VALUE 1 - 2 - 3 FROM c", "SELECT VALUE ((1 - 2) - 3) FROM c"],
    [
      "SELECT * FROM c WHERE NOT (c.a = 1) AND c.b OR c.d",
      "SELECT * FROM c WHERE (((NOT (c.a = 1)) AND c.b) OR c.d)",
    ],
    [
      "SELECT * FROM c WHERE c.a BETWEEN 1 AND 2 AND c.b",
      "SELECT * FROM c WHERE ((c.a BETWEEN 1 AND 2) AND c.b)",
    ],
    [
      "SELECT * FROM c WHERE NOT NOT c.a AND c.b",
      "SELECT * FROM c WHERE ((NOT (NOT c.a)) AND c.b)",
    ],
    ["SELECT * FROM c WHERE c.a || 'x' = 'yx'", 'SELECT * FROM c WHERE ((c.a || "x") = "yx")'],
    ["SELECT VALUE c.a ? 1 : c.b ? 2 : 3 FROM c", "SELECT VALUE (c.a ? 1 : (c.b ? 2 : 3)) FROM c"],
    [
      "SELECT VALUE c.left FROM c WHERE LEFT(c.a, 1) = 'x'",
      'SELECT VALUE c.left FROM c WHERE (LEFT(c.a, 1) = "x")',
    ],
    [
      "SELECT * FROM c WHERE c.a LIKE '5!%' ESCAPE '!'",
      'SELECT * FROM c WHERE (c.a LIKE "5!%" ESCAPE "!")',
    ],
    ["SELECT VALUE RegexMatch(c.a, 'x').k FROM c", 'SELECT VALUE REGEXMATCH(c.a, "x").k FROM c'],
  ])("%s", (text, printed) => {
    expect(printQuery(parseQuery(text))).toBe(printed);
    // What is printed is read back as the same.
    expect(printQuery(parseQuery(printed))).toBe(printed);
  });

  test("a condition of a patch has no SELECT", () => {
    expect(printQuery(parseCondition("from c where c.v = 2"))).toBe(
      "SELECT VALUE true FROM c WHERE (c.v = 2)",
    );
    expect(() => parseCondition("from c where c.v = 2 order by c.v")).toThrow(SqlError);
  });
});

describe("what is refused, with the place", () => {
  test.each([
    ["SELECT c.value FROM c", "SC1001", 9, 14],
    ["SELECT c.order FROM c", "SC1001", 9, 14],
    ["SELECT c.id AS value FROM c", "SC1001", 15, 20],
    ["SELECT * FROM c;", "SC1010", 15, 16],
    ["SELECT /* all */ * FROM c", "SC1010", 7, 9],
    ["SELECT * FROM c WHERE c.a = 'x", "SC1010", 28, 30],
    ["SELECT * FROM c WHERE c.a = '\\q'", "SC1010", 28, 31],
    ["SELECT VALUE 1e999", "SC1010", 13, 18],
    ["SELECT VALUE 1a FROM c", "SC1010", 13, 15],
    ["SELECT c.1a FROM c", "SC1010", 8, 11],
    ["", "SC1001", 0, 0],
    ["SELECT", "SC1001", 6, 6],
    ["SELECT * FROM c WHERE", "SC1001", 21, 21],
    ["SELECT * FROM c LIMIT 1", "SC1001", 16, 21],
    ["SELECT * FROM c OFFSET 1", "SC1001", 24, 24],
    ["SELECT TOP -1 * FROM c", "SC1001", 11, 12],
    ["SELECT TOP 1.5 * FROM c", "SC1001", 11, 14],
    ["SELECT COUNT(*) FROM c", "SC1001", 13, 14],
    ["SELECT x.a FROM c", "SC2001", 7, 8],
    ["SELECT Families.id FROM Families f", "SC2001", 7, 15],
    ["SELECT * FROM c WHERE EXISTS(SELECT VALUE t FROM t IN d.tags)", "SC2001", 54, 60],
    ["SELECT nosuch(c.a) FROM c", "SC2005", 7, 18],
    ["SELECT udf.f(c.a) FROM c", "SC2005", 7, 10],
    ["SELECT ST_DISTANCE(c.a, c.b) FROM c", "SC2005", 7, 28],
    ["SELECT LOWER(c.a, c.b) FROM c", "SC2050", 7, 22],
    ["SELECT COUNT(1, 2) FROM c", "SC2050", 7, 18],
    ["SELECT c.a, c.b AS a FROM c", "SC2022", 12, 20],
    ["SELECT VALUE {a: 1, 'a': 2} FROM c", "SC2022", 25, 26],
    ["SELECT * FROM c JOIN c IN c.tags", "SC2011", 21, 32],
    ["SELECT * FROM c JOIN t IN c.tags", "SC2040", 0, 32],
    ["SELECT *", "SC2040", 0, 8],
    ["SELECT * FROM c WHERE COUNT(1) = 1", "SC2103", 22, 30],
    ["SELECT COUNT(SUM(c.a)) FROM c", "SC2103", 13, 21],
    ["SELECT c.a, COUNT(1) FROM c", "SC2102", 7, 8],
    ["SELECT c.b FROM c GROUP BY c.a", "SC2102", 7, 8],
    ["SELECT * FROM c GROUP BY c.a", "SC2101", 0, 28],
    ["SELECT c.a FROM c GROUP BY c.a ORDER BY c.a", "SC2064", 40, 43],
    ["SELECT TOP 1 * FROM c OFFSET 0 LIMIT 1", "SC2062", 0, 38],
    ["SELECT ARRAY(SELECT VALUE t FROM t IN c.a ORDER BY t) FROM c", "SC2063", 51, 52],
    ["SELECT * FROM c WHERE c.a LIKE 'x' ESCAPE 'ab'", "SC2104", 42, 46],
    ["SELECT * FROM c WHERE NOT c.a = 1", "SC2113", 22, 33],
    ["SELECT * FROM c WHERE NOT c.a IN (1)", "SC2113", 22, 36],
    ["SELECT * FROM c WHERE NOT c.a NOT LIKE 'x'", "SC2113", 22, 42],
  ])("%s", (text, code, start, end) => {
    const error = errorOf(text);
    expect([error.code, error.start, error.end]).toEqual([code, start, end]);
    expect(JSON.parse(error.serviceMessage)).toEqual({
      errors: [{ severity: "Error", location: { start, end }, code, message: error.message }],
    });
  });

  test("nesting that would exhaust the stack", () => {
    for (const [open, close] of [
      ["(", ")"],
      ["[", "]"],
      ['{"a":', "}"],
      ["NOT ", ""],
      ["- ", ""],
      ["ABS(", ")"],
      ["(SELECT VALUE ", ")"],
      ["c.a ? 1 : ", ""],
    ] as const) {
      const text = `SELECT VALUE ${open.repeat(5000)}c.a${close.repeat(5000)} FROM c`;
      expect(errorOf(text).code, open).toBe("SC3002");
    }
    expect(errorOf(`SELECT VALUE c${".a".repeat(5000)} FROM c`).code).toBe("SC3002");
    expect(errorOf(`SELECT VALUE 1${" + 1".repeat(5000)} FROM c`).code).toBe("SC3002");
    expect(errorOf(`SELECT VALUE 1${" = 1".repeat(5000)} FROM c`).code).toBe("SC3002");
  });

  test("a text longer than the service takes", () => {
    expect(errorOf(`SELECT * FROM c${" ".repeat(queryLengthMax)}`).code).toBe("SC3001");
  });
});

test("a long chain of AND or OR is no deep tree", () => {
  const text = Array.from({ length: 5000 }, (_, index) => `c.a = ${index}`).join(" OR ");
  expect(parseQuery(`SELECT * FROM c WHERE ${text}`).where).toMatchObject({ kind: "logical" });
});

test(`any text parses or is refused with a place inside it (seed ${seed})`, () => {
  const word = fc.constantFrom(
    ..."SELECT|VALUE|FROM|c|WHERE|c.a|=|1|'x'|(|)|[|]|{|}|,|.|:|?|??|||AND|OR|NOT|IN|BETWEEN|LIKE|ESCAPE|ORDER BY|GROUP BY|TOP 1|DISTINCT|OFFSET 1 LIMIT 1|COUNT(1)|EXISTS(|ARRAY(|JOIN|t IN c.a|AS|x|@p|undefined|null|-|*|\u0000|\"|'|--|😀".split(
      "|",
    ),
  );
  let parsed = 0;
  fc.assert(
    fc.property(fc.array(word, { maxLength: 14 }), (words) => {
      const text = `SELECT VALUE c.a FROM c WHERE c.a ${words.join(" ")}`;
      try {
        const printed = printQuery(parseQuery(text));
        expect(printQuery(parseQuery(printed))).toBe(printed);
        parsed++;
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
        expect(error.start).toBeLessThanOrEqual(error.end);
        expect(error.end).toBeLessThanOrEqual(text.length);
      }
    }),
    { seed, numRuns: 3000 },
  );
  expect(parsed).toBeGreaterThan(0);
});
