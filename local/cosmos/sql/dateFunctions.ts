import type { BuiltinFunction, Value } from "./builtinFunction.ts";

/** A tick is 100 nanoseconds; there are ten thousand of them in a millisecond. */
const ticksPerMillisecond = 10_000n;

type Part =
  | "year"
  | "month"
  | "day"
  | "hour"
  | "minute"
  | "second"
  | "millisecond"
  | "microsecond"
  | "nanosecond";

const partsByName: ReadonlyMap<string, Part> = new Map([
  ["year", "year"],
  ["yyyy", "year"],
  ["yy", "year"],
  ["month", "month"],
  ["mm", "month"],
  ["m", "month"],
  ["day", "day"],
  ["dd", "day"],
  ["d", "day"],
  ["hour", "hour"],
  ["hh", "hour"],
  ["minute", "minute"],
  ["mi", "minute"],
  ["n", "minute"],
  ["second", "second"],
  ["ss", "second"],
  ["s", "second"],
  ["millisecond", "millisecond"],
  ["ms", "millisecond"],
  ["microsecond", "microsecond"],
  ["mcs", "microsecond"],
  ["nanosecond", "nanosecond"],
  ["ns", "nanosecond"],
]);

/** Ticks in each part that has always the same length; a nanosecond is less than a tick. */
const ticksPerPart: ReadonlyMap<Part, bigint> = new Map([
  ["day", 864_000_000_000n],
  ["hour", 36_000_000_000n],
  ["minute", 600_000_000n],
  ["second", 10_000_000n],
  ["millisecond", ticksPerMillisecond],
  ["microsecond", 10n],
]);

const iso8601 =
  /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** The last moment with a year of four digits, and the first one of the year 1, in ticks since 1970. */
const ticksMax = BigInt(Date.UTC(9999, 11, 31, 23, 59, 59, 999)) * ticksPerMillisecond + 9_999n;
const ticksMin = -62_135_596_800_000n * ticksPerMillisecond;

/** The functions of dates, by their names in capitals. A date is a string in ISO 8601, to 100 nanoseconds. */
export const dateFunctions: readonly (readonly [string, BuiltinFunction])[] = [
  define("GETCURRENTDATETIME", 0, (_values, { startedAt }) => formatTicks(ticksAt(startedAt))),
  define("GETCURRENTDATETIMESTATIC", 0, (_values, { startedAt }) =>
    formatTicks(ticksAt(startedAt)),
  ),
  define("GETCURRENTTICKS", 0, (_values, { startedAt }) => Number(ticksAt(startedAt))),
  define("GETCURRENTTICKSSTATIC", 0, (_values, { startedAt }) => Number(ticksAt(startedAt))),
  define("GETCURRENTTIMESTAMP", 0, (_values, { startedAt }) => startedAt),
  define("GETCURRENTTIMESTAMPSTATIC", 0, (_values, { startedAt }) => startedAt),
  define("DATETIMETOTICKS", 1, ([text]) => numberOf(parseTicks(text))),
  define("DATETIMETOTIMESTAMP", 1, ([text]) => {
    const ticks = parseTicks(text);
    return ticks === undefined ? undefined : Number(floorDivide(ticks, ticksPerMillisecond));
  }),
  define("TICKSTODATETIME", 1, ([ticks]) =>
    typeof ticks === "number" && Number.isInteger(ticks) ? formatTicks(BigInt(ticks)) : undefined,
  ),
  define("TIMESTAMPTODATETIME", 1, ([milliseconds]) =>
    typeof milliseconds === "number" && Number.isInteger(milliseconds)
      ? formatTicks(ticksAt(milliseconds))
      : undefined,
  ),
  define("DATETIMEADD", 3, ([name, count, text]) => {
    const part = readPart(name);
    const ticks = parseTicks(text);
    if (part === undefined || ticks === undefined || typeof count !== "number") return undefined;
    return Number.isInteger(count) ? addPart(ticks, part, count) : undefined;
  }),
  define("DATETIMEDIFF", 3, ([name, from, to]) => {
    const part = readPart(name);
    const start = parseTicks(from);
    const end = parseTicks(to);
    if (part === undefined || start === undefined || end === undefined) return undefined;
    return Number(boundariesBefore(end, part) - boundariesBefore(start, part));
  }),
  define("DATETIMEPART", 2, ([name, text]) => {
    const part = readPart(name);
    const ticks = parseTicks(text);
    return part === undefined || ticks === undefined ? undefined : readPartOf(ticks, part);
  }),
  [
    "DATETIMEFROMPARTS",
    {
      argumentsMin: 3,
      argumentsMax: 7,
      call: ([year, month, day, hour = 0, minute = 0, second = 0, fraction = 0]) => {
        const numbers = [year, month, day, hour, minute, second, fraction].filter(
          (value) => typeof value === "number" && Number.isInteger(value) && value >= 0,
        );
        if (numbers.length !== 7) return undefined;
        const [y, mo, d, h, mi, s, f] = numbers.map(String);
        const pad = (digits: string | undefined, length: number): string =>
          (digits ?? "").padStart(length, "0");
        return formatTicks(
          parseTicks(
            `${pad(y, 4)}-${pad(mo, 2)}-${pad(d, 2)}T${pad(h, 2)}:${pad(mi, 2)}:${pad(s, 2)}.${pad(f, 7)}Z`,
          ),
        );
      },
    },
  ],
  [
    "DATETIMEBIN",
    {
      argumentsMin: 2,
      argumentsMax: 4,
      call: ([text, name, size = 1, origin = "1970-01-01T00:00:00.0000000Z"]) => {
        const ticks = parseTicks(text);
        const part = readPart(name);
        const from = parseTicks(origin);
        const unit = part === undefined ? undefined : ticksPerPart.get(part);
        if (ticks === undefined || unit === undefined || from === undefined) return undefined;
        if (typeof size !== "number" || !Number.isInteger(size) || size < 1) return undefined;
        const bin = unit * BigInt(size);
        return formatTicks(from + floorDivide(ticks - from, bin) * bin);
      },
    },
  ],
];

