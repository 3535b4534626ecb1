import type { DecodedFrame } from "../pixels/decodedFrame.ts";
import { Problem } from "../problem/problem.ts";
import { annotate, type AnnotationText } from "./annotate.ts";
import { renderColor } from "./renderColor.ts";
import { renderPalette } from "./renderPalette.ts";
import { renderFloats, renderGrayscale } from "./renderGrayscale.ts";
import type { ImagePresentation, Window } from "./imagePresentation.ts";
import { drawOverlays, type StoredWords } from "./drawOverlays.ts";
import type { Raster } from "./raster.ts";
import { resample } from "./resample.ts";
import { planView, type Viewport } from "./viewport.ts";

/** A frame of Float or Double Float Pixel Data, little endian. */
export interface FloatFrame {
  readonly rows: number;
  readonly columns: number;
  readonly bitsAllocated: 32 | 64;
  readonly data: Uint8Array;
}

/** A frame, decoded. */
export type RenderableFrame =
  | {
      readonly integers: DecodedFrame;
      /** The same with all bits as they are stored, where there are such: overlays may be in those that hold no sample. */
      readonly stored: StoredWords | undefined;
    }
  | { readonly floats: FloatFrame };

/** What a request asks of a picture, beyond what the header says. */
export interface RenderingOptions {
  readonly window: Window | undefined;
  readonly viewport: Viewport | undefined;
  /** Whether a small image grows to fill the viewport. */
  readonly mayEnlarge: boolean;
  readonly annotation: AnnotationText | undefined;
}

/**
 * Renders a frame: the pipeline of its photometric interpretation (PS3.4 §N.2), overlays, region and scale, annotations,
 * in this order (PS3.18 §8.3.5.1).
 *
 * Throws Problem `notAcceptable` when the frame cannot be rendered, and `malformed` for a region outside it.
 */
export function renderImage(
  frame: RenderableFrame,
  presentation: ImagePresentation,
  options: RenderingOptions,
): Raster {
  const { rows, columns } = "integers" in frame ? frame.integers : frame.floats;
  // Before anything is allocated for it.
  const view = planView(
    columns,
    rows,
    presentation.pixelAspect,
    options.viewport,
    options.mayEnlarge,
  );
  const whole =
    "integers" in frame
      ? renderIntegers(frame.integers, presentation, options.window)
      : renderFloats(floatsOf(frame.floats), rows, columns, presentation, options.window);
  drawOverlays(whole, presentation.overlays, "integers" in frame ? frame.stored : undefined);
  const raster = resample(whole, view);
  if (options.annotation !== undefined) {
    annotate(raster, options.annotation);
  }
  return raster;
}

function renderIntegers(
  frame: DecodedFrame,
  presentation: ImagePresentation,
  window: Window | undefined,
): Raster {
  const needed = frame.rows * frame.columns * frame.samplesPerPixel * (frame.bitsAllocated / 8);
  if (frame.data.length < needed) {
    throw new Problem("notAcceptable", "The frame has fewer pixels than its header says.");
  }
  if (frame.samplesPerPixel === 3) {
    return renderColor(frame);
  }
  if (frame.samplesPerPixel !== 1) {
    throw new Problem(
      "notAcceptable",
      "Samples per Pixel (0028,0002) is neither 1 nor 3, and the frame cannot be rendered.",
    );
  }
  return presentation.palette === undefined
    ? renderGrayscale(frame, presentation, window)
    : renderPalette(frame, presentation.palette);
}

function floatsOf({ rows, columns, bitsAllocated, data }: FloatFrame): Float32Array | Float64Array {
  const count = rows * columns;
  if (data.length < (count * bitsAllocated) / 8) {
    throw new Problem("notAcceptable", "The frame has fewer pixels than its header says.");
  }
  // A typed array has to begin at a multiple of its unit.
  const aligned = new Uint8Array(data).buffer;
  return bitsAllocated === 32
    ? new Float32Array(aligned, 0, count)
    : new Float64Array(aligned, 0, count);
}
