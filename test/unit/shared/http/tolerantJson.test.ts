import { describe, expect, test } from "vitest";
import { parseTolerantJson } from "../../../../shared/http/tolerantJson.ts";

describe("tolerant JSON", () => {
  test.each<[string, unknown]>([
    ['[{"a":1}]', [{ a: 1 }]],
    ['[{"a":1,},]', [{ a: 1 }]],
    ['// first\n{"a": /* second */ 1}', { a: 1 }],
    ['{"a":"// , ] /* \\" */",}', { a: '// , ] /* " */' }],
    ["[1, // last\n]", [1]],
  ])("%s is read", (text, expected) => {
    expect(parseTolerantJson(text)).toEqual(expected);
  });

  test.each(["", "[,]", "{,}", "[1] /* open", "{a:1}", "[1,,2]", '"open', "/* open", "[1] x"])(
    "%s is no JSON",
    (text) => {
      expect(() => parseTolerantJson(text)).toThrow(SyntaxError);
    },
  );
});

test("what is never closed is refused without going through it again and again", () => {
  for (const piece of ["/*", '"\\', "[/*", ',"']) {
    expect(() => parseTolerantJson(piece.repeat(20_000))).toThrow(SyntaxError);
  }
});
