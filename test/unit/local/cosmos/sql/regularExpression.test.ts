import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compileRegularExpression,
  requiredText,
} from "../../../../../local/cosmos/sql/regularExpression.ts";
import { SqlError } from "../../../../../local/cosmos/sql/sqlError.ts";

const seed = 20_261_121;

describe("a regular expression", () => {
  test.each([
    ["abc", "b", "", true],
    ["abc", "^b", "", false],
    ["a\nb", "^b", "m", true],
    ["a\nb", "a.b", "", false],
    ["a\nb", "a.b", "s", true],
    ["abc", "a b c", "x", true],
    ["ÄB", "äb", "i", true],
    ["Q", "[a-z]", "i", true],
    ["a1_", "^\\w\\d\\W$", "", false],
    ["a1-", "^\\w\\d\\W$", "", true],
    ["foo bar", "\\bbar\\b", "", true],
    ["foobar", "\\bbar\\b", "", false],
    ["aaa", "^a{2}$", "", false],
    ["aaa", "^a{2,}$", "", true],
    ["a{2", "a{2", "", true],
    ["ac", "^a(?:b|c)$", "", true],
    ["ac", "^a(?<name>b|c)$", "", true],
    ["é", "\\u00e9", "", true],
    ["]", "[]]", "", true],
    ["-", "[a-]", "", true],
    ["😀", "^.$", "", true],
    ["", "", "", true],
    ["x", "(a*)*$", "", true],
    ["YAMADA^TAROU", "(^|[ ^])YAM[^ ^]*[ ^]+TA", "", true],
    ["AYAMADA^TAROU", "(^|[ ^])YAM[^ ^]*[ ^]+TA", "", false],
  ])("%j matches /%s/%s: %s", (text, pattern, modifiers, expected) => {
    expect(compileRegularExpression(pattern, modifiers)(text)).toBe(expected);
  });

  test.each([
    "(",
    ")",
    "[",
    "a**b(",
    "*",
    "\\",
    "[b-a]",
    "a{3,2}",
    "(?=a)",
    "(?<!a)",
    "(a)\\1",
    "\\q",
    "(?i)a",
    "((((a{99}){99}){99}){99})",
    "(".repeat(500),
  ])("%s is refused", (pattern) => {
    expect(() => compileRegularExpression(pattern, "")).toThrow(SqlError);
  });

  test("an unknown modifier is refused", () => {
    expect(() => compileRegularExpression("a", "g")).toThrow(SqlError);
  });

  test.each([
    ["(^|[ ^])YAM[^ ^]*[ ^]+TA", "", "YAM"],
    ["ab+c", "", "a"],
    ["ab|cd", "", ""],
    ["abc", "i", ""],
    ["a b", "x", "ab"],
  ])("/%s/%s needs the text %j", (pattern, modifiers, expected) => {
    expect(requiredText(pattern, modifiers)).toBe(expected);
  });

  test("takes time in proportion to the text, whatever is repeated", () => {
    // With backtracking each of these takes longer than anybody waits.
    const text = "a".repeat(5000);
    expect(compileRegularExpression("(a+)+$", "")(`${text}b`)).toBe(false);
    expect(compileRegularExpression("(a|aa)*c", "")(text)).toBe(false);
    expect(compileRegularExpression("(.*)(.*)(.*)(.*)x", "")(text)).toBe(false);
  });

  test(`agrees with the one of JavaScript (seed ${seed})`, () => {
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "^", "$", "\\b", "", "[a-c]"),
        fc.tuple(tie("pattern"), tie("pattern")).map((parts) => parts.join("")),
        fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => `(${a}|${b})`),
        fc
          .tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "{2}", "{1,2}", "{0,1}", "*?"))
          .map(([a, b]) => `(?:${a})${b}`),
      ),
    }));
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "1", "\n", " "), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, fc.constantFrom("", "m", "s"), (expression, subject, flags) => {
        expect(compileRegularExpression(expression, flags)(subject)).toBe(
          new RegExp(expression, flags).test(subject),
        );
      }),
      { seed, numRuns: 5000 },
    );
  });
});
