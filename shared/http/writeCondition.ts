import { Problem } from "../problem/problem.ts";
import type { DicomwebRequest } from "./dicomwebRequest.ts";

/** Under which condition something is written: none, that it is the one known, that it is there, that it is not. */
export type WriteCondition =
  | { readonly kind: "none" }
  | { readonly kind: "matches"; readonly entityTag: string }
  | { readonly kind: "exists" }
  | { readonly kind: "isAbsent" };

/**
 * The condition of a request that writes one thing (RFC 9110 §13.1.1 and §13.1.2), as far as they make sense for a single
 * writer: `If-Match` with one entity tag or `*`, or `If-None-Match: *`. Throws `malformed` for anything else.
 */
export function writeConditionOf(request: DicomwebRequest): WriteCondition {
  const [ifMatch] = request.header("if-match");
  const [ifNoneMatch] = request.header("if-none-match");
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() !== "*" || ifMatch !== undefined) {
      throw new Problem("malformed", 'If-None-Match can only be "*" here, and alone.');
    }
    return { kind: "isAbsent" };
  }
  if (ifMatch === undefined) {
    return { kind: "none" };
  }
  const entityTag = ifMatch.trim();
  return entityTag === "*" ? { kind: "exists" } : { kind: "matches", entityTag };
}
