import { describe, expect, test } from "vitest";
import { alignBits, swapByteOrder, swapped } from "../../../../shared/dicom/nativePixels.ts";

async function* cut(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    yield bytes.subarray(at, at + chunkBytes);
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<number[]> {
  const bytes: number[] = [];
  for await (const chunk of source) {
    bytes.push(...chunk);
  }
  return bytes;
}

const counted = Uint8Array.from({ length: 26 }, (_, index) => index);

describe("byte order", () => {
  test.each([1, 2, 3, 5, 8, 26])(
    "in chunks of %d bytes, words are swapped and a rest is kept",
    async (chunkBytes) => {
      const words = await collect(swapByteOrder(cut(counted.subarray(0, 25), chunkBytes), 2));
      expect(words).toEqual([
        1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14, 17, 16, 19, 18, 21, 20, 23, 22, 24,
      ]);
      const quads = await collect(swapByteOrder(cut(counted.subarray(0, 10), chunkBytes), 4));
      expect(quads).toEqual([3, 2, 1, 0, 7, 6, 5, 4, 8, 9]);
      const longs = await collect(swapByteOrder(cut(counted.subarray(0, 16), chunkBytes), 8));
      expect(longs).toEqual([7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8]);
      expect(await collect(swapByteOrder(cut(counted, chunkBytes), 1))).toEqual([...counted]);
    },
  );

  test("swapping leaves the source as it was", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    expect([...swapped(bytes, 2)]).toEqual([2, 1, 4, 3]);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
  });
});

describe("frames of single bits", () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7])(
    "a frame that begins at bit %d is moved to bit 0",
    (firstBit) => {
      const bits = [1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1];
      const bytes = new Uint8Array(3).fill(0xff);
      for (const [index, bit] of bits.entries()) {
        const at = firstBit + index;
        const mask = 1 << (at % 8);
        bytes[at >> 3] = bit === 1 ? (bytes[at >> 3] ?? 0) | mask : (bytes[at >> 3] ?? 0) & ~mask;
      }
      expect([...alignBits(bytes, firstBit, bits.length)]).toEqual([0b01001101, 0b00000111]);
    },
  );
});
