import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { codecModule } from "./codecs.ts";
import { undecodable } from "./codestreamFailure.ts";
import {
  bareCodestream,
  hasEndOfImage,
  hasScanOfEachComponent,
  readJpeg2000Header,
  readJpegHeader,
  type CodestreamHeader,
} from "./codestreamHeader.ts";
import { decodeRle } from "./decodeRle.ts";
import type { DecodedFrame } from "./decodedFrame.ts";
import type { FrameDescription } from "./frameDescription.ts";
import {
  codestreamFamily,
  decodedAttributes,
  isLossyJpeg,
  type CodestreamFamily,
} from "./imageAttributes.ts";
import { readJpegXLSize } from "./jpegXlSize.ts";
import type { SampleLayout } from "./sampleLayout.ts";
import {
  alignStoredBits,
  interleaved,
  unpackedBits,
  upsampled422,
  widened,
  ybrFullToRGB,
} from "./samples.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const inflate = promisify(inflateRaw);

/**
 * Decodes one frame, native (little endian, beginning at bit 0) or a whole codestream, in any syntax that there is a
 * codec for. To be called off the main thread: a large frame takes seconds.
 *
 * What the codestream says of its size is compared with `description` before anything is decoded. Throws Problem
 * `notAcceptable` for a frame that is damaged, cut off, at odds with its attributes, or of a syntax that has no decoder.
 * The input is left as it is.
 */
export async function decodeFrame(
  codestream: Uint8Array,
  description: FrameDescription,
): Promise<DecodedFrame> {
  const family = codestreamFamily(description.transferSyntaxUID);
  const decoded = decodedAttributes(description);
  if (family === undefined || decoded === undefined) {
    throw undecodable("there is no decoder for it");
  }
  const data =
    family === "native" || family === "deflated"
      ? nativeSamples(await uncompressed(family, codestream, description), description)
      : await decompressed(family, codestream, description);
  const { bitsAllocated } = decoded;
  if (bitsAllocated === 1) {
    throw undecodable("there is no decoder for it");
  }
  const frame = { ...decoded, bitsAllocated, planarConfiguration: 0 as const };
  if (family === "native" || family === "deflated" || family === "rle") {
    alignStoredBits(data, { ...frame, highBit: storedHighBit(description) });
  } else if (frame.pixelRepresentation === 1) {
    alignStoredBits(data, frame);
  }
  return { ...frame, data };
}

function storedHighBit({ bitsAllocated, highBit }: FrameDescription): number {
  return bitsAllocated === 1 ? 0 : highBit;
}

async function uncompressed(
  family: "native" | "deflated",
  codestream: Uint8Array,
  description: FrameDescription,
): Promise<Uint8Array> {
  const length = nativeBytes(description);
  let bytes = codestream;
  if (family === "deflated") {
    try {
      // One byte of padding at most: whatever is beyond that is a bomb or another frame.
      bytes = await inflate(codestream, { maxOutputLength: length + 1 });
    } catch (cause) {
      throw undecodable("it is no DEFLATE stream of its size", cause);
    }
  }
  if (bytes.length < length) {
    throw undecodable("it is shorter than its attributes say");
  }
  return bytes.subarray(0, length);
}

function nativeBytes(description: FrameDescription): number {
  const { rows, columns, samplesPerPixel, bitsAllocated, photometricInterpretation } = description;
  const samples = photometricInterpretation === "YBR_FULL_422" ? 2 : samplesPerPixel;
  return Math.ceil((rows * columns * samples * bitsAllocated) / 8);
}

function nativeSamples(bytes: Uint8Array, description: FrameDescription): Bytes {
  const { rows, columns, samplesPerPixel, bitsAllocated, photometricInterpretation } = description;
  if (bitsAllocated === 1) {
    return unpackedBits(bytes, rows * columns);
  }
  if (photometricInterpretation === "YBR_FULL_422") {
    return upsampled422(bytes, rows * columns);
  }
  return samplesPerPixel > 1 && description.planarConfiguration === 1
    ? interleaved(bytes, samplesPerPixel, bitsAllocated / 8)
    : new Uint8Array(bytes);
}

async function decompressed(
  family: Exclude<CodestreamFamily, "native" | "deflated">,
  codestream: Uint8Array,
  description: FrameDescription,
): Promise<Bytes> {
  const isSigned = description.pixelRepresentation === 1;
  const asDescribed: SampleLayout = { ...description, isSigned };
  if (family === "rle") {
    return decodeRle(codestream, asDescribed);
  }
  if (family === "jpegXL") {
    const size = readJpegXLSize(codestream);
    if (size?.rows !== description.rows || size.columns !== description.columns) {
      throw undecodable("its size is not what its attributes say");
    }
    return await codecModule().decode("JpegXl", asDescribed, codestream);
  }
  if (family === "jpegLS" && !hasEndOfImage(codestream)) {
    // Its decoder may search for what is missing for as long as it is let.
    throw undecodable("it is cut off");
  }
  const header =
    family === "jpeg" || family === "jpegLS"
      ? readJpegHeader(codestream)
      : readJpeg2000Header(codestream);
  const layout = layoutOf(header, description);
  const decoded = await decodeBy(family, layout, codestream);
  const isInPlanes =
    family === "jpegLS" && header.samplesPerPixel > 1 && hasScanOfEachComponent(codestream);
  const samples = isInPlanes
    ? interleaved(decoded, header.samplesPerPixel, layout.bitsAllocated / 8)
    : decoded;
  if (family === "jpeg" && isYBR(header, description)) {
    ybrFullToRGB(new Uint8ClampedArray(samples.buffer));
  }
  return layout.bitsAllocated < description.bitsAllocated
    ? widened(samples, header.isSigned && isSigned)
    : samples;
}

async function decodeBy(
  family: "jpeg" | "jpegLS" | "jpeg2000" | "htj2k",
  layout: SampleLayout,
  codestream: Uint8Array,
): Promise<Bytes> {
  switch (family) {
    case "jpeg":
      return await codecModule().decode("Jpeg", layout, codestream);
    case "jpegLS":
      return await codecModule().decode("JpegLs", layout, codestream);
    case "jpeg2000":
      return await codecModule().decode("Jpeg2000", layout, codestream);
    default:
      return await codecModule().decode("HtJpeg2000", layout, bareCodestream(codestream));
  }
}

/** The samples as the codestream has them, once it agrees with the attributes of the image. */
function layoutOf(header: CodestreamHeader, description: FrameDescription): SampleLayout {
  const { rows, columns, samplesPerPixel, precision, isSigned } = header;
  if (
    rows !== description.rows ||
    columns !== description.columns ||
    samplesPerPixel !== description.samplesPerPixel
  ) {
    throw undecodable("its size is not what its attributes say");
  }
  const bitsAllocated = precision <= 8 ? 8 : 16;
  if (precision > 16 || precision < 1 || bitsAllocated > description.bitsAllocated) {
    throw undecodable("its samples have more bits than its attributes say");
  }
  return { rows, columns, samplesPerPixel, bitsAllocated, bitsStored: precision, isSigned };
}

// Lossy JPEG says in markers of others' making what its colours are; where it does not, the attributes do. An image
// that calls itself RGB has been written with subsampled colours, which it cannot be, often enough.
function isYBR(header: CodestreamHeader, description: FrameDescription): boolean {
  if (header.samplesPerPixel !== 3 || !isLossyJpeg(description.transferSyntaxUID)) {
    return false;
  }
  const isSaidToBe = description.photometricInterpretation.startsWith("YBR");
  return header.isSubsampled || (header.isYBR ?? isSaidToBe);
}
