import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchRoute, parseRouteTemplate, splitPath } from "../../../../local/host/routeTemplate.ts";

function match(template: string, path: string): Readonly<Record<string, string>> | undefined {
  return matchRoute(parseRouteTemplate(template), splitPath(path), path.endsWith("/"));
}

describe("matching", () => {
  test.each([
    ["a/b", "/a/b", {}],
    ["a/b", "/A/B/", {}],
    ["a/b", "/a", undefined],
    ["a", "/a/b", undefined],
    ["", "/", {}],
    ["", "/a", undefined],
    ["a/{x}", "/a/1", { x: "1" }],
    ["a/{x}", "/a", undefined],
    ["a/{x}", "/a//", undefined],
    ["a/{x?}", "/a", {}],
    ["a/{x?}", "/a/1", { x: "1" }],
    ["a/{x=9}", "/a", { x: "9" }],
    ["{x=8}/{y=9}", "/", { x: "8", y: "9" }],
    ["a/{*rest}", "/a", {}],
    ["a/{*rest}", "/a/b/c", { rest: "b/c" }],
    ["a/{**rest}", "/a/b/c/", { rest: "b/c/" }],
    ["v{version}/x", "/v2/x", { version: "2" }],
    ["v{version}/x", "/v/x", undefined],
    ["v{version}/x", "/w2/x", undefined],
    ["{a}.{b}", "/1.2.3", { a: "1.2", b: "3" }],
    ["{a}.{b}", "/.3", undefined],
    ["{a}.{b}", "/1.", undefined],
    ["{a}-{b}-c", "/1-2-c", { a: "1", b: "2" }],
    ["x{a}y", "/xay", { a: "a" }],
    ["x{a}y", "/xy", undefined],
    ["{name}.{extension?}", "/file", { name: "file" }],
    ["{name}.{extension?}", "/file.dcm", { name: "file", extension: "dcm" }],
    ["{name}.{extension?}", "/file.", undefined],
    ["{{x}}", "/{x}", {}],
    ["{x:int}", "/12", { x: "12" }],
    ["{x:int}", "/2147483648", undefined],
    ["{x:int:min(5)}", "/4", undefined],
    ["{x:int:min(5)}", "/5", { x: "5" }],
    ["{x:regex(^a{{2}}$)}", "/AA", { x: "AA" }],
    ["{x:regex(^a{{2}}$)}", "/aaa", undefined],
    ["{x:regex(^[a-c/]+$)}/y", "/abc/y", { x: "abc" }],
    ["{x:length(2)?}", "/abc", undefined],
  ])("%s and %s give %j", (template, path, expected) => {
    expect(match(template, path)).toEqual(expected);
  });

  test("a parameter gives back any segment as it is", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }).filter((text) => !text.includes("/")),
        (segment) => {
          expect(match("before/{value}/after", `/before/${segment}/after`)).toEqual({
            value: segment,
          });
        },
      ),
      { seed: 20_261_121, verbose: true },
    );
  });

  test("a segment of text and parameters is put together again from its values", () => {
    const piece = fc.string({ minLength: 1 }).filter((text) => !/[/.-]/u.test(text));
    fc.assert(
      fc.property(piece, piece, piece, (a, b, c) => {
        expect(match("{a}-{b}.{c}", `/${a}-${b}.${c}`)).toEqual({ a, b, c });
      }),
      { seed: 20_261_121, verbose: true },
    );
  });
});

test.each([
  "{*rest}/a",
  "{x?}/a",
  "a{*rest}",
  "{x}{y}",
  "{x}/{X}",
  "{x",
  "x}",
  "{}",
  "a//b",
  "{x:nosuch}",
  "{x:min(a)}",
  "{x:range(1)}",
  "{x:regex(()}",
  "{x=1?}",
  "a{x?}",
])("%s is refused", (template) => {
  expect(() => parseRouteTemplate(template)).toThrow(/route/u);
});
