/**
 * Makes DICOM Part 10 files for tests, of any transfer syntax, character set and VR, whole or damaged.
 *
 * Written from PS3.5 and PS3.10 alone and without any of the product's code, so that the product's reader meets bytes
 * that it did not have a hand in.
 */
import { randomBytes } from "node:crypto";
import { deflateRawSync } from "node:zlib";

/** Values: text (one, or several to be joined by backslashes), numbers for binary VRs, or the bytes themselves. */
export type TestValue =
  string | readonly string[] | number | readonly number[] | readonly bigint[] | Uint8Array;

export interface TestElementOptions {
  /** Items of a sequence. */
  readonly items?: readonly (readonly TestElement[])[];
  /** Fragments of encapsulated pixel data, the Basic Offset Table first. */
  readonly fragments?: readonly Uint8Array[];
  /** Encode a sequence with undefined length; fragments always are. */
  readonly hasUndefinedLength?: boolean;
  /** Encode the items with undefined length. */
  readonly hasUndefinedItemLengths?: boolean;
  /** Write this length instead of the true one. */
  readonly statedLength?: number;
  /** Leave an odd length odd. */
  readonly isUnpadded?: boolean;
}

/** Tag as eight hexadecimal digits, VR, value, options. */
export type TestElement = readonly [
  tag: string,
  vr: string,
  value?: TestValue | undefined,
  options?: TestElementOptions,
];

export const syntaxes = {
  implicitLittle: "1.2.840.10008.1.2",
  explicitLittle: "1.2.840.10008.1.2.1",
  deflated: "1.2.840.10008.1.2.1.99",
  explicitBig: "1.2.840.10008.1.2.2",
  jpegBaseline: "1.2.840.10008.1.2.4.50",
  jpegLossless: "1.2.840.10008.1.2.4.70",
  jpeg2000: "1.2.840.10008.1.2.4.90",
  mpeg2: "1.2.840.10008.1.2.4.100",
  rle: "1.2.840.10008.1.2.5",
} as const;

interface Encoding {
  readonly isImplicit: boolean;
  readonly isBig: boolean;
  readonly textEncoding: BufferEncoding;
}

const longVRs = new Set([
  "OB",
  "OD",
  "OF",
  "OL",
  "OV",
  "OW",
  "SQ",
  "SV",
  "UC",
  "UN",
  "UR",
  "UT",
  "UV",
]);
const shortVRs = new Set([
  "AE",
  "AS",
  "AT",
  "CS",
  "DA",
  "DS",
  "DT",
  "FD",
  "FL",
  "IS",
  "LO",
  "LT",
  "PN",
  "SH",
  "SL",
  "SS",
  "ST",
  "TM",
  "UI",
  "UL",
  "US",
]);

function uint16(value: number, isBig: boolean): Buffer {
  const bytes = Buffer.alloc(2);
  new DataView(bytes.buffer, bytes.byteOffset).setUint16(0, value, !isBig);
  return bytes;
}

function uint32(value: number, isBig: boolean): Buffer {
  const bytes = Buffer.alloc(4);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, value, !isBig);
  return bytes;
}

function encodeTag(tag: string, isBig: boolean): Buffer {
  const group = Number.parseInt(tag.slice(0, 4), 16);
  const element = Number.parseInt(tag.slice(4), 16);
  return Buffer.concat([uint16(group, isBig), uint16(element, isBig)]);
}

