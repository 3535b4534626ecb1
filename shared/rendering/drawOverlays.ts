import type { Overlay } from "./imagePresentation.ts";
import type { Raster } from "./raster.ts";
import { wordsOf } from "./storedValues.ts";

/** Native pixels of one sample with all the bits that are allocated to them. */
export interface StoredWords {
  readonly columns: number;
  readonly bitsAllocated: 8 | 16 | 32;
  readonly data: Uint8Array;
}

/**
 * Draws overlay planes in white into a raster of the whole frame, in place (PS3.3 §C.9.2).
 *
 * `stored` is where planes in unused bits of Pixel Data are; without it they are left out.
 */
export function drawOverlays(
  raster: Raster,
  overlays: readonly Overlay[],
  stored: StoredWords | undefined,
): void {
  const { width, height, channels, data } = raster;
  for (const overlay of overlays) {
    const isSet = bitReader(overlay, stored);
    const firstRow = Math.max(0, -overlay.top);
    const lastRow = Math.min(overlay.rows, height - overlay.top);
    const firstColumn = Math.max(0, -overlay.left);
    const lastColumn = Math.min(overlay.columns, width - overlay.left);
    for (let row = firstRow; row < lastRow; row += 1) {
      for (let column = firstColumn; column < lastColumn; column += 1) {
        if (isSet(row, column)) {
          const at = ((row + overlay.top) * width + column + overlay.left) * channels;
          data.fill(255, at, at + channels);
        }
      }
    }
  }
}

function bitReader(
  { columns, top, left, bits }: Overlay,
  stored: StoredWords | undefined,
): (row: number, column: number) => boolean {
  if (bits.kind === "data") {
    const { bytes, firstBit } = bits;
    return (row, column) => {
      const bit = firstBit + row * columns + column;
      // Not `>> 3`: there may be more bits than a 32-bit integer counts.
      return (((bytes[Math.floor(bit / 8)] ?? 0) >> (bit % 8)) & 1) === 1;
    };
  }
  if (stored === undefined) {
    return () => false;
  }
  const words = wordsOf(stored);
  return (row, column) =>
    (((words[(row + top) * stored.columns + column + left] ?? 0) >>> bits.bitPosition) & 1) === 1;
}
