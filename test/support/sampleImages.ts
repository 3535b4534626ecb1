import { encodePart10, makeUID, type TestElement } from "./dicom/dicomFile.ts";

/** A kind of image that archives hold: what its attributes say of its samples. */
export interface ImageKind {
  readonly name: string;
  readonly bitsAllocated: 1 | 8 | 16 | 32;
  readonly bitsStored: number;
  readonly isSigned?: boolean;
  readonly photometricInterpretation: string;
  readonly samplesPerPixel: 1 | 3;
  readonly planarConfiguration?: 0 | 1;
}

const gray = { photometricInterpretation: "MONOCHROME2", samplesPerPixel: 1 } as const;
const color = { bitsAllocated: 8, bitsStored: 8, samplesPerPixel: 3 } as const;
const palette = { photometricInterpretation: "PALETTE COLOR", samplesPerPixel: 1 } as const;

/** One of each kind. */
export const imageKinds: readonly ImageKind[] = [
  { name: "8 bits", bitsAllocated: 8, bitsStored: 8, ...gray },
  { name: "8 bits, signed", bitsAllocated: 8, bitsStored: 8, isSigned: true, ...gray },
  { name: "12 bits", bitsAllocated: 16, bitsStored: 12, ...gray },
  { name: "12 bits, signed", bitsAllocated: 16, bitsStored: 12, isSigned: true, ...gray },
  { name: "16 bits", bitsAllocated: 16, bitsStored: 16, ...gray },
  { name: "16 bits, signed", bitsAllocated: 16, bitsStored: 16, isSigned: true, ...gray },
  { name: "32 bits", bitsAllocated: 32, bitsStored: 32, ...gray },
  { name: "RGB", ...color, photometricInterpretation: "RGB" },
  { name: "RGB in planes", ...color, photometricInterpretation: "RGB", planarConfiguration: 1 },
  {
    name: "RGB of 16 bits",
    bitsAllocated: 16,
    bitsStored: 16,
    samplesPerPixel: 3,
    photometricInterpretation: "RGB",
  },
  { name: "YBR_FULL", ...color, photometricInterpretation: "YBR_FULL" },
  { name: "YBR_FULL_422", ...color, photometricInterpretation: "YBR_FULL_422" },
  { name: "palette, 8 bits", bitsAllocated: 8, bitsStored: 8, ...palette },
  { name: "palette, 16 bits", bitsAllocated: 16, bitsStored: 16, ...palette },
  { name: "1 bit", bitsAllocated: 1, bitsStored: 1, ...gray },
];

/** An image of a kind, with what is in it. */
export interface SampleImage {
  readonly kind: ImageKind;
  readonly rows: number;
  readonly columns: number;
  readonly frameCount: number;
  /** The native frames, one after the other, little endian. */
  readonly pixels: Buffer;
  /** The samples of each pixel side by side, chrominance for each pixel: what a decoder has to give. */
  readonly samples: readonly number[];
}

/**
 * An image with gradients, noise and the extreme values of its kind. Odd numbers of rows would not do for 4:2:2, of columns
 * neither; an odd number of bytes comes from the number of rows in other kinds.
 */
export function sampleImage(kind: ImageKind, frameCount = 2, rows = 11, columns = 10): SampleImage {
  const { bitsAllocated, bitsStored, samplesPerPixel, isSigned = false } = kind;
  const count = rows * columns * frameCount;
  const top = 2 ** bitsStored;
  const lowest = isSigned ? -top / 2 : 0;
  const samples: number[] = [];
  let state = 12345;
  for (let pixel = 0; pixel < count; pixel += 1) {
    const x = pixel % columns;
    const y = Math.floor(pixel / columns) % rows;
    for (let sample = 0; sample < samplesPerPixel; sample += 1) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const noise = (state >>> 16) % Math.max(2, Math.min(5, top / 16));
      // Up and down again: an edge would say more about JPEG than about what is tested.
      const way = ((x * 3 + y * 5 + sample * 17) / 120) % 2;
      const ramp = way < 1 ? way : 2 - way;
      const value = Math.min(top - 1, Math.floor(ramp * Math.max(top - 8, 1)) + noise);
      const isExtreme = samplesPerPixel === 1 && pixel < 2;
      samples.push(lowest + (isExtreme ? pixel * (top - 1) : value));
    }
  }
  if (kind.photometricInterpretation === "YBR_FULL_422") {
    for (let at = 0; at < samples.length; at += 6) {
      samples[at + 4] = samples[at + 1] ?? 0;
      samples[at + 5] = samples[at + 2] ?? 0;
    }
  }
  const frameSamples = rows * columns * samplesPerPixel;
  const frames = Array.from({ length: frameCount }, (_, index) =>
    nativeFrame(kind, samples.slice(index * frameSamples, (index + 1) * frameSamples)),
  );
  const pixels =
    bitsAllocated === 1
      ? packBits(samples)
      : Buffer.concat(frames.map((frame) => encode(kind, frame)));
  return { kind, rows, columns, frameCount, pixels, samples };
}

