import { Problem } from "../problem/problem.ts";

/** The problem of a query parameter that cannot be understood. It names the parameter, and never its value. */
export function malformedParameter(name: string, what: string): Problem {
  // A name that is nobody's may be a value that went astray, so only what looks like a name is repeated.
  const shown = /^[A-Za-z0-9.]{1,128}$/.test(name) ? `"${name}"` : "of the query";
  return new Problem("malformed", `The parameter ${shown} ${what}.`);
}
