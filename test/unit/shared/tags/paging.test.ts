import { describe, expect, test } from "vitest";
import { parsePaging } from "../../../../shared/tags/paging.ts";

describe("limit and offset", () => {
  test.each<[string, { limit: number; offset: number }]>([
    ["", { limit: 100, offset: 0 }],
    ["limit=1&offset=7", { limit: 1, offset: 7 }],
    ["LIMIT=200&Offset=0", { limit: 200, offset: 0 }],
    ["other=1", { limit: 100, offset: 0 }],
  ])("%s is understood", (query, expected) => {
    expect(parsePaging(new URLSearchParams(query))).toEqual(expected);
  });

  test.each(["limit=0", "limit=201", "limit=", "limit=1.5", "offset=-1", "offset=x"])(
    "%s is refused by name",
    (query) => {
      const [name = ""] = query.split("=");
      expect(() => parsePaging(new URLSearchParams(query))).toThrow(`"${name}" must be an integer`);
    },
  );

  test("a parameter that is given twice is refused", () => {
    expect(() => parsePaging(new URLSearchParams("limit=1&Limit=2"))).toThrow("more than once");
  });
});
