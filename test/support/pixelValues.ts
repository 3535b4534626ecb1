import { getNumbers, getString } from "../../shared/dicom/dataset.ts";
import { readPart10 } from "./dicom/readPart10.ts";

/** The pixels of a file as numbers, and what its attributes say of them. */
export interface PixelValues {
  readonly transferSyntaxUID: string;
  readonly photometricInterpretation: string | undefined;
  readonly planarConfiguration: number | undefined;
  readonly bits: readonly [allocated?: number, stored?: number, high?: number];
  /** The samples of each pixel side by side; of no use for encapsulated or subsampled ones. */
  readonly samples: readonly number[];
}

/** Reads the pixels of a native file in little endian. */
export async function pixelValues(file: Uint8Array): Promise<PixelValues> {
  const { dataset, pixelData, transferSyntax } = await readPart10(file);
  const number = (tag: number): number => getNumbers(dataset, tag)[0] ?? 0;
  const bitsAllocated = number(0x00280100);
  const isSigned = number(0x00280103) === 1;
  const samplesPerPixel = number(0x00280002);
  const planarConfiguration = getNumbers(dataset, 0x00280006)[0];
  const width = Math.max(1, bitsAllocated / 8);
  const count =
    number(0x00280010) *
    number(0x00280011) *
    samplesPerPixel *
    (getNumbers(dataset, 0x00280008)[0] ?? 1);
  const { offset = 0, length = 0 } = pixelData ?? {};
  const bytes = Buffer.from(file.buffer, file.byteOffset + offset, length);
  const read = (at: number): number =>
    isSigned ? bytes.readIntLE(at * width, width) : bytes.readUIntLE(at * width, width);
  const isComplete = pixelData?.isEncapsulated === false && count * width <= length;
  const values = isComplete ? Array.from({ length: count }, (_, at) => read(at)) : [];
  const frames = getNumbers(dataset, 0x00280008)[0] ?? 1;
  return {
    transferSyntaxUID: transferSyntax.uid,
    photometricInterpretation: getString(dataset, 0x00280004),
    planarConfiguration,
    bits: [bitsAllocated, number(0x00280101), number(0x00280102)],
    samples: planarConfiguration === 1 ? interleave(values, samplesPerPixel, frames) : values,
  };
}

function interleave(values: readonly number[], samples: number, frames: number): number[] {
  const plane = values.length / samples / frames;
  return values.map((_, at) => {
    const frame = Math.floor(at / (plane * samples));
    const within = at % (plane * samples);
    return (
      values[frame * plane * samples + (within % samples) * plane + Math.floor(within / samples)] ??
      0
    );
  });
}

/** The largest difference between two lists of samples; Infinity when they are not equally long. */
export function largestDifference(one: readonly number[], other: readonly number[]): number {
  return one.length === other.length
    ? one.reduce((most, value, at) => Math.max(most, Math.abs(value - (other[at] ?? 0))), 0)
    : Infinity;
}

/** RGB of YBR_FULL (PS3.3 §C.7.6.3.1.2), rounded and clamped to eight bits. */
export function rgbOfYBR(samples: readonly number[]): number[] {
  const clamp = (value: number): number => Math.max(0, Math.min(255, Math.round(value)));
  return samples.flatMap((y, at) => {
    if (at % 3 !== 0) {
      return [];
    }
    const cb = (samples[at + 1] ?? 0) - 128;
    const cr = (samples[at + 2] ?? 0) - 128;
    return [clamp(y + 1.402 * cr), clamp(y - 0.344136 * cb - 0.714136 * cr), clamp(y + 1.772 * cb)];
  });
}
