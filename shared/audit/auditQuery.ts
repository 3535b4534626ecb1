import { encodeTime } from "ulid";
import { parseUID } from "../dicom/uid.ts";
import { parseInteger, parseTime } from "../feed/feedQuery.ts";
import { Problem } from "../problem/problem.ts";
import type { EventAction } from "./auditEvent.ts";

/** A request for a page of a tenant's audit. What is absent does not matter. */
export interface AuditQuery {
  /** In ISO 8601 with milliseconds and `Z`, included. */
  readonly from: string | undefined;
  /** Excluded. */
  readonly to: string | undefined;
  /** What the ids of such events begin with at least, and less than what: the index is in their order. */
  readonly idsFrom: string | undefined;
  readonly idsTo: string | undefined;
  readonly patientID: string | undefined;
  readonly studyInstanceUID: string | undefined;
  /** The subject of the caller's token. */
  readonly subject: string | undefined;
  readonly action: EventAction | undefined;
  readonly correlationId: string | undefined;
  /** The id of the last event of the page before. */
  readonly continuation: string | undefined;
  readonly limit: number;
}

const limitDefault = 100;
const limitMax = 200;
const valueLengthMax = 1024;
const names = [
  "from",
  "to",
  "patient",
  "study",
  "user",
  "action",
  "correlationId",
  "continuation",
  "limit",
  // How the answer is to be written, which is for others to read.
  "accept",
];

/** Reads the parameters of `GET audit`. Throws a `malformed` problem that names the one that has no meaning. */
export function parseAuditQuery(query: URLSearchParams): AuditQuery {
  const values = new Map<string, string>();
  for (const [sent, value] of query) {
    const name = names.find((one) => one.toLowerCase() === sent.toLowerCase());
    if (name === undefined) {
      throw new Problem("malformed", `The query has a parameter other than ${names.join(", ")}.`);
    }
    if (values.has(name) || value === "" || value.length > valueLengthMax) {
      throw new Problem("malformed", `The parameter "${name}" has one value of its own.`);
    }
    values.set(name, value);
  }
  const from = timeOf("from", values);
  const to = timeOf("to", values);
  if (from !== undefined && to !== undefined && to <= from) {
    throw new Problem("malformed", '"to" is not after "from".');
  }
  return {
    from: timestampOf(from),
    to: timestampOf(to),
    idsFrom: from === undefined ? undefined : idPrefix(from - idSlackMilliseconds),
    idsTo: to === undefined ? undefined : idPrefix(to + idSlackMilliseconds),
    patientID: values.get("patient"),
    studyInstanceUID: studyOf(values.get("study")),
    subject: values.get("user"),
    action: actionOf(values.get("action")),
    correlationId: values.get("correlationId")?.toLowerCase(),
    continuation: continuationOf(values.get("continuation")),
    limit: parseInteger("limit", values.get("limit"), limitDefault, 1, limitMax),
  };
}

function timeOf(name: string, values: ReadonlyMap<string, string>): number | undefined {
  const text = values.get(name);
  return text === undefined ? undefined : parseTime(name, text, Math.ceil);
}

// Of a later one the text would not compare with others.
const latestMilliseconds = 253_402_300_799_999;

function timestampOf(milliseconds: number | undefined): string | undefined {
  if (milliseconds === undefined) {
    return undefined;
  }
  // oxlint-disable-next-line no-restricted-globals -- a given time and not the present one.
  return new Date(Math.min(milliseconds, latestMilliseconds)).toISOString();
}

// Ids never go back, and the clock may: an event can have an id that is later than its time.
const idSlackMilliseconds = 60 * 60 * 1_000;
const idTimeCharacters = 10;

function idPrefix(milliseconds: number): string {
  return encodeTime(Math.min(Math.max(0, milliseconds), latestMilliseconds), idTimeCharacters);
}

function studyOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : parseUID(text, 'The parameter "study"');
}

function actionOf(text: string | undefined): EventAction | undefined {
  switch (text) {
    case undefined:
    case "C":
    case "R":
    case "U":
    case "D":
    case "E":
      return text;
    default:
      throw new Problem("malformed", 'The parameter "action" is one of C, R, U, D and E.');
  }
}

function continuationOf(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[0-9A-HJKMNP-TV-Z]{26}$/.test(text)) {
    throw new Problem("malformed", 'The parameter "continuation" is none that a page was given.');
  }
  return text;
}
