import { badRequest, rangeGone } from "./gatewayError.ts";
import { evenEpkBounds, wholeEpkRange, type EpkRange } from "./effectivePartitionKey.ts";

/** A physical partition: a span of keys under an id that no other partition of the container ever had. */
export interface PartitionKeyRange extends EpkRange {
  readonly id: string;
  /** The ids that this one came from, oldest first: its parents, and theirs. */
  readonly parents: readonly string[];
}

/** Cuts the keys of a new container into `count` ranges of equal width. */
export function initialRanges(count: number, version: 1 | 2): PartitionKeyRange[] {
  const bounds = [wholeEpkRange.epkMin, ...evenEpkBounds(count, version), wholeEpkRange.epkMax];
  return bounds.slice(0, -1).map((epkMin, i) => ({
    id: String(i),
    epkMin,
    epkMax: bounds[i + 1] ?? wholeEpkRange.epkMax,
    parents: [],
  }));
}

/** The ranges of a container, which always tile all keys, in the order of their keys. */
export class PartitionKeyRanges {
  #ranges: readonly PartitionKeyRange[];

  constructor(ranges: readonly PartitionKeyRange[]) {
    this.#ranges = sorted(ranges);
  }

  all(): readonly PartitionKeyRange[] {
    return this.#ranges;
  }

  /** Finds a range by its id. Fails with 410/1002 when it has been split or merged, or never was. */
  get(id: string): PartitionKeyRange {
    const range = this.#ranges.find((candidate) => candidate.id === id);
    if (range === undefined) throw rangeGone();
    return range;
  }

  /** Finds the range that holds a key. */
  holding(epk: string): PartitionKeyRange {
    const range = this.#ranges.findLast((candidate) => candidate.epkMin <= epk);
    if (range === undefined)
      throw new RangeError("The ranges of the container do not tile its keys.");
    return range;
  }

  /** Lists the ranges that a span lies on. */
  overlapping(span: EpkRange): PartitionKeyRange[] {
    return this.#ranges.filter((range) => range.epkMin < span.epkMax && span.epkMin < range.epkMax);
  }

  /** Returns the two children that `range` falls into at `epk`, numbered from `nextId`. */
  split(range: PartitionKeyRange, epk: string, nextId: number): PartitionKeyRange[] {
    if (!/^[0-9A-F]+$/u.test(epk) || epk <= range.epkMin || epk >= range.epkMax) {
      throw badRequest(`The key '${epk}' does not lie inside the range '${range.id}'.`);
    }
    const parents = [...range.parents, range.id];
    return [
      { id: String(nextId), epkMin: range.epkMin, epkMax: epk, parents },
      { id: String(nextId + 1), epkMin: epk, epkMax: range.epkMax, parents },
    ];
  }

  /** Returns the range that two neighbours become. */
  merge(left: PartitionKeyRange, right: PartitionKeyRange, nextId: number): PartitionKeyRange {
    if (left.epkMax !== right.epkMin) {
      throw badRequest(`The ranges '${left.id}' and '${right.id}' are not neighbours.`);
    }
    const parents = [...new Set([...left.parents, ...right.parents, left.id, right.id])];
    return { id: String(nextId), epkMin: left.epkMin, epkMax: right.epkMax, parents };
  }

  /** Puts `added` in the place of `removed`. */
  replace(removed: readonly PartitionKeyRange[], added: readonly PartitionKeyRange[]): void {
    const gone = new Set(removed.map((range) => range.id));
    this.#ranges = sorted([...this.#ranges.filter((range) => !gone.has(range.id)), ...added]);
  }
}

function sorted(ranges: readonly PartitionKeyRange[]): PartitionKeyRange[] {
  return ranges.toSorted((a, b) => (a.epkMin < b.epkMin ? -1 : a.epkMin > b.epkMin ? 1 : 0));
}

function numberOf(epk: string, digits: number): bigint {
  return BigInt(`0x${epk.slice(0, digits).padEnd(digits, "0")}`);
}

// The keys of version 1 all begin with the ordered encoding of a 32-bit number; those of version 2 never have one
// of their two highest bits set. Between these ends lies everything.
const extremes = { 1: { low: "0580", high: "05C1F0" }, 2: { low: "", high: "40" } } as const;

/** Returns the key in the middle of a range, by width and not by documents. */
export function middleOf(range: EpkRange, version: 1 | 2): string {
  const low = range.epkMin === wholeEpkRange.epkMin ? extremes[version].low : range.epkMin;
  const high = range.epkMax === wholeEpkRange.epkMax ? extremes[version].high : range.epkMax;
  // The first level of a key has 32 digits. Only a range inside one key of that level needs more.
  for (const digits of [32, 64, 96]) {
    const middle = (numberOf(low, digits) + numberOf(high, digits)) >> 1n;
    const epk = middle.toString(16).toUpperCase().padStart(digits, "0");
    if (epk > range.epkMin && epk < range.epkMax) return epk;
  }
  throw badRequest("The range is too narrow to be split.");
}