function encodeNumber(vr: string, value: number | bigint, isBig: boolean): Buffer {
  const bytes = Buffer.alloc(8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const isLittle = !isBig;
  switch (vr) {
    case "US":
    case "OW":
      view.setUint16(0, Number(value), isLittle);
      return bytes.subarray(0, 2);
    case "SS":
      view.setInt16(0, Number(value), isLittle);
      return bytes.subarray(0, 2);
    case "UL":
    case "OL":
      view.setUint32(0, Number(value), isLittle);
      return bytes.subarray(0, 4);
    case "SL":
      view.setInt32(0, Number(value), isLittle);
      return bytes.subarray(0, 4);
    case "FL":
    case "OF":
      view.setFloat32(0, Number(value), isLittle);
      return bytes.subarray(0, 4);
    case "FD":
    case "OD":
      view.setFloat64(0, Number(value), isLittle);
      return bytes;
    case "UV":
    case "OV":
      view.setBigUint64(0, BigInt(value), isLittle);
      return bytes;
    case "SV":
      view.setBigInt64(0, BigInt(value), isLittle);
      return bytes;
    case "AT":
      return encodeTag(Number(value).toString(16).padStart(8, "0"), isBig);
    default:
      throw new Error(`no number encoding for ${vr}`);
  }
}

function encodeValue(vr: string, value: TestValue | undefined, encoding: Encoding): Buffer {
  if (value === undefined) {
    return Buffer.alloc(0);
  }
  if (value instanceof Uint8Array) {
    return Buffer.from(value);
  }
  if (typeof value === "number") {
    return encodeNumber(vr, value, encoding.isBig);
  }
  if (typeof value === "string") {
    return Buffer.from(value, encoding.textEncoding);
  }
  const parts = value.map((part) =>
    typeof part === "string" ? part : encodeNumber(vr, part, encoding.isBig),
  );
  return parts.every((part) => typeof part === "string")
    ? Buffer.from(parts.join("\\"), encoding.textEncoding)
    : Buffer.concat(parts.map((part) => Buffer.from(part)));
}

function padded(vr: string, bytes: Buffer): Buffer {
  if (bytes.length % 2 === 0) {
    return bytes;
  }
  const isNulPadded = vr === "UI" || (longVRs.has(vr) && !["UC", "UR", "UT"].includes(vr));
  return Buffer.concat([bytes, Buffer.from([isNulPadded ? 0 : 0x20])]);
}

function encodeItems(
  items: readonly (readonly TestElement[])[],
  options: TestElementOptions,
  encoding: Encoding,
): Buffer {
  const pieces: Buffer[] = [];
  for (const item of items) {
    const body = encodeElements(item, encoding);
    const isUndefined = options.hasUndefinedItemLengths === true;
    pieces.push(
      encodeTag("FFFEE000", encoding.isBig),
      uint32(isUndefined ? 0xffffffff : body.length, encoding.isBig),
      body,
    );
    if (isUndefined) {
      pieces.push(encodeTag("FFFEE00D", encoding.isBig), uint32(0, encoding.isBig));
    }
  }
  if (options.hasUndefinedLength === true) {
    pieces.push(encodeTag("FFFEE0DD", encoding.isBig), uint32(0, encoding.isBig));
  }
  return Buffer.concat(pieces);
}

function encodeElement(element: TestElement, encoding: Encoding): Buffer {
  const [tag, vr, value, options = {}] = element;
  const { isBig } = encoding;
  let body: Buffer;
  let length: number;
  if (options.items !== undefined) {
    // UN of undefined length holds a sequence in implicit VR little endian (PS3.5 §6.2.2).
    const inner: Encoding =
      vr === "UN" ? { ...encoding, isImplicit: true, isBig: false } : encoding;
    body = encodeItems(options.items, options, inner);
    length = options.hasUndefinedLength === true ? 0xffffffff : body.length;
  } else if (options.fragments !== undefined) {
    body = Buffer.concat([
      ...options.fragments.flatMap((fragment) => [
        encodeTag("FFFEE000", isBig),
        uint32(fragment.length, isBig),
        Buffer.from(fragment),
      ]),
      encodeTag("FFFEE0DD", isBig),
      uint32(0, isBig),
    ]);
    length = 0xffffffff;
  } else {
    const bytes = encodeValue(vr, value, encoding);
    body = options.isUnpadded === true ? bytes : padded(vr, bytes);
    length = body.length;
  }
  length = options.statedLength ?? length;
  if (encoding.isImplicit) {
    return Buffer.concat([encodeTag(tag, isBig), uint32(length, isBig), body]);
  }
  const hasLongLength = !shortVRs.has(vr);
  return Buffer.concat([
    encodeTag(tag, isBig),
    Buffer.from(vr, "latin1"),
    hasLongLength ? Buffer.concat([Buffer.alloc(2), uint32(length, isBig)]) : uint16(length, isBig),
    body,
  ]);
}

function encodeElements(elements: readonly TestElement[], encoding: Encoding): Buffer {
  return Buffer.concat(elements.map((element) => encodeElement(element, encoding)));
}

export interface Part10Options {
  readonly transferSyntaxUID?: string;
  /** In the order in which they are to be written. */
  readonly elements: readonly TestElement[];
  /** Replaces the usual File Meta Information; the group length is written before it unless told otherwise. */
  readonly fileMeta?: readonly TestElement[];
  /** What FileMetaInformationGroupLength says; null leaves it out. */
  readonly fileMetaLength?: number | null;
  readonly preamble?: Uint8Array;
  /** How strings become bytes; UTF-8 unless told otherwise. Bytes are written as they are. */
  readonly textEncoding?: BufferEncoding;
  /** Written after the last element, outside the deflated part. */
  readonly trailer?: Uint8Array;
}

/** A DICOM Part 10 file (PS3.10 §7). */
export function encodePart10(options: Part10Options): Uint8Array {
  const transferSyntaxUID = options.transferSyntaxUID ?? syntaxes.explicitLittle;
  const metaEncoding: Encoding = { isImplicit: false, isBig: false, textEncoding: "latin1" };
  const uidOf = (tag: string): string => {
    const value = options.elements.find((element) => element[0] === tag)?.[2];
    return typeof value === "string" ? value : "1.2.3";
  };
  const meta = encodeElements(
    options.fileMeta ?? [
      ["00020001", "OB", Uint8Array.of(0, 1)],
      ["00020002", "UI", uidOf("00080016")],
      ["00020003", "UI", uidOf("00080018")],
      ["00020010", "UI", transferSyntaxUID],
      ["00020012", "UI", "1.2.826.0.1.3680043.8.498.1"],
      ["00020013", "SH", "TEST GENERATOR"],
    ],
    metaEncoding,
  );
  const metaLength =
    options.fileMetaLength === null
      ? Buffer.alloc(0)
      : encodeElement(["00020000", "UL", options.fileMetaLength ?? meta.length], metaEncoding);
  const body = encodeElements(options.elements, {
    isImplicit: transferSyntaxUID === syntaxes.implicitLittle,
    isBig: transferSyntaxUID === syntaxes.explicitBig,
    textEncoding: options.textEncoding ?? "utf8",
  });
  return Buffer.concat([
    options.preamble ?? Buffer.alloc(128),
    Buffer.from("DICM", "latin1"),
    metaLength,
    meta,
    transferSyntaxUID === syntaxes.deflated ? deflateRawSync(body) : body,
    options.trailer ?? Buffer.alloc(0),
  ]);
}

export interface EncapsulationOptions {
  readonly offsetTable?: "basic" | "extended" | "none";
  readonly fragmentsPerFrame?: number;
}

/** Pixel Data of these codestreams, cut into fragments of even length, with the offset tables asked for (PS3.5 §A.4). */
export function encapsulate(
  frames: readonly Uint8Array[],
  options: EncapsulationOptions = {},
): TestElement[] {
  const fragmentsPerFrame = options.fragmentsPerFrame ?? 1;
  const fragments: Uint8Array[] = [];
  const offsets: number[] = [];
  let offset = 0;
  for (const frame of frames) {
    offsets.push(offset);
    const even = Buffer.concat([frame, Buffer.alloc(frame.length % 2)]);
    const size = Math.max(2, Math.ceil(even.length / fragmentsPerFrame / 2) * 2);
    for (let at = 0; at < even.length; at += size) {
      const fragment = even.subarray(at, at + size);
      fragments.push(fragment);
      offset += 8 + fragment.length;
    }
  }
  const kind = options.offsetTable ?? "basic";
  const basic = Buffer.concat(kind === "basic" ? offsets.map((entry) => uint32(entry, false)) : []);
  const pixelData: TestElement = [
    "7FE00010",
    "OB",
    undefined,
    { fragments: [basic, ...fragments] },
  ];
  return kind === "extended"
    ? [
        ["7FE00001", "OV", offsets.map(BigInt)],
        ["7FE00002", "OV", frames.map((frame) => BigInt(frame.length))],
        pixelData,
      ]
    : [pixelData];
}

/** A number that JPEG would call an image: start marker, `bytes` of noise without markers, end marker. */
export function fakeCodestream(bytes: number, seed: number): Uint8Array {
  const stream = Buffer.alloc(Math.max(bytes, 4));
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let at = 2; at < stream.length - 2; at += 1) {
    state = (state * 1664525 + 1013904223) >>> 0;
    stream[at] = (state >>> 24) % 0xff;
  }
  stream.set([0xff, 0xd8], 0);
  stream.set([0xff, 0xd9], stream.length - 2);
  return stream;
}

