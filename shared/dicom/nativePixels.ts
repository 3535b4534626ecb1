import assert from "node:assert";

/**
 * Turns the bytes of big endian values of `unitBytes` each into little endian ones, as they come (PS3.5 §7.3).
 *
 * OW counts as 16-bit words whatever Bits Allocated is. Copies: the chunks of `source` stay as they are. Bytes after
 * the last whole value pass unchanged.
 */
export async function* swapByteOrder(
  source: AsyncIterable<Uint8Array>,
  unitBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let rest = new Uint8Array(0);
  for await (const chunk of source) {
    const joined = new Uint8Array(rest.length + chunk.length);
    joined.set(rest);
    joined.set(chunk, rest.length);
    const wholeBytes = joined.length - (joined.length % unitBytes);
    rest = joined.slice(wholeBytes);
    if (wholeBytes > 0) {
      yield swapped(joined.subarray(0, wholeBytes), unitBytes);
    }
  }
  if (rest.length > 0) {
    yield rest;
  }
}

/** A copy of `bytes` with the byte order of each value of `unitBytes` reversed; a rest of the last one is copied. */
export function swapped(bytes: Uint8Array, unitBytes: number): Uint8Array {
  assert([1, 2, 4, 8].includes(unitBytes), "values have 1, 2, 4 or 8 bytes");
  const copy = Buffer.from(bytes);
  const whole = copy.subarray(0, copy.length - (copy.length % unitBytes));
  switch (unitBytes) {
    case 2:
      whole.swap16();
      break;
    case 4:
      whole.swap32();
      break;
    case 8:
      whole.swap64();
      break;
    default:
      break;
  }
  return copy;
}

/**
 * The bits of a native frame of single-bit pixels that begins at bit `firstBit` of `bytes`, moved to begin at bit 0
 * and cleared after the last (PS3.5 §8.1.1: pixels fill a byte from its least significant bit, frames are not padded).
 */
export function alignBits(bytes: Uint8Array, firstBit: number, bitCount: number): Uint8Array {
  const aligned = new Uint8Array(Math.ceil(bitCount / 8));
  for (let at = 0; at < aligned.length; at += 1) {
    const low = (bytes[at] ?? 0) >>> firstBit;
    const high = firstBit === 0 ? 0 : (bytes[at + 1] ?? 0) << (8 - firstBit);
    aligned[at] = low | high;
  }
  const used = bitCount % 8;
  if (used !== 0) {
    const last = aligned.length - 1;
    aligned[last] = (aligned[last] ?? 0) & ((1 << used) - 1);
  }
  return aligned;
}
