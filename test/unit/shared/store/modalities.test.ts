import fc from "fast-check";
import { expect, test } from "vitest";
import {
  changedCounts,
  modalityKey,
  modalityOfKey,
  presentModalities,
  withModalities,
} from "../../../../shared/store/modalities.ts";

test("any modality has a key of its own that is safe in a patch path", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), (text) => {
      const modality = Buffer.from(text, "utf8").toString("utf8");
      const key = modalityKey(modality);
      expect(key).toMatch(/^[A-Z0-9_a-f]+$/);
      expect(modalityOfKey(key)).toBe(modality);
    }),
    { seed: 20261121 },
  );
});

test("modalities of which nothing is left are not present", () => {
  const counts = changedCounts(
    { CT: 2, MR: 1 },
    new Map([
      ["MR", -1],
      ["US", 3],
      ["", 1],
    ]),
  );
  expect(presentModalities(counts)).toEqual(["CT", "US"]);
});

test("a study is searched by each of its modalities once, folded", () => {
  expect(withModalities({ "00100020": "1" }, ["CT", "ct", "MR"])).toEqual({
    "00100020": "1",
    "00080061": ["CT", "MR"],
  });
});
