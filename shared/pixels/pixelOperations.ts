import type { DecodedFrame } from "./decodedFrame.ts";
import { decodeFrame } from "./decodeFrame.ts";
import { encodeFrame } from "./encodeFrame.ts";
import type { FrameDescription } from "./frameDescription.ts";
import { makePicture } from "../rendering/makePicture.ts";
import type { PictureTask } from "../rendering/pictureTask.ts";

/** A frame as it is stored, little endian if native, and what its data set says of it. */
export interface StoredFrame {
  readonly codestream: Uint8Array;
  readonly description: FrameDescription;
}

/** What the workers can do: input and output of each operation, by its name. Both are copied or moved between threads. */
export interface PixelOperations {
  decode(input: StoredFrame): Promise<DecodedFrame>;
  /** The frame in another transfer syntax. */
  transcode(input: StoredFrame & { readonly targetUID: string }): Promise<Uint8Array<ArrayBuffer>>;
  /** A frame, or a sign, as a picture that anybody can look at. */
  picture(input: PictureTask): Promise<Uint8Array<ArrayBuffer>>;
}

/** The operations, as a worker runs them. A new one is added here and to {@link PixelOperations}, and nowhere else. */
export const pixelOperations: PixelOperations = {
  decode: async ({ codestream, description }) => await decodeFrame(codestream, description),
  transcode: async ({ codestream, description, targetUID }) =>
    await encodeFrame(await decodeFrame(codestream, description), targetUID),
  // A copy, because what is small may lie in a buffer that others use.
  picture: async (task) => new Uint8Array(await makePicture(task)),
};
