import type { HttpRequest } from "@azure/functions";
import type { ApiVersion } from "../dicomweb/storeResponse.ts";
import { Problem } from "../problem/problem.ts";
import { abortSignalOf, type Exchange } from "./wire.ts";

/** The versions of the API, as they stand in the path. */
const apiVersions: ReadonlyMap<string, ApiVersion> = new Map([
  ["v1.0-prerelease", "v1"],
  ["v1", "v1"],
  ["v2", "v2"],
]);

/** The longest query string that is looked at, in characters. */
const queryLengthMax = 16 * 1024;

/** A request as a transaction sees it: only what came over the wire, decoded and checked. */
export interface DicomwebRequest {
  readonly method: string;
  readonly version: ApiVersion;
  /** Where this version of the service is, as the caller knows it: `https://host/v2`, without a slash at the end. */
  readonly serviceURL: string;
  /** The segments of the path after the version, percent-decoded. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  /** The values of a header in the order in which they came; none when it is missing. */
  header(name: string): readonly string[];
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborts when the caller leaves before it has its answer. */
  readonly signal: AbortSignal;
  /** Logs, without its text, an error that the answer tells of only as a failure of one of many. */
  readonly report: (error: unknown) => void;
}

/**
 * Reads path, query and headers from the wire.
 *
 * Throws `notFound` when the path has no version that there is, and `malformed` for a query that no client of the service
 * may send: one with `<` in it.
 */
export function readRequest(
  request: HttpRequest,
  exchange: Exchange | undefined,
  publicBaseURL: string | undefined,
  report: (error: unknown) => void,
): DicomwebRequest {
  const shown = new URL(request.url);
  const target = exchange?.request.url ?? `${shown.pathname}${shown.search}`;
  const queryStart = target.indexOf("?");
  const path = queryStart === -1 ? target : target.slice(0, queryStart);
  const search = queryStart === -1 ? "" : target.slice(queryStart + 1);
  const [versionSegment = "", ...segments] = path.split("/").slice(1).map(decodeSegment);
  const version = apiVersions.get(versionSegment.toLowerCase());
  if (version === undefined) {
    throw new Problem("notFound", "The path begins with none of the versions v1 and v2.");
  }
  if (search.length > queryLengthMax) {
    throw new Problem("tooLarge", `A query holds at most ${queryLengthMax} characters.`);
  }
  if (/<|%3c/i.test(search)) {
    throw new Problem("malformed", 'A query holds no "<".');
  }
  if (segments.at(-1) === "") {
    segments.pop();
  }
  return {
    method: request.method.toUpperCase(),
    version,
    serviceURL: `${publicBaseURL ?? shown.origin}/${versionSegment.toLowerCase()}`,
    segments,
    query: new URLSearchParams(search),
    header: (name) => headerValues(request, exchange, name),
    body: bodyOf(request),
    signal: abortSignalOf(exchange),
    report,
  };
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Problem("malformed", "The path is not percent-encoded UTF-8.");
  }
}

function headerValues(
  request: HttpRequest,
  exchange: Exchange | undefined,
  name: string,
): readonly string[] {
  if (exchange !== undefined) {
    return exchange.request.headersDistinct[name.toLowerCase()] ?? [];
  }
  const value = request.headers.get(name);
  return value === null ? [] : [value];
}

async function* bodyOf(request: HttpRequest): AsyncGenerator<Uint8Array, void, undefined> {
  if (request.body === null) {
    return;
  }
  try {
    for await (const chunk of request.body as AsyncIterable<Uint8Array>) {
      yield chunk;
    }
  } catch (error) {
    throw new Problem("malformed", "The request ended before its body did.", { cause: error });
  }
}
