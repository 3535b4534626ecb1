import { indexColors, type IndexedColors } from "./indexColors.ts";
import { encodeLzw } from "./encodeLzw.ts";
import type { Raster } from "./raster.ts";

/** How a frame of a GIF stands to the others of it. */
export interface GifFrameOptions {
  /** The first frame brings the header with it. */
  readonly isFirst: boolean;
  /** The last frame brings the trailer with it. */
  readonly isLast: boolean;
  /** How long it is shown. GIF counts in hundredths of a second. */
  readonly milliseconds: number;
}

const grays: Uint8Array = Uint8Array.from({ length: 768 }, (_, at) => Math.floor(at / 3));

/**
 * Encodes one frame of a GIF (GIF89a). The frames of an animation, which is repeated for ever, are encoded one by one, put
 * together in their order, and have all the same size: up to 65,535 pixels a side.
 *
 * Gray is exact. Of color, each frame has the 256 that suit it best.
 */
export function encodeGifFrame(raster: Raster, options: GifFrameOptions): Uint8Array {
  const { width, height, channels, data } = raster;
  const { isFirst, isLast, milliseconds } = options;
  const { palette, indexes }: IndexedColors =
    channels === 1 ? { palette: grays, indexes: data } : indexColors(raster);
  const isAnimation = !(isFirst && isLast);
  const hundredths = Math.min(Math.max(Math.round(milliseconds / 10), 2), 0xffff);
  const header = [
    ...Buffer.from("GIF89a", "latin1"),
    ...uint16(width),
    ...uint16(height),
    // No global palette; eight bits a sample; background and aspect ratio are not said.
    0x70,
    0,
    0,
    // The application extension that browsers take the number of repetitions from: 0, for ever.
    ...(isAnimation
      ? [0x21, 0xff, 11, ...Buffer.from("NETSCAPE2.0", "latin1"), 3, 1, 0, 0, 0]
      : []),
  ];
  return Buffer.concat([
    Uint8Array.from(isFirst ? header : []),
    // Graphic control: leave the frame in place, and show it for so long.
    Uint8Array.from(isAnimation ? [0x21, 0xf9, 4, 0x04, ...uint16(hundredths), 0, 0] : []),
    // The image at the top left, with a palette of 256 colors of its own.
    Uint8Array.from([0x2c, 0, 0, 0, 0, ...uint16(width), ...uint16(height), 0x87]),
    palette,
    new Uint8Array(768 - palette.length),
    encodeLzw(indexes),
    Uint8Array.from(isLast ? [0x3b] : []),
  ]);
}

function uint16(value: number): [number, number] {
  return [value & 0xff, value >> 8];
}