function nativeFrame(kind: ImageKind, samples: readonly number[]): readonly number[] {
  if (kind.photometricInterpretation === "YBR_FULL_422") {
    return samples.flatMap((_, at) =>
      at % 6 === 0
        ? [samples[at], samples[at + 3], samples[at + 1], samples[at + 2]].map(
            (value) => value ?? 0,
          )
        : [],
    );
  }
  return kind.planarConfiguration === 1
    ? [0, 1, 2].flatMap((plane) => samples.filter((_, at) => at % 3 === plane))
    : samples;
}

function encode({ bitsAllocated }: ImageKind, values: readonly number[]): Buffer {
  const width = bitsAllocated / 8;
  const bytes = Buffer.alloc(values.length * width);
  for (const [index, value] of values.entries()) {
    const unsigned = value < 0 ? value + 2 ** bitsAllocated : value;
    bytes.writeUIntLE(unsigned, index * width, width);
  }
  return bytes;
}

function packBits(bits: readonly number[]): Buffer {
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  for (const [index, bit] of bits.entries()) {
    bytes[index >>> 3] = (bytes[index >>> 3] ?? 0) | (bit << (index & 7));
  }
  return bytes;
}

/** The image as a Part 10 file in one of the native transfer syntaxes. */
export function sampleFile(
  image: SampleImage,
  transferSyntaxUID: string,
  extra: readonly TestElement[] = [],
): Uint8Array {
  const { kind } = image;
  const isBigEndian = transferSyntaxUID === "1.2.840.10008.1.2.2";
  const isOfWords = kind.bitsAllocated > 8 || transferSyntaxUID === "1.2.840.10008.1.2";
  const even = Buffer.concat([image.pixels, Buffer.alloc(image.pixels.length % 2)]);
  // OW counts as 16-bit words, whatever is in them (PS3.5 §7.3).
  const pixels = isBigEndian && isOfWords ? Buffer.from(even).swap16() : even;
  const elements: TestElement[] = [
    ["00080008", "CS", "DERIVED\\SECONDARY"],
    ["00080016", "UI", "1.2.840.10008.5.1.4.1.1.7"],
    ["00080018", "UI", makeUID()],
    ["00080060", "CS", "OT"],
    ["00100010", "PN", "Sample^Image"],
    ["00100020", "LO", "SAMPLE"],
    ["0020000D", "UI", makeUID()],
    ["0020000E", "UI", makeUID()],
    ["00280002", "US", kind.samplesPerPixel],
    ["00280004", "CS", kind.photometricInterpretation],
    ...(kind.samplesPerPixel === 3
      ? [["00280006", "US", kind.planarConfiguration ?? 0] as TestElement]
      : []),
    ["00280008", "IS", String(image.frameCount)],
    ["00280010", "US", image.rows],
    ["00280011", "US", image.columns],
    ["00280100", "US", kind.bitsAllocated],
    ["00280101", "US", kind.bitsStored],
    ["00280102", "US", kind.bitsStored - 1],
    ["00280103", "US", kind.isSigned === true ? 1 : 0],
    ...(kind.photometricInterpretation === "PALETTE COLOR" ? paletteElements() : []),
    ...extra,
    ["7FE00010", isOfWords ? "OW" : "OB", pixels],
  ];
  return encodePart10({
    transferSyntaxUID,
    elements: elements.toSorted(([one], [other]) => (one < other ? -1 : 1)),
  });
}

function paletteElements(): TestElement[] {
  const table = Array.from({ length: 256 }, (_, index) => index * 257);
  return [
    ["00281101", "US", [256, 0, 16]],
    ["00281102", "US", [256, 0, 16]],
    ["00281103", "US", [256, 0, 16]],
    ["00281201", "OW", table],
    ["00281202", "OW", table],
    ["00281203", "OW", table],
  ];
}
