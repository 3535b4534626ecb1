const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const traceIdPattern = /^(?!0{32})[0-9a-f]{32}$/i;
const traceparentPattern =
  /^(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** The span that a request is made in, as its caller traces it. */
export interface TraceParent {
  /** 32 hexadecimal digits, lower case. */
  readonly traceId: string;
  /** 16 hexadecimal digits, lower case. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

/**
 * The id under which a request is found again in the answer, the audit and the telemetry.
 *
 * It is the caller's `X-Correlation-Id` when that is a UUID or a trace id of 32 hexadecimal digits, else the trace id of
 * its `traceparent`, else a new one from `newId`. Anything else that a caller sends is not repeated: it could be a name.
 */
export function correlationIdOf(
  header: (name: string) => readonly string[],
  newId: () => string,
): string {
  const [sent = "", ...more] = header("x-correlation-id");
  const id = sent.trim();
  if (more.length === 0 && (uuidPattern.test(id) || traceIdPattern.test(id))) {
    return id.toLowerCase();
  }
  return traceParentOf(header)?.traceId ?? newId();
}

/** Reads `traceparent` (W3C Trace Context §3.2); `undefined` when it is missing, doubled or malformed. */
export function traceParentOf(
  header: (name: string) => readonly string[],
): TraceParent | undefined {
  const sent = header("traceparent");
  const [, traceId, spanId, flags] = traceparentPattern.exec(sent[0]?.trim() ?? "") ?? [];
  if (sent.length !== 1 || traceId === undefined || spanId === undefined) {
    return undefined;
  }
  return { traceId, spanId, isSampled: (Number.parseInt(flags ?? "0", 16) & 1) === 1 };
}
