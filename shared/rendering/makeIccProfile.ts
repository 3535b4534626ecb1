import type { ColorSpace, Triple } from "./colorSpaces.ts";

/** White of the connection space, D50. */
const d50: Triple = [0.9642, 1, 0.8249];

/**
 * Makes an ICC profile of a color space: a display profile of version 4 with a matrix and one parametric curve (ICC.1:2022
 * §8.4.2). Of the same color space always the same bytes.
 */
export function makeIccProfile({ description, primaries, curve }: ColorSpace): Uint8Array {
  const { gamma, a, b, c, d } = curve;
  const tone = typed("para", [u16(3), u16(0), ...[gamma, a, b, c, d].map(s15f16)]);
  const [red, green, blue] = primaries;
  const tags: readonly (readonly [signature: string, data: Buffer])[] = [
    ["desc", text(description)],
    ["cprt", text("No copyright, use freely")],
    ["wtpt", xyz(d50)],
    ["rXYZ", xyz(red)],
    ["gXYZ", xyz(green)],
    ["bXYZ", xyz(blue)],
    ["rTRC", tone],
    ["gTRC", tone],
    ["bTRC", tone],
  ];
  const tableBytes = 4 + tags.length * 12;
  const table: Buffer[] = [u32(tags.length)];
  const bodies: Buffer[] = [];
  const places = new Map<Buffer, number>();
  let end = 128 + tableBytes;
  for (const [signature, data] of tags) {
    let offset = places.get(data);
    if (offset === undefined) {
      offset = end;
      places.set(data, offset);
      const padded = Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
      bodies.push(padded);
      end += padded.length;
    }
    table.push(Buffer.from(signature, "latin1"), u32(offset), u32(data.length));
  }
  const header = Buffer.alloc(128);
  header.writeUInt32BE(end, 0);
  header.writeUInt32BE(0x04400000, 8);
  header.write("mntrRGB XYZ ", 12, "latin1");
  // A date without meaning, so that the bytes are always the same.
  for (const [index, value] of [2024, 1, 1, 0, 0, 0].entries()) {
    header.writeUInt16BE(value, 24 + index * 2);
  }
  header.write("acsp", 36, "latin1");
  header.set(Buffer.concat(d50.map(s15f16)), 68);
  return Buffer.concat([header, ...table, ...bodies]);
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A number of 16 bits and 16 binary places. */
function s15f16(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(Math.round(value * 65_536));
  return bytes;
}

function typed(type: string, parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(type, "latin1"), Buffer.alloc(4), ...parts]);
}

function xyz(values: Triple): Buffer {
  return typed("XYZ ", values.map(s15f16));
}

function text(content: string): Buffer {
  const encoded = Buffer.from(content, "utf16le").swap16();
  return typed("mluc", [
    u32(1),
    u32(12),
    Buffer.from("enUS", "latin1"),
    u32(encoded.length),
    u32(28),
    encoded,
  ]);
}