/** A UID that no other test has, of 41 characters always: a random number under the root for UUIDs (PS3.5 §B.2). */
export function makeUID(): string {
  const range = 10n ** 35n;
  return `2.25.${range + (BigInt(`0x${randomBytes(15).toString("hex")}`) % range)}`;
}

export interface InstanceOptions {
  readonly transferSyntaxUID?: string;
  readonly studyInstanceUID?: string;
  readonly seriesInstanceUID?: string;
  readonly sopInstanceUID?: string;
  readonly sopClassUID?: string;
  readonly patientID?: string;
  readonly patientName?: string;
  readonly modality?: string;
  readonly instanceNumber?: number;
  readonly rows?: number;
  readonly columns?: number;
  readonly frames?: number;
  /** About this many bytes of pixels, in frames of 512 KB at most; instead of rows, columns and frames. */
  readonly bytes?: number;
  readonly encapsulation?: EncapsulationOptions;
  /** Added to the usual elements; one with the same tag replaces it, without VR `-` removes it. */
  readonly elements?: readonly TestElement[];
  readonly textEncoding?: BufferEncoding;
  readonly preamble?: Uint8Array;
}

export interface TestInstance {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
  readonly sopInstanceUID: string;
  readonly sopClassUID: string;
  readonly transferSyntaxUID: string;
  readonly rows: number;
  readonly columns: number;
  readonly frameCount: number;
}

