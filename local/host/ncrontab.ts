import { parseTimeSpan } from "./hostConfiguration.ts";
import { HostError } from "./hostError.ts";

/** A schedule of a timer trigger, in UTC. */
export interface Schedule {
  /** The first occurrence after `after`, both in milliseconds of the epoch; undefined when there is none any more. */
  next(after: number): number | undefined;
  /** The shortest time between two occurrences that need be assumed, in milliseconds. */
  readonly isBelowOneMinute: boolean;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const fields: readonly [Field, Field, Field, Field, Field, Field] = [
  { name: "second", min: 0, max: 59, names: [] },
  { name: "minute", min: 0, max: 59, names: [] },
  { name: "hour", min: 0, max: 23, names: [] },
  { name: "day", min: 1, max: 31, names: [] },
  { name: "month", min: 1, max: 12, names: months },
  { name: "day of week", min: 0, max: 6, names: days },
];
const dayMs = 86_400_000;
/** A leap day on a certain weekday comes again after at most forty years. */
const daysAheadMax = 366 * 41;

/**
 * Parses the schedule of a timer trigger: an NCRONTAB expression of six fields, of five (at second 0), or a time span
 * such as `00:05:00`.
 *
 * Unlike in cron, day of month and day of week must both fit. Throws `HostError` for anything else.
 */
export function parseSchedule(text: string): Schedule {
  const interval = parseTimeSpan(text);
  if (interval !== undefined) {
    if (interval <= 0) {
      throw new HostError(`The schedule "${text}" has no duration.`);
    }
    return { next: (after) => after + interval, isBelowOneMinute: interval < 60_000 };
  }
  const parts = text.trim().split(/\s+/u);
  if (parts.length === 5) {
    parts.unshift("0");
  }
  const [seconds, minutes, hours, monthDays, monthNumbers, weekDays] = fields.map((field, index) =>
    parseField(parts[index] ?? "", field, text),
  );
  if (
    parts.length !== 6 ||
    seconds === undefined ||
    minutes === undefined ||
    hours === undefined ||
    monthDays === undefined ||
    monthNumbers === undefined ||
    weekDays === undefined
  ) {
    throw new HostError(`The schedule "${text}" has not five or six fields.`);
  }
  const timesOfDay = (from: number): number | undefined => {
    for (const hour of hours) {
      for (const minute of minutes) {
        if ((hour * 60 + minute + 1) * 60_000 <= from) {
          continue;
        }
        for (const second of seconds) {
          const time = ((hour * 60 + minute) * 60 + second) * 1_000;
          if (time >= from) {
            return time;
          }
        }
      }
    }
    return undefined;
  };
  return {
    isBelowOneMinute: seconds.length > 1,
    next: (after) => {
      const start = Math.floor(after / 1_000) * 1_000 + 1_000;
      let midnight = Math.floor(start / dayMs) * dayMs;
      let from = start - midnight;
      for (let day = 0; day < daysAheadMax; day++) {
        const date = new Date(midnight);
        if (
          monthNumbers.includes(date.getUTCMonth() + 1) &&
          monthDays.includes(date.getUTCDate()) &&
          weekDays.includes(date.getUTCDay())
        ) {
          const time = timesOfDay(from);
          if (time !== undefined) {
            return midnight + time;
          }
        }
        midnight += dayMs;
        from = 0;
      }
      return undefined;
    },
  };
}

/** The values of one field in order: lists of `*`, numbers, names and ranges, each with an optional step. */
function parseField(text: string, field: Field, whole: string): number[] {
  const values = new Set<number>();
  for (const item of text.split(",")) {
    const match = /^(?:(\*)|([a-z\d]+)(?:-([a-z\d]+))?)(?:\/(\d+))?$/iu.exec(item);
    const step = Number(match?.[4] ?? 1);
    const first = match?.[1] === "*" ? field.min : parseNumber(match?.[2], field);
    const isOpen = match?.[1] === "*" || (match?.[4] !== undefined && match[3] === undefined);
    const last = isOpen
      ? field.max
      : match?.[3] === undefined
        ? first
        : parseNumber(match[3], field);
    if (match === null || first === undefined || last === undefined || first > last || step < 1) {
      throw new HostError(
        `The schedule "${whole}" has a ${field.name} that does not parse: "${item}".`,
      );
    }
    for (let value = first; value <= last; value += step) {
      values.add(value);
    }
  }
  return [...values].toSorted((a, b) => a - b);
}

function parseNumber(text: string | undefined, field: Field): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  const named = field.names.indexOf(text.slice(0, 3).toUpperCase());
  const value = /^\d+$/u.test(text) ? Number(text) : named === -1 ? Number.NaN : named + field.min;
  return value >= field.min && value <= field.max ? value : undefined;
}
