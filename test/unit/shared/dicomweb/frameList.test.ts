import { expect, test } from "vitest";
import { parseFrameList } from "../../../../shared/dicomweb/frameList.ts";

test.each([
  ["1", [1]],
  ["1,2,2,7", [1, 2, 2, 7]],
  ["7,1", [7, 1]],
  [" 3 , 4", [3, 4]],
  ["2147483647", [2_147_483_647]],
  ["01", [1]],
])("frame list %j keeps order and repetition", (text, expected) => {
  expect(parseFrameList(text)).toEqual(expected);
});

test.each([
  "",
  "0",
  "-1",
  "1,",
  ",1",
  "1,,2",
  "a",
  "1.5",
  "1e3",
  "+1",
  "1 2",
  "0x1",
  "12345678901",
  "1,0",
])("frame list %j is malformed", (text) => {
  expect(() => parseFrameList(text)).toThrow(expect.objectContaining({ kind: "malformed" }));
});

test("a frame list of 10,000 is read and a longer one is malformed", () => {
  const list = (count: number) => Array.from({ length: count }, () => "1").join(",");
  expect(parseFrameList(list(10_000))).toHaveLength(10_000);
  expect(() => parseFrameList(list(10_001))).toThrow(
    expect.objectContaining({
      kind: "malformed",
      detail: "A frame list holds at most 10000 frame numbers.",
    }),
  );
});
