import { expect, test } from "vitest";
import { parseConstraint } from "../../../../local/host/routeConstraint.ts";

test.each([
  ["int", ["0", "-2147483648", "+7"], ["", "1.0", "a", "-2147483649", "9".repeat(1_000)]],
  ["long", ["9223372036854775807"], ["9223372036854775808"]],
  ["decimal", ["1", "-1.5", ".5"], ["1e3", "x"]],
  ["double", ["1e3", "-1.5E-2"], ["e3", ""]],
  ["float", ["1e3"], ["1f"]],
  ["bool", ["true", "FALSE"], ["1", "yes"]],
  [
    "guid",
    ["d3b07384-d9a0-4c2f-9f5b-2f6a5b0f9c11", "d3b07384d9a04c2f9f5b2f6a5b0f9c11"],
    ["d3b07384"],
  ],
  ["datetime", ["2026-11-21", "2026-11-21T10:00:00Z"], ["soon"]],
  ["alpha", ["abc", "XYZ"], ["a1", "é"]],
  ["required", ["x"], [""]],
  ["file", ["a.txt"], ["a", "a."]],
  ["nonfile", ["a", "a."], ["a.txt"]],
  ["minlength(2)", ["ab"], ["a"]],
  ["maxlength(2)", ["ab"], ["abc"]],
  ["length(2)", ["ab"], ["a", "abc"]],
  ["length(2,3)", ["ab", "abc"], ["a", "abcd"]],
  ["min(-3)", ["-3", "10"], ["-4", "x"]],
  ["max(3)", ["3", "-10"], ["4"]],
  ["range(1,9)", ["1", "9"], ["0", "10"]],
  ["regex(b+)", ["abba", "B"], ["ac"]],
])("%s accepts and refuses", (text, accepted, refused) => {
  const constraint = parseConstraint(text, "route");
  expect(accepted.filter((value) => !constraint.accepts(value))).toEqual([]);
  expect(refused.filter((value) => constraint.accepts(value))).toEqual([]);
});
