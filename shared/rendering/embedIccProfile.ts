import { Problem } from "../problem/problem.ts";

/** What a marker segment can hold of a profile, beside its own length and what says that it is one. */
const segmentBytesMax = 0xffff - 2 - 14;
/** Segments are counted with one byte. */
const segmentsMax = 255;

/**
 * Puts an ICC profile into a JPEG, in as many APP2 segments as it takes, behind the JFIF header (ICC.1:2022 Annex B.4).
 *
 * Throws Problem `notAcceptable` for one that does not fit into them.
 */
export function embedIccProfile(jpeg: Uint8Array, profile: Uint8Array): Uint8Array {
  const count = Math.ceil(profile.length / segmentBytesMax);
  if (count > segmentsMax) {
    throw new Problem("notAcceptable", "The ICC profile of the image is too large for a JPEG.");
  }
  const segments = Array.from({ length: count }, (_, index) => {
    const part = profile.subarray(index * segmentBytesMax, (index + 1) * segmentBytesMax);
    const header = Buffer.alloc(18);
    header.writeUInt16BE(0xffe2, 0);
    header.writeUInt16BE(part.length + 16, 2);
    header.write("ICC_PROFILE\0", 4, "latin1");
    header.writeUInt8(index + 1, 16);
    header.writeUInt8(count, 17);
    return Buffer.concat([header, part]);
  });
  // Behind the start of the image, and behind APP0, which has to be the first.
  const hasJFIF = jpeg[2] === 0xff && jpeg[3] === 0xe0;
  const at = hasJFIF ? 4 + (jpeg[4] ?? 0) * 256 + (jpeg[5] ?? 0) : 2;
  return Buffer.concat([jpeg.subarray(0, at), ...segments, jpeg.subarray(at)]);
}
