/**
 * Made-up images of every kind that is rendered, for the gallery and for tests: a slice that looks a little like a CT, and a
 * field of colors. The same picture in different encodings has to look the same.
 */
import { encodeFrame } from "../../../shared/pixels/encodeFrame.ts";
import { encodeJpeg } from "../../../shared/rendering/encodeJpeg.ts";
import { codestreamUIDs } from "../../../shared/pixels/imageAttributes.ts";
import { encapsulate, makeInstance, syntaxes, type TestElement } from "../dicom/dicomFile.ts";

/** An image, and how it is asked for. */
export interface SampleImage {
  readonly label: string;
  readonly file: Uint8Array;
  readonly query?: string;
  readonly frameNumber?: number;
  /** Samples of one name show the same picture; `loss` is by how much they differ on average, of 255. */
  readonly sameAs?: { readonly name: "slice" | "colors"; readonly loss: number };
}

const sampleRows = 96;
const sampleColumns = 96;
const pixelCount = sampleRows * sampleColumns;

/** Hounsfield units of a slice: table, skin, lungs, heart, spine and ribs. */
function sliceAt(x: number, y: number): number {
  const inEllipse = (cx: number, cy: number, rx: number, ry: number): boolean =>
    ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1;
  if (inEllipse(0, 0.42, 0.13, 0.13)) {
    return inEllipse(0, 0.42, 0.06, 0.06) ? 30 : 700;
  }
  if (inEllipse(-0.42, -0.02, 0.26, 0.42) || inEllipse(0.42, -0.02, 0.26, 0.42)) {
    return -850 + Math.round(120 * Math.sin(14 * x) * Math.sin(17 * y));
  }
  if (inEllipse(0.08, -0.08, 0.2, 0.26)) {
    return 55 + Math.round(60 * Math.cos(5 * x) * Math.cos(4 * y));
  }
  if (inEllipse(0, 0, 0.82, 0.62)) {
    return inEllipse(0, 0, 0.76, 0.56) ? 40 : -90;
  }
  return y > 0.7 && y < 0.76 && Math.abs(x) < 0.8 ? 250 : -1000;
}

function coordinates(index: number): readonly [x: number, y: number] {
  const column = index % sampleColumns;
  const row = Math.floor(index / sampleColumns);
  return [((column + 0.5) / sampleColumns) * 2 - 1, ((row + 0.5) / sampleRows) * 2 - 1];
}

const slice = Int16Array.from({ length: pixelCount }, (_, index) => sliceAt(...coordinates(index)));

function colorAt(x: number, y: number): readonly [red: number, green: number, blue: number] {
  const radius = Math.hypot(x, y);
  if (radius < 0.35) {
    return [200, 60 + Math.round(150 * (y + 0.35)), 40];
  }
  if (radius < 0.7) {
    const angle = Math.atan2(y, x);
    const wave = (shift: number): number => Math.round(128 + 100 * Math.cos(angle + shift));
    return [wave(0), wave(2.1), wave(4.2)];
  }
  const gray = Math.round(127.5 * (x + 1));
  return [gray, gray, gray];
}

const colors = Uint8Array.from(
  Array.from({ length: pixelCount }, (_, index) => [...colorAt(...coordinates(index))]).flat(),
);

function words(values: Iterable<number>): Uint8Array {
  return new Uint8Array(Uint16Array.from(values, (value) => value & 0xffff).buffer);
}

const softTissue: readonly TestElement[] = [
  ["00281050", "DS", "40"],
  ["00281051", "DS", "400"],
];

function image(elements: readonly TestElement[], transferSyntaxUID?: string): Uint8Array {
  return makeInstance({
    rows: sampleRows,
    columns: sampleColumns,
    patientName: "Sample^Séverine",
    patientID: "S-1",
    modality: "CT",
    elements,
    ...(transferSyntaxUID === undefined ? {} : { transferSyntaxUID }),
  }).bytes;
}

function bits(allocated: number, stored: number, isSigned: boolean): TestElement[] {
  return [
    ["00280100", "US", allocated],
    ["00280101", "US", stored],
    ["00280102", "US", stored - 1],
    ["00280103", "US", isSigned ? 1 : 0],
  ];
}

const signed16 = bits(16, 16, true);
/** As a scanner stores it: 12 bits without a sign, to be rescaled. */
const rescaled = [
  ...bits(16, 12, false),
  ["00281052", "DS", "-1024"],
  ["00281053", "DS", "1"],
] as const satisfies TestElement[];
const stored12 = Uint16Array.from(slice, (value) => value + 1024);

