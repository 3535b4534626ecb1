import { expect, test } from "vitest";
import { feedLagSeconds } from "../../../../shared/telemetry/feedLag.ts";

test("the lag is the age of the oldest item that says when it was written", () => {
  const items = [{ _ts: 1_000 }, { _ts: 990 }, { _ts: "0" }, {}];
  expect(feedLagSeconds(items, 1_010_999)).toBe(20);
  expect(feedLagSeconds(items, 980_000)).toBe(0);
});

test("there is none without such an item", () => {
  expect(feedLagSeconds([], 1_000)).toBeUndefined();
  expect(feedLagSeconds([{}], 1_000)).toBeUndefined();
});