interface Layout {
  readonly instance: TestInstance;
  readonly elements: readonly TestElement[];
}

function layOut(options: InstanceOptions): Layout {
  const bytes = options.bytes;
  const frameCount =
    options.frames ?? (bytes === undefined ? 1 : Math.max(1, Math.round(bytes / (512 * 1024))));
  const columns = options.columns ?? (bytes === undefined ? 8 : 512);
  const rows =
    options.rows ??
    (bytes === undefined ? 8 : Math.max(1, Math.round(bytes / frameCount / columns)));
  const instance: TestInstance = {
    studyInstanceUID: options.studyInstanceUID ?? makeUID(),
    seriesInstanceUID: options.seriesInstanceUID ?? makeUID(),
    sopInstanceUID: options.sopInstanceUID ?? makeUID(),
    // Secondary Capture; its multi-frame grayscale byte sibling for more than one frame.
    sopClassUID:
      options.sopClassUID ??
      (frameCount === 1 ? "1.2.840.10008.5.1.4.1.1.7" : "1.2.840.10008.5.1.4.1.1.7.2"),
    transferSyntaxUID: options.transferSyntaxUID ?? syntaxes.explicitLittle,
    rows,
    columns,
    frameCount,
  };
  const usual: TestElement[] = [
    ["00080005", "CS", "ISO_IR 192"],
    ["00080008", "CS", ["DERIVED", "SECONDARY"]],
    ["00080016", "UI", instance.sopClassUID],
    ["00080018", "UI", instance.sopInstanceUID],
    ["00080020", "DA", "20240229"],
    ["00080030", "TM", "101112.131415"],
    ["00080050", "SH", "ACC-1"],
    ["00080060", "CS", options.modality ?? "OT"],
    ["00080064", "CS", "SYN"],
    ["00080090", "PN", "Referrer^Artificial"],
    ["00081030", "LO", "Artificial study"],
    ["00100010", "PN", options.patientName ?? "Test^Artificial"],
    ["00100020", "LO", options.patientID ?? "TEST-1"],
    ["00100030", "DA", "19700101"],
    ["00100040", "CS", "O"],
    ["0020000D", "UI", instance.studyInstanceUID],
    ["0020000E", "UI", instance.seriesInstanceUID],
    ["00200010", "SH", "1"],
    ["00200011", "IS", "1"],
    ["00200013", "IS", String(options.instanceNumber ?? 1)],
    ["00280002", "US", 1],
    ["00280004", "CS", "MONOCHROME2"],
    ...(frameCount === 1 ? [] : [["00280008", "IS", String(frameCount)] as const]),
    ["00280010", "US", rows],
    ["00280011", "US", columns],
    ["00280100", "US", 8],
    ["00280101", "US", 8],
    ["00280102", "US", 7],
    ["00280103", "US", 0],
  ];
  const byTag = new Map(usual.map((element) => [element[0], element]));
  for (const element of options.elements ?? []) {
    if (element[1] === "-") {
      byTag.delete(element[0]);
    } else {
      byTag.set(element[0], element);
    }
  }
  const elements = [...byTag.values()].sort(([left], [right]) => (left < right ? -1 : 1));
  return { instance, elements };
}