function color(
  photometric: string,
  pixels: Uint8Array,
  others: readonly TestElement[] = [],
): Uint8Array {
  return image([
    ["00280002", "US", 3],
    ["00280004", "CS", photometric],
    ["00280006", "US", 0],
    ...others,
    ["7FE00010", pixels.length > 3 * pixelCount ? "OW" : "OB", pixels],
  ]);
}

function toYBR(samples: Uint8Array): Uint8Array {
  const ybr = new Uint8ClampedArray(samples.length);
  for (let at = 0; at < samples.length; at += 3) {
    const [r = 0, g = 0, b = 0] = samples.subarray(at, at + 3);
    ybr[at] = 0.299 * r + 0.587 * g + 0.114 * b;
    ybr[at + 1] = 128 - 0.1687 * r - 0.3313 * g + 0.5 * b;
    ybr[at + 2] = 128 + 0.5 * r - 0.4187 * g - 0.0813 * b;
  }
  return new Uint8Array(ybr.buffer);
}

/** Two luminances, then the chrominances of the first of them (PS3.3 §C.7.6.3.1.2). */
function subsampled(ybr: Uint8Array): Uint8Array {
  const pairs: number[] = [];
  for (let at = 0; at < ybr.length; at += 6) {
    pairs.push(ybr[at] ?? 0, ybr[at + 3] ?? 0, ybr[at + 1] ?? 0, ybr[at + 2] ?? 0);
  }
  return Uint8Array.from(pairs);
}

function planes(samples: Uint8Array): Uint8Array {
  return Uint8Array.from(
    [0, 1, 2].flatMap((channel) => [...samples].filter((_, at) => at % 3 === channel)),
  );
}

/** The slice as 12 bits, or the colors, as a codestream. */
async function encoded(kind: "slice" | "colors", uid: string): Promise<Uint8Array> {
  const isSlice = kind === "slice";
  const codestream = await encodeFrame(
    {
      rows: sampleRows,
      columns: sampleColumns,
      samplesPerPixel: isSlice ? 1 : 3,
      bitsAllocated: isSlice ? 16 : 8,
      bitsStored: isSlice ? 12 : 8,
      highBit: isSlice ? 11 : 7,
      pixelRepresentation: 0,
      photometricInterpretation: isSlice ? "MONOCHROME2" : "RGB",
      planarConfiguration: 0,
      data: isSlice ? new Uint8Array(stored12.slice().buffer) : colors.slice(),
    },
    uid,
  );
  const attributes: readonly TestElement[] = isSlice
    ? [...rescaled, ...softTissue]
    : [
        ["00280002", "US", 3],
        ["00280004", "CS", "RGB"],
        ["00280006", "US", 0],
      ];
  return image([...attributes, ...encapsulate([codestream])], uid);
}

/** The colors as baseline JPEG. */
async function jpeg(): Promise<Uint8Array> {
  const raster = { width: sampleColumns, height: sampleRows, channels: 3, data: colors } as const;
  const codestream = await encodeJpeg(raster, 85);
  return image(
    [
      ["00280002", "US", 3],
      ["00280004", "CS", "YBR_FULL_422"],
      ["00280006", "US", 0],
      ...encapsulate([codestream]),
    ],
    syntaxes.jpegBaseline,
  );
}

/** A red, a green and a blue table of 256 entries, from cold to hot. */
function heat(entry: number): readonly [number, number, number] {
  return [
    Math.min(255, entry * 2),
    Math.max(0, Math.min(255, (entry - 96) * 2)),
    entry < 64 ? entry * 2 : Math.max(0, 192 - entry),
  ];
}

function palette(): TestElement[] {
  return [0, 1, 2].flatMap((channel) => {
    const digit = channel + 1;
    const table = Array.from({ length: 256 }, (_, entry) => (heat(entry)[channel] ?? 0) * 257);
    return [
      [`0028110${digit}`, "US", [256, 0, 16]],
      [`0028120${digit}`, "OW", words(table)],
    ] as const satisfies TestElement[];
  });
}

