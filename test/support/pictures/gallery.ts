/**
 * Draws a contact sheet of everything that is rendered: `npm run gallery [file]`, by default `docs/gallery.png`.
 */
import { writeFileSync } from "node:fs";
import { drawIcon, type IconKind } from "../../../shared/rendering/drawIcon.ts";
import { drawText } from "../../../shared/rendering/drawText.ts";
import { encodePng } from "../../../shared/rendering/encodePng.ts";
import { toColor, type Raster } from "../../../shared/rendering/raster.ts";
import { resample } from "../../../shared/rendering/resample.ts";
import { planView } from "../../../shared/rendering/viewport.ts";
import { decodePng } from "./decodePng.ts";
import { renderFile } from "./renderFile.ts";
import { sampleImages } from "./sampleImages.ts";

const side = 132;
const labelHeight = 12;
const gap = 4;
const columns = 7;

const icons: readonly IconKind[] = [
  "document",
  "report",
  "video",
  "waveform",
  "presentation",
  "keyObject",
  "radiotherapy",
  "other",
];

/** The contact sheet as a PNG. */
export async function drawGallery(): Promise<Uint8Array> {
  const tiles: { label: string; raster: Raster }[] = [];
  for (const { label, file, query, frameNumber } of await sampleImages()) {
    const options = { ...(query && { query }), ...(frameNumber && { frameNumber }) };
    tiles.push({ label, raster: decodePng(await renderFile(file, options)) });
  }
  for (const icon of icons) {
    tiles.push({ label: `icon: ${icon}`, raster: drawIcon(icon, side, side) });
  }
  const rows = Math.ceil(tiles.length / columns);
  const width = columns * (side + gap) + gap;
  const height = rows * (side + labelHeight + gap) + gap;
  const sheet: Raster = {
    width,
    height,
    channels: 3,
    data: new Uint8Array(width * height * 3).fill(0x60),
  };
  for (const [index, { label, raster }] of tiles.entries()) {
    const left = gap + (index % columns) * (side + gap);
    const top = gap + Math.floor(index / columns) * (side + labelHeight + gap);
    const view = planView(
      raster.width,
      raster.height,
      1,
      { width: side, height: side, region: undefined },
      true,
    );
    paste(sheet, toColor(resample(raster, view)), left, top);
    drawText(sheet, label, { x: left, y: top + side + 3, scale: 1, gray: 255, rim: undefined });
  }
  return encodePng(sheet, undefined);
}

function paste(sheet: Raster, picture: Raster, left: number, top: number): void {
  for (let row = 0; row < picture.height; row += 1) {
    const line = picture.data.subarray(row * picture.width * 3, (row + 1) * picture.width * 3);
    sheet.data.set(line, ((top + row) * sheet.width + left) * 3);
  }
}

if (import.meta.main) {
  const path = process.argv[2] ?? "docs/gallery.png";
  const bytes = await drawGallery();
  writeFileSync(path, bytes);
  console.log(`${path} (${bytes.length} bytes)`);
}
