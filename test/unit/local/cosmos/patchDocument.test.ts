import { describe, expect, test } from "vitest";

import { GatewayError } from "../../../../local/cosmos/gatewayError.ts";
import type { JsonObject, JsonValue } from "../../../../local/cosmos/json.ts";
import { parsePatch, patchDocument } from "../../../../local/cosmos/patchDocument.ts";

function patched(document: JsonObject, ...operations: JsonObject[]): JsonObject {
  const copy = structuredClone(document);
  patchDocument(copy, operations, [["tenant"], ["key", "inner"]]);
  return copy;
}

const base: JsonObject = { id: "1", tenant: "t", a: { b: 1 }, list: [1, 2, 3], n: 5 };

describe("patchDocument", () => {
  test.each<[string, JsonObject, string, JsonValue | undefined]>([
    ["add creates a property", { op: "add", path: "/x", value: 1 }, "x", 1],
    ["add replaces a property", { op: "add", path: "/n", value: "s" }, "n", "s"],
    ["add inserts into an array", { op: "add", path: "/list/1", value: 9 }, "list", [1, 9, 2, 3]],
    [
      "add at the end of an array appends",
      { op: "add", path: "/list/3", value: 9 },
      "list",
      [1, 2, 3, 9],
    ],
    ["add at '-' appends", { op: "add", path: "/list/-", value: 9 }, "list", [1, 2, 3, 9]],
    ["set creates a property", { op: "set", path: "/x", value: null }, "x", null],
    ["set replaces an array item", { op: "set", path: "/list/1", value: 9 }, "list", [1, 9, 3]],
    ["replace replaces", { op: "replace", path: "/a/b", value: 2 }, "a", { b: 2 }],
    ["remove removes a property", { op: "remove", path: "/n" }, "n", undefined],
    ["remove removes an array item", { op: "remove", path: "/list/0" }, "list", [2, 3]],
    ["incr adds", { op: "incr", path: "/n", value: -7.5 }, "n", -2.5],
    ["incr creates", { op: "incr", path: "/a/c", value: 3 }, "a", { b: 1, c: 3 }],
    ["move moves", { op: "move", from: "/n", path: "/a/n" }, "a", { b: 1, n: 5 }],
    ["escapes name a slash and a tilde", { op: "add", path: "/x~1y~0z", value: 1 }, "x/y~z", 1],
  ])("%s", (_, operation, name, expected) => {
    expect(patched(base, operation)[name]).toEqual(expected);
  });

  test("a property called __proto__ is data", () => {
    const result = patched(base, { op: "add", path: "/__proto__", value: { x: 1 } });
    expect(JSON.stringify(result)).toContain('"__proto__":{"x":1}');
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
  });

  test.each<[string, JsonObject]>([
    ["the id", { op: "set", path: "/id", value: "2" }],
    ["a system property", { op: "set", path: "/_ts", value: 2 }],
    ["a key", { op: "set", path: "/tenant", value: 2 }],
    ["what holds a key", { op: "set", path: "/key", value: {} }],
    ["what lies in a key", { op: "set", path: "/key/inner/x", value: 1 }],
    ["a path without a slash", { op: "set", path: "a", value: 1 }],
    ["an absent parent", { op: "set", path: "/x/y", value: 1 }],
    ["a parent that is a number", { op: "set", path: "/n/y", value: 1 }],
    ["replacing what is absent", { op: "replace", path: "/x", value: 1 }],
    ["removing what is absent", { op: "remove", path: "/x" }],
    ["an inherited name", { op: "remove", path: "/toString" }],
    ["adding a text", { op: "incr", path: "/n", value: "1" }],
    ["adding to an object", { op: "incr", path: "/a", value: 1 }],
    ["an index beyond the end", { op: "add", path: "/list/4", value: 1 }],
    ["an index with a leading zero", { op: "set", path: "/list/01", value: 1 }],
    ["an index that is negative", { op: "remove", path: "/list/-1" }],
    ["no value", { op: "set", path: "/x" }],
    ["moving into itself", { op: "move", from: "/a", path: "/a/b" }],
    ["an operation that is not known", { op: "test", path: "/n", value: 5 }],
  ])("%s is refused with 400", (_, operation) => {
    expect(() => patched(base, operation)).toThrow(GatewayError);
  });
});

describe("parsePatch", () => {
  test("an array is a patch without a condition", () => {
    expect(parsePatch([{ op: "remove", path: "/a" }])).toEqual({
      operations: [{ op: "remove", path: "/a" }],
      condition: undefined,
    });
  });

  test.each<[string, JsonValue]>([
    ["nothing", null],
    ["no operation", []],
    ["eleven operations", Array.from({ length: 11 }, () => ({ op: "remove", path: "/a" }))],
    ["an operation that is no object", ["remove"]],
    ["a condition that is no text", { operations: [{}], condition: 1 }],
  ])("%s is refused", (_, body) => {
    expect(() => parsePatch(body)).toThrow(GatewayError);
  });
});
