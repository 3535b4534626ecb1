import { Problem } from "../problem/problem.ts";

/**
 * Reads why instances are rejected: a code, as a viewer puts it at the end of the path, `113001^DCM` (PS3.16 CID 7011,
 * Rejected for Quality Reasons).
 *
 * It is a Code Value of up to 16 characters, a circumflex and a Coding Scheme Designator of as many, both of letters,
 * digits, hyphens, dots and underscores, because it stands in feeds and must tell nothing of a patient. Throws Problem
 * `malformed` for anything else.
 */
export function parseRejectReason(text: string): string {
  if (!/^[\w.-]{1,16}\^[\w.-]{1,16}$/.test(text)) {
    throw new Problem(
      "malformed",
      "The code of the rejection is not a Code Value, a circumflex and a Coding Scheme Designator.",
    );
  }
  return text;
}
