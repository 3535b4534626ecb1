import type { Raster } from "./raster.ts";

/** Up to 256 colors, and for each pixel which of them it is. */
export interface IndexedColors {
  /** Three bytes a color. */
  readonly palette: Uint8Array;
  readonly indexes: Uint8Array;
}

/** Colors are told apart by the upper five bits of each sample. */
const cellCount = 1 << 15;

/** Cells of the color space, and what they span. */
interface Box {
  readonly cells: readonly number[];
  readonly pixelCount: number;
  /** The sample that differs most, 0 to 2, and by how much. */
  readonly channel: number;
  readonly spread: number;
}

/**
 * Finds the 256 colors that suit a color raster (median cut), and which one each pixel is nearest to. A raster of few
 * colors, told apart by five bits a sample, keeps the average of each.
 */
export function indexColors({ data, width, height }: Raster): IndexedColors {
  const counts = new Uint32Array(cellCount);
  const sums = [
    new Float64Array(cellCount),
    new Float64Array(cellCount),
    new Float64Array(cellCount),
  ] as const;
  const cellOf = (at: number): number =>
    ((data[at] ?? 0) >> 3) * 1024 + ((data[at + 1] ?? 0) >> 3) * 32 + ((data[at + 2] ?? 0) >> 3);
  for (let at = 0; at < data.length; at += 3) {
    const cell = cellOf(at);
    counts[cell] = (counts[cell] ?? 0) + 1;
    for (const [channel, sum] of sums.entries()) {
      sum[cell] = (sum[cell] ?? 0) + (data[at + channel] ?? 0);
    }
  }
  const used = Array.from({ length: cellCount }, (_, cell) => cell).filter(
    (cell) => counts[cell] !== 0,
  );
  const boxes = [boxOf(used, counts)];
  while (boxes.length < 256) {
    // What is split next is what most pixels would gain most by.
    const worst = boxes.reduce((one, other) =>
      other.pixelCount * other.spread > one.pixelCount * one.spread ? other : one,
    );
    if (worst.spread === 0) {
      break;
    }
    boxes.splice(boxes.indexOf(worst), 1, ...split(worst, counts));
  }
  const palette = new Uint8Array(boxes.length * 3);
  const indexOfCell = new Uint8Array(cellCount);
  for (const [index, box] of boxes.entries()) {
    for (const [channel, sum] of sums.entries()) {
      const total = box.cells.reduce((so, cell) => so + (sum[cell] ?? 0), 0);
      palette[index * 3 + channel] = Math.round(total / box.pixelCount);
    }
    for (const cell of box.cells) {
      indexOfCell[cell] = index;
    }
  }
  const indexes = new Uint8Array(width * height);
  for (let index = 0; index < indexes.length; index += 1) {
    indexes[index] = indexOfCell[cellOf(index * 3)] ?? 0;
  }
  return { palette, indexes };
}

function sampleOf(cell: number, channel: number): number {
  return (cell >> (10 - channel * 5)) & 31;
}

function boxOf(cells: readonly number[], counts: Uint32Array): Box {
  let channel = 0;
  let spread = 0;
  for (let each = 0; each < 3; each += 1) {
    let least = 31;
    let greatest = 0;
    for (const cell of cells) {
      least = Math.min(least, sampleOf(cell, each));
      greatest = Math.max(greatest, sampleOf(cell, each));
    }
    if (greatest - least > spread) {
      channel = each;
      spread = greatest - least;
    }
  }
  const pixelCount = cells.reduce((sum, cell) => sum + (counts[cell] ?? 0), 0);
  return { cells, pixelCount, channel, spread };
}

/** Two boxes of about as many pixels, cut where the colors differ most. */
function split({ cells, pixelCount, channel }: Box, counts: Uint32Array): [Box, Box] {
  const ordered = cells.toSorted((a, b) => sampleOf(a, channel) - sampleOf(b, channel));
  let before = 0;
  let cut = 0;
  while (cut < ordered.length - 1 && (cut === 0 || before < pixelCount / 2)) {
    before += counts[ordered[cut] ?? 0] ?? 0;
    cut += 1;
  }
  return [boxOf(ordered.slice(0, cut), counts), boxOf(ordered.slice(cut), counts)];
}
