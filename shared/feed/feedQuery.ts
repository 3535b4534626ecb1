import { isUID } from "../dicom/uid.ts";
import { Problem } from "../problem/problem.ts";
import type { FeedFilters, FeedMode } from "./feedState.ts";

/** Where a reader begins. */
export type FeedStart =
  | { readonly at: "beginning" }
  | { readonly at: "now" }
  | { readonly at: "time"; readonly milliseconds: number };

/** A request for a page of the pull feed, in the words of its parameters. */
export interface FeedQuery {
  /** With the name of the parameter or header that holds it. It wins over scope, mode, start and filters. */
  readonly continuation: { readonly token: string; readonly parameter: string } | undefined;
  readonly range: string | undefined;
  readonly study: string | undefined;
  /** The mode that was asked for, if any was. */
  readonly mode: FeedMode | undefined;
  readonly start: FeedStart;
  readonly filters: FeedFilters;
  readonly pageSize: number;
  readonly includeMetadata: boolean;
  /** How long to hold the answer until something changes. */
  readonly waitSeconds: number;
}

const pageSizeDefault = 100;
const pageSizeMax = 1_000;
const waitSecondsMax = 25;
const filterValuesMax = 20;
const rangesMinimumMax = 256;

const feedParameters: ReadonlySet<string> = new Set([
  "startFrom",
  "continuation",
  "range",
  "study",
  "partition",
  "mode",
  "pageSize",
  "includeMetadata",
  "action",
  "modality",
  "sopClass",
  "wait",
]);

/**
 * Reads the parameters of `GET feed`. `ifNoneMatch` are the values of that header: a continuation as an entity tag.
 *
 * Throws a `malformed` problem that names the parameter for a value that has no meaning, and for a parameter that there is
 * not: a misspelled filter must not turn into no filter.
 */
export function parseFeedQuery(query: URLSearchParams, ifNoneMatch: readonly string[]): FeedQuery {
  const values = single(
    query,
    feedParameters,
    new Set(["action", "modality", "sopClass", "partition"]),
  );
  const mode = parseMode(values.get("mode"));
  const study = values.get("study");
  if (study !== undefined && !isUID(study)) {
    throw invalid("study", "the UID of a study");
  }
  const range = values.get("range");
  const continuation = continuationOf(values.get("continuation"), ifNoneMatch);
  if (continuation === undefined && range !== undefined && study !== undefined) {
    throw new Problem("malformed", '"range" and "study" exclude one another.');
  }
  const partition = listOf(query, "partition", "the name of a data partition", (text) =>
    /^[A-Za-z0-9._-]{1,64}$/.test(text),
  );
  if (study !== undefined && partition !== undefined && partition.length > 1) {
    throw new Problem("malformed", '"partition" names one data partition where "study" is given.');
  }
  const action = listOf(query, "action", "create, update or delete", (text) =>
    ["create", "update", "delete"].includes(text),
  );
  const modality = listOf(query, "modality", "a modality", (text) =>
    /^[\x20-\x7e]{1,16}$/.test(text),
  );
  const sopClass = listOf(query, "sopClass", "the UID of a SOP Class", isUID);
  return {
    continuation,
    range,
    study,
    mode,
    start: parseStart(values.get("startFrom")),
    filters: {
      ...(action === undefined ? {} : { action }),
      ...(modality === undefined ? {} : { modality }),
      ...(sopClass === undefined ? {} : { sopClass }),
      ...(partition === undefined ? {} : { partition }),
    },
    pageSize: parseInteger("pageSize", values.get("pageSize"), pageSizeDefault, 1, pageSizeMax),
    includeMetadata: parseBoolean("includeMetadata", values.get("includeMetadata"), false),
    waitSeconds: parseInteger("wait", values.get("wait"), 0, 0, waitSecondsMax),
  };
}

/** Reads the parameters of `GET feed/ranges`. Throws a `malformed` problem that names the parameter. */
export function parseRangesQuery(query: URLSearchParams): {
  readonly minimum: number;
  readonly mode: FeedMode | undefined;
} {
  const values = single(query, new Set(["minimum", "mode"]), new Set());
  return {
    minimum: parseInteger("minimum", values.get("minimum"), 1, 1, rangesMinimumMax),
    mode: parseMode(values.get("mode")),
  };
}

/** An integer in decimal digits, or a `malformed` problem that names the parameter. */
export function parseInteger(
  name: string,
  text: string | undefined,
  absent: number,
  least: number,
  most: number,
): number {
  if (text === undefined) {
    return absent;
  }
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw invalid(name, `an integer from ${least} to ${most}`);
  }
  return value;
}

