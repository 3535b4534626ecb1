import { Problem } from "../problem/problem.ts";

/**
 * The answer to a frame that cannot be decoded: damaged, cut off, or at odds with its attributes. `why` is a clause
 * without values; what the codec said goes to the log at most.
 */
export function undecodable(why: string, cause?: unknown): Problem {
  return new Problem(
    "notAcceptable",
    `A frame cannot be decoded, because ${why}. It can be had as it is stored, with transfer-syntax=*.`,
    { cause },
  );
}
