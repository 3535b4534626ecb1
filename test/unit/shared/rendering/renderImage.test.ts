import { describe, expect, test } from "vitest";
import type { DecodedFrame } from "../../../../shared/pixels/decodedFrame.ts";
import type {
  ImagePresentation,
  LookupTable,
  Window,
} from "../../../../shared/rendering/imagePresentation.ts";
import { renderImage, type RenderingOptions } from "../../../../shared/rendering/renderImage.ts";

const plain: ImagePresentation = {
  modality: undefined,
  voi: undefined,
  isInverse: false,
  padding: undefined,
  palette: undefined,
  overlays: [],
  pixelAspect: 1,
  iccProfile: undefined,
};

const asIs: RenderingOptions = {
  window: undefined,
  viewport: undefined,
  mayEnlarge: true,
  annotation: undefined,
};

/** One row of samples. */
function frameOf(samples: readonly number[], changes: Partial<DecodedFrame> = {}): DecodedFrame {
  const bitsAllocated = changes.bitsAllocated ?? 8;
  const unit = bitsAllocated / 8;
  const data = Buffer.alloc(samples.length * unit);
  for (const [index, sample] of samples.entries()) {
    data.writeUIntLE(sample < 0 ? sample + 2 ** bitsAllocated : sample, index * unit, unit);
  }
  const samplesPerPixel = changes.samplesPerPixel ?? 1;
  return {
    rows: 1,
    columns: samples.length / samplesPerPixel,
    samplesPerPixel,
    bitsAllocated,
    bitsStored: bitsAllocated,
    highBit: (changes.bitsStored ?? bitsAllocated) - 1,
    pixelRepresentation: 0,
    photometricInterpretation: "MONOCHROME2",
    planarConfiguration: 0,
    data: new Uint8Array(data),
    ...changes,
  };
}

function shown(
  frame: DecodedFrame,
  presentation: Partial<ImagePresentation> = {},
  options: Partial<RenderingOptions> = {},
): number[] {
  const all = { ...asIs, ...options };
  return [
    ...renderImage({ integers: frame, stored: frame }, { ...plain, ...presentation }, all).data,
  ];
}

const voiOf = (window: Window): Partial<ImagePresentation> => ({
  voi: { kind: "window", window },
});

describe("windows", () => {
  // PS3.3 §C.11.2.1.2.1: with c = 4 and w = 5 what is up to 1.5 is black, above 5.5 white, and
  // ((x - 3.5) / 4 + 0.5) * 255 between.
  test.each([
    ["LINEAR", 4, 5, [0, 1, 2, 3, 4, 5, 6], [0, 0, 32, 96, 159, 223, 255]],
    // PS3.3 §C.11.2.1.3.2: ((x - 4) / 4 + 0.5) * 255 from 2 to 6.
    ["LINEAR_EXACT", 4, 4, [1, 2, 3, 4, 5, 6, 7], [0, 0, 64, 128, 191, 255, 255]],
    // PS3.3 §C.11.2.1.3.1: 255 / (1 + exp(-4 * (x - 4) / 4)).
    ["SIGMOID", 4, 4, [0, 2, 3, 4, 5, 6, 8], [5, 30, 69, 128, 186, 225, 250]],
    // The narrowest window: a step at half below the center.
    ["LINEAR", 4, 1, [2, 3, 4, 5], [0, 0, 255, 255]],
  ] as const)("%s with center %d and width %d", (shape, center, width, stored, grays) => {
    expect(shown(frameOf(stored), voiOf({ center, width, function: shape }))).toEqual(grays);
  });

  test("the window of the request takes the place of the header's", () => {
    const header = voiOf({ center: 1000, width: 1, function: "LINEAR" });
    const window: Window = { center: 4, width: 4, function: "LINEAR_EXACT" };
    expect(shown(frameOf([2, 4, 6]), header, { window })).toEqual([0, 128, 255]);
  });

  test("a window is in the units that rescaling makes", () => {
    const modality = { kind: "rescale", slope: 2, intercept: -100 } as const;
    const window = voiOf({ center: 0, width: 200, function: "LINEAR_EXACT" });
    expect(shown(frameOf([0, 50, 100]), { modality, ...window })).toEqual([0, 128, 255]);
  });

  test("without one, the least and the greatest value become black and white", () => {
    expect(shown(frameOf([10, 20, 30, 60]))).toEqual([0, 51, 102, 255]);
  });

  test("padding does not count for that, and is black", () => {
    const frame = frameOf([-2000, -1000, 0, 1000], { bitsAllocated: 16, pixelRepresentation: 1 });
    const padding = { low: -2000, high: -2000 };
    expect(shown(frame, { padding })).toEqual([0, 0, 128, 255]);
    expect(shown(frame, { padding, isInverse: true })).toEqual([0, 255, 127, 0]);
  });

  test("a plain is as bright as its value is among those that could be stored", () => {
    expect(shown(frameOf([0, 0]))).toEqual([0, 0]);
    expect(shown(frameOf([51, 51]))).toEqual([51, 51]);
  });
});

