import type { HttpRequest } from "@azure/functions";
import type { ApiVersion } from "../dicomweb/storeResponse.ts";
import { Problem } from "../problem/problem.ts";
import { publicAddress, type TrustedForwarding } from "./publicAddress.ts";
import { boundedBody } from "./boundedBody.ts";
import { requestBody } from "./requestBody.ts";
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
  /**
   * Where the resources are, as the caller knows it: `https://host/v2`, or `https://host/v2/partitions/{name}` when the
   * path names a data partition; without a slash at the end.
   */
  readonly serviceURL: string;
  /** What `serviceURL` is where the service's own URL is `own`, which a trusted proxy may still say otherwise of. */
  readonly serviceURLAt: (own: string) => string;
  /** The data partition that the path names. */
  readonly partition: string | undefined;
  /** The segments of the path after the version and the data partition, percent-decoded. */
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

/** What reading a request takes besides the request. */
export interface RequestSurroundings {
  /** Where callers find the service, when it is not where the request says; without a slash at the end. */
  readonly publicBaseURL: string | undefined;
  readonly forwarding: TrustedForwarding;
  /** How many bytes the body of a request may hold. */
  readonly bodyBytesMax: number;
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
  { publicBaseURL, forwarding, bodyBytesMax }: RequestSurroundings,
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
  const isInPartition = segments.length > 2 && segments[0]?.toLowerCase() === "partitions";
  const partition = isInPartition ? segments[1] : undefined;
  const header = (name: string): readonly string[] => headerValues(request, exchange, name);
  const serviceURLAt = (own: string): string => {
    const baseURL = publicAddress(own, shownHeader(request), forwarding);
    const versionURL = `${baseURL}/${versionSegment.toLowerCase()}`;
    return partition === undefined
      ? versionURL
      : `${versionURL}/partitions/${encodeURIComponent(partition)}`;
  };
  return {
    method: request.method.toUpperCase(),
    version,
    serviceURL: serviceURLAt(publicBaseURL ?? shown.origin),
    serviceURLAt,
    partition,
    segments: isInPartition ? segments.slice(2) : segments,
    query: new URLSearchParams(search),
    header,
    body: boundedBody(requestBody(request, exchange), header("content-length"), bodyBytesMax),
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

// The Functions host says on the wire, in a header of that name, what it was called itself. What a proxy before it said is
// in what it shows to a handler alone. That can be forged, by who can send the header itself too: only what the settings
// list is believed.
function shownHeader(request: HttpRequest): (name: string) => readonly string[] {
  return (name) => {
    const value = request.headers.get(name);
    return value === null ? [] : [value];
  };
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
