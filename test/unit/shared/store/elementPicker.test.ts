import { expect, test } from "vitest";
import { ElementPicker } from "../../../../shared/store/elementPicker.ts";
import { encodeMetadata } from "../../../../shared/store/metadataCodec.ts";

const encoded = (dataset: object): string =>
  encodeMetadata({ dataset: JSON.stringify(dataset), bulkdata: new Map() }).toString("base64");
const content = { name: "00/1" };

test("takes the elements that it is made for, and says where the metadata stands when it has none", () => {
  const picker = new ElementPicker([0x00180060, 0x00091001]);
  const metadata = encoded({
    "00080018": { vr: "UI", Value: ["1.2"] },
    "00180060": { vr: "DS", Value: [120] },
  });
  expect(picker.pick({ metadata, content })).toEqual({
    elements: { "00180060": { vr: "DS", Value: [120] } },
  });
  expect(picker.pick({ content })).toEqual({ beside: "00/1" });
});

test("more than sixteen megabytes in one answer are too large", () => {
  const picker = new ElementPicker([0x00104000]);
  const metadata = encoded({ "00104000": { vr: "LT", Value: ["x".repeat(3 * 1024 * 1024)] } });
  for (let count = 0; count < 5; count += 1) {
    expect(picker.pick({ metadata, content })).toHaveProperty("elements");
  }
  expect(() => picker.pick({ metadata, content })).toThrow(/includefield/);
});
