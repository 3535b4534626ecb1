/** The size of a picture. */
export interface PictureSize {
  readonly rows: number;
  readonly columns: number;
}

// ISO/IEC 18181-1 Table D.2: columns to rows, by the number that the header has for the ratio.
const ratios: readonly (readonly [columns: number, rows: number])[] = [
  [1, 1],
  [12, 10],
  [4, 3],
  [3, 2],
  [16, 9],
  [5, 4],
  [2, 1],
];

/**
 * The size that a JPEG XL codestream says it has (ISO/IEC 18181-1 §D.2), be it bare or in its container (ISO/IEC 18181-2);
 * undefined when it is neither.
 */
export function readJpegXLSize(bytes: Uint8Array): PictureSize | undefined {
  const start = startOfCodestream(bytes);
  if (start === undefined || bytes[start] !== 0xff || bytes[start + 1] !== 0x0a) {
    return undefined;
  }
  let bit = (start + 2) * 8;
  // Bits are taken from the lowest of a byte on; what is beyond the end counts as zeros, and makes no size that fits.
  const read = (count: number): number => {
    let value = 0;
    for (let index = 0; index < count; index += 1) {
      const byte = bytes[bit >>> 3] ?? 0;
      value += ((byte >>> (bit & 7)) & 1) * 2 ** index;
      bit += 1;
    }
    return value;
  };
  const isSmall = read(1) === 1;
  const readLength = (): number =>
    isSmall ? (read(5) + 1) * 8 : read([9, 13, 18, 30][read(2)] ?? 0) + 1;
  const rows = readLength();
  const ratio = ratios[read(3) - 1];
  return {
    rows,
    columns: ratio === undefined ? readLength() : Math.floor((rows * ratio[0]) / ratio[1]),
  };
}

function startOfCodestream(bytes: Uint8Array): number | undefined {
  if (bytes[0] === 0xff) {
    return 0;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 16 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    const headerBytes = length === 1 ? 16 : 8;
    if (type === 0x6a786c63) {
      return at + headerBytes; // "jxlc"
    }
    if (type === 0x6a786c70) {
      return at + headerBytes + 4; // "jxlp", the first of several, after its number
    }
    const boxBytes = length === 1 ? Number(view.getBigUint64(at + 8)) : length;
    if (boxBytes < headerBytes) {
      return undefined;
    }
    at += boxBytes;
  }
  return undefined;
}
