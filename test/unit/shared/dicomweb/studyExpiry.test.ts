import { expect, test } from "vitest";
import { parseStudyExpiry } from "../../../../shared/dicomweb/studyExpiry.ts";

const time = "msdicom-expiry-time-milliseconds";
const option = "msdicom-expiry-option";
const level = "msdicom-expiry-level";

function parse(headers: Readonly<Record<string, readonly string[]>>): number | undefined {
  return parseStudyExpiry((name) => headers[name] ?? []);
}

test.each([
  [{}, undefined],
  [{ [time]: ["1"] }, 1],
  [{ [time]: [" 86400000 "] }, 86_400_000],
  [{ [time]: ["9000000000000"] }, 9_000_000_000_000],
  [{ [time]: ["5"], [option]: ["RelativeToNow"], [level]: ["Study"] }, 5],
  [{ [time]: ["5"], [option]: ["relativetonow"], [level]: ["study"] }, 5],
])("the headers %j are an expiry in %s milliseconds", (headers, expected) => {
  expect(parse(headers)).toBe(expected);
});

test.each([
  [{ [time]: ["0"] }, time],
  [{ [time]: ["-1"] }, time],
  [{ [time]: ["1.5"] }, time],
  [{ [time]: [""] }, time],
  [{ [time]: ["soon"] }, time],
  [{ [time]: ["9000000000001"] }, time],
  [{ [time]: ["99999999999999999999"] }, time],
  [{ [time]: ["5", "6"] }, time],
  [{ [time]: ["5"], [option]: ["AbsoluteTime"] }, option],
  [{ [time]: ["5"], [level]: ["Series"] }, level],
  [{ [time]: ["5"], [level]: ["Study", "Series"] }, level],
  [{ [option]: ["RelativeToNow"] }, option],
  [{ [level]: ["Study"] }, level],
])("the headers %j are malformed, and the problem names %s", (headers, name) => {
  expect(() => parse(headers)).toThrow(
    expect.objectContaining({
      kind: "malformed",
      detail: expect.stringContaining(name) as unknown,
    }),
  );
});
