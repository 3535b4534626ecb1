import { undecodable } from "./codestreamFailure.ts";

/** What a codestream says of itself, before anything of it is decoded. */
export interface CodestreamHeader {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  /** Bits of a sample. */
  readonly precision: number;
  readonly isSigned: boolean;
  /** JPEG only: what the markers say of the colours; undefined when they say nothing. */
  readonly isYBR: boolean | undefined;
  /** JPEG only: there are fewer chrominance than luminance samples. */
  readonly isSubsampled: boolean;
}

/**
 * Reads the frame header of a JPEG or JPEG-LS codestream (ISO/IEC 10918-1 §B.2.2, ISO/IEC 14495-1 §C.2.2).
 *
 * Throws Problem `notAcceptable` when there is none.
 */
export function readJpegHeader(codestream: Uint8Array): CodestreamHeader {
  const view = new DataView(codestream.buffer, codestream.byteOffset, codestream.byteLength);
  if (codestream.length < 4 || view.getUint16(0) !== 0xffd8) {
    throw noHeader();
  }
  let isYBR: boolean | undefined;
  for (let at = 2; at + 4 <= codestream.length;) {
    if (codestream[at] !== 0xff) {
      break;
    }
    const marker = codestream[at + 1] ?? 0;
    if (marker === 0xff) {
      // A marker may be preceded by any number of fill bytes.
      at += 1;
      continue;
    }
    const length = view.getUint16(at + 2);
    if (marker === 0xe0 && isText(codestream, at + 4, "JFIF\0")) {
      isYBR ??= true;
    } else if (marker === 0xee && length >= 14 && isText(codestream, at + 4, "Adobe")) {
      isYBR = codestream[at + 15] === 1;
    } else if (isStartOfFrame(marker)) {
      return frameHeader(codestream, view, at, isYBR);
    }
    at += 2 + length;
  }
  throw noHeader();
}

/**
 * Whether a JPEG-LS codestream has a scan for each component, so that its decoder gives planes (ISO/IEC 14495-1 §C.2.3). Takes
 * one whose frame header could be read.
 */
export function hasScanOfEachComponent(codestream: Uint8Array): boolean {
  const view = new DataView(codestream.buffer, codestream.byteOffset, codestream.byteLength);
  for (let at = 2; at + 5 <= codestream.length && codestream[at] === 0xff;) {
    const marker = codestream[at + 1];
    if (marker === 0xda) {
      return codestream[at + 4] === 1;
    }
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  return false;
}

/** Whether a JPEG or JPEG-LS codestream ends with its marker, EOI, but for padding. */
export function hasEndOfImage(codestream: Uint8Array): boolean {
  let end = codestream.length;
  while (end > 0 && codestream[end - 1] === 0) {
    end -= 1;
  }
  return codestream[end - 2] === 0xff && codestream[end - 1] === 0xd9;
}

// SOF0 to SOF15 without DHT, JPG and DAC, which lie between them; and SOF55 of JPEG-LS.
function isStartOfFrame(marker: number): boolean {
  const isOther = marker === 0xc4 || marker === 0xc8 || marker === 0xcc;
  return marker === 0xf7 || (marker >= 0xc0 && marker <= 0xcf && !isOther);
}

function isText(bytes: Uint8Array, at: number, text: string): boolean {
  return Buffer.from(bytes.subarray(at, at + text.length)).toString("latin1") === text;
}

function frameHeader(
  codestream: Uint8Array,
  view: DataView,
  at: number,
  isYBR: boolean | undefined,
): CodestreamHeader {
  if (at + 10 > codestream.length) {
    throw noHeader();
  }
  const samplesPerPixel = codestream[at + 9] ?? 0;
  if (at + 10 + samplesPerPixel * 3 > codestream.length) {
    throw noHeader();
  }
  const components = Array.from({ length: samplesPerPixel }, (_, index) => ({
    id: codestream[at + 10 + index * 3],
    sampling: codestream[at + 11 + index * 3],
  }));
  const isNamedRGB = components.map(({ id }) => String.fromCharCode(id ?? 0)).join("") === "RGB";
  return {
    rows: view.getUint16(at + 5),
    columns: view.getUint16(at + 7),
    samplesPerPixel,
    precision: codestream[at + 4] ?? 0,
    isSigned: false,
    isYBR: isNamedRGB ? false : isYBR,
    isSubsampled: components.some(({ sampling }) => sampling !== components[0]?.sampling),
  };
}

/**
 * Reads the SIZ marker segment of a JPEG 2000 codestream (ISO/IEC 15444-1 §A.5.1), be it bare, as PS3.5 §A.4.4 wants it,
 * or in a JP2 file, as some write it.
 *
 * Throws Problem `notAcceptable` when there is none, or its components differ in size or precision.
 */
export function readJpeg2000Header(codestream: Uint8Array): CodestreamHeader {
  const view = new DataView(codestream.buffer, codestream.byteOffset, codestream.byteLength);
  const at = startOfCodestream(codestream);
  // SOC and SIZ, whose length, capabilities, extent, offset, tile and tile offset come before the components.
  if (at < 0 || at + 42 > codestream.length || view.getUint32(at) !== 0xff4fff51) {
    throw noHeader();
  }
  const samplesPerPixel = view.getUint16(at + 40);
  if (samplesPerPixel === 0 || at + 42 + samplesPerPixel * 3 > codestream.length) {
    throw noHeader();
  }
  const first = view.getUint8(at + 42);
  for (let component = 0; component < samplesPerPixel; component += 1) {
    const of = at + 42 + component * 3;
    const isFull = view.getUint8(of + 1) === 1 && view.getUint8(of + 2) === 1;
    if (view.getUint8(of) !== first || !isFull) {
      throw undecodable("its components differ in size or precision");
    }
  }
  return {
    rows: view.getUint32(at + 12) - view.getUint32(at + 20),
    columns: view.getUint32(at + 8) - view.getUint32(at + 16),
    samplesPerPixel,
    precision: (first & 0x7f) + 1,
    isSigned: (first & 0x80) !== 0,
    isYBR: undefined,
    isSubsampled: false,
  };
}

function startOfCodestream(bytes: Uint8Array): number {
  if (bytes[0] === 0xff) {
    return 0;
  }
  // A JP2 file: the contiguous codestream is the content of its box "jp2c" (ISO/IEC 15444-1 §I.5.4).
  const box = Buffer.from(
    bytes.buffer,
    bytes.byteOffset,
    Math.min(bytes.length, 64 * 1024),
  ).indexOf("jp2c");
  return box < 0 ? -1 : box + 4;
}

/** The bare codestream of what may be a JP2 file. */
export function bareCodestream(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(Math.max(startOfCodestream(bytes), 0));
}

function noHeader(): ReturnType<typeof undecodable> {
  return undecodable("it does not begin like a codestream of its transfer syntax");
}
