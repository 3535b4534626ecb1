import { Problem } from "../problem/problem.ts";

// Further in the future than anybody plans, and near enough for every clock: about 285 years.
const expiryMillisecondsMax = 9_000_000_000_000;

/**
 * Reads when the studies of a Store request are to be deleted, in milliseconds from now; undefined when they are to stay.
 *
 * The Azure DICOM service has three headers for it: `msdicom-expiry-time-milliseconds`, and with it, if at all,
 * `msdicom-expiry-option: RelativeToNow` and `msdicom-expiry-level: Study`. `header` gives the values of one, in the order
 * in which they came. Throws Problem `malformed` naming the header that says anything else, or that stands without the time.
 */
export function parseStudyExpiry(header: (name: string) => readonly string[]): number | undefined {
  const [time] = header(timeName);
  for (const [name, only] of [
    ["msdicom-expiry-option", "RelativeToNow"],
    ["msdicom-expiry-level", "Study"],
  ] as const) {
    const values = header(name);
    if (values.some((value) => value.trim().toLowerCase() !== only.toLowerCase())) {
      throw new Problem("malformed", `The header ${name} has a value other than ${only}.`);
    }
    if (values.length > 0 && time === undefined) {
      throw new Problem("malformed", `The header ${name} stands without ${timeName}.`);
    }
  }
  if (time === undefined) {
    return undefined;
  }
  const milliseconds = /^\s*\d{1,16}\s*$/.test(time) ? Number(time) : 0;
  if (header(timeName).length > 1 || milliseconds < 1 || milliseconds > expiryMillisecondsMax) {
    throw new Problem(
      "malformed",
      `The header ${timeName} is not one whole number from 1 to ${expiryMillisecondsMax}.`,
    );
  }
  return milliseconds;
}

const timeName = "msdicom-expiry-time-milliseconds";
