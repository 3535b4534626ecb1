import { Problem } from "../problem/problem.ts";

/** What the data set says of each of its frames (PS3.3 §C.7.6.3), checked; what a codestream says is compared with it. */
export interface FrameDescription {
  /** Of the codestream, or of the native pixels. */
  readonly transferSyntaxUID: string;
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  readonly bitsAllocated: 1 | 8 | 16 | 32;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly pixelRepresentation: 0 | 1;
  readonly photometricInterpretation: string;
  readonly planarConfiguration: 0 | 1;
}

/** Looks up the first value of an attribute by its tag as eight hexadecimal digits; undefined when it has none. */
export type AttributeLookup = (tag: string) => unknown;

/** The most bytes that a frame may have as samples: 256 MiB, which is a picture of 16384 by 8192 pixels of 16 bits. */
export const frameBytesMax: number = 256 * 1024 * 1024;

/**
 * Reads what the attributes say of a frame, with the defaults that PS3.3 §C.7.6.3 leaves no choice about.
 *
 * Throws Problem `notAcceptable`, naming the attribute and never its value, when they describe no frame that can be
 * decoded: something is missing, contradicts something else, or is larger than {@link frameBytesMax}.
 */
export function describeFrame(
  attribute: AttributeLookup,
  transferSyntaxUID: string,
): FrameDescription {
  const rows = dimension(attribute, "00280010", "Rows");
  const columns = dimension(attribute, "00280011", "Columns");
  const samplesPerPixel = integer(attribute, "00280002") ?? 1;
  if (samplesPerPixel !== 1 && samplesPerPixel !== 3) {
    throw undecodable("Samples per Pixel is neither 1 nor 3");
  }
  const bitsAllocated = integer(attribute, "00280100");
  if (bitsAllocated !== 1 && bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32) {
    throw undecodable("Bits Allocated is not 1, 8, 16 or 32");
  }
  const bitsStored = integer(attribute, "00280101") ?? bitsAllocated;
  const highBit = integer(attribute, "00280102") ?? bitsStored - 1;
  if (bitsStored < 1 || bitsStored > bitsAllocated) {
    throw undecodable("Bits Stored does not fit into Bits Allocated");
  }
  if (highBit < bitsStored - 1 || highBit >= bitsAllocated) {
    throw undecodable("High Bit does not fit Bits Stored and Bits Allocated");
  }
  const pixelRepresentation = integer(attribute, "00280103") ?? 0;
  if (pixelRepresentation !== 0 && pixelRepresentation !== 1) {
    throw undecodable("Pixel Representation is neither 0 nor 1");
  }
  const planarConfiguration = integer(attribute, "00280006") ?? 0;
  if (planarConfiguration !== 0 && planarConfiguration !== 1) {
    throw undecodable("Planar Configuration is neither 0 nor 1");
  }
  if (rows * columns * samplesPerPixel * Math.ceil(bitsAllocated / 8) > frameBytesMax) {
    throw undecodable(`Rows and Columns make frames of more than ${frameBytesMax} bytes`);
  }
  const photometric = attribute("00280004");
  return {
    transferSyntaxUID,
    rows,
    columns,
    samplesPerPixel,
    bitsAllocated,
    bitsStored,
    highBit,
    pixelRepresentation,
    photometricInterpretation:
      typeof photometric === "string" && photometric !== ""
        ? photometric
        : samplesPerPixel === 3
          ? "RGB"
          : "MONOCHROME2",
    planarConfiguration,
  };
}

function dimension(attribute: AttributeLookup, tag: string, name: string): number {
  const value = integer(attribute, tag);
  if (value === undefined || value < 1 || value > 0xffff) {
    throw undecodable(`${name} is missing or not between 1 and 65535`);
  }
  return value;
}

function integer(attribute: AttributeLookup, tag: string): number | undefined {
  const value = attribute(tag);
  return typeof value === "number" && Number.isInteger(value) ? value : undefined;
}

function undecodable(why: string): Problem {
  return new Problem("notAcceptable", `The pixels can be had as they are stored only: ${why}.`);
}
