import { matchesIfNoneMatch, matchesIfRange } from "./etag.ts";

/** What a Range header asks for of a representation of known length. */
export type ByteRange =
  /** The whole: there is no header, or none that a server has to understand. */
  | { readonly kind: "whole" }
  /** These bytes; `end` is not included. */
  | { readonly kind: "part"; readonly start: number; readonly end: number }
  /** Nothing that exists: answer 416 with the length. */
  | { readonly kind: "unsatisfiable" };

/**
 * Parses a Range header (RFC 9110 §14.2) against a length in bytes.
 *
 * One range of bytes is understood: `0-99`, `100-` or `-100`. A header in another unit, with several ranges, or that is
 * broken is ignored, as §14.2 allows, and the whole is sent: no DICOMweb client asks for several.
 */
export function parseRange(header: string | undefined, length: number): ByteRange {
  const match = /^\s*bytes\s*=\s*(\d{0,16})\s*-\s*(\d{0,16})\s*$/i.exec(header ?? "");
  if (match === null) {
    return { kind: "whole" };
  }
  const [, first = "", last = ""] = match;
  if (first === "") {
    if (last === "") {
      return { kind: "whole" };
    }
    const suffix = Math.min(Number(last), length);
    return suffix === 0
      ? { kind: "unsatisfiable" }
      : { kind: "part", start: length - suffix, end: length };
  }
  const start = Number(first);
  const end = last === "" ? length : Math.min(Number(last) + 1, length);
  if (last !== "" && Number(last) < start) {
    return { kind: "whole" };
  }
  return start < length ? { kind: "part", start, end } : { kind: "unsatisfiable" };
}

/** What a request says about the bytes that it wants of a representation, and about those that it has. */
export interface Conditions {
  readonly ifNoneMatch: readonly string[];
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** Which bytes of a representation an answer has: see {@link ByteRange}, or none, because the caller has them all. */
export type Selection = ByteRange | { readonly kind: "notModified" };

/**
 * Decides what to send of a representation whose strong entity tag, without quotation marks, is `entityTag`: nothing that
 * the caller has already, or a range if it asks for one of these very bytes (RFC 9110 §13.2.2). Of a representation whose
 * length is not known beforehand there are no ranges.
 */
export function selectBytes(
  { ifNoneMatch, range, ifRange }: Conditions,
  entityTag: string,
  length: number | undefined,
): Selection {
  if (matchesIfNoneMatch(ifNoneMatch, entityTag)) {
    return { kind: "notModified" };
  }
  return length === undefined || !matchesIfRange(ifRange, entityTag)
    ? { kind: "whole" }
    : parseRange(range, length);
}

/** Encodes the Content-Range header of the answer: 206 for a part, 416 for what is not there (RFC 9110 §14.4). */
export function encodeContentRange(
  range: Exclude<ByteRange, { kind: "whole" }>,
  length: number,
): string {
  return range.kind === "part"
    ? `bytes ${range.start}-${range.end - 1}/${length}`
    : `bytes */${length}`;
}
