/** One frame of a GIF, as RGB. */
export interface GIFFrame {
  readonly width: number;
  readonly height: number;
  readonly hundredths: number;
  readonly data: Uint8Array;
}

/** A GIF, decoded after its specification and without any of the product's code. */
export interface DecodedGif {
  readonly frames: readonly GIFFrame[];
  readonly isRepeated: boolean;
}

/** Reads a GIF whose frames have their own palettes and no interlacing. Throws for a damaged one. */
export function decodeGif(bytes: Uint8Array): DecodedGif {
  const view = Buffer.from(bytes);
  if (view.toString("latin1", 0, 6) !== "GIF89a" || view[view.length - 1] !== 0x3b) {
    throw new Error("not a whole GIF");
  }
  const frames: GIFFrame[] = [];
  let isRepeated = false;
  let hundredths = 0;
  let at = 13;
  const blocks = (): Buffer => {
    const pieces: Buffer[] = [];
    for (let length = view.readUInt8(at); length > 0; length = view.readUInt8(at)) {
      pieces.push(view.subarray(at + 1, at + 1 + length));
      at += 1 + length;
    }
    at += 1;
    return Buffer.concat(pieces);
  };
  while (view[at] !== 0x3b) {
    if (view[at] === 0x21) {
      const label = view.readUInt8(at + 1);
      at += 2;
      const body = blocks();
      isRepeated ||= label === 0xff && body.toString("latin1", 0, 11) === "NETSCAPE2.0";
      hundredths = label === 0xf9 ? body.readUInt16LE(1) : hundredths;
    } else if (view[at] === 0x2c) {
      const width = view.readUInt16LE(at + 5);
      const height = view.readUInt16LE(at + 7);
      const flags = view.readUInt8(at + 9);
      if (flags !== 0x87) {
        throw new Error("a frame that is not expected");
      }
      const palette = view.subarray(at + 10, at + 10 + 768);
      at += 10 + 768;
      const codeSize = view.readUInt8(at);
      at += 1;
      const indexes = decodeLZW(blocks(), codeSize);
      if (indexes.length !== width * height) {
        throw new Error(`${indexes.length} pixels instead of ${width * height}`);
      }
      const data = Uint8Array.from({ length: indexes.length * 3 }, (_, sample) => {
        const index = indexes[Math.floor(sample / 3)] ?? 0;
        return palette[index * 3 + (sample % 3)] ?? 0;
      });
      frames.push({ width, height, hundredths, data });
    } else {
      throw new Error(`an unknown block at ${at}`);
    }
  }
  return { frames, isRepeated };
}

function decodeLZW(bytes: Uint8Array, codeSize: number): number[] {
  const clear = 1 << codeSize;
  const output: number[] = [];
  let table: (readonly number[])[] = [];
  let bits = codeSize + 1;
  let bitAt = 0;
  let previous: readonly number[] | undefined;
  const reset = (): void => {
    table = [...Array.from({ length: clear }, (_, index) => [index]), [], []];
    bits = codeSize + 1;
    previous = undefined;
  };
  reset();
  for (;;) {
    let code = 0;
    for (let bit = 0; bit < bits; bit += 1, bitAt += 1) {
      const byte = bytes[bitAt >> 3];
      if (byte === undefined) {
        throw new Error("the codes end without an end code");
      }
      code |= ((byte >> (bitAt & 7)) & 1) << bit;
    }
    if (code === clear) {
      reset();
      continue;
    }
    if (code === clear + 1) {
      return output;
    }
    const known = table[code];
    if (known === undefined && (previous === undefined || code !== table.length)) {
      throw new Error(`a code that is not known: ${code}`);
    }
    const string = known ?? [...(previous ?? []), previous?.[0] ?? 0];
    output.push(...string);
    if (previous !== undefined && table.length < 4096) {
      table.push([...previous, string[0] ?? 0]);
      if (table.length === 1 << bits && bits < 12) {
        bits += 1;
      }
    }
    previous = string;
  }
}
