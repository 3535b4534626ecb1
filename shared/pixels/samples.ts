import type { DecodedFrame } from "./decodedFrame.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The samples of a pixel side by side, of samples that lie in planes (PS3.3 §C.7.6.3.1.3, value 1). */
export function interleaved(
  planes: Uint8Array,
  samplesPerPixel: number,
  sampleBytes: number,
): Bytes {
  const result = new Uint8Array(planes.length);
  const planeBytes = planes.length / samplesPerPixel;
  const pixelBytes = samplesPerPixel * sampleBytes;
  for (let sample = 0; sample < samplesPerPixel; sample += 1) {
    for (let byte = 0; byte < sampleBytes; byte += 1) {
      let to = sample * sampleBytes + byte;
      const end = (sample + 1) * planeBytes;
      for (let from = sample * planeBytes + byte; from < end; from += sampleBytes) {
        result[to] = planes[from] ?? 0;
        to += pixelBytes;
      }
    }
  }
  return result;
}

/** A byte, 0 or 1, for each of `count` single-bit pixels, which fill bytes from the lowest bit on (PS3.5 §8.1.1). */
export function unpackedBits(bits: Uint8Array, count: number): Bytes {
  const result = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) {
    result[at] = ((bits[at >>> 3] ?? 0) >>> (at & 7)) & 1;
  }
  return result;
}

/** YBR_FULL of YBR_FULL_422: two luminance samples, then the chrominance of both (PS3.3 §C.7.6.3.1.2). 8 bits. */
export function upsampled422(samples: Uint8Array, pixels: number): Bytes {
  const result = new Uint8Array(pixels * 3);
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const from = (pixel >>> 1) * 4;
    const to = pixel * 3;
    result[to] = samples[from + (pixel & 1)] ?? 0;
    result[to + 1] = samples[from + 2] ?? 0;
    result[to + 2] = samples[from + 3] ?? 0;
  }
  return result;
}

/** Turns 8-bit YBR_FULL into RGB, in place (PS3.3 §C.7.6.3.1.2). */
export function ybrFullToRGB(samples: Uint8ClampedArray): void {
  for (let at = 0; at + 2 < samples.length; at += 3) {
    const y = samples[at] ?? 0;
    const cb = (samples[at + 1] ?? 0) - 128;
    const cr = (samples[at + 2] ?? 0) - 128;
    samples[at] = y + 1.402 * cr;
    samples[at + 1] = y - 0.344136 * cb - 0.714136 * cr;
    samples[at + 2] = y + 1.772 * cb;
  }
}

/** Each 8-bit sample as one of 16 bits, with its sign if it has one. */
export function widened(samples: Uint8Array, isSigned: boolean): Bytes {
  const wide = new Int16Array(samples.length);
  wide.set(isSigned ? new Int8Array(samples.buffer, samples.byteOffset, samples.length) : samples);
  return new Uint8Array(wide.buffer);
}

/**
 * Moves the stored bits of each sample to its lowest bits, in place, and fills the rest with the sign or with zeros:
 * what else was there, overlays of old for example, is no part of the value (PS3.5 §8.1.1).
 */
export function alignStoredBits(
  samples: Bytes,
  { bitsAllocated, bitsStored, highBit, pixelRepresentation }: Omit<DecodedFrame, "data">,
): void {
  const drop = bitsAllocated - bitsStored;
  const left = bitsAllocated - 1 - highBit;
  if (drop === 0) {
    return;
  }
  // Shifted up until the highest stored bit is the highest of all, and down again: that fills with the sign.
  const count = samples.length / (bitsAllocated / 8);
  const isSigned = pixelRepresentation === 1;
  const values = integersOf(samples, bitsAllocated, isSigned, count);
  for (let at = 0; at < count; at += 1) {
    values[at] = (values[at] ?? 0) << left;
    values[at] = isSigned ? (values[at] ?? 0) >> drop : (values[at] ?? 0) >>> drop;
  }
}

function integersOf(
  { buffer, byteOffset }: Bytes,
  bitsAllocated: number,
  isSigned: boolean,
  count: number,
): Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array {
  switch (bitsAllocated) {
    case 8:
      return isSigned
        ? new Int8Array(buffer, byteOffset, count)
        : new Uint8Array(buffer, byteOffset, count);
    case 16:
      return isSigned
        ? new Int16Array(buffer, byteOffset, count)
        : new Uint16Array(buffer, byteOffset, count);
    default:
      return isSigned
        ? new Int32Array(buffer, byteOffset, count)
        : new Uint32Array(buffer, byteOffset, count);
  }
}
