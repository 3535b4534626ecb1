import { crc32, deflateSync } from "node:zlib";
import type { Raster } from "./raster.ts";

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** A third of the time of zlib's own choice, and a few per cent more bytes. */
const compressionLevel = 4;
/** The filter "Up": the difference to the sample above, which for pictures is small (PNG §9.2). */
const filterUp = 2;

/**
 * Encodes a raster as PNG (ISO/IEC 15948), without loss; with an ICC profile when one is given.
 *
 * Node's own zlib does the work; what is left to do is a header and a filter.
 */
export function encodePng(raster: Raster, iccProfile: Uint8Array | undefined): Uint8Array {
  const { width, height, channels, data } = raster;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits a sample; gray or RGB; deflate, adaptive filters, not interlaced.
  header.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8);
  const lineBytes = width * channels;
  const filtered = new Uint8Array(height * (lineBytes + 1));
  for (let row = 0; row < height; row += 1) {
    const to = row * (lineBytes + 1);
    const from = row * lineBytes;
    filtered[to] = filterUp;
    for (let at = 0; at < lineBytes; at += 1) {
      const above = row === 0 ? 0 : (data[from - lineBytes + at] ?? 0);
      filtered[to + 1 + at] = (data[from + at] ?? 0) - above;
    }
  }
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    ...(iccProfile === undefined
      ? []
      : [
          chunk("iCCP", Buffer.concat([Buffer.from("ICC\0\0", "latin1"), deflateSync(iccProfile)])),
        ]),
    chunk("IDAT", deflateSync(filtered, { level: compressionLevel })),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(12 + body.length);
  bytes.writeUInt32BE(body.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(body, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + body.length)), 8 + body.length);
  return bytes;
}
