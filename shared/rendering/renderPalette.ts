import type { DecodedFrame } from "../pixels/decodedFrame.ts";
import type { ImagePresentation, LookupTable } from "./imagePresentation.ts";
import type { Raster } from "./raster.ts";
import { storedValuesOf } from "./storedValues.ts";
import { lookUp } from "./voiFunction.ts";

/** Renders a frame of PALETTE COLOR (PS3.3 §C.7.9): each stored value is looked up in three tables. */
export function renderPalette(
  frame: DecodedFrame,
  { red, green, blue }: NonNullable<ImagePresentation["palette"]>,
): Raster {
  const { rows, columns } = frame;
  const { bits, patterns, value } = storedValuesOf(frame);
  const data = new Uint8Array(rows * columns * 3);
  const tableLength = 2 ** Math.min(bits, 16);
  const colors = [red, green, blue].map((table) => {
    const shown = byteFunction(table);
    return Uint8Array.from({ length: tableLength }, (_, each) => shown(value(each)));
  });
  for (const [channel, levels] of colors.entries()) {
    for (let index = 0, at = channel; at < data.length; index += 1, at += 3) {
      data[at] = levels[Math.min(patterns[index] ?? 0, tableLength - 1)] ?? 0;
    }
  }
  return { width: columns, height: rows, channels: 3, data };
}

function byteFunction(table: LookupTable): (value: number) => number {
  const most = 2 ** table.bits - 1;
  return (value) => Math.min(Math.round((lookUp(table, value) / most) * 255), 255);
}
