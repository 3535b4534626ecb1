import type { FrameDescription } from "../pixels/frameDescription.ts";
import type { ColorSpaceName } from "./colorSpaces.ts";
import type { IconKind } from "./drawIcon.ts";
import type { GifFrameOptions } from "./encodeGifFrame.ts";
import type { ImagePresentation } from "./imagePresentation.ts";
import type { FloatFrame, RenderingOptions } from "./renderImage.ts";

/** What a picture is made of. */
export type PictureSource =
  | {
      readonly kind: "frame";
      /** As stored: a codestream, or native pixels. */
      readonly codestream: Uint8Array;
      readonly description: FrameDescription;
      readonly presentation: ImagePresentation;
      readonly options: RenderingOptions;
    }
  | {
      readonly kind: "floats";
      readonly frame: FloatFrame;
      readonly presentation: ImagePresentation;
      readonly options: RenderingOptions;
    }
  | {
      readonly kind: "icon";
      readonly icon: IconKind;
      readonly width: number;
      readonly height: number;
    };

/** How a picture is encoded. */
export interface PictureEncoding {
  readonly mediaType: "image/jpeg" | "image/png" | "image/gif";
  /** 1 to 100, for JPEG. */
  readonly quality: number;
  /**
   * Which ICC profile goes into a JPEG or PNG: none; that of the image, and sRGB for one without; or that of a color space,
   * into which the colors are converted. A gray picture with a profile is encoded in color.
   */
  readonly iccProfile: "none" | "image" | ColorSpaceName;
  /** Of a GIF: its place in the animation. */
  readonly gifFrame: GifFrameOptions;
}

/** A picture to be made, as it is sent to a worker: plain data. */
export interface PictureTask {
  readonly source: PictureSource;
  readonly encoding: PictureEncoding;
}
