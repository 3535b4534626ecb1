import { integerParameter } from "../dicomweb/integerParameter.ts";
import { Problem } from "../problem/problem.ts";

/** Which part of a list is asked for. */
export interface Paging {
  readonly limit: number;
  readonly offset: number;
}

const limitMax = 200;
const limitDefault = 100;
// The index counts rows in 32 bits, and counts some that come after the page.
const offsetMax = 2_000_000_000;

/**
 * Parses `limit` (1 to 200, 100 when absent) and `offset` (0 when absent), whose names may be in any case.
 *
 * Throws Problem `malformed`, which names the parameter, for another number, for what is no number, and for a parameter
 * that is given twice.
 */
export function parsePaging(parameters: Iterable<readonly [name: string, value: string]>): Paging {
  const given = new Map<string, string>();
  for (const [name, value] of parameters) {
    const known = name.toLowerCase();
    if (known !== "limit" && known !== "offset") {
      continue;
    }
    if (given.has(known)) {
      throw new Problem("malformed", `The parameter "${known}" is given more than once.`);
    }
    given.set(known, value);
  }
  return {
    limit: integerParameter("limit", given.get("limit"), limitDefault, 1, limitMax),
    offset: integerParameter("offset", given.get("offset"), 0, 0, offsetMax),
  };
}
