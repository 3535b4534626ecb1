import { glyphSize, glyphsOf } from "./bitmapFont.ts";
import type { Raster } from "./raster.ts";

/** Where a text goes, and how it looks. */
export interface TextPlacement {
  /** Of the top left corner of the first character. */
  readonly x: number;
  readonly y: number;
  /** How many pixels of the raster a pixel of a character is wide and high. */
  readonly scale: number;
  /** The gray of the characters. */
  readonly gray: number;
  /** The gray of a rim of one pixel around them, so that they can be read on anything; undefined for none. */
  readonly rim: number | undefined;
}

/** How many pixels a text of so many characters is wide. */
export function textWidth(characterCount: number, scale: number): number {
  return Math.max(0, characterCount * (glyphSize.width + 1) - 1) * scale;
}

/** Writes one line into a raster, in place. What is outside is cut off. */
export function drawText(raster: Raster, text: string, placement: TextPlacement): void {
  const { x, y, scale, gray, rim } = placement;
  const lit: (readonly [x: number, y: number])[] = [];
  for (const [position, rows] of glyphsOf(text).entries()) {
    const left = x + position * (glyphSize.width + 1) * scale;
    if (left >= raster.width) {
      break;
    }
    for (const [row, bits] of rows.entries()) {
      for (let column = 0; column < glyphSize.width; column += 1) {
        if (((bits >> (glyphSize.width - 1 - column)) & 1) === 1) {
          lit.push([left + column * scale, y + row * scale]);
        }
      }
    }
  }
  if (rim !== undefined) {
    for (const [left, top] of lit) {
      fillRectangle(raster, left - 1, top - 1, scale + 2, scale + 2, rim);
    }
  }
  for (const [left, top] of lit) {
    fillRectangle(raster, left, top, scale, scale, gray);
  }
}

/** Fills a rectangle with a gray, in place. What is outside is cut off. */
export function fillRectangle(
  { width, height, channels, data }: Raster,
  left: number,
  top: number,
  columns: number,
  rows: number,
  gray: number,
): void {
  const first = Math.max(0, left);
  const last = Math.min(width, left + columns);
  for (let row = Math.max(0, top); row < Math.min(height, top + rows); row += 1) {
    if (last > first) {
      data.fill(gray, (row * width + first) * channels, (row * width + last) * channels);
    }
  }
}
