import { expect, test } from "vitest";
import { matchesIfNoneMatch } from "../../../../shared/dicomweb/etag.ts";

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
  expect(matchesIfNoneMatch(header, "17-3")).toBe(true);
});

test.each([
  undefined,
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
  expect(matchesIfNoneMatch(header, "17-3")).toBe(false);
});
