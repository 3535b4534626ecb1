import { parseAccept, type AcceptEntry } from "../dicomweb/mediaType.ts";
import type { DicomwebRequest } from "./dicomwebRequest.ts";

/**
 * What a request takes for an answer, most wanted first: the `accept` parameter of its query, whose name is written in any
 * case, or else its Accept headers (PS3.18 §8.3.3.1).
 */
export function acceptOf(request: DicomwebRequest): AcceptEntry[] {
  const [, accept] = [...request.query].find(([name]) => name.toLowerCase() === "accept") ?? [];
  return parseAccept(request.header("accept"), accept);
}
