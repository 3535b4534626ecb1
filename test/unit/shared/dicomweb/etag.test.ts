import { expect, test } from "vitest";
import { matchesIfNoneMatch, matchesIfRange } from "../../../../shared/dicomweb/etag.ts";

test.each([
  "17-3",
  " 17-3 ",
  '"17-3"',
  'W/"17-3"',
  "*",
  ' "1", "17-3"',
  'W/"1",W/"17-3"',
  "1-1, 17-3",
  '"a,b","17-3"',
])("If-None-Match: %s names the tag 17-3", (header) => {
  expect(matchesIfNoneMatch([header], "17-3")).toBe(true);
});

test("several If-None-Match headers are one list, and none matches nothing", () => {
  expect(matchesIfNoneMatch(['"1"', '"17-3"'], "17-3")).toBe(true);
  expect(matchesIfNoneMatch([], "17-3")).toBe(false);
});

test.each([
  "",
  '""',
  "17-33",
  '"17-33"',
  '"117-3"',
  '"17-3 "',
  '"a,17-3"',
  "17 -3",
  "w/17-3",
  '"*"',
  '"1", "2"',
])("If-None-Match: %s does not name the tag 17-3", (header) => {
  expect(matchesIfNoneMatch([header], "17-3")).toBe(false);
});

test.each([
  [undefined, true],
  ['"17-3"', true],
  ["17-3", true],
  ['W/"17-3"', false],
  ['"17-4"', false],
  ["*", false],
  ["Wed, 21 Oct 2015 07:28:00 GMT", false],
])("If-Range: %s lets a Range of the tag 17-3 count: %s", (header, counts) => {
  expect(matchesIfRange(header, "17-3")).toBe(counts);
});
