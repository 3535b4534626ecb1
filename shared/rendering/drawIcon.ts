import { glyphSize } from "./bitmapFont.ts";
import { drawText, fillRectangle, textWidth } from "./drawText.ts";
import type { Raster } from "./raster.ts";

/** What a thumbnail of something without an image shows. */
export type IconKind =
  | "document"
  | "report"
  | "video"
  | "waveform"
  | "presentation"
  | "keyObject"
  | "radiotherapy"
  | "other";

const labels: Readonly<Record<IconKind, string>> = {
  document: "PDF",
  report: "SR",
  video: "VIDEO",
  waveform: "ECG",
  presentation: "PR",
  keyObject: "KEY",
  radiotherapy: "RT",
  other: "DICOM",
};

const paper = 0xe8;
const ink = 0x30;
const background = 0x18;

/**
 * Draws a sign for something that has no image of its own, gray on dark: a sheet with a folded corner and a label; for a
 * video a triangle, for a waveform a line that beats. At least 16 pixels wide and high, as large as asked otherwise.
 */
export function drawIcon(kind: IconKind, width: number, height: number): Raster {
  const size = Math.max(16, Math.min(width, height));
  const data = new Uint8Array(Math.max(width, 16) * Math.max(height, 16)).fill(background);
  const raster: Raster = {
    width: Math.max(width, 16),
    height: Math.max(height, 16),
    channels: 1,
    data,
  };
  const at = (fraction: number): number => Math.round(size * fraction);
  const left = Math.round((raster.width - size) / 2);
  const top = Math.round((raster.height - size) / 2);
  const sheet = { left: left + at(0.2), top: top + at(0.1), width: at(0.6), height: at(0.8) };
  fillRectangle(raster, sheet.left, sheet.top, sheet.width, sheet.height, paper);
  const fold = at(0.15);
  for (let row = 0; row < fold; row += 1) {
    const from = sheet.left + sheet.width - fold + row;
    fillRectangle(raster, from, sheet.top + row, fold - row, 1, background);
    fillRectangle(raster, sheet.left + sheet.width - fold, sheet.top + row, row, 1, 0xa0);
  }
  const picture = { left: left + at(0.28), top: top + at(0.3), width: at(0.44), height: at(0.3) };
  if (kind === "video") {
    drawTriangle(raster, picture);
  } else if (kind === "waveform") {
    drawBeats(raster, picture, Math.max(1, at(0.02)));
  } else {
    for (let line = 0; line < 4; line += 1) {
      const length = line === 3 ? picture.width / 2 : picture.width;
      const y = picture.top + Math.round((picture.height * line) / 4);
      fillRectangle(raster, picture.left, y, Math.round(length), Math.max(1, at(0.03)), 0xb0);
    }
  }
  const label = labels[kind];
  const scale = Math.max(
    1,
    Math.floor((sheet.width * 0.9) / textWidth(Math.max(label.length, 4), 1)),
  );
  drawText(raster, label, {
    x: left + Math.round((size - textWidth(label.length, scale)) / 2),
    y: top + at(0.85) - glyphSize.height * scale,
    scale,
    gray: ink,
    rim: undefined,
  });
  return raster;
}

interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function drawTriangle(raster: Raster, { left, top, width, height }: Rectangle): void {
  for (let row = 0; row < height; row += 1) {
    const depth = 1 - Math.abs((2 * row) / height - 1);
    const indent = Math.round(width * 0.2);
    fillRectangle(
      raster,
      left + indent,
      top + row,
      Math.round(depth * (width - 2 * indent)),
      1,
      ink,
    );
  }
}

// One beat: a rest, a small hill, a fall, a peak, a fall, a hill, a rest; heights from the base line.
const beat = [0, 0, 0.15, 0, -0.15, 0.9, -0.3, 0, 0.2, 0.25, 0, 0];

function drawBeats(
  raster: Raster,
  { left, top, width, height }: Rectangle,
  thickness: number,
): void {
  const heightAt = (x: number): number => {
    const place = ((x / width) * 2 * beat.length) % beat.length;
    const index = Math.floor(place);
    const one = beat[index] ?? 0;
    const next = beat[(index + 1) % beat.length] ?? 0;
    return one + (next - one) * (place - index);
  };
  const yAt = (x: number): number => top + Math.round(height * (0.75 - 0.7 * heightAt(x)));
  for (let x = 0; x < width; x += 1) {
    const from = Math.min(yAt(x), yAt(x + 1));
    const to = Math.max(yAt(x), yAt(x + 1));
    fillRectangle(raster, left + x, from, thickness, to - from + thickness, ink);
  }
}
