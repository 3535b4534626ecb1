import { fieldsOf, type RequestFacts } from "./requestFacts.ts";

/** What is measured besides requests, by its name. */
export const measureNames = [
  "strata.feed.lag",
  "strata.feed.dead_letters",
  "strata.audit.failures",
] as const;

/** One of {@link measureNames}. */
export type MeasureName = (typeof measureNames)[number];

/** Where telemetry goes besides the log. */
export interface TelemetrySink {
  request(facts: RequestFacts): void;
  /** A value that was measured: seconds of a lag, or a number of things. */
  measure(name: MeasureName, value: number): void;
  /** Sends what is waiting. Never rejects. */
  flush(): Promise<void>;
}

/** Writes a line to the log of the Functions host. */
export type WriteLog = (line: string) => void;

/** Time, as telemetry needs it. */
export interface TelemetryClock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Milliseconds since 1970. */
  milliseconds(): number;
}

/**
 * Tells operators how the service does: one line in the log for each request and measure and, where a collector is
 * configured, spans and metrics by OpenTelemetry.
 *
 * What can be told is what {@link RequestFacts} has, and names and numbers: it never fails, and never tells of a patient.
 */
export class Telemetry {
  readonly clock: TelemetryClock;
  readonly #loadSink: (() => Promise<TelemetrySink>) | undefined;
  #sink: Promise<TelemetrySink | undefined> | undefined;

  /** `loadSink` is called when there is something to tell, so that it does not delay a start. */
  constructor(clock: TelemetryClock, loadSink: (() => Promise<TelemetrySink>) | undefined) {
    this.clock = clock;
    this.#loadSink = loadSink;
  }

  /** Logs a request whose answer begins: how much of it there will be is not known yet. */
  answered(facts: RequestFacts, log: WriteLog): void {
    const { bodyBytes: _, isCut: __, ...fields } = fieldsOf(facts);
    log(`request ${JSON.stringify(fields)}`);
    this.#load(log);
  }

  /** Tells of a request whose answer has been sent, or given up. */
  ended(facts: RequestFacts): void {
    this.#tell((sink) => {
      sink.request(facts);
    });
  }

  /** Tells of a value that was measured. */
  measure(name: MeasureName, value: number, log: WriteLog): void {
    log(`measure ${JSON.stringify({ name, value })}`);
    this.#load(log);
    this.#tell((sink) => {
      sink.measure(name, value);
    });
  }

  /** Sends what is waiting to be sent, before the process ends. */
  async flush(): Promise<void> {
    const sink = await this.#sink;
    await sink?.flush();
  }

  // A collector that is not there must not keep the service from serving.
  #load(log: WriteLog): void {
    this.#sink ??= this.#loadSink?.().catch((error: unknown) => {
      log(`telemetry is not sent: ${error instanceof Error ? error.name : typeof error}`);
      return undefined;
    });
  }

  #tell(tell: (sink: TelemetrySink) => void): void {
    void this.#sink?.then((sink) => {
      if (sink !== undefined) {
        tell(sink);
      }
    });
  }
}
