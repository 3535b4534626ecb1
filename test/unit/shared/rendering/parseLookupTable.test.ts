import { describe, expect, test } from "vitest";
import { expandSegments } from "../../../../shared/rendering/expandSegments.ts";
import { parseLookupTable } from "../../../../shared/rendering/parseLookupTable.ts";

const tag = "(0028,1201)";

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint16Array.from(values).buffer);
}

describe("a lookup table", () => {
  test.each([
    ["of 16 bits", [3, 0, 16], words(1, 256, 65_535), [1, 256, 65_535], 16],
    ["of 12 bits", [2, 0, 12], words(0, 4095), [0, 4095], 12],
    ["of 8 bits in bytes", [3, 0, 8], Uint8Array.of(1, 2, 255, 0), [1, 2, 255], 8],
    ["of 8 bits in words", [2, 0, 8], words(1, 255), [1, 255], 8],
    ["that says 8 bits and has 16", [2, 0, 8], words(0, 0xff00), [0, 0xff00], 16],
    ["that says no bits at all", [2, 0, 0], words(0, 1), [0, 1], 16],
  ] as const)("%s has its entries", (_, descriptor, data, entries, bits) => {
    const table = parseLookupTable(tag, descriptor, data, false);
    expect([[...table.entries], table.bits]).toEqual([entries, bits]);
  });

  test("of 0 entries has 65,536", () => {
    const table = parseLookupTable(tag, [0, 0, 16], new Uint8Array(131_072), false);
    expect(table.entries.length).toBe(65_536);
  });

  test.each([
    [-1000, true, -1000],
    [64_536, true, -1000],
    [64_536, false, 64_536],
    [-1000, false, 64_536],
    [100, true, 100],
  ])("whose first value is written as %i, signed %s, begins at %i", (first, isSigned, expected) => {
    expect(parseLookupTable(tag, [1, first, 16], words(0), isSigned).firstMapped).toBe(expected);
  });

  test("that is shorter than its descriptor says is named", () => {
    expect(() => parseLookupTable(tag, [5, 0, 16], words(1, 2), false)).toThrow(tag);
    expect(() => parseLookupTable(tag, [1.5, 0, 16], words(1, 2, 3), false)).toThrow(tag);
    expect(() => parseLookupTable(tag, [0, 0, 16], words(1, 2, 3), false)).toThrow(tag);
  });
});

describe("a segmented table", () => {
  const entriesOf = (segments: Uint8Array, entryCount: number): number[] => {
    const expanded = expandSegments(tag, [entryCount, 0, 16], segments);
    return [...parseLookupTable(tag, [entryCount, 0, 16], expanded, false).entries];
  };

  test("has discrete and linear segments", () => {
    // Two entries as they are, then four that rise from 10 to 50.
    expect(entriesOf(words(0, 2, 5, 10, 1, 4, 50), 6)).toEqual([5, 10, 20, 30, 40, 50]);
    expect(entriesOf(words(0, 1, 50, 1, 2, 0), 3)).toEqual([50, 25, 0]);
  });

  test("has indirect ones, which repeat others where they come", () => {
    // Two segments from byte 0 on: the entry, and the rise to 30, once more.
    const segments = words(0, 1, 10, 1, 2, 30, 2, 2, 0, 0);
    expect(entriesOf(segments, 6)).toEqual([10, 20, 30, 10, 20, 30]);
  });

  test("of 8 bits is read by bytes, with offsets of four", () => {
    const segments = Uint8Array.of(0, 1, 10, 1, 2, 30, 2, 1, 3, 0, 0, 0);
    const expanded = expandSegments(tag, [5, 0, 8], segments);
    const table = parseLookupTable(tag, [5, 0, 8], expanded, false);
    expect([[...table.entries], table.bits]).toEqual([[10, 20, 30, 30, 30], 8]);
  });

  test("ends with the last entry that the descriptor has, whatever it promises", () => {
    const segments = words(0, 1, 7, ...Array.from({ length: 1000 }, () => [1, 65_535, 9]).flat());
    expect(entriesOf(segments, 4)).toEqual([7, 7, 7, 7]);
  });

  test.each([
    ["a segment of another kind", words(3, 1, 1)],
    ["a rise from nothing", words(1, 4, 50)],
    ["a segment that is longer than the data", words(0, 9, 1)],
    ["a segment of no entries", words(0, 0, 0, 0)],
    ["a reference to itself", words(0, 1, 1, 2, 1, 6, 0)],
    ["a reference behind the data", words(0, 1, 1, 2, 1, 600, 0)],
    ["a reference into the middle of a word", words(0, 1, 1, 2, 1, 1, 0)],
    ["a reference to a reference", words(0, 1, 1, 2, 1, 0, 0, 2, 1, 6, 0)],
  ])("with %s is refused and named", (_, segments) => {
    expect(() => expandSegments(tag, [100, 0, 16], segments)).toThrow(tag);
  });
});
