import type { DecodedFrame } from "../pixels/decodedFrame.ts";
import { Problem } from "../problem/problem.ts";
import type { Raster } from "./raster.ts";
import { storedValuesOf } from "./storedValues.ts";

/**
 * Renders a frame of three samples a pixel in color (PS3.3 §C.7.6.3.1.2): RGB and the YBR interpretations, 8 to 16 bits.
 *
 * Decoders turn YBR_ICT and YBR_RCT back into RGB (PS3.5 §8.2.4), so that here they are RGB.
 * Throws Problem `notAcceptable` for another interpretation.
 */
export function renderColor(frame: DecodedFrame): Raster {
  const { rows, columns, photometricInterpretation } = frame;
  const data = bytesOf(frame);
  switch (photometricInterpretation) {
    case "RGB":
    case "YBR_ICT":
    case "YBR_RCT":
      break;
    case "YBR_FULL":
    case "YBR_FULL_422":
      convertYBR(data, 0, 1, 1.402, -0.344_136, -0.714_136, 1.772);
      break;
    case "YBR_PARTIAL_422":
    case "YBR_PARTIAL_420":
      // Luminance from 16 to 235, chrominance from 16 to 240 (PS3.3 §C.7.6.3.1.2).
      convertYBR(data, 16, 1.1644, 1.596, -0.3917, -0.8129, 2.0173);
      break;
    default:
      throw new Problem(
        "notAcceptable",
        "Photometric Interpretation (0028,0004) is not one that can be rendered.",
      );
  }
  return { width: columns, height: rows, channels: 3, data };
}

/** A copy of the samples, each as 8 bits. */
function bytesOf(frame: DecodedFrame): Uint8Array {
  const { bits, patterns } = storedValuesOf(frame);
  const count = frame.rows * frame.columns * 3;
  const shift = Math.max(bits - 8, 0);
  // Fewer than 8 bits are spread over all of them.
  const scale = bits < 8 ? 255 / (2 ** bits - 1) : 1;
  const bytes = new Uint8Array(count);
  for (let index = 0; index < count; index += 1) {
    bytes[index] = Math.round(((patterns[index] ?? 0) >>> shift) * scale);
  }
  return bytes;
}

/** Turns samples of luminance and chrominance into red, green and blue, in place. */
function convertYBR(
  data: Uint8Array,
  black: number,
  yScale: number,
  redOfCr: number,
  greenOfCb: number,
  greenOfCr: number,
  blueOfCb: number,
): void {
  for (let at = 0; at < data.length; at += 3) {
    const y = ((data[at] ?? 0) - black) * yScale;
    const cb = (data[at + 1] ?? 0) - 128;
    const cr = (data[at + 2] ?? 0) - 128;
    data[at] = clamped(y + redOfCr * cr);
    data[at + 1] = clamped(y + greenOfCb * cb + greenOfCr * cr);
    data[at + 2] = clamped(y + blueOfCb * cb);
  }
}

function clamped(value: number): number {
  return Math.min(Math.max(Math.round(value), 0), 255);
}
