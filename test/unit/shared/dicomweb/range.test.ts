import { describe, expect, test } from "vitest";
import {
  encodeContentRange,
  parseRange,
  selectBytes,
  type Conditions,
  type Selection,
} from "../../../../shared/dicomweb/range.ts";

test.each([
  ["bytes=0-0", 0, 1],
  ["bytes=0-99", 0, 100],
  ["bytes=10-19", 10, 20],
  ["bytes=10-", 10, 100],
  ["bytes=10-5000", 10, 100],
  ["bytes=-1", 99, 100],
  ["bytes=-100", 0, 100],
  ["bytes=-5000", 0, 100],
  ["Bytes = 1 - 2", 1, 3],
  ["bytes=99-9999999999999999", 99, 100],
])("%s of 100 bytes is from %i up to %i", (header, start, end) => {
  expect(parseRange(header, 100)).toEqual({ kind: "part", start, end });
});

test.each(["bytes=100-", "bytes=100-100", "bytes=5000-6000", "bytes=-0"])(
  "%s of 100 bytes cannot be satisfied",
  (header) => {
    expect(parseRange(header, 100)).toEqual({ kind: "unsatisfiable" });
  },
);

test.each([
  undefined,
  "",
  "bytes",
  "bytes=",
  "bytes=-",
  "bytes=a-b",
  "bytes=2-1",
  "bytes=0-1,3-4",
  "bytes=--1",
  "items=0-1",
  "bytes=0-99999999999999999",
])("%s is ignored, and the whole is sent", (header) => {
  expect(parseRange(header, 100)).toEqual({ kind: "whole" });
});

test("nothing can be had of nothing", () => {
  expect(parseRange("bytes=0-0", 0)).toEqual({ kind: "unsatisfiable" });
  expect(parseRange("bytes=-1", 0)).toEqual({ kind: "unsatisfiable" });
  expect(parseRange(undefined, 0)).toEqual({ kind: "whole" });
});

test("Content-Range tells the last byte and the length", () => {
  expect(encodeContentRange({ kind: "part", start: 0, end: 100 }, 250)).toBe("bytes 0-99/250");
  expect(encodeContentRange({ kind: "unsatisfiable" }, 250)).toBe("bytes */250");
});

describe("the bytes that are selected of a representation of 100 bytes with the tag v", () => {
  const none = { ifNoneMatch: [], range: undefined, ifRange: undefined };
  test.each([
    [none, 100, { kind: "whole" }],
    [{ ...none, range: "bytes=0-9" }, 100, { kind: "part", start: 0, end: 10 }],
    [{ ...none, range: "bytes=200-" }, 100, { kind: "unsatisfiable" }],
    [{ ...none, range: "bytes=0-9", ifRange: '"v"' }, 100, { kind: "part", start: 0, end: 10 }],
    [{ ...none, range: "bytes=0-9", ifRange: '"w"' }, 100, { kind: "whole" }],
    [{ ...none, range: "bytes=0-9" }, undefined, { kind: "whole" }],
    [{ ...none, ifNoneMatch: ['"v"'] }, undefined, { kind: "notModified" }],
    [{ ...none, ifNoneMatch: ['W/"v"'], range: "bytes=0-9" }, 100, { kind: "notModified" }],
    [{ ...none, ifNoneMatch: ["*"] }, 100, { kind: "notModified" }],
    [
      { ...none, ifNoneMatch: ['"w"'], range: "bytes=-1" },
      100,
      { kind: "part", start: 99, end: 100 },
    ],
  ] satisfies [Conditions, number | undefined, Selection][])(
    "for %j of length %s are %j",
    (conditions, length, expected) => {
      expect(selectBytes(conditions, "v", length)).toEqual(expected);
    },
  );
});
