import { transferSyntaxOf, transferSyntaxUIDs } from "../dicom/transferSyntax.ts";
import type { FrameDescription } from "./frameDescription.ts";

/** The transfer syntaxes that pixels are decoded from or encoded in, beyond those that the data set itself needs. */
export const codestreamUIDs = {
  jpegBaseline: "1.2.840.10008.1.2.4.50",
  jpegExtended: "1.2.840.10008.1.2.4.51",
  jpegLossless: "1.2.840.10008.1.2.4.57",
  jpegLosslessSV1: "1.2.840.10008.1.2.4.70",
  jpegLSLossless: "1.2.840.10008.1.2.4.80",
  jpegLSNearLossless: "1.2.840.10008.1.2.4.81",
  jpeg2000Lossless: "1.2.840.10008.1.2.4.90",
  jpeg2000: "1.2.840.10008.1.2.4.91",
  jpegXLLossless: "1.2.840.10008.1.2.4.110",
  jpegXLJPEGRecompression: "1.2.840.10008.1.2.4.111",
  jpegXL: "1.2.840.10008.1.2.4.112",
  htj2kLossless: "1.2.840.10008.1.2.4.201",
  htj2kLosslessRPCL: "1.2.840.10008.1.2.4.202",
  htj2k: "1.2.840.10008.1.2.4.203",
  rleLossless: "1.2.840.10008.1.2.5",
  deflatedImageFrame: "1.2.840.10008.1.2.8.1",
  encapsulatedUncompressed: "1.2.840.10008.1.2.1.98",
} as const;

/** The family of a codestream, which has one codec. */
export type CodestreamFamily =
  "native" | "rle" | "jpeg" | "jpegLS" | "jpeg2000" | "htj2k" | "jpegXL" | "deflated";

const families: ReadonlyMap<string, CodestreamFamily> = new Map<string, CodestreamFamily>([
  [codestreamUIDs.jpegBaseline, "jpeg"],
  [codestreamUIDs.jpegExtended, "jpeg"],
  [codestreamUIDs.jpegLossless, "jpeg"],
  [codestreamUIDs.jpegLosslessSV1, "jpeg"],
  [codestreamUIDs.jpegLSLossless, "jpegLS"],
  [codestreamUIDs.jpegLSNearLossless, "jpegLS"],
  [codestreamUIDs.jpeg2000Lossless, "jpeg2000"],
  [codestreamUIDs.jpeg2000, "jpeg2000"],
  [codestreamUIDs.jpegXLLossless, "jpegXL"],
  [codestreamUIDs.jpegXLJPEGRecompression, "jpegXL"],
  [codestreamUIDs.jpegXL, "jpegXL"],
  [codestreamUIDs.htj2kLossless, "htj2k"],
  [codestreamUIDs.htj2kLosslessRPCL, "htj2k"],
  [codestreamUIDs.htj2k, "htj2k"],
  [codestreamUIDs.rleLossless, "rle"],
  [codestreamUIDs.deflatedImageFrame, "deflated"],
  [codestreamUIDs.encapsulatedUncompressed, "native"],
]);

/** The family of what a transfer syntax has for a frame; undefined for one that cannot be decoded, such as a video. */
export function codestreamFamily(transferSyntaxUID: string): CodestreamFamily | undefined {
  const family = families.get(transferSyntaxUID);
  return family ?? (transferSyntaxOf(transferSyntaxUID).isEncapsulated ? undefined : "native");
}

/** True of JPEG that loses something: the one family in which colours are transformed outside of the codec. */
export function isLossyJpeg(transferSyntaxUID: string): boolean {
  return (
    transferSyntaxUID === codestreamUIDs.jpegBaseline ||
    transferSyntaxUID === codestreamUIDs.jpegExtended
  );
}

/** What a frame is once it is decoded: what the attributes of the decoded image are to say. Undefined when it cannot be. */
export type DecodedAttributes = Omit<FrameDescription, "transferSyntaxUID">;

/**
 * What the frames are once they are decoded; undefined when there is no decoder for them.
 *
 * Colours that a codestream has of its own are undone: lossy JPEG, YBR_RCT and YBR_ICT come out as RGB, subsampled ones as
 * YBR_FULL, single bits as bytes.
 */
export function decodedAttributes(description: FrameDescription): DecodedAttributes | undefined {
  const { transferSyntaxUID, ...attributes } = description;
  const family = codestreamFamily(transferSyntaxUID);
  const { samplesPerPixel, bitsAllocated, bitsStored, photometricInterpretation } = attributes;
  const isSubsampled422 = photometricInterpretation === "YBR_FULL_422";
  switch (family) {
    case undefined:
      return undefined;
    case "native":
    case "deflated":
      // Partial ranges and 4:2:0 are retired or video only.
      if (
        photometricInterpretation.startsWith("YBR_PARTIAL") ||
        (isSubsampled422 && bitsAllocated !== 8)
      ) {
        return undefined;
      }
      if (bitsAllocated === 1 && samplesPerPixel !== 1) {
        return undefined;
      }
      break;
    case "rle":
      if (bitsAllocated === 1) {
        return undefined;
      }
      break;
    default:
      // No codestream of these has samples of 32 bits, and none a single bit in less than a byte.
      if (bitsAllocated !== 8 && bitsAllocated !== 16) {
        return undefined;
      }
      // OpenJPH and OpenJPEG, as they are built here, mix up the samples of wide colours: no pixels are better than wrong ones.
      if (
        (family === "htj2k" || family === "jpeg2000") &&
        samplesPerPixel === 3 &&
        bitsAllocated === 16
      ) {
        return undefined;
      }
      break;
  }
  return {
    ...attributes,
    bitsAllocated: bitsAllocated === 1 ? 8 : bitsAllocated,
    highBit: bitsStored - 1,
    planarConfiguration: 0,
    photometricInterpretation:
      samplesPerPixel === 1
        ? photometricInterpretation
        : decodedPhotometric(photometricInterpretation, transferSyntaxUID),
  };
}

