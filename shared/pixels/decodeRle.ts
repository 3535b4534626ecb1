import { undecodable } from "./codestreamFailure.ts";
import type { SampleLayout } from "./sampleLayout.ts";

/**
 * Decodes RLE Lossless (PS3.5 Annex G): a header, then a segment for each byte of each sample, the most significant byte
 * first, of which each holds that byte of all pixels. Gives interleaved little endian samples.
 *
 * Throws Problem `notAcceptable` when there are not as many segments as the layout has bytes of a pixel, when one lies
 * outside of the codestream, or when one does not hold as many bytes as there are pixels, but for padding with zeros.
 */
export function decodeRle(codestream: Uint8Array, layout: SampleLayout): Uint8Array<ArrayBuffer> {
  const { rows, columns, samplesPerPixel, bitsAllocated } = layout;
  const sampleBytes = bitsAllocated / 8;
  const pixelBytes = samplesPerPixel * sampleBytes;
  const view = new DataView(codestream.buffer, codestream.byteOffset, codestream.byteLength);
  if (codestream.length < 64 || view.getUint32(0, true) !== pixelBytes) {
    throw undecodable("its RLE header is not what its attributes say");
  }
  const samples = new Uint8Array(rows * columns * pixelBytes);
  for (let segment = 0; segment < pixelBytes; segment += 1) {
    const start = view.getUint32(4 + segment * 4, true);
    const isLast = segment + 1 === pixelBytes;
    const end = isLast ? codestream.length : view.getUint32(8 + segment * 4, true);
    if (start < 64 || start >= end || end > codestream.length) {
      throw undecodable("its RLE header points outside of it");
    }
    const sample = Math.floor(segment / sampleBytes);
    const byte = sampleBytes - 1 - (segment % sampleBytes);
    const at = sample * sampleBytes + byte;
    if (!decodeSegment(codestream, start, end, samples, at, pixelBytes)) {
      throw undecodable("one of its RLE segments does not have as many bytes as there are pixels");
    }
  }
  return samples;
}

/** Fills each `step`th byte of `samples` from `at` on; false when the segment has fewer or more of them. */
function decodeSegment(
  codestream: Uint8Array,
  start: number,
  end: number,
  samples: Uint8Array,
  at: number,
  step: number,
): boolean {
  let from = start;
  let to = at;
  let left = 0;
  while (to < samples.length && from + 1 < end) {
    const control = codestream[from] ?? 128;
    from += 1;
    if (control < 128) {
      for (left = control + 1; left > 0 && from < end && to < samples.length; left -= 1) {
        samples[to] = codestream[from] ?? 0;
        from += 1;
        to += step;
      }
    } else if (control > 128) {
      const value = codestream[from] ?? 0;
      from += 1;
      for (left = 257 - control; left > 0 && to < samples.length; left -= 1) {
        samples[to] = value;
        to += step;
      }
    }
  }
  const isPadding = codestream.subarray(from, end).every((value) => value === 0);
  return to >= samples.length && left === 0 && isPadding;
}
