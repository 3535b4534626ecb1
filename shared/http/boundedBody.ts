import { Problem } from "../problem/problem.ts";

/**
 * A body of at most `bytesMax` bytes. One that says beforehand that it is longer is refused before its first byte is read.
 *
 * Throws `tooLarge`, when it is read. `contentLength` holds the values of the header of that name. The host has a limit too,
 * which on Azure answers 500 and has to lie above this one.
 */
export async function* boundedBody(
  body: AsyncIterable<Uint8Array>,
  contentLength: readonly string[],
  bytesMax: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (contentLength.some((length) => Number(length) > bytesMax)) {
    throw tooLarge(bytesMax);
  }
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw tooLarge(bytesMax);
    }
    yield chunk;
  }
}

function tooLarge(bytesMax: number): Problem {
  return new Problem("tooLarge", `The body of a request holds at most ${bytesMax} bytes.`);
}