function decodedPhotometric(photometric: string, transferSyntaxUID: string): string {
  if (photometric === "YBR_RCT" || photometric === "YBR_ICT" || photometric === "XYB") {
    return "RGB";
  }
  if (isLossyJpeg(transferSyntaxUID)) {
    return "RGB";
  }
  return photometric === "YBR_FULL_422" ? "YBR_FULL" : photometric;
}

/** An image in the transfer syntax that it is converted into: the attributes that say so, and how lossy that was. */
export interface EncodedAttributes extends FrameDescription {
  /** The Defined Term for Lossy Image Compression Method (PS3.3 §C.7.6.1.1.5.1); undefined for a lossless one. */
  readonly lossyMethod: string | undefined;
}

/** Whether a JPEG 2000 colour transform applies: to the three colours of an RGB image and to nothing else. */
export function hasColorTransform(decoded: {
  readonly photometricInterpretation: string;
}): boolean {
  return decoded.photometricInterpretation === "RGB";
}

/**
 * The attributes of the image in `targetUID`; undefined when it cannot be made: because it cannot be decoded, or because
 * the target has no place for such samples.
 */
export function encodedAttributes(
  description: FrameDescription,
  targetUID: string,
): EncodedAttributes | undefined {
  const decoded = decodedAttributes(description);
  if (decoded === undefined) {
    return undefined;
  }
  const { bitsAllocated, bitsStored, samplesPerPixel, pixelRepresentation } = decoded;
  const photometric = decoded.photometricInterpretation;
  const isColor = samplesPerPixel === 3;
  const isKnownColor = photometric === "RGB" || photometric === "YBR_FULL";
  const as = (changes: Partial<EncodedAttributes> = {}): EncodedAttributes => ({
    ...decoded,
    transferSyntaxUID: targetUID,
    lossyMethod: undefined,
    ...changes,
  });
  if (isColor && !isKnownColor) {
    return undefined;
  }
  // A single bit is a pixel of a mask, which no codestream but a native one is made for.
  if (description.bitsAllocated === 1) {
    return undefined;
  }
  if (targetUID === transferSyntaxUIDs.explicitVRLittleEndian) {
    return as();
  }
  if (targetUID === codestreamUIDs.rleLossless) {
    return as({ planarConfiguration: isColor ? 1 : 0 });
  }
  if (bitsAllocated === 32) {
    return undefined;
  }
  switch (targetUID) {
    case codestreamUIDs.jpegBaseline:
      // Eight bits without a sign, and nothing whose values are indexes: an approximate colour index is another colour.
      return bitsAllocated === 8 && pixelRepresentation === 0 && photometric !== "PALETTE COLOR"
        ? as({
            // Its samples have eight bits, whether they are needed or not.
            bitsStored: 8,
            highBit: 7,
            photometricInterpretation: isColor ? "YBR_FULL_422" : photometric,
            lossyMethod: "ISO_10918_1",
          })
        : undefined;
    case codestreamUIDs.jpegLosslessSV1:
    case codestreamUIDs.jpegLSLossless:
      return bitsStored > 1 ? as() : undefined;
    case codestreamUIDs.jpegXLLossless:
      return as();
    case codestreamUIDs.jpeg2000Lossless:
      // What OpenJPEG, as it is built here, gets wrong is not offered: signed bytes, and colours of more than 8 bits.
      if ((bitsAllocated === 8 && pixelRepresentation === 1) || (isColor && bitsAllocated === 16)) {
        return undefined;
      }
      return as({ photometricInterpretation: photometric === "RGB" ? "YBR_RCT" : photometric });
    case codestreamUIDs.htj2kLossless:
    case codestreamUIDs.htj2kLosslessRPCL:
      if (isColor && bitsAllocated === 16) {
        return undefined;
      }
      return as({ photometricInterpretation: photometric === "RGB" ? "YBR_RCT" : photometric });
    default:
      return undefined;
  }
}

/** What images can be converted into, in the order in which it is offered. */
export const targetUIDs: readonly string[] = [
  transferSyntaxUIDs.explicitVRLittleEndian,
  codestreamUIDs.jpeg2000Lossless,
  codestreamUIDs.htj2kLossless,
  codestreamUIDs.htj2kLosslessRPCL,
  codestreamUIDs.jpegLSLossless,
  codestreamUIDs.jpegLosslessSV1,
  codestreamUIDs.rleLossless,
  codestreamUIDs.jpegXLLossless,
  codestreamUIDs.jpegBaseline,
];
