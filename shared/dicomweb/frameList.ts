import { Problem } from "../problem/problem.ts";

// A frame costs a few bytes in the request, and up to megabytes in the answer.
const frameNumbersMax = 10_000;

/**
 * Parses the frame list of a Retrieve Frames path (PS3.18 §10.4.1.1.3, Table 10.4.1-2): frame numbers from 1, separated
 * by commas, in the order they are wanted in and as often.
 *
 * Throws Problem `malformed` for anything that is not a positive integer, and for more than 10,000 of them.
 */
export function parseFrameList(text: string): number[] {
  const items = text.split(",", frameNumbersMax + 1);
  if (items.length > frameNumbersMax) {
    throw new Problem("malformed", `A frame list holds at most ${frameNumbersMax} frame numbers.`);
  }
  return items.map((item) => {
    const trimmed = item.trim();
    // NumberOfFrames (0028,0008) is an IS, so that nine digits reach beyond every frame that can exist but 1,147,483,648.
    const frameNumber = /^\d{1,10}$/.test(trimmed) ? Number(trimmed) : 0;
    if (frameNumber < 1) {
      throw new Problem("malformed", "A frame list holds positive integers, separated by commas.");
    }
    return frameNumber;
  });
}
