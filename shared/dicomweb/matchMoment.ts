import type { SearchFilter } from "./matchParameter.ts";
import type { Tag } from "../dicom/tag.ts";
import type { MatchValues } from "./searchAttributes.ts";

/** A day, and a time of it. */
export interface Moment {
  readonly date: string;
  readonly time: string;
}

/**
 * A condition on a date and a time together, besides that on the date alone: the moment lies between these, both included.
 * At least one is given.
 */
export interface MomentFilter {
  readonly date: SearchFilter;
  readonly time: SearchFilter;
  readonly from: Moment | undefined;
  readonly to: Moment | undefined;
}

/** Attributes of VR DA and TM that say together when something happened. */
const pairs: readonly (readonly [date: Tag, time: Tag])[] = [
  [0x00080020, 0x00080030], // StudyDate, StudyTime
  [0x00400244, 0x00400245], // PerformedProcedureStepStartDate, PerformedProcedureStepStartTime
];

/**
 * Takes the ranges of a date and of its time that have the same form together, as one range of moments (PS3.4
 * §C.2.2.2.5.4): from the first time on the first day to the last time on the last day.
 *
 * The filter of the date stays, which is what an index finds the moments by.
 */
export function combineMoments(filters: readonly SearchFilter[]): {
  filters: SearchFilter[];
  moments: MomentFilter[];
} {
  const moments: MomentFilter[] = [];
  for (const [dateTag, timeTag] of pairs) {
    const date = filters.find(({ matchKey }) => matchKey.path[0] === dateTag);
    const time = filters.find(({ matchKey }) => matchKey.path[0] === timeTag);
    if (date?.condition.kind !== "range" || time?.condition.kind !== "range") {
      continue;
    }
    const from = momentOf(date.condition.from, time.condition.from);
    const to = momentOf(date.condition.to, time.condition.to);
    if (from !== "of another form" && to !== "of another form") {
      moments.push({ date, time, from, to });
    }
  }
  const times = new Set(moments.map(({ time }) => time));
  return { filters: filters.filter((filter) => !times.has(filter)), moments };
}

function momentOf(
  date: string | undefined,
  time: string | undefined,
): Moment | "of another form" | undefined {
  if (date === undefined || time === undefined) {
    return date === time ? undefined : "of another form";
  }
  return { date, time };
}

/** The filters that are ranges which end before they begin; of a date and time taken together, that of the time. */
export function turnedRanges({
  filters,
  moments,
}: {
  readonly filters: readonly SearchFilter[];
  readonly moments: readonly MomentFilter[];
}): SearchFilter[] {
  const ranges = filters.flatMap((filter) =>
    filter.condition.kind === "anyOf"
      ? filter.condition.conditions.map((condition) => ({ ...filter, condition }))
      : [filter],
  );
  return [
    ...ranges.filter(
      ({ condition: range }) =>
        range.kind === "range" &&
        range.from !== undefined &&
        range.to !== undefined &&
        range.from > range.to,
    ),
    ...moments
      .filter(
        ({ from, to }) =>
          from !== undefined &&
          to !== undefined &&
          `${from.date}${from.time}` > `${to.date}${to.time}`,
      )
      .map(({ time }) => time),
  ];
}

/**
 * Whether what the index has of the date and the time is as `moment` says, for stores without a language of their own. On
 * the first and on the last day there must be a time.
 */
export function matchesMoment({ date, time, from, to }: MomentFilter, match: MatchValues): boolean {
  const day = match[date.keys[0]];
  const clock = match[time.keys[0]] ?? "";
  if (typeof day !== "string" || typeof clock !== "string") {
    return false;
  }
  const isAfter =
    from === undefined ||
    day > from.date ||
    (day === from.date && clock !== "" && clock >= from.time);
  const isBefore =
    to === undefined || day < to.date || (day === to.date && clock !== "" && clock <= to.time);
  return isAfter && isBefore;
}