describe("stored values", () => {
  test("bits that are not stored are cut off, above and below", () => {
    const stored = { bitsAllocated: 16, bitsStored: 8, highBit: 11 } as const;
    const window = voiOf({ center: 127.5, width: 255, function: "LINEAR_EXACT" });
    expect(shown(frameOf([0xf00f, 0xa80f, 0x0ff0], stored), window)).toEqual([0, 128, 255]);
  });

  test("a sign is the highest of the bits that are stored", () => {
    const stored = {
      bitsAllocated: 16,
      bitsStored: 12,
      highBit: 11,
      pixelRepresentation: 1,
    } as const;
    const window = voiOf({ center: 0, width: 4096, function: "LINEAR_EXACT" });
    expect(shown(frameOf([0x0800, 0x0000, 0x07ff, 0xf800], stored), window)).toEqual([
      0, 128, 255, 0,
    ]);
  });

  test("32 bits are rendered, with and without a sign", () => {
    const window = voiOf({ center: 0, width: 4e9, function: "LINEAR_EXACT" });
    const signed = { bitsAllocated: 32, pixelRepresentation: 1 } as const;
    expect(shown(frameOf([-2_000_000_000, 0, 2_000_000_000], signed), window)).toEqual([
      0, 128, 255,
    ]);
    expect(shown(frameOf([0, 4_000_000_000], { bitsAllocated: 32 }))).toEqual([0, 255]);
  });

  test("samples that do not begin at a multiple of their size are read all the same", () => {
    const data = new Uint8Array([99, 1, 0, 2, 0, 3, 0]).subarray(1);
    const frame = frameOf([0, 0, 0], { bitsAllocated: 16, data: data as Uint8Array<ArrayBuffer> });
    expect(shown(frame)).toEqual([0, 128, 255]);
  });

  test("a single bit is black or white", () => {
    expect(shown(frameOf([0, 1, 0], { bitsStored: 1, highBit: 0 }))).toEqual([0, 255, 0]);
    expect(shown(frameOf([0, 0, 0], { bitsStored: 1, highBit: 0 }))).toEqual([0, 0, 0]);
  });
});

test("what is inverse is inverted after the window", () => {
  const window = voiOf({ center: 4, width: 4, function: "LINEAR_EXACT" });
  expect(shown(frameOf([2, 4, 6]), { isInverse: true, ...window })).toEqual([255, 127, 0]);
});

const table = (firstMapped: number, entries: readonly number[], bits: number): LookupTable => ({
  firstMapped,
  entries: Uint16Array.from(entries),
  bits,
});

describe("lookup tables", () => {
  test("of modality and VOI are applied one after the other, their ends reaching on", () => {
    const modality = { kind: "table", table: table(2, [100, 200, 300], 16) } as const;
    const voi = { kind: "table", table: table(200, [0, 4095], 12) } as const;
    const frame = frameOf([0, 2, 3, 4, 5]);
    expect(shown(frame, { modality })).toEqual([0, 0, 128, 255, 255]);
    // 100 and 200 have the entry of 200, 300 lies beyond the last.
    expect(shown(frame, { modality, voi })).toEqual([0, 0, 0, 255, 255]);
  });

  test("of a palette give three channels, of 8 and of 16 bits", () => {
    const palette = {
      red: table(1, [0, 255], 8),
      green: table(1, [0x8000, 0xffff], 16),
      blue: table(1, [9, 10], 8),
    };
    const frame = frameOf([0, 1, 2, 3], { photometricInterpretation: "PALETTE COLOR" });
    expect(shown(frame, { palette })).toEqual([0, 128, 9, 0, 128, 9, 255, 255, 10, 255, 255, 10]);
  });
});

