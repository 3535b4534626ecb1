import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { EpkRange } from "./epkRange.ts";
import type { FeedTokens, TokenBinding } from "./feedToken.ts";

/** One entry per instance at its newest state, or every event. */
export type FeedMode = "latest" | "all";

/** What has been read of a range: nothing since the beginning, a time or the present moment, or all up to a position. */
export type FeedPosition =
  | { readonly at: "beginning" }
  | { readonly at: "now" }
  | { readonly at: "time"; readonly milliseconds: number }
  /** After the entity tag that the database gave for a page. */
  | { readonly at: "after"; readonly etag: string };

/** A range, and what has been read of it. */
export interface RangePosition extends EpkRange {
  readonly position: FeedPosition;
}

/** Which of the entries a reader wants. Of each list any value; a list that is absent admits all. */
export interface FeedFilters {
  readonly action?: readonly string[];
  readonly modality?: readonly string[];
  readonly sopClass?: readonly string[];
  readonly partition?: readonly string[];
}

/**
 * All that a continuation carries.
 *
 * There is a position for every range from the first page on. A continuation of the SDK has none for the ranges that have
 * not been read yet, so that a reader who began now or at a time would go on from the beginning there.
 */
export interface FeedState {
  readonly mode: FeedMode;
  readonly filters: FeedFilters;
  readonly scope:
    | {
        readonly kind: "ranges";
        /** In the order in which they are read next; together the range that is followed. */
        readonly ranges: readonly RangePosition[];
      }
    | {
        readonly kind: "study";
        readonly partition: string;
        readonly study: string;
        readonly position: FeedPosition;
      };
}

/** A range as an orchestrator hands it to a worker. */
export interface RangeToken extends EpkRange {
  /** The mode that its readers have to use; any when absent. */
  readonly mode?: FeedMode;
}

// A mark or a time in milliseconds; a text is an entity tag.
type KeptPosition = number | string;

const fromBeginning = 0;
const fromNow = 1;

/** Seals the state of a reader into a continuation. */
export function sealContinuation(
  tokens: FeedTokens,
  binding: ContinuationBinding,
  state: FeedState,
): string {
  const { mode, filters, scope } = state;
  const content =
    scope.kind === "study"
      ? { m: mode, f: filters, s: [scope.partition, scope.study, keep(scope.position)] }
      : {
          m: mode,
          f: filters,
          r: scope.ranges.map(({ epkMin, epkMax, position }) => [epkMin, epkMax, keep(position)]),
        };
  return tokens.seal({ ...binding, kind: "continuation" }, deflateRawSync(JSON.stringify(content)));
}

type ContinuationBinding = Omit<TokenBinding, "kind">;

/** Opens a continuation. Throws a `malformed` problem that names `parameter` when it is none of ours for this binding. */
export function openContinuation(
  tokens: FeedTokens,
  binding: ContinuationBinding,
  token: string,
  parameter: string,
): FeedState {
  // What was sealed here needs no further checks.
  const content = JSON.parse(
    inflateRawSync(tokens.open({ ...binding, kind: "continuation" }, token, parameter)).toString(
      "utf8",
    ),
  ) as {
    m: FeedMode;
    f: FeedFilters;
    s?: [string, string, KeptPosition];
    r?: [string, string, KeptPosition][];
  };
  return {
    mode: content.m,
    filters: content.f,
    scope:
      content.s === undefined
        ? {
            kind: "ranges",
            ranges: (content.r ?? []).map(([epkMin, epkMax, position]) => ({
              epkMin,
              epkMax,
              position: unkeep(position),
            })),
          }
        : {
            kind: "study",
            partition: content.s[0],
            study: content.s[1],
            position: unkeep(content.s[2]),
          },
  };
}

/** Seals a range. */
export function sealRange(
  tokens: FeedTokens,
  binding: ContinuationBinding,
  range: RangeToken,
): string {
  const { epkMin, epkMax, mode } = range;
  const content = JSON.stringify([epkMin, epkMax, ...(mode === undefined ? [] : [mode])]);
  return tokens.seal({ ...binding, kind: "range" }, Buffer.from(content, "utf8"));
}

/** Opens a range. Throws a `malformed` problem that names `parameter` when it is none of ours for this binding. */
export function openRange(
  tokens: FeedTokens,
  binding: ContinuationBinding,
  token: string,
  parameter: string,
): RangeToken {
  const [epkMin, epkMax, mode] = JSON.parse(
    tokens.open({ ...binding, kind: "range" }, token, parameter).toString("utf8"),
  ) as [string, string, FeedMode | undefined];
  return { epkMin, epkMax, ...(mode === undefined ? {} : { mode }) };
}

// Times are larger than any of the marks by eleven orders of magnitude.
function keep(position: FeedPosition): KeptPosition {
  switch (position.at) {
    case "beginning":
      return fromBeginning;
    case "now":
      return fromNow;
    case "time":
      return Math.max(position.milliseconds, fromNow + 1);
    case "after":
      return position.etag;
  }
}

function unkeep(kept: KeptPosition): FeedPosition {
  if (typeof kept === "string") {
    return { at: "after", etag: kept };
  }
  if (kept === fromBeginning) {
    return { at: "beginning" };
  }
  return kept === fromNow ? { at: "now" } : { at: "time", milliseconds: kept };
}