/** The native pixels of a frame: a pattern that differs from frame to frame and from row to row. */
export function framePixels(instance: TestInstance, frameIndex: number): Uint8Array {
  const pixels = Buffer.alloc(instance.rows * instance.columns);
  let state = (frameIndex * 2654435761 + 12345) >>> 0;
  for (let at = 0; at + 4 <= pixels.length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    pixels.writeInt32LE(state | 0, at);
  }
  return pixels;
}

const encapsulatedSyntaxes: ReadonlySet<string> = new Set([
  syntaxes.jpegBaseline,
  syntaxes.jpegLossless,
  syntaxes.jpeg2000,
  syntaxes.mpeg2,
  syntaxes.rle,
]);

/**
 * A small valid Secondary Capture, 8 × 8 pixels of 8 bits, under new UIDs, in explicit VR little endian, unless told
 * otherwise. In an encapsulated syntax the frames are fake codestreams: right outside, noise inside.
 */
export function makeInstance(
  options: InstanceOptions = {},
): TestInstance & { readonly bytes: Uint8Array; readonly frames: readonly Uint8Array[] } {
  const { instance, elements } = layOut(options);
  const isEncapsulated = encapsulatedSyntaxes.has(instance.transferSyntaxUID);
  const frames = Array.from({ length: instance.frameCount }, (_, frameIndex) =>
    isEncapsulated
      ? fakeCodestream(instance.rows * instance.columns, frameIndex)
      : framePixels(instance, frameIndex),
  );
  const hasOwnPixels = elements.some(([tag]) => tag.startsWith("7FE0"));
  // OW and OB are the same bytes for 8 bits but in big endian, where words are swapped; OB is not (PS3.5 §A.3).
  const pixels: TestElement[] = isEncapsulated
    ? encapsulate(frames, options.encapsulation)
    : [["7FE00010", "OB", Buffer.concat(frames)]];
  const after = elements.filter(([tag]) => tag > "7FE00010");
  const before = elements.filter(([tag]) => tag <= "7FE00010");
  const bytes = encodePart10({
    transferSyntaxUID: instance.transferSyntaxUID,
    elements: [...before, ...(hasOwnPixels ? [] : pixels), ...after],
    ...(options.textEncoding === undefined ? {} : { textEncoding: options.textEncoding }),
    ...(options.preamble === undefined ? {} : { preamble: options.preamble }),
  });
  return { ...instance, bytes, frames };
}

/**
 * Like {@link makeInstance} for explicit VR little endian, for instances that should not be in memory: the bytes come
 * frame by frame, the same on each call of `chunks`.
 */
export function makeLargeInstance(
  options: InstanceOptions & { readonly bytes: number },
): TestInstance & { readonly totalBytes: number; chunks(): Generator<Uint8Array> } {
  const { instance, elements } = layOut(options);
  const pixelBytes = instance.rows * instance.columns * instance.frameCount;
  const paddingBytes = pixelBytes % 2;
  const header = encodePart10({
    elements: [
      ...elements,
      ["7FE00010", "OB", undefined, { statedLength: pixelBytes + paddingBytes }],
    ],
  });
  return {
    ...instance,
    totalBytes: header.length + pixelBytes + paddingBytes,
    *chunks() {
      yield header;
      for (let frameIndex = 0; frameIndex < instance.frameCount; frameIndex += 1) {
        yield framePixels(instance, frameIndex);
      }
      if (paddingBytes > 0) {
        yield Buffer.alloc(paddingBytes);
      }
    },
  };
}

/** A sequence that holds one that holds one, `depth` levels deep. */
export function nestedSequence(depth: number, hasUndefinedLength = true): TestElement {
  let element: TestElement = ["00400008", "SQ", undefined, { items: [], hasUndefinedLength }];
  for (let level = 1; level < depth; level += 1) {
    element = [
      "00400008",
      "SQ",
      undefined,
      { items: [[element]], hasUndefinedLength, hasUndefinedItemLengths: hasUndefinedLength },
    ];
  }
  return element;
}

/** A deflated file of a few kilobytes for each of the megabytes that it inflates to. */
export function makeDeflateBomb(inflatedBytes: number): Uint8Array {
  return makeInstance({
    transferSyntaxUID: syntaxes.deflated,
    elements: [["7FE00010", "OB", new Uint8Array(inflatedBytes)]],
  }).bytes;
}
