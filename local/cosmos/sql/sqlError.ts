/**
 * A query that the service answers with 400: it does not parse, names something unknown, or asks for what the
 * container's indexes cannot serve.
 *
 * `code` is the service's own (`SC1001` is a syntax error, `SC2001` an unresolved identifier, …); `start` and
 * `end` are offsets into the query text, the end excluded. `substatus` is 0 unless the service has a number of
 * its own for the case. SC1001, SC1010, SC2001, SC2005 and SC2022 are known from the service; for the other
 * mistakes it has codes that nobody has recorded, and those here are this server's own, of the same shape.
 */
export class SqlError extends Error {
  readonly code: string;
  readonly start: number;
  readonly end: number;
  readonly substatus: number;

  constructor(code: string, message: string, start = 0, end = 0, substatus = 0) {
    super(message);
    this.name = "SqlError";
    this.code = code;
    this.start = start;
    this.end = end;
    this.substatus = substatus;
  }

  /** The message as the service words it: the errors as JSON text inside the message. */
  get serviceMessage(): string {
    return JSON.stringify({
      errors: [
        {
          severity: "Error",
          location: { start: this.start, end: this.end },
          code: this.code,
          message: this.message,
        },
      ],
    });
  }
}
