import assert from "node:assert";

/** What the header of a part tells. */
export interface PartHeader {
  /** With all of its parameters, such as `application/dicom; transfer-syntax=1.2.840.10008.1.2.1`. */
  readonly contentType: string;
  /** Where the part can be retrieved by itself. */
  readonly contentLocation?: string;
}

/**
 * Encodes everything between the content of one part, or the start of the body, and the content of the next part.
 *
 * `Content-Type` comes first and is spelled so: some viewers look for exactly these thirteen characters.
 */
export function encodePartHeader(
  boundary: string,
  header: PartHeader,
  isFirst: boolean,
): Uint8Array {
  checkBoundary(boundary);
  checkFieldValue(header.contentType);
  let text = `${isFirst ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${header.contentType}\r\n`;
  if (header.contentLocation !== undefined) {
    checkFieldValue(header.contentLocation);
    text += `Content-Location: ${header.contentLocation}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, "latin1");
}

/** Encodes what follows the content of the last part. A body has at least one part. */
export function encodeClosingBoundary(boundary: string): Uint8Array {
  checkBoundary(boundary);
  return Buffer.from(`\r\n--${boundary}--\r\n`, "latin1");
}

/**
 * Encodes the Content-Type of a multipart/related body (RFC 2387 §3.1) whose parts are of `type`.
 *
 * `type` is quoted, because it holds a slash; the boundary is not, because it never needs to be.
 */
export function encodeMultipartContentType(type: string, boundary: string): string {
  checkBoundary(boundary);
  checkFieldValue(type);
  return `multipart/related; type="${type}"; boundary=${boundary}`;
}

function checkBoundary(boundary: string): void {
  // A token (RFC 9110 §5.6.2) that is also a boundary (RFC 2046 §5.1.1) needs no quotation marks.
  assert(/^[0-9A-Za-z'+_.-]{1,70}$/.test(boundary), "A boundary of ours is a token.");
}

function checkFieldValue(value: string): void {
  assert(/^[\x20-\x7e]+$/.test(value), "A header field holds printable ASCII only.");
}
