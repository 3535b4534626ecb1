import type { DecodedFrame } from "../pixels/decodedFrame.ts";

/** The samples of a frame as the bits that hold them, and what they mean as numbers. */
export interface StoredValues {
  /** The samples without what stands in the bits around them: from 0 to 2 ** bits - 1. */
  readonly patterns: Uint8Array | Uint16Array | Uint32Array;
  /** The number that a pattern stands for. */
  readonly value: (pattern: number) => number;
  readonly bits: number;
}

/**
 * Reads the stored values of a frame: the `bitsStored` bits that end with `highBit` (PS3.5 §8.1.1), signed or not.
 *
 * Bits outside are cut off: archives are full of files with overlays and rubbish in them.
 */
export function storedValuesOf(frame: DecodedFrame): StoredValues {
  const { bitsAllocated, pixelRepresentation } = frame;
  const bits = Math.min(Math.max(frame.bitsStored, 1), bitsAllocated);
  const highBit = Math.min(Math.max(frame.highBit, bits - 1), bitsAllocated - 1);
  const shift = highBit + 1 - bits;
  const words = wordsOf(frame);
  const signBit = 2 ** (bits - 1);
  return {
    bits,
    patterns: bits === bitsAllocated ? words : cutOut(words, shift, bits),
    value:
      pixelRepresentation === 0
        ? (pattern) => pattern
        : (pattern) => (pattern >= signBit ? pattern - 2 * signBit : pattern),
  };
}

function cutOut(
  words: Uint8Array | Uint16Array | Uint32Array,
  shift: number,
  bits: number,
): Uint8Array | Uint16Array | Uint32Array {
  const mask = 2 ** bits - 1;
  const patterns = words.slice();
  for (let index = 0; index < patterns.length; index += 1) {
    patterns[index] = ((patterns[index] ?? 0) >>> shift) & mask;
  }
  return patterns;
}

/** The samples with all the bits that are allocated to them. */
export function wordsOf({
  data,
  bitsAllocated,
}: Pick<DecodedFrame, "bitsAllocated"> & { readonly data: Uint8Array }):
  Uint8Array | Uint16Array | Uint32Array {
  if (bitsAllocated === 8) {
    return data;
  }
  const unit = bitsAllocated / 8;
  const length = Math.floor(data.byteLength / unit);
  // A typed array has to begin at a multiple of its unit. The machines that this runs on are little endian.
  const aligned = data.byteOffset % unit === 0 ? data : new Uint8Array(data);
  return unit === 2
    ? new Uint16Array(aligned.buffer, aligned.byteOffset, length)
    : new Uint32Array(aligned.buffer, aligned.byteOffset, length);
}
