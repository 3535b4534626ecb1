import { codecModule, htj2kModule } from "./codecs.ts";
import { undecodable } from "./codestreamFailure.ts";
import type { DecodedFrame } from "./decodedFrame.ts";
import { codestreamUIDs, hasColorTransform } from "./imageAttributes.ts";
import type { SampleLayout } from "./sampleLayout.ts";
import { ybrFullToRGB } from "./samples.ts";
import { transferSyntaxUIDs } from "../dicom/transferSyntax.ts";

/** The quality at which JPEG is made, of 100: at this one differences are hard to see. */
const jpegQuality = 90;

/**
 * Encodes one frame in `targetUID`, as `encodedAttributes` says of it; `frame.data` may be changed on the way. To be
 * called off the main thread.
 *
 * Throws Problem `notAcceptable` when the codec does not take it.
 */
export async function encodeFrame(
  frame: DecodedFrame,
  targetUID: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const layout: SampleLayout = { ...frame, isSigned: frame.pixelRepresentation === 1 };
  const hasTransform = hasColorTransform(frame);
  const codecs = codecModule();
  switch (targetUID) {
    case transferSyntaxUIDs.explicitVRLittleEndian:
      return frame.data;
    case codestreamUIDs.rleLossless:
      return await codecs.encode("Rle", layout, frame.data);
    case codestreamUIDs.jpegBaseline:
      // The codec makes YBR_FULL of three samples by itself, whatever they are.
      if (frame.photometricInterpretation === "YBR_FULL") {
        ybrFullToRGB(new Uint8ClampedArray(frame.data.buffer));
      }
      return await codecs.encode("Jpeg", { ...layout, bitsStored: 8 }, frame.data, {
        isLossy: true,
        quality: jpegQuality,
        isSubsampled: frame.samplesPerPixel === 3,
      });
    case codestreamUIDs.jpegLosslessSV1:
      return await codecs.encode("Jpeg", layout, frame.data);
    case codestreamUIDs.jpegLSLossless:
      return await codecs.encode("JpegLs", layout, frame.data);
    case codestreamUIDs.jpeg2000Lossless:
      return await codecs.encode("Jpeg2000", layout, frame.data, {
        hasColorTransform: hasTransform,
      });
    case codestreamUIDs.jpegXLLossless:
      return await codecs.encode("JpegXl", layout, frame.data, { hasColorTransform: hasTransform });
    case codestreamUIDs.htj2kLossless:
    case codestreamUIDs.htj2kLosslessRPCL:
      return await htj2kModule().encode(layout, frame.data, {
        hasColorTransform: hasTransform,
        isRPCL: targetUID === codestreamUIDs.htj2kLosslessRPCL,
      });
    default:
      throw undecodable("there is no encoder for what is asked for");
  }
}
