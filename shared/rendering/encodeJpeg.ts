import { codecModule } from "../pixels/codecs.ts";
import type { Raster } from "./raster.ts";

/** From this quality on, colors are kept at full resolution: who asks for it looks at edges. */
const fullColorQuality = 90;

/**
 * Encodes a raster as JPEG, baseline with a JFIF header (ISO/IEC 10918-1, 10918-5), with a quality of 1 to 100. The codec
 * turns RGB into luminance and chrominance by itself.
 */
export async function encodeJpeg(
  { width, height, channels, data }: Raster,
  quality: number,
): Promise<Uint8Array> {
  const layout = {
    rows: height,
    columns: width,
    samplesPerPixel: channels,
    bitsAllocated: 8,
    bitsStored: 8,
    isSigned: false,
  };
  return await codecModule().encode("Jpeg", layout, data, {
    isLossy: true,
    quality,
    isSubsampled: channels === 3 && quality < fullColorQuality,
  });
}
