import { AccessNotes, noting } from "../audit/accessNotes.ts";
import type { Caller } from "../auth/caller.ts";
import { correlationIdOf, traceParentOf, type TraceParent } from "../telemetry/correlationId.ts";
import { metered, meteredBody, RequestMeter, serverTiming } from "../telemetry/meter.ts";
import type { RequestFacts } from "../telemetry/requestFacts.ts";
import type { TelemetryClock } from "../telemetry/telemetry.ts";
import type { Answer } from "./answer.ts";
import type { Exchange } from "./wire.ts";

// It is in every change of a batch, whose size is bounded.
const authorLengthMax = 512;

/** What is kept of one request beside its answer: what it is called, what it takes, and what it turns out to be about. */
export class RequestAccount {
  /** Under which the request is found in the answer, the audit and the telemetry. */
  readonly correlationId: string;
  /** The span of the caller that the request belongs to. */
  readonly traceParent: TraceParent | undefined;
  readonly meter: RequestMeter;
  readonly notes: AccessNotes = new AccessNotes();
  readonly #clock: TelemetryClock;
  readonly #startedAt: number;
  readonly #start: number;

  constructor(exchange: Exchange | undefined, clock: TelemetryClock, newId: () => string) {
    const header = (name: string): readonly string[] =>
      exchange?.request.headersDistinct[name] ?? [];
    this.correlationId = correlationIdOf(header, newId);
    this.traceParent = traceParentOf(header);
    this.meter = new RequestMeter(() => clock.now());
    this.#clock = clock;
    this.#startedAt = clock.milliseconds();
    this.#start = clock.now();
  }

  /** Says who makes the request. What they change is ascribed to them. */
  identify({ issuer, subject }: Caller): void {
    this.notes.author = {
      issuer: issuer.slice(0, authorLengthMax),
      subject: subject.slice(0, authorLengthMax),
      correlationId: this.correlationId,
    };
  }

  /** Runs `work`, and all that it starts, on this account. */
  run<T>(work: () => T): T {
    return metered(this.meter, () => noting(this.notes, work));
  }

  /** An answer whose body is counted and, when it is a stream, read on this account. */
  answer(answer: Answer): Answer {
    const { body } = answer;
    if (body === undefined) {
      return answer;
    }
    if (typeof body === "string" || body instanceof Uint8Array) {
      this.meter.send(Buffer.byteLength(body));
      return answer;
    }
    return { ...answer, body: meteredBody(this.meter, body) };
  }

  /**
   * The headers that tell of this account. Who is kept to a part of a tenant is not told what a request cost: it costs more
   * where something is found that the caller does not reach.
   */
  headers(tellsCosts: boolean): Readonly<Record<string, string>> {
    return {
      "X-Correlation-Id": this.correlationId,
      ...(tellsCosts ? { "Server-Timing": serverTiming(this.meter) } : {}),
    };
  }

  /** What telemetry is told of the request, now that it has ended. */
  facts(
    known: Pick<RequestFacts, "functionName" | "method" | "status" | "tenant" | "isCut">,
  ): RequestFacts {
    const { meter } = this;
    return {
      ...known,
      correlationId: this.correlationId,
      traceParent: this.traceParent,
      startedAt: this.#startedAt,
      durationMilliseconds: this.#clock.now() - this.#start,
      cosmosMilliseconds: meter.milliseconds("cosmos"),
      cosmosCalls: meter.calls("cosmos"),
      requestCharge: meter.requestCharge,
      blobMilliseconds: meter.milliseconds("blob"),
      blobCalls: meter.calls("blob"),
      bodyBytes: meter.bodyBytes,
    };
  }
}
