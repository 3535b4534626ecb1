import { crc32, inflateSync } from "node:zlib";

/** A picture as a test looks at it: 8 bits a sample. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** Reads a PNG of 8 bits, gray or RGB, not interlaced. Throws for anything else, and for a damaged one. */
export function decodePng(bytes: Uint8Array): Picture & { readonly chunkTypes: readonly string[] } {
  const buffer = Buffer.from(bytes);
  if (buffer.subarray(0, 8).toString("hex") !== "89504e470d0a1a0a") {
    throw new Error("not a PNG");
  }
  const chunks: (readonly [type: string, body: Buffer])[] = [];
  for (let at = 8; at < buffer.length;) {
    const length = buffer.readUInt32BE(at);
    const type = buffer.toString("latin1", at + 4, at + 8);
    if (crc32(buffer.subarray(at + 4, at + 8 + length)) !== buffer.readUInt32BE(at + 8 + length)) {
      throw new Error(`the checksum of ${type} is wrong`);
    }
    chunks.push([type, buffer.subarray(at + 8, at + 8 + length)]);
    at += 12 + length;
  }
  const header = chunks[0]?.[1] ?? Buffer.alloc(0);
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const [depth, color, compression, filters, interlace] = header.subarray(8);
  const channels = color === 2 ? 3 : 1;
  if (depth !== 8 || ![0, 2].includes(color ?? -1) || compression || filters || interlace) {
    throw new Error("a PNG that is not expected");
  }
  const lines = inflateSync(
    Buffer.concat(chunks.flatMap(([type, body]) => (type === "IDAT" ? [body] : []))),
  );
  const lineBytes = width * channels;
  if (lines.length !== height * (lineBytes + 1)) {
    throw new Error("not as many lines as the header says");
  }
  const data = new Uint8Array(height * lineBytes);
  for (let row = 0; row < height; row += 1) {
    const filter = lines[row * (lineBytes + 1)] ?? 0;
    if (filter !== 0 && filter !== 2) {
      throw new Error(`filter ${filter}`);
    }
    for (let at = 0; at < lineBytes; at += 1) {
      const above = filter === 2 && row > 0 ? (data[(row - 1) * lineBytes + at] ?? 0) : 0;
      data[row * lineBytes + at] = (lines[row * (lineBytes + 1) + 1 + at] ?? 0) + above;
    }
  }
  return { width, height, channels, data, chunkTypes: chunks.map(([type]) => type) };
}
