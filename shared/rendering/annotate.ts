import { glyphSize, glyphsOf } from "./bitmapFont.ts";
import { drawText, textWidth } from "./drawText.ts";
import type { Raster } from "./raster.ts";

/** Lines of text that are burned into a picture. */
export interface AnnotationText {
  /** In the upper left corner. */
  readonly top: readonly string[];
  /** In the lower left corner. */
  readonly bottom: readonly string[];
}

/** About so many lines of text fit in the height of a picture. */
const linesOfHeight = 36;

/**
 * Writes annotations into a raster, in place: white with a black rim, large enough to be read and small enough to leave
 * the picture to be seen. What does not fit in the width ends with two dots.
 */
export function annotate(raster: Raster, { top, bottom }: AnnotationText): void {
  const lineHeight = glyphSize.height + 2;
  const scale = Math.max(1, Math.round(raster.height / (linesOfHeight * lineHeight)));
  const margin = 2 * scale;
  const write = (line: string, y: number): void => {
    drawText(raster, fitting(line, raster.width - 2 * margin, scale), {
      x: margin,
      y,
      scale,
      gray: 255,
      rim: 0,
    });
  };
  for (const [index, line] of top.entries()) {
    write(line, margin + index * lineHeight * scale);
  }
  const start = raster.height - margin - bottom.length * lineHeight * scale;
  for (const [index, line] of bottom.entries()) {
    write(line, start + index * lineHeight * scale);
  }
}

function fitting(line: string, width: number, scale: number): string {
  const characters = Array.from(line);
  const widthOf = (text: string): number => textWidth(glyphsOf(text).length, scale);
  if (widthOf(line) <= width) {
    return line;
  }
  while (characters.length > 0 && widthOf(`${characters.join("")}..`) > width) {
    characters.pop();
  }
  return `${characters.join("")}..`;
}
