/**
 * Writes and reads multipart/related bodies (RFC 2046 §5.1) for tests, without any of the product's code.
 */

/** A part to be written. */
export interface PartToSend {
  readonly body: Uint8Array | string;
  /** As they are to stand in the part, in this order; `Content-Type: application/dicom` unless told otherwise. */
  readonly headers?: readonly string[];
}

/** A part that was read. */
export interface ReceivedPart {
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** The header lines as they were spelled. */
  readonly headerLines: readonly string[];
  readonly body: Buffer;
}

export const testBoundary = "a-boundary-of-the-tests";

/** A multipart body of these parts. */
export function encodeParts(parts: readonly PartToSend[], boundary: string = testBoundary): Buffer {
  const pieces: (Uint8Array | string)[] = [];
  for (const { body, headers = ["Content-Type: application/dicom"] } of parts) {
    pieces.push(`--${boundary}\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`);
    pieces.push(body, "\r\n");
  }
  pieces.push(`--${boundary}--\r\n`);
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
}

/**
 * Reads a multipart body strictly: it begins with its boundary, each part has a header and an empty line, and it ends
 * with the closing boundary. Throws when it is not so.
 */
export function decodeParts(body: Buffer, contentType: string | undefined): ReceivedPart[] {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType ?? "")?.[1];
  if (boundary === undefined) {
    throw new Error(`no boundary in ${contentType ?? "nothing"}`);
  }
  const opening = Buffer.from(`--${boundary}\r\n`);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  if (!body.subarray(0, opening.length).equals(opening)) {
    throw new Error("the body does not begin with its boundary");
  }
  const parts: ReceivedPart[] = [];
  let at = opening.length;
  for (;;) {
    const headerEnd = body.indexOf("\r\n\r\n", at);
    const end = body.indexOf(delimiter, headerEnd + 2);
    if (headerEnd === -1 || end === -1) {
      throw new Error("a part has no end");
    }
    const headerLines = body.toString("latin1", at, headerEnd).split("\r\n");
    parts.push({
      headerLines,
      headers: new Map(
        headerLines.map((line) => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }),
      ),
      body: body.subarray(headerEnd + 4, end),
    });
    const after = body.toString("latin1", end + delimiter.length, end + delimiter.length + 2);
    if (after === "--") {
      const rest = body.toString("latin1", end + delimiter.length + 2);
      if (rest !== "\r\n" && rest !== "") {
        throw new Error("something follows the closing boundary");
      }
      return parts;
    }
    if (after !== "\r\n") {
      throw new Error("a boundary does not end its line");
    }
    at = end + delimiter.length + 2;
  }
}