describe("color", () => {
  const color = (photometricInterpretation: string): Partial<DecodedFrame> => ({
    samplesPerPixel: 3,
    photometricInterpretation,
  });

  test("RGB is as it is, of 16 bits the upper eight", () => {
    expect(shown(frameOf([1, 2, 3, 253, 254, 255], color("RGB")))).toEqual([
      1, 2, 3, 253, 254, 255,
    ]);
    const deep = { ...color("RGB"), bitsAllocated: 16 } as const;
    expect(shown(frameOf([0x0102, 0x8000, 0xffff], deep))).toEqual([1, 128, 255]);
    const twelve = { ...deep, bitsStored: 12, highBit: 11 };
    expect(shown(frameOf([0xf010, 0x0800, 0x0fff], twelve))).toEqual([1, 128, 255]);
  });

  // PS3.3 §C.7.6.3.1.2, solved for R, G and B, by hand for gray, red and blue.
  test.each([
    ["YBR_FULL", [128, 128, 128], [128, 128, 128]],
    ["YBR_FULL", [76, 85, 255], [254, 0, 0]],
    ["YBR_FULL_422", [29, 255, 107], [0, 0, 254]],
    ["YBR_PARTIAL_422", [16, 128, 128], [0, 0, 0]],
    ["YBR_PARTIAL_420", [235, 128, 128], [255, 255, 255]],
    ["YBR_PARTIAL_422", [81, 90, 240], [254, 0, 0]],
  ])("%s %j is RGB %j", (photometric, samples, rgb) => {
    expect(shown(frameOf(samples, color(photometric)))).toEqual(rgb);
  });

  test("an interpretation that nobody renders is not acceptable", () => {
    expect(() => shown(frameOf([1, 2, 3], color("HSV")))).toThrow("(0028,0004)");
    expect(() => shown(frameOf([1, 2, 3, 4], { samplesPerPixel: 4 }))).toThrow("(0028,0002)");
  });
});

describe("float pixels", () => {
  const floats = (values: readonly number[], bitsAllocated: 32 | 64): number[] => {
    const data = bitsAllocated === 32 ? Float32Array.from(values) : Float64Array.from(values);
    const frame = {
      rows: 1,
      columns: values.length,
      bitsAllocated,
      data: new Uint8Array(data.buffer),
    };
    return [...renderImage({ floats: frame }, plain, asIs).data];
  };

  test.each([32, 64] as const)("of %i bits are spread from the least to the greatest", (bits) => {
    expect(floats([-0.5, 0, 0.5], bits)).toEqual([0, 128, 255]);
    expect(floats([Number.NaN, 1, 3, Number.POSITIVE_INFINITY], bits)).toEqual([0, 0, 255, 0]);
    expect(floats([Number.NaN], bits)).toEqual([0]);
  });
});

describe("overlays", () => {
  const square = frameOf(
    Array.from({ length: 16 }, (_, at) => (at === 0 ? 255 : 0)),
    {
      rows: 4,
      columns: 4,
    },
  );

  test("are drawn in white where their origin puts them, and cut off at the edges", () => {
    // 2 × 2, with the bits 1 and 2 set: top right and lower left.
    const bits = { kind: "data", bytes: Uint8Array.of(0b0110), firstBit: 0 } as const;
    const overlay = { rows: 2, columns: 2, bits };
    const grays = shown(square, {
      overlays: [
        { ...overlay, top: 1, left: 1 },
        { ...overlay, top: -1, left: 3 },
      ],
    });
    expect(grays.flatMap((gray, at) => (gray === 255 ? [at] : []))).toEqual([0, 3, 6, 9]);
  });

  test("a plane of a later frame begins within the data", () => {
    const bits = { kind: "data", bytes: Uint8Array.of(0, 0b10), firstBit: 9 } as const;
    const overlays = [{ rows: 1, columns: 1, top: 3, left: 3, bits }];
    expect(shown(square, { overlays }).at(-1)).toBe(255);
  });

  test("are found in bits of the pixels that hold no sample", () => {
    const frame = frameOf([0x1000, 0x0000, 0x1fff, 0x0fff], {
      bitsAllocated: 16,
      bitsStored: 12,
      highBit: 11,
    });
    const overlays = [
      {
        rows: 1,
        columns: 4,
        top: 0,
        left: 0,
        bits: { kind: "embedded", bitPosition: 12 } as const,
      },
    ];
    expect(shown(frame, { overlays })).toEqual([255, 0, 255, 255]);
    expect(shown(frame)).toEqual([0, 0, 255, 255]);
  });
});

test("pixels that are missing are an error, not black", () => {
  const short = frameOf([1, 2, 3], { columns: 4 });
  expect(() => shown(short)).toThrow("fewer pixels");
});

test("annotations are burned in where they belong, in white with a rim", () => {
  const frame = frameOf(
    Array.from({ length: 64 * 64 }, () => 128),
    { rows: 64, columns: 64 },
  );
  const window = voiOf({ center: 128, width: 256, function: "LINEAR_EXACT" });
  const grays = shown(frame, window, { annotation: { top: ["I"], bottom: ["I"] } });
  const whiteRows = Array.from({ length: 64 }, (_, row) => row).filter((row) =>
    grays.slice(row * 64, row * 64 + 64).includes(255),
  );
  // Seven rows of a letter, two pixels from the edges and with two below.
  expect(whiteRows).toEqual([2, 3, 4, 5, 6, 7, 8, 53, 54, 55, 56, 57, 58, 59]);
  // The upper stroke of the letter: a rim, three pixels, a rim; the picture around is as it was.
  expect(grays.slice(2 * 64, 2 * 64 + 8)).toEqual([128, 128, 0, 255, 255, 255, 0, 128]);
});
