import { transferSyntaxOf } from "../dicom/transferSyntax.ts";
import { lookupVR } from "../dicom/valueRepresentation.ts";
import { swapped } from "../dicom/nativePixels.ts";
import { frameBytesMax, type FrameDescription } from "../pixels/frameDescription.ts";
import type { PixelWorkers } from "../pixels/pixelWorkers.ts";
import { Problem } from "../problem/problem.ts";
import { readAhead } from "./readAhead.ts";

/** How the frames of one instance are converted. */
export interface FrameConversion {
  readonly pixels: Pick<PixelWorkers, "run">;
  readonly description: FrameDescription;
  /** Of the pixel data as it is stored. */
  readonly vr: string;
  readonly targetUID: string;
  readonly signal: AbortSignal;
}

/** How many frames are converted ahead of the one that is being sent: enough for all threads of a small machine. */
const framesAhead = 2;

/**
 * Converts frames, read as they are stored and one after the other, in their order. A few of them are in memory at a time,
 * however many there are; each costs its stored and its converted size.
 *
 * Throws the Problem that a frame has: `notAcceptable` for one that cannot be converted; and `unavailable` before the first
 * one when too many frames of others are waiting. With `isUnderWay` that first one waits as well.
 */
export function transcodeFrames(
  conversion: FrameConversion,
  frames: AsyncIterable<AsyncIterable<Uint8Array>>,
  isUnderWay = false,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const collected = async function* collected(): AsyncGenerator<
    readonly [Uint8Array, number],
    void,
    undefined
  > {
    let index = 0;
    for await (const frame of frames) {
      yield [await collectFrame(frame), index];
      index += 1;
    }
  };
  return readAhead(
    collected(),
    framesAhead,
    async ([bytes, index]) => await transcodeFrame(conversion, bytes, isUnderWay || index > 0),
  );
}

/** Converts one frame, given as it is stored. Throws as {@link transcodeFrames} does. */
export async function transcodeFrame(
  { pixels, description, vr, targetUID, signal }: FrameConversion,
  bytes: Uint8Array,
  isUnderWay = false,
): Promise<Uint8Array<ArrayBuffer>> {
  const { isBigEndian } = transferSyntaxOf(description.transferSyntaxUID);
  const codestream = isBigEndian ? swapped(bytes, lookupVR(vr)?.unitBytes ?? 1) : bytes;
  return await pixels.run("transcode", { codestream, description, targetUID }, signal, isUnderWay);
}

/** The bytes of a frame together. Throws `notAcceptable` for more of them than a decoder is given. */
export async function collectFrame(frame: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of frame) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > frameBytesMax) {
      throw new Problem(
        "notAcceptable",
        `A frame of more than ${frameBytesMax} bytes can be had as it is stored only.`,
      );
    }
  }
  return Buffer.concat(chunks);
}
