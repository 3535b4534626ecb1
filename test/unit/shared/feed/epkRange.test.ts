import fc from "fast-check";
import { expect, test } from "vitest";
import {
  cutEpkRange,
  evenBounds,
  isInside,
  tenantEpkRange,
} from "../../../../shared/feed/epkRange.ts";
import { maintenanceScope } from "../../../../shared/tenancy/tenantScope.ts";

const seed = 20261121;
const scope = maintenanceScope("tenant-a", "Microsoft.Default");
const epk = fc.string({ unit: fc.constantFrom(...Array.from("0123456789ABCDEF")), maxLength: 8 });

test(`a range that is cut anywhere is covered exactly by its pieces (seed ${seed})`, () => {
  fc.assert(
    fc.property(epk, epk, fc.array(epk), (one, other, bounds) => {
      fc.pre(one !== other);
      const [epkMin = "", epkMax = ""] = [one, other].toSorted();
      const pieces = cutEpkRange({ epkMin, epkMax }, bounds);
      expect(pieces[0]?.epkMin).toBe(epkMin);
      expect(pieces.at(-1)?.epkMax).toBe(epkMax);
      for (const [i, piece] of pieces.entries()) {
        expect(isInside(piece, { epkMin, epkMax })).toBe(true);
        expect(piece.epkMax).toBe(pieces[i + 1]?.epkMin ?? epkMax);
      }
      const inside = new Set(bounds.filter((bound) => epkMin < bound && bound < epkMax));
      expect(pieces).toHaveLength(inside.size + 1);
    }),
    { seed },
  );
});

test(`the even bounds of a tenant lie inside it and apart, as many as asked for (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), (count) => {
      const bounds = evenBounds(scope, count);
      expect(bounds).toEqual([...new Set(bounds)].toSorted());
      expect(cutEpkRange(tenantEpkRange(scope), bounds)).toHaveLength(count);
    }),
    { seed },
  );
});

test("a range that reaches beyond another, or is empty, does not lie inside it", () => {
  const outer = { epkMin: "10", epkMax: "20" };
  expect(isInside({ epkMin: "10", epkMax: "20" }, outer)).toBe(true);
  expect(isInside({ epkMin: "0F", epkMax: "20" }, outer)).toBe(false);
  expect(isInside({ epkMin: "10", epkMax: "20FF" }, outer)).toBe(false);
  expect(isInside({ epkMin: "15", epkMax: "15" }, outer)).toBe(false);
  expect(isInside({ epkMin: "16", epkMax: "15" }, outer)).toBe(false);
});