/** Up to 96 one color, a ramp to 223, and again the first ones. */
function segmentedPalette(): TestElement[] {
  return [0, 1, 2].flatMap((channel) => {
    const digit = channel + 1;
    const low = [0x2000, 0x4000, 0xa000][channel] ?? 0;
    const high = [0xffff, 0xc000, 0x1000][channel] ?? 0;
    const segments = [0, 1, low, 1, 95, low, 1, 128, high, 2, 2, 0, 0];
    return [
      [`0028110${digit}`, "US", [0x100 - 32 + 96 - 64, 0, 16]],
      [`0028122${digit}`, "OW", words(segments)],
    ] as const satisfies TestElement[];
  });
}

/** A cross over the slice. */
function cross(): TestElement[] {
  const plane = new Uint8Array((64 * 64) / 8);
  for (let each = 0; each < 64; each += 1) {
    for (const bit of [each * 64 + each, each * 64 + 63 - each]) {
      plane[bit >> 3] = (plane[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
  }
  return [
    ["60000010", "US", 64],
    ["60000011", "US", 64],
    ["60000040", "CS", "G"],
    ["60000050", "SS", [17, 17]],
    ["60000100", "US", 1],
    ["60000102", "US", 0],
    ["60003000", "OW", plane],
  ];
}

function sequence(tag: string, ...items: (readonly TestElement[])[]): TestElement {
  return [tag, "SQ", undefined, { items }];
}

/** A table that is steep in the middle, for what lies between -160 and 239. */
function voiLUT(): TestElement {
  const entries = Array.from({ length: 400 }, (_, entry) =>
    Math.round(4095 / (1 + Math.exp(-(entry - 200) / 30))),
  );
  return sequence("00283010", [
    ["00283002", "SS", [400, -160, 12]],
    ["00283006", "OW", words(entries)],
  ]);
}

function modalityLUT(): TestElement {
  return sequence("00283000", [
    ["00283002", "US", [4096, 0, 16]],
    ["00283004", "LO", "US"],
    ["00283006", "OW", words(Array.from({ length: 4096 }, (_, entry) => Math.sqrt(entry) * 1000))],
  ]);
}

/** Two frames of different windows, and one rescaling for both. */
function enhanced(): Uint8Array {
  const window = (center: number, width: number): TestElement =>
    sequence("00289132", [
      ["00281050", "DS", String(center)],
      ["00281051", "DS", String(width)],
    ]);
  return makeInstance({
    rows: sampleRows,
    columns: sampleColumns,
    frames: 2,
    sopClassUID: "1.2.840.10008.5.1.4.1.1.2.1",
    elements: [
      ...bits(16, 12, false),
      sequence("52009229", [
        sequence("00289145", [
          ["00281052", "DS", "-1024"],
          ["00281053", "DS", "1"],
          ["00281054", "LO", "HU"],
        ]),
      ]),
      sequence("52009230", [window(40, 400)], [window(-500, 1500)]),
      ["7FE00010", "OW", words([...stored12, ...stored12])],
    ],
  }).bytes;
}

/** All the samples, always the same bytes but for their UIDs. */
export async function sampleImages(): Promise<SampleImage[]> {
  const sameSlice = { name: "slice", loss: 0 } as const;
  const sameColors = { name: "colors", loss: 0 } as const;
  const gray8 = Uint8Array.from(slice, (value) => Math.max(0, Math.min(255, (value + 160) / 1.57)));
  const signedSlice = image([...signed16, ...softTissue, ["7FE00010", "OW", words(slice)]]);
  const scanner: readonly TestElement[] = [...rescaled, ...softTissue];
  return [
    { label: "signed, window", file: signedSlice, sameAs: sameSlice },
    {
      label: "rescaled 12 bit",
      file: image([...scanner, ["7FE00010", "OW", words(stored12)]]),
      sameAs: sameSlice,
    },
    {
      label: "junk in high bits",
      file: image([...scanner, ["7FE00010", "OW", words(stored12.map((value) => value | 0xa000))]]),
      sameAs: sameSlice,
    },
    {
      label: "big endian",
      file: image(
        [...scanner, ["7FE00010", "OW", Buffer.from(words(stored12)).swap16()]],
        syntaxes.explicitBig,
      ),
      sameAs: sameSlice,
    },
    { label: "RLE", file: await encoded("slice", codestreamUIDs.rleLossless), sameAs: sameSlice },
    {
      label: "JPEG lossless",
      file: await encoded("slice", codestreamUIDs.jpegLosslessSV1),
      sameAs: sameSlice,
    },
    {
      label: "JPEG-LS",
      file: await encoded("slice", codestreamUIDs.jpegLSLossless),
      sameAs: sameSlice,
    },
    {
      label: "JPEG 2000",
      file: await encoded("slice", codestreamUIDs.jpeg2000Lossless),
      sameAs: sameSlice,
    },
    {
      label: "HTJ2K",
      file: await encoded("slice", codestreamUIDs.htj2kLossless),
      sameAs: sameSlice,
    },
    { label: "frame 1 of 2", file: enhanced(), sameAs: sameSlice },
    { label: "frame 2: lung", file: enhanced(), frameNumber: 2 },
    { label: "bone, linear", file: signedSlice, query: "window=400,1800,linear" },
    { label: "sigmoid", file: signedSlice, query: "window=0,600,sigmoid" },
    { label: "no window", file: image([...signed16, ["7FE00010", "OW", words(slice)]]) },
    {
      label: "padding",
      file: image([...signed16, ["00280120", "SS", -1000], ["7FE00010", "OW", words(slice)]]),
    },
    {
      label: "MONOCHROME1",
      file: image([
        ...signed16,
        ...softTissue,
        ["00280004", "CS", "MONOCHROME1"],
        ["7FE00010", "OW", words(slice)],
      ]),
    },
    {
      label: "VOI LUT",
      file: image([...signed16, voiLUT(), ["7FE00010", "OW", words(slice)]]),
    },
    {
      label: "modality LUT",
      file: image([...bits(16, 12, false), modalityLUT(), ["7FE00010", "OW", words(stored12)]]),
    },
    {
      label: "float",
      file: image([
        ...bits(32, 32, false),
        [
          "7FE00008",
          "OF",
          new Uint8Array(Float32Array.from(slice, (value) => value / 1000).buffer),
        ],
      ]),
    },
    {
      label: "single bits",
      file: image([
        ...bits(1, 1, false),
        [
          "7FE00010",
          "OB",
          Uint8Array.from({ length: pixelCount / 8 }, (_, at) =>
            [0, 1, 2, 3, 4, 5, 6, 7].reduce(
              (byte, bit) => byte | ((slice[at * 8 + bit] ?? 0) > 200 ? 1 << bit : 0),
              0,
            ),
          ),
        ],
      ]),
    },
    {
      label: "overlay",
      file: image([...scanner, ["7FE00010", "OW", words(stored12)], ...cross()]),
      query: "annotation=overlay",
    },
    {
      label: "pixels 1 x 2",
      file: image([
        ...signed16,
        ...softTissue,
        ["00280030", "DS", ["1", "2"]],
        ["7FE00010", "OW", words(slice)],
      ]),
    },
    { label: "region, flipped", file: signedSlice, query: "viewport=96,96,48,24,-48,48" },
    {
      label: "annotations",
      file: signedSlice,
      query: "annotation=patient,technique&viewport=288,288",
    },
    {
      label: "palette",
      file: image([["00280004", "CS", "PALETTE COLOR"], ...palette(), ["7FE00010", "OB", gray8]]),
    },
    {
      label: "segmented palette",
      file: image([
        ["00280004", "CS", "PALETTE COLOR"],
        ...segmentedPalette(),
        ["7FE00010", "OB", gray8],
      ]),
    },
    { label: "RGB", file: color("RGB", colors), sameAs: sameColors },
    {
      label: "RGB in planes",
      file: color("RGB", planes(colors), [["00280006", "US", 1]]),
      sameAs: sameColors,
    },
    {
      label: "RGB of 48 bits",
      file: color(
        "RGB",
        words(
          colors
            .map((sample) => sample)
            .values()
            .map((sample) => sample * 257),
        ),
        bits(16, 16, false),
      ),
      sameAs: sameColors,
    },
    {
      label: "RGB in RLE",
      file: await encoded("colors", codestreamUIDs.rleLossless),
      sameAs: sameColors,
    },
    {
      label: "RGB in JPEG 2000",
      file: await encoded("colors", codestreamUIDs.jpeg2000Lossless),
      sameAs: sameColors,
    },
    {
      label: "YBR_FULL",
      file: color("YBR_FULL", toYBR(colors)),
      sameAs: { name: "colors", loss: 1 },
    },
    {
      label: "YBR_FULL_422",
      file: color("YBR_FULL_422", subsampled(toYBR(colors))),
      sameAs: { name: "colors", loss: 3 },
    },
    {
      label: "JPEG baseline",
      file: await jpeg(),
      sameAs: { name: "colors", loss: 4 },
    },
  ];
}
