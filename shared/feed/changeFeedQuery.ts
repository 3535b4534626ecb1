import type { ApiVersion } from "../dicomweb/storeResponse.ts";
import { Problem } from "../problem/problem.ts";
import { parseBoolean, parseInteger, parseTime } from "./feedQuery.ts";

/** A request for a page of the sequenced feed. */
export type ChangeFeedQuery = {
  readonly limit: number;
  readonly includeMetadata: boolean;
} & (
  | {
      /** By number: the entries after `offset`, up to `offset + limit`. */
      readonly by: "sequence";
      readonly offset: number;
    }
  | {
      /** By time: what lies in the window, less the first `offset`. */
      readonly by: "time";
      readonly offset: number;
      /** In ISO 8601 with milliseconds and `Z`, included; from the first entry on when absent. */
      readonly startTime: string | undefined;
      /** Excluded; to the last entry when absent. */
      readonly endTime: string | undefined;
    }
);

const limits = {
  v1: { default: 10, most: 100 },
  v2: { default: 100, most: 200 },
} as const satisfies Record<ApiVersion, object>;

/**
 * Reads the parameters of `GET changefeed`, which mean something else in each version of the API.
 *
 * As in the Azure service the case of a parameter's name does not matter, and what is not a parameter is not looked at:
 * under v1 that is so for times. Throws a `malformed` problem that names the parameter whose value has no meaning.
 */
export function parseChangeFeedQuery(query: URLSearchParams, version: ApiVersion): ChangeFeedQuery {
  const values = byLowerCaseName(query);
  const { default: limitDefault, most } = limits[version];
  const page = {
    offset: parseInteger("offset", values.get("offset"), 0, 0, Number.MAX_SAFE_INTEGER - most),
    limit: parseInteger("limit", values.get("limit"), limitDefault, 1, most),
    includeMetadata: parseBoolean("includeMetadata", values.get("includemetadata"), true),
  };
  if (version === "v1") {
    return { ...page, by: "sequence" };
  }
  const start = timeOf("startTime", values.get("starttime"));
  const end = timeOf("endTime", values.get("endtime"));
  if (start !== undefined && end !== undefined && end <= start) {
    throw new Problem("malformed", '"endTime" is not after "startTime".');
  }
  return { ...page, by: "time", startTime: timestampOf(start), endTime: timestampOf(end) };
}

/** Reads the parameter of `GET changefeed/latest`. Throws a `malformed` problem that names it. */
export function parseLatestChangeQuery(query: URLSearchParams): {
  readonly includeMetadata: boolean;
} {
  const value = byLowerCaseName(query).get("includemetadata");
  return { includeMetadata: parseBoolean("includeMetadata", value, true) };
}

function byLowerCaseName(query: URLSearchParams): Map<string, string> {
  return new Map([...query].map(([name, value]) => [name.toLowerCase(), value]));
}

// Entries have whole milliseconds: one lies at or after a part of a millisecond if it lies at or after the next whole one.
function timeOf(name: string, text: string | undefined): number | undefined {
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
