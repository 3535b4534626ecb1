import { Problem } from "../problem/problem.ts";

/** The part of an image that is wanted, in its pixels; see {@link Viewport}. */
export interface SourceRegion {
  readonly x: number;
  readonly y: number;
  /** Undefined: to the right edge. Negative: that wide, and flipped from left to right. */
  readonly width: number | undefined;
  /** Undefined: to the lower edge. Negative: that high, and flipped upside down. */
  readonly height: number | undefined;
}

/** Into what a rendered image has to fit (PS3.18 §8.3.5.1.3). */
export interface Viewport {
  readonly width: number;
  readonly height: number;
  readonly region: SourceRegion | undefined;
}

/** Which pixels of an image are shown, which way round, and on how many pixels. */
export interface View {
  readonly left: number;
  readonly top: number;
  readonly columns: number;
  readonly rows: number;
  readonly isFlippedHorizontally: boolean;
  readonly isFlippedVertically: boolean;
  readonly width: number;
  readonly height: number;
}

/** The pixels that a rendered image may have: 64 Mi. */
const renderedPixelsMax: number = 64 * 1024 * 1024;

/** Pixels that are more than this many times as high as wide, or the other way round, are a mistake of the header. */
const pixelAspectMax = 32;

/**
 * Plans how an image of `columns` × `rows` pixels is shown: the region is cut out, flipped, and scaled to be the largest
 * that fits into the viewport, with pixels that are not square made so. Without a viewport the image keeps its size, and
 * grows in the direction in which its pixels are longer.
 *
 * `mayEnlarge` false: a viewport larger than the image is met by the image in its own size.
 *
 * Throws Problem `malformed` for a region outside the image, and `notAcceptable` for an image that without a viewport
 * would have more than {@link renderedPixelsMax} pixels.
 */
export function planView(
  columns: number,
  rows: number,
  pixelAspect: number,
  viewport: Viewport | undefined,
  mayEnlarge: boolean,
): View {
  const region = viewport?.region;
  const horizontal = span(columns, region?.x ?? 0, region?.width);
  const vertical = span(rows, region?.y ?? 0, region?.height);
  const aspect =
    pixelAspect >= 1 / pixelAspectMax && pixelAspect <= pixelAspectMax ? pixelAspect : 1;
  let width = horizontal.length * (aspect < 1 ? 1 / aspect : 1);
  let height = vertical.length * (aspect < 1 ? 1 : aspect);
  if (viewport !== undefined) {
    const fitting = Math.min(viewport.width / width, viewport.height / height);
    const scale = mayEnlarge ? fitting : Math.min(fitting, 1);
    width = Math.min(width * scale, viewport.width);
    height = Math.min(height * scale, viewport.height);
  }
  width = Math.max(1, Math.round(width));
  height = Math.max(1, Math.round(height));
  if (width * height > renderedPixelsMax || Math.max(width, height) > 0xffff) {
    throw new Problem(
      "notAcceptable",
      `The image is too large to be rendered whole: ask for a viewport of at most ${renderedPixelsMax} pixels.`,
    );
  }
  return {
    left: horizontal.start,
    top: vertical.start,
    columns: horizontal.length,
    rows: vertical.length,
    isFlippedHorizontally: horizontal.isFlipped,
    isFlippedVertically: vertical.isFlipped,
    width,
    height,
  };
}

function span(
  size: number,
  offset: number,
  length: number | undefined,
): { readonly start: number; readonly length: number; readonly isFlipped: boolean } {
  const start = Math.floor(offset);
  if (start >= size) {
    throw new Problem("malformed", "The region of the parameter viewport lies outside the image.");
  }
  const wanted = length === undefined ? size - start : Math.ceil(Math.abs(length));
  return {
    start,
    length: Math.max(1, Math.min(wanted, size - start)),
    isFlipped: length !== undefined && length < 0,
  };
}
