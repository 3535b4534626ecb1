import { expect, test } from "vitest";
import {
  compressMetadata,
  decodeDataset,
  decodeMetadata,
  encodeMetadata,
} from "../../../../shared/store/metadataCodec.ts";

const metadata = {
  dataset: JSON.stringify({ "00100010": { vr: "PN", Value: [{ Alphabetic: "Ünï\nçødé" }] } }),
  bulkdata: new Map([
    ["7FE00010", { offset: 1234, length: 5, vr: "OW", isEncapsulated: false, isBigEndian: true }],
    [
      "00400275/0/00091010",
      { offset: 2 ** 33, length: 0, vr: "UN", isEncapsulated: false, isBigEndian: false },
    ],
    ["00091002", { offset: 9, length: 8, vr: "OB", isEncapsulated: true, isBigEndian: false }],
  ]),
};

test("metadata comes back as it was", () => {
  expect(decodeMetadata(encodeMetadata(metadata))).toEqual(metadata);
});

test("the dataset alone comes back without the locations", () => {
  expect(decodeDataset(encodeMetadata(metadata))).toBe(metadata.dataset);
});

test("metadata of any size comes back as it was when it is compressed elsewhere", async () => {
  expect(decodeMetadata(await compressMetadata(metadata))).toEqual(metadata);
  const large = { ...metadata, dataset: JSON.stringify({ a: "Ünï".repeat(200_000) }) };
  expect(decodeMetadata(await compressMetadata(large))).toEqual(large);
});
