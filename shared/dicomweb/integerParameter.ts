import { malformedParameter } from "./malformedParameter.ts";

/**
 * The value of a query parameter that is an integer in decimal digits; `ifAbsent` without one.
 *
 * Throws `malformed`, which names the parameter, for anything else and for what is not from `min` to `max`.
 */
export function integerParameter(
  name: string,
  text: string | undefined,
  ifAbsent: number,
  min: number,
  max: number,
): number {
  if (text === undefined) {
    return ifAbsent;
  }
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw malformedParameter(name, `must be an integer from ${min} to ${max}`);
  }
  return value;
}
