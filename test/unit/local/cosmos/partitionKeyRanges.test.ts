import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  initialRanges,
  middleOf,
  PartitionKeyRanges,
} from "../../../../local/cosmos/partitionKeyRanges.ts";

describe("PartitionKeyRanges", () => {
  test("through any splits and merges the ranges tile all keys, and no id comes back", () => {
    const step = fc.record({ isSplit: fc.boolean(), at: fc.nat(100) });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom(1 as const, 2 as const),
        fc.array(step, { maxLength: 40 }),
        (count, version, steps) => {
          const ranges = new PartitionKeyRanges(initialRanges(count, version));
          const used = new Set(ranges.all().map(({ id }) => id));
          let nextId = count;
          for (const { isSplit, at } of steps) {
            const all = ranges.all();
            const range = all[at % all.length];
            const neighbour = all[(at % all.length) + 1];
            if (range === undefined) throw new Error("There is no range.");
            const added =
              isSplit || neighbour === undefined
                ? ranges.split(range, middleOf(range, version), nextId)
                : [ranges.merge(range, neighbour, nextId)];
            ranges.replace(
              isSplit || neighbour === undefined ? [range] : [range, neighbour],
              added,
            );
            nextId += added.length;
            for (const { id, parents } of added) {
              expect(used.has(id)).toBe(false);
              used.add(id);
              expect(parents).toContain(range.id);
            }
          }
          const bounds = ranges.all().map(({ epkMin, epkMax }) => [epkMin, epkMax]);
          expect(bounds[0]?.[0]).toBe("");
          expect(bounds.at(-1)?.[1]).toBe("FF");
          for (const [i, [epkMin]] of bounds.entries()) {
            if (i > 0) expect(epkMin).toBe(bounds[i - 1]?.[1]);
          }
        },
      ),
      { seed: 20261121, numRuns: 300 },
    );
  });

  test("every key lies on the range that holds it, bounds included below and excluded above", () => {
    const ranges = new PartitionKeyRanges(initialRanges(4, 2));
    for (const range of ranges.all()) {
      expect(ranges.holding(range.epkMin).id).toBe(range.id);
      if (range.epkMax !== "FF") expect(ranges.holding(range.epkMax).id).not.toBe(range.id);
    }
  });

  test("a range that is gone is 410/1002", () => {
    const ranges = new PartitionKeyRanges(initialRanges(1, 2));
    expect(() => ranges.get("1")).toThrow(
      expect.objectContaining({ status: 410, substatus: 1002 }),
    );
  });

  test("ranges that are no neighbours do not merge", () => {
    const ranges = new PartitionKeyRanges(initialRanges(3, 2));
    const [first, , third] = ranges.all();
    if (first === undefined || third === undefined) throw new Error("There are no three ranges.");
    expect(() => ranges.merge(first, third, 3)).toThrow(expect.objectContaining({ status: 400 }));
  });
});
