import { Problem } from "../problem/problem.ts";
import type { LookupTableDescriptor } from "./parseLookupTable.ts";

/**
 * Expands Segmented Palette Color Lookup Table Data (PS3.3 §C.7.9.2) into the data of a table with `entryCount` entries of
 * 16 bits.
 *
 * Segments are discrete (0), linear (1) or indirect (2), a reference to segments before it. Stops at `entryCount` entries,
 * and an indirect segment is not followed from within another, so that no table costs more than its result.
 *
 * Throws Problem `notAcceptable`, naming `tag`, for any other segment, and for a reference outside the data.
 */
export function expandSegments(
  tag: string,
  [stated, , bits]: LookupTableDescriptor,
  data: Uint8Array,
): Uint8Array {
  const entryCount = stated === 0 ? 0x10000 : stated & 0xffff;
  const unit = bits > 8 ? 2 : 1;
  const word = (at: number): number =>
    unit === 2 ? (data[at * 2] ?? 0) + (data[at * 2 + 1] ?? 0) * 256 : (data[at] ?? 0);
  const wordCount = Math.floor(data.length / unit);
  const entries: number[] = [];
  const fail = (): never => {
    throw new Problem("notAcceptable", `The segmented lookup table ${tag} is damaged.`);
  };
  /** Expands the segment at `at` and says where the next one begins. */
  const expand = (at: number, mayRefer: boolean): number => {
    const length = word(at + 1);
    // Every segment adds something, so that the work is bounded by the result.
    if (length === 0) {
      return fail();
    }
    switch (word(at)) {
      case 0: {
        if (at + 2 + length > wordCount) {
          return fail();
        }
        for (let index = 0; index < length && entries.length < entryCount; index += 1) {
          entries.push(word(at + 2 + index));
        }
        return at + 2 + length;
      }
      case 1: {
        const from = entries.at(-1);
        if (from === undefined || at + 3 > wordCount) {
          return fail();
        }
        const rise = word(at + 2) - from;
        for (let step = 1; step <= length && entries.length < entryCount; step += 1) {
          entries.push(Math.round(from + (rise * step) / length));
        }
        return at + 3;
      }
      case 2: {
        // The offset is in bytes, its low word first (PS3.3 §C.7.9.2.3); for 8 bits it is in four of them.
        const offset = Array.from({ length: 4 / unit }, (_, index) =>
          word(at + 2 + index),
        ).reduceRight((high, low) => high * 256 ** unit + low, 0);
        let segment = offset / unit;
        if (!mayRefer || !Number.isInteger(segment) || segment >= at) {
          return fail();
        }
        for (let index = 0; index < length && entries.length < entryCount; index += 1) {
          segment = expand(segment, false);
        }
        return at + 2 + 4 / unit;
      }
      default:
        return fail();
    }
  };
  for (let at = 0; at + 2 < wordCount && entries.length < entryCount;) {
    at = expand(at, true);
  }
  const expanded = new Uint8Array(entries.length * 2);
  for (const [index, entry] of entries.entries()) {
    expanded[index * 2] = entry & 0xff;
    expanded[index * 2 + 1] = entry >> 8;
  }
  return expanded;
}
