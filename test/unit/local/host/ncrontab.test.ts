import fc from "fast-check";
import { expect, test } from "vitest";
import { parseSchedule } from "../../../../local/host/ncrontab.ts";

function next(schedule: string, after: string): string | undefined {
  const time = parseSchedule(schedule).next(Date.parse(after));
  return time === undefined ? undefined : new Date(time).toISOString();
}

test.each([
  ["0 */5 * * * *", "2026-11-21T10:01:00Z", "2026-11-21T10:05:00.000Z"],
  ["0 */5 * * * *", "2026-11-21T10:05:00Z", "2026-11-21T10:10:00.000Z"],
  ["*/5 * * * *", "2026-11-21T10:01:30Z", "2026-11-21T10:05:00.000Z"],
  ["* * * * * *", "2026-11-21T10:01:00.500Z", "2026-11-21T10:01:01.000Z"],
  ["59 59 23 31 12 *", "2026-01-01T00:00:00Z", "2026-12-31T23:59:59.000Z"],
  ["0 0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00.000Z"],
  ["0 30 9 * JAN-MAR MON,wed", "2026-11-21T00:00:00Z", "2027-01-04T09:30:00.000Z"],
  ["0 0 12 13 * 5", "2026-11-21T00:00:00Z", "2027-08-13T12:00:00.000Z"],
  ["0 10-20/5 * * * *", "2026-11-21T10:16:00Z", "2026-11-21T10:20:00.000Z"],
  ["0 50/5 * * * *", "2026-11-21T10:00:00Z", "2026-11-21T10:50:00.000Z"],
  ["00:10:00", "2026-11-21T10:00:00Z", "2026-11-21T10:10:00.000Z"],
  ["0 0 0 30 2 *", "2026-11-21T00:00:00Z", undefined],
])("%s after %s is %s", (schedule, after, expected) => {
  expect(next(schedule, after)).toBe(expected);
});

test.each([
  "",
  "* * * *",
  "* * * * * * *",
  "60 * * * * *",
  "0 0 0 0 * *",
  "0 0 0 * 13 *",
  "0 5-1 * * * *",
  "0 */0 * * * *",
  "a * * * * *",
  "00:00:00",
  "0 0 24 * * *",
])('"%s" is refused', (schedule) => {
  expect(() => parseSchedule(schedule)).toThrow(/schedule/u);
});

test("an occurrence is after its start, fits every field, and no second between fits", () => {
  const minute = fc.integer({ min: 0, max: 59 });
  fc.assert(
    fc.property(minute, minute, fc.integer({ min: 0, max: 3_600 * 2 }), (second, at, offset) => {
      const after = Date.UTC(2026, 10, 21) + offset * 1_000;
      const time = parseSchedule(`${String(second)} ${String(at)} * * * *`).next(after) ?? 0;
      expect(time).toBeGreaterThan(after);
      expect(time - after).toBeLessThanOrEqual(3_600_000);
      expect([new Date(time).getUTCSeconds(), new Date(time).getUTCMinutes()]).toEqual([
        second,
        at,
      ]);
    }),
    { seed: 20_261_121, verbose: true },
  );
});