/** `true` or `false` in any case, or a `malformed` problem that names the parameter. */
export function parseBoolean(name: string, text: string | undefined, absent: boolean): boolean {
  switch (text?.toLowerCase()) {
    case undefined:
      return absent;
    case "true":
      return true;
    case "false":
      return false;
    default:
      throw invalid(name, "true or false");
  }
}

const timePattern =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * A time as RFC 3339 §5.6 has it, in whole milliseconds since 1970; `rounding` says what becomes of the
 * part of one that is left.
 *
 * Throws a `malformed` problem that names the parameter for anything else: a time without an offset would mean another
 * moment for every reader.
 */
export function parseTime(
  name: string,
  text: string,
  rounding: (milliseconds: number) => number = Math.floor,
): number {
  const match = timePattern.exec(withPlus(text));
  const [, year, month, day, hour, minute, second, fraction, , offsetHour, offsetMinute] =
    match ?? [];
  const daysInMonth = [31, isLeap(Number(year)) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  if (
    match === null ||
    Number(day) < 1 ||
    Number(day) > (daysInMonth[Number(month) - 1] ?? 0) ||
    Number(hour) > 23 ||
    Number(minute) > 59 ||
    Number(second) > 60 ||
    Number(offsetHour ?? 0) > 23 ||
    Number(offsetMinute ?? 0) > 59
  ) {
    throw invalid(name, "a time with Z or an offset, as RFC 3339 has it");
  }
  const offset =
    (Number(offsetHour ?? 0) * 60 + Number(offsetMinute ?? 0)) * (match[8] === "-" ? -1 : 1);
  return (
    (daysSince1970(Number(year), Number(month), Number(day)) * 24 * 3600 +
      Number(hour) * 3600 +
      Number(minute) * 60 +
      Number(second) -
      offset * 60) *
      1000 +
    // Rounded before it is added: a number that holds the whole time has no room for nanoseconds.
    rounding(Number((fraction ?? ".0").slice(1).padEnd(9, "0")) / 1e6)
  );
}

// A plus sign that was not percent-encoded arrives as a space.
function withPlus(text: string): string {
  return text.replace(/ (?=\d\d:\d\d$)/, "+");
}

// Days of the civil calendar, counted in years that begin in March so that the leap day comes last.
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1;
  const monthFromMarch = (month + 9) % 12;
  return (
    365 * shifted +
    Math.floor(shifted / 4) -
    Math.floor(shifted / 100) +
    Math.floor(shifted / 400) +
    Math.floor((153 * monthFromMarch + 2) / 5) +
    day -
    1 -
    719_468
  );
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function parseStart(text: string | undefined): FeedStart {
  if (text === undefined || text === "beginning") {
    return { at: "beginning" };
  }
  if (text === "now") {
    return { at: "now" };
  }
  if (!timePattern.test(withPlus(text))) {
    throw invalid("startFrom", "beginning, now, or a time as RFC 3339 has it");
  }
  return { at: "time", milliseconds: parseTime("startFrom", text) };
}

function parseMode(text: string | undefined): FeedMode | undefined {
  if (text === undefined || text === "latest" || text === "all") {
    return text;
  }
  throw invalid("mode", "latest or all");
}

function continuationOf(
  parameter: string | undefined,
  ifNoneMatch: readonly string[],
): FeedQuery["continuation"] {
  if (parameter !== undefined) {
    return { token: parameter, parameter: "continuation" };
  }
  const [header] = ifNoneMatch;
  if (header === undefined) {
    return undefined;
  }
  // A proxy that compresses makes a strong tag a weak one.
  const match = /^\s*(?:W\/)?"([^"]*)"\s*$/.exec(header);
  return { token: match?.[1] ?? "", parameter: "If-None-Match" };
}

function single(
  query: URLSearchParams,
  known: ReadonlySet<string>,
  lists: ReadonlySet<string>,
): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of query) {
    if (!known.has(name)) {
      // The name came from the caller and goes back to no one else.
      throw new Problem("malformed", `There is no parameter ${JSON.stringify(name.slice(0, 40))}.`);
    }
    if (values.has(name) && !lists.has(name)) {
      throw new Problem("malformed", `"${name}" is given more than once.`);
    }
    values.set(name, value);
  }
  return values;
}

function listOf(
  query: URLSearchParams,
  name: string,
  what: string,
  isValid: (text: string) => boolean,
): readonly string[] | undefined {
  const texts = query.getAll(name);
  if (texts.length === 0) {
    return undefined;
  }
  const values = [...new Set(texts.flatMap((text) => text.split(",")))];
  if (values.length > filterValuesMax || !values.every(isValid)) {
    throw invalid(name, `${what}, or up to ${filterValuesMax} with commas between them`);
  }
  return values;
}

function invalid(name: string, what: string): Problem {
  return new Problem("malformed", `"${name}" is not ${what}.`);
}
