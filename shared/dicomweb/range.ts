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
 * broken is ignored, as §14.2 allows, and the whole is sent.
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

/** Encodes the Content-Range header of the answer: 206 for a part, 416 for what is not there (RFC 9110 §14.4). */
export function encodeContentRange(
  range: Exclude<ByteRange, { kind: "whole" }>,
  length: number,
): string {
  return range.kind === "part"
    ? `bytes ${range.start}-${range.end - 1}/${length}`
    : `bytes */${length}`;
}
