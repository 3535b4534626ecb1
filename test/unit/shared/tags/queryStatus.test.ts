import { describe, expect, test } from "vitest";
import { parseQueryStatus } from "../../../../shared/tags/queryStatus.ts";

describe("the body that changes the query status", () => {
  test.each<[object, boolean]>([
    [{ queryStatus: "Enabled" }, true],
    [{ QUERYSTATUS: "enabled" }, true],
    [{ queryStatus: "DISABLED" }, false],
  ])("%j is understood", (body, expected) => {
    expect(parseQueryStatus(body)).toBe(expected);
  });

  test.each<[unknown]>([
    [{}],
    [null],
    ["Enabled"],
    [["queryStatus"]],
    [{ queryStatus: 1 }],
    [{ queryStatus: "ready" }],
    [{ queryStatus: null }],
    [{ queryStatus: "Enabled", level: "Study" }],
    [{ status: "Enabled" }],
  ])("%j is refused", (body) => {
    expect(() => parseQueryStatus(body)).toThrow(/queryStatus/);
  });
});
