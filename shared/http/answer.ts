/** What a transaction answers, before it is put on the wire. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as UTF-8. A stream is read no faster than the client reads. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}
