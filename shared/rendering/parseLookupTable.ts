import { Problem } from "../problem/problem.ts";
import type { LookupTable } from "./imagePresentation.ts";

/** The three values of a LUT Descriptor: number of entries, first value mapped, bits of an entry. */
export type LookupTableDescriptor = readonly [
  entryCount: number,
  firstMapped: number,
  bits: number,
];

/**
 * Makes a table of its descriptor and the bytes of its data, little endian (PS3.3 §C.11.1.1, §C.7.6.3.1.5).
 *
 * Entries have 16 bits or, when there are not enough bytes for that, 8. A number of entries of 0 means 65,536. The first
 * value mapped is signed when the stored values are, whichever VR the file gives it.
 *
 * Throws Problem `notAcceptable`, naming `tag`, when the descriptor promises more than there is.
 */
export function parseLookupTable(
  tag: string,
  [stated, first, statedBits]: LookupTableDescriptor,
  data: Uint8Array,
  isSigned: boolean,
): LookupTable {
  // Number of entries is unsigned, though the VR of the descriptor may be SS.
  const entryCount = stated === 0 ? 0x10000 : stated & 0xffff;
  const isWide = data.length >= entryCount * 2;
  if (!Number.isInteger(stated) || (!isWide && data.length < entryCount)) {
    throw new Problem(
      "notAcceptable",
      `The lookup table ${tag} has fewer entries than its descriptor says.`,
    );
  }
  const entries = new Uint16Array(entryCount);
  let greatest = 0;
  for (let index = 0; index < entryCount; index += 1) {
    const entry = isWide
      ? (data[index * 2] ?? 0) + (data[index * 2 + 1] ?? 0) * 256
      : (data[index] ?? 0);
    entries[index] = entry;
    greatest = Math.max(greatest, entry);
  }
  return {
    firstMapped: firstMappedOf(first, isSigned),
    entries,
    bits: isWide ? bitsOf(statedBits, greatest) : 8,
  };
}

// Files say 16 and mean 8, or the other way round; the greatest entry tells.
function bitsOf(stated: number, greatest: number): number {
  const bits = stated >= 8 && stated <= 16 ? stated : 16;
  return greatest >= 2 ** bits ? 16 : bits;
}

function firstMappedOf(first: number, isSigned: boolean): number {
  const unsigned = first & 0xffff;
  return isSigned && unsigned >= 0x8000 ? unsigned - 0x10000 : unsigned;
}
