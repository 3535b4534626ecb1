import { pipeline, Readable } from "node:stream";
import { constants, createBrotliCompress, createGzip } from "node:zlib";
import { parseWeightedList } from "../dicomweb/mediaType.ts";

/** A content coding (RFC 9110 §8.4.1) that answers can have. */
export type ContentCoding = "br" | "gzip" | "identity";

// Of equally wanted ones the first: on DICOM JSON, Brotli at this quality takes half the time of gzip for as few bytes.
const offered: readonly ContentCoding[] = ["br", "gzip", "identity"];
const brotliQuality = 1;
const gzipLevel = 4;

/**
 * Chooses the content coding of an answer whose text is worth compressing, from the Accept-Encoding headers of its request
 * (RFC 9110 §12.5.3).
 *
 * Without the header nothing is compressed. What cannot be met is answered uncompressed too: clients that refuse
 * `identity` without taking anything that there is are better served by an answer than by 415.
 */
export function negotiateContentCoding(headerValues: readonly string[]): ContentCoding {
  const wanted = parseWeightedList(headerValues.join(","));
  const qualityOf = (coding: string): number | undefined =>
    wanted.find(({ name }) => name === coding)?.quality;
  let best: ContentCoding = "identity";
  let bestQuality = 0;
  for (const coding of offered) {
    const quality =
      qualityOf(coding) ?? (coding === "gzip" ? qualityOf("x-gzip") : undefined) ?? qualityOf("*");
    if (quality !== undefined && quality > bestQuality) {
      best = coding;
      bestQuality = quality;
    }
  }
  return best;
}

/**
 * Compresses `body` as it comes, off the main thread.
 *
 * The first piece leaves at once, however little it is, so that a client that waits sees that something comes. When the
 * reader stops, so does whoever `body` reads from.
 */
export async function* compress(
  body: AsyncIterable<Uint8Array>,
  coding: Exclude<ContentCoding, "identity">,
): AsyncGenerator<Uint8Array, void, undefined> {
  const compressor =
    coding === "br"
      ? createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality } })
      : createGzip({ level: gzipLevel });
  let isFirst = true;
  const flushed = (async function* flushed(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      yield chunk;
      if (isFirst) {
        isFirst = false;
        compressor.flush();
      }
    }
  })();
  pipeline(Readable.from(flushed, { objectMode: false }), compressor, () => {
    // Whoever reads `compressor` hears of a failure there.
  });
  yield* compressor as AsyncIterable<Uint8Array>;
}
