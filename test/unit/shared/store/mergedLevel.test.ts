import { describe, expect, test } from "vitest";
import { mergeLevel } from "../../../../shared/store/mergedLevel.ts";

const before = {
  match: { "00100010": "doe^john", "00100010.Ideographic": "ドウ", "00100020": "1" },
  attributes: {
    "00100010": { vr: "PN", Value: [{ Alphabetic: "Doe^John", Ideographic: "ドウ" }] },
    "00100020": { vr: "LO", Value: ["1"] },
  },
  version: "A",
};

describe("attributes of a parent", () => {
  test("are those of the first instance when there is no parent yet", () => {
    const { version: _, ...level } = before;
    expect(mergeLevel(undefined, [level], "B")).toEqual({ ...level, version: "B", amended: false });
  });

  test("stay, with their version, when another instance says the same", () => {
    const merged = mergeLevel(before, [before], "B");
    expect(merged).toEqual({ ...before, amended: false });
  });

  test("stay when another instance leaves them out", () => {
    const merged = mergeLevel(before, [{ match: {}, attributes: {} }], "B");
    expect(merged).toEqual({ ...before, amended: false });
  });

  test("follow the latest value, and the old value's search keys go", () => {
    const element = { vr: "PN", Value: [{ Alphabetic: "Roe" }] };
    const merged = mergeLevel(
      before,
      [{ match: { "00100010": "roe" }, attributes: { "00100010": element } }],
      "B",
    );
    expect(merged.attributes["00100010"]).toEqual(element);
    expect(merged.match).toEqual({ "00100010": "roe", "00100020": "1" });
    expect(merged).toMatchObject({ version: "B", amended: true });
  });

  test("whose new value cannot be searched by are not found by the old one", () => {
    const element = { vr: "LO", Value: ["\u0000"] };
    const merged = mergeLevel(before, [{ match: {}, attributes: { "00100020": element } }], "B");
    expect(merged.match).not.toHaveProperty("00100020");
  });

  test("leave what was given untouched", () => {
    const frozen = structuredClone(before);
    mergeLevel(before, [{ match: { "00100020": "2" }, attributes: {} }], "B");
    expect(before).toEqual(frozen);
  });
});
