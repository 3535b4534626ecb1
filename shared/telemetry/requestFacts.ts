import type { TraceParent } from "./correlationId.ts";

/**
 * All that telemetry is told of a request. Nothing that a caller sent is among it but the method and the trace that the
 * request belongs to: no path, no query, no UID, and nothing of a patient.
 */
export interface RequestFacts {
  /** Of the function that answered. */
  readonly functionName: string;
  readonly method: string;
  readonly status: number;
  /** Absent when the caller is not known. */
  readonly tenant: string | undefined;
  readonly correlationId: string;
  readonly traceParent: TraceParent | undefined;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly durationMilliseconds: number;
  readonly cosmosMilliseconds: number;
  readonly cosmosCalls: number;
  /** In request units. */
  readonly requestCharge: number;
  readonly blobMilliseconds: number;
  readonly blobCalls: number;
  /** Bytes of the answer's body. */
  readonly bodyBytes: number;
  /** Whether the answer ended before its end: the client left, or the rest could not be read. */
  readonly isCut: boolean;
}

/** The names under which facts of a request leave the process, in logs and as attributes of spans. */
export const requestFields = [
  "function",
  "method",
  "status",
  "tenant",
  "correlationId",
  "durationMs",
  "cosmosMs",
  "cosmosCalls",
  "requestChargeRU",
  "blobMs",
  "blobCalls",
  "bodyBytes",
  "isCut",
] as const;

/** One of {@link requestFields}. */
export type RequestField = (typeof requestFields)[number];

/** The facts by the names of {@link requestFields}; what is not known is left out. */
export function fieldsOf(
  facts: RequestFacts,
): Readonly<Partial<Record<RequestField, string | number | boolean>>> {
  return {
    function: facts.functionName,
    // A method that nobody knows could be anything.
    method: knownMethods.has(facts.method) ? facts.method : "_OTHER",
    status: facts.status,
    ...(facts.tenant === undefined ? {} : { tenant: facts.tenant }),
    correlationId: facts.correlationId,
    durationMs: rounded(facts.durationMilliseconds),
    cosmosMs: rounded(facts.cosmosMilliseconds),
    cosmosCalls: facts.cosmosCalls,
    requestChargeRU: facts.requestCharge,
    blobMs: rounded(facts.blobMilliseconds),
    blobCalls: facts.blobCalls,
    bodyBytes: facts.bodyBytes,
    isCut: facts.isCut,
  };
}

const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
