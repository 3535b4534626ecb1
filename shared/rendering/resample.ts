import type { Raster } from "./raster.ts";
import type { View } from "./viewport.ts";

/** For each pixel of the result, which pixels of the source it is made of and in what parts. */
interface Weights {
  /** The first source pixel. */
  readonly starts: Int32Array;
  /** `taps` for each pixel of the result; those of one add up to 1. */
  readonly parts: Float32Array;
  readonly taps: number;
}

/**
 * Cuts, flips and scales a raster as `view` says. What grows is interpolated between pixels, what shrinks is averaged over
 * those that fall together, so that thin lines do not vanish. The raster itself where nothing is to be done.
 */
export function resample(raster: Raster, view: View): Raster {
  const { channels } = raster;
  const { width, height, columns, rows } = view;
  const isWhole =
    columns === raster.width && rows === raster.height && width === columns && height === rows;
  if (isWhole && !view.isFlippedHorizontally && !view.isFlippedVertically) {
    return raster;
  }
  const across = weightsOf(view.left, columns, width, view.isFlippedHorizontally);
  const down = weightsOf(view.top, rows, height, view.isFlippedVertically);
  const data = new Uint8Array(width * height * channels);
  // Rows that are scaled across, made as they are needed: memory is that of the result and of a few rows.
  const lineLength = width * channels;
  const lines = new Map<number, Float32Array>();
  const line = (row: number): Float32Array => {
    let made = lines.get(row);
    if (made === undefined) {
      made = scaledRow(raster, row, across, width);
      lines.set(row, made);
    }
    return made;
  };
  const sums = new Float32Array(lineLength);
  for (let y = 0; y < height; y += 1) {
    const start = down.starts[y] ?? 0;
    sums.fill(0);
    for (let tap = 0; tap < down.taps; tap += 1) {
      const part = down.parts[y * down.taps + tap] ?? 0;
      if (part !== 0) {
        const source = line(start + tap);
        for (let at = 0; at < lineLength; at += 1) {
          sums[at] = (sums[at] ?? 0) + part * (source[at] ?? 0);
        }
      }
    }
    const offset = y * lineLength;
    for (let at = 0; at < lineLength; at += 1) {
      data[offset + at] = Math.min(255, Math.max(0, Math.round(sums[at] ?? 0)));
    }
    for (const row of lines.keys()) {
      if (view.isFlippedVertically ? row > start + down.taps : row < start) {
        lines.delete(row);
      }
    }
  }
  return { width, height, channels, data };
}

function scaledRow(
  { width: sourceWidth, channels, data }: Raster,
  row: number,
  { starts, parts, taps }: Weights,
  width: number,
): Float32Array {
  const scaled = new Float32Array(width * channels);
  const offset = row * sourceWidth * channels;
  for (let x = 0; x < width; x += 1) {
    const first = offset + (starts[x] ?? 0) * channels;
    for (let channel = 0; channel < channels; channel += 1) {
      let sum = 0;
      for (let tap = 0; tap < taps; tap += 1) {
        sum += (parts[x * taps + tap] ?? 0) * (data[first + tap * channels + channel] ?? 0);
      }
      scaled[x * channels + channel] = sum;
    }
  }
  return scaled;
}

// A triangle as wide as two pixels of whichever is coarser, source or result: linear interpolation where the image grows,
// a weighted average where it shrinks.
function weightsOf(start: number, length: number, size: number, isFlipped: boolean): Weights {
  const scale = length / size;
  const radius = Math.max(scale, 1);
  const taps = Math.min(length, Math.ceil(radius * 2) + 1);
  const starts = new Int32Array(size);
  const parts = new Float32Array(size * taps);
  for (let index = 0; index < size; index += 1) {
    const center = (index + 0.5) * scale - 0.5;
    const first = Math.min(Math.max(Math.ceil(center - radius), 0), length - taps);
    const to = isFlipped ? size - 1 - index : index;
    starts[to] = start + first;
    let sum = 0;
    for (let tap = 0; tap < taps; tap += 1) {
      const part = Math.max(0, 1 - Math.abs(first + tap - center) / radius);
      parts[to * taps + tap] = part;
      sum += part;
    }
    for (let tap = 0; tap < taps; tap += 1) {
      parts[to * taps + tap] = (parts[to * taps + tap] ?? 0) / sum;
    }
  }
  return { starts, parts, taps };
}
