import { Problem } from "../problem/problem.ts";
import type { DicomwebRequest } from "./dicomwebRequest.ts";

/** A query that is too long for a URL is sent as a form; this is how long, in bytes. */
const formBytesMax = 64 * 1024;

/**
 * Reads a body of `application/x-www-form-urlencoded` as parameters, in the order in which they stand.
 *
 * Throws `unsupportedMediaType` for another body or a compressed one, `tooLarge` above 64 KiB, and `malformed` for one that
 * is not UTF-8 or holds `<`, as a query must not.
 */
export async function readForm(request: DicomwebRequest): Promise<[name: string, value: string][]> {
  const [contentType = ""] = request.header("content-type");
  const [mediaType = ""] = contentType.split(";", 1);
  if (mediaType.trim().toLowerCase() !== "application/x-www-form-urlencoded") {
    throw new Problem(
      "unsupportedMediaType",
      "A query in a body is sent as application/x-www-form-urlencoded.",
    );
  }
  if (request.header("content-encoding").some((coding) => coding.trim() !== "identity")) {
    throw new Problem("unsupportedMediaType", "A body with a Content-Encoding is not supported.");
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > formBytesMax) {
      throw new Problem("tooLarge", `A form holds at most ${formBytesMax} bytes.`);
    }
    chunks.push(chunk);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new Problem("malformed", "The form is not UTF-8.");
  }
  if (/<|%3c/i.test(text)) {
    throw new Problem("malformed", 'A query holds no "<".');
  }
  return [...new URLSearchParams(text)];
}