function define(
  name: string,
  argumentCount: number,
  call: BuiltinFunction["call"],
): readonly [string, BuiltinFunction] {
  return [name, { argumentsMin: argumentCount, argumentsMax: argumentCount, call }];
}

function readPart(name: Value): Part | undefined {
  return typeof name === "string" ? partsByName.get(name.toLowerCase()) : undefined;
}

function numberOf(ticks: bigint | undefined): Value {
  return ticks === undefined ? undefined : Number(ticks);
}

function ticksAt(milliseconds: number): bigint {
  return BigInt(Math.floor(milliseconds)) * ticksPerMillisecond;
}

/** Division that rounds down, so that moments before 1970 fall into the right unit. */
function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}

function parseTicks(text: Value): bigint | undefined {
  const match = typeof text === "string" ? iso8601.exec(text) : null;
  if (match === null) return undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone] = match;
  const numbers = [year, month, day, hour, minute, second].map(Number);
  const [y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0] = numbers;
  const date = new Date(0);
  // Date.UTC would take the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(y, mo - 1, d);
  date.setUTCHours(h, mi, s);
  const isReal =
    y >= 1 &&
    date.getUTCMonth() === mo - 1 &&
    date.getUTCDate() === d &&
    date.getUTCHours() === h &&
    mi < 60 &&
    s < 60;
  if (!isReal) return undefined;
  return ticksAt(date.getTime() - zoneMilliseconds(zone)) + BigInt(fraction.padEnd(7, "0"));
}

function zoneMilliseconds(zone: string | undefined): number {
  if (zone === undefined || zone === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith("-") ? -minutes : minutes) * 60_000;
}

function formatTicks(ticks: bigint | undefined): Value {
  if (ticks === undefined || ticks < ticksMin || ticks > ticksMax) return undefined;
  const second = floorDivide(ticks, 10_000_000n);
  const fraction = ticks - second * 10_000_000n;
  const seconds = new Date(Number(second) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${fraction.toString().padStart(7, "0")}Z`;
}

/** Splits off what a `Date` cannot hold, so that a month can be added to the rest. */
function splitTicks(ticks: bigint): { readonly date: Date; readonly rest: bigint } {
  const milliseconds = floorDivide(ticks, ticksPerMillisecond);
  return {
    date: new Date(Number(milliseconds)),
    rest: ticks - milliseconds * ticksPerMillisecond,
  };
}

function addPart(ticks: bigint, part: Part, count: number): Value {
  const unit = ticksPerPart.get(part);
  if (unit !== undefined) return formatTicks(ticks + unit * BigInt(count));
  if (part === "nanosecond") return formatTicks(ticks + BigInt(count) / 100n);
  const { date, rest } = splitTicks(ticks);
  const day = date.getUTCDate();
  const months = part === "year" ? count * 12 : count;
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  if (Number.isNaN(date.getTime())) return undefined;
  // One month after January 31 is the last day of February, not a day in March.
  const monthEnd = new Date(date);
  monthEnd.setUTCMonth(monthEnd.getUTCMonth() + 1, 0);
  date.setUTCDate(Math.min(day, monthEnd.getUTCDate()));
  return formatTicks(ticksAt(date.getTime()) + rest);
}

/** How many boundaries of the part lie between an origin and the moment; a difference of two counts those between. */
function boundariesBefore(ticks: bigint, part: Part): bigint {
  const unit = ticksPerPart.get(part);
  if (unit !== undefined) return floorDivide(ticks, unit);
  if (part === "nanosecond") return ticks * 100n;
  const { date } = splitTicks(ticks);
  const years = BigInt(date.getUTCFullYear());
  return part === "year" ? years : years * 12n + BigInt(date.getUTCMonth());
}

function readPartOf(ticks: bigint, part: Part): number {
  const { date, rest } = splitTicks(ticks);
  const ticksOfSecond = BigInt(date.getUTCMilliseconds()) * ticksPerMillisecond + rest;
  switch (part) {
    case "year":
      return date.getUTCFullYear();
    case "month":
      return date.getUTCMonth() + 1;
    case "day":
      return date.getUTCDate();
    case "hour":
      return date.getUTCHours();
    case "minute":
      return date.getUTCMinutes();
    case "second":
      return date.getUTCSeconds();
    case "millisecond":
      return date.getUTCMilliseconds();
    case "microsecond":
      return Number(ticksOfSecond / 10n);
    case "nanosecond":
      return Number(ticksOfSecond * 100n);
  }
}
