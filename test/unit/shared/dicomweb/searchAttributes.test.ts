import { describe, expect, test } from "vitest";
import type { DicomJsonDataset } from "../../../../shared/dicom/dicomJson.ts";
import { lookupTag } from "../../../../shared/dicom/dictionary.ts";
import {
  extractSearchAttributes,
  lookupMatchKey,
  searchAttributeTags,
} from "../../../../shared/dicomweb/searchAttributes.ts";

const instance: DicomJsonDataset = {
  "00080005": { vr: "CS", Value: ["ISO_IR 192"] },
  "00080016": { vr: "UI", Value: ["1.2.840.10008.5.1.4.1.1.7"] },
  "00080018": { vr: "UI", Value: ["1.2.3"] },
  "00080020": { vr: "DA", Value: ["20240229"] },
  "00080030": { vr: "TM", Value: ["1030"] },
  "00080050": { vr: "SH" },
  "00080060": { vr: "CS", Value: ["OT"] },
  "00081030": { vr: "LO", Value: ["Chest", "Abdomen"] },
  "00100010": { vr: "PN", Value: [{ Alphabetic: "Yamada^Tarou", Ideographic: "山田^太郎" }] },
  "00100020": { vr: "LO", Value: ["P-1"] },
  "00100030": { vr: "DA", Value: ["NotADate"] },
  "0020000D": { vr: "UI", Value: ["1.2"] },
  "0020000E": { vr: "UI", Value: ["1.2.1"] },
  "00200013": { vr: "IS", Value: [7] },
  "00280010": { vr: "US", Value: [512] },
  "00400275": {
    vr: "SQ",
    Value: [
      { "00400009": { vr: "SH", Value: ["S1"] }, "00401001": { vr: "SH", Value: ["R1", "R2"] } },
      { "00400009": { vr: "SH", Value: ["S2"] } },
      { "00400009": { vr: "SH" } },
      { "00400009": { vr: "SH", Value: ["s1 "] } },
    ],
  },
  "60003000": { vr: "OW", BulkDataURI: "60003000" },
};

describe("extractSearchAttributes", () => {
  const { study, series, instance: own } = extractSearchAttributes(instance);

  test("keeps the elements of each level as they are, and no empty ones", () => {
    expect(study.attributes).toEqual({
      "00080005": instance["00080005"],
      "00080020": instance["00080020"],
      "00080030": instance["00080030"],
      "00081030": instance["00081030"],
      "00100010": instance["00100010"],
      "00100020": instance["00100020"],
      "00100030": instance["00100030"],
      "0020000D": instance["0020000D"],
    });
    expect(Object.keys(series.attributes)).toEqual([
      "00080005",
      "00080060",
      "0020000E",
      "00400275",
    ]);
    expect(Object.keys(own.attributes)).toEqual([
      "00080005",
      "00080016",
      "00080018",
      "00200013",
      "00280010",
    ]);
  });

  test("gives values to search by: the first of several, none that is invalid, all of a sequence", () => {
    expect(study.match).toStrictEqual({
      "00080020": "20240229",
      "00080030": "103000.000000",
      "00081030": "chest",
      "00100010": "yamada^tarou",
      "00100010.Ideographic": "山田^太郎",
      "00100010.Sound": ["AMT", "TR", "山田", "太郎"],
      "00100020": "p-1",
      "0020000D": "1.2",
    });
    expect(series.match).toStrictEqual({
      "00080060": "OT",
      "0020000E": "1.2.1",
      "00400275.00400009": ["s1", "s2"],
      "00400275.00401001": ["r1"],
    });
    expect(own.match).toEqual({
      "00080016": "1.2.840.10008.5.1.4.1.1.7",
      "00080018": "1.2.3",
      "00200013": 7,
    });
  });

  test("leaves out elements of more than a kilobyte, and searches by no more than 16 items", () => {
    const items = Array.from({ length: 40 }, (_, index) => ({
      "00400009": { vr: "SH", Value: [`S${index}`] },
    }));
    const large = extractSearchAttributes({
      "00104000": { vr: "LT", Value: ["x".repeat(1100)] },
      "00400275": { vr: "SQ", Value: items },
    });
    expect(large.study.attributes).toEqual({});
    expect(large.series.attributes).toEqual({});
    expect(large.series.match["00400275.00400009"]).toHaveLength(16);
  });

  test("keeps an element of exactly a kilobyte", () => {
    const elementOf = (text: string) => ({ vr: "LT", Value: [text] });
    const room = 1024 - JSON.stringify(elementOf("")).length;
    const keptOf = (text: string) =>
      extractSearchAttributes({ "00104000": elementOf(text) }).study.attributes;
    expect(keptOf("x".repeat(room))).toHaveProperty("00104000");
    expect(keptOf("x".repeat(room + 1))).toEqual({});
  });

  test("survives elements that are not what their tag says", () => {
    const odd = extractSearchAttributes({
      "00080020": { vr: "SQ", Value: [{}] },
      "00100010": { vr: "LO", Value: ["Doe^John"] },
      "00100020": { vr: "UN", InlineBinary: "AAAA" },
      "00200013": { vr: "IS", Value: [null] },
      "00400275": { vr: "LO", Value: ["x", null, 3] },
      "00080060": { vr: "CS", Value: [null, "CT"] },
    });
    expect(odd.study.match).toStrictEqual({
      "00100010": "doe^john",
      "00100010.Sound": ["T", "JN", "AN"],
    });
    expect(odd.series.match).toEqual({});
    expect(odd.instance.match).toEqual({});
  });

  test("of nothing keeps nothing", () => {
    const none = { attributes: {}, match: {} };
    expect(extractSearchAttributes({})).toEqual({ study: none, series: none, instance: none });
  });
});

describe("the tables", () => {
  test("the tags of each level are in order, without repetition, and in the dictionary", () => {
    for (const tags of Object.values(searchAttributeTags)) {
      expect(tags).toEqual([...new Set(tags)].toSorted((a, b) => a - b));
      expect(tags.filter((tag) => lookupTag(tag) === undefined)).toEqual([]);
    }
  });

  test.each([
    [[0x0020000d], "study", "UI"],
    [[0x00100010], "study", "PN"],
    [[0x00100020], "study", "LO"],
    [[0x00100030], "study", "DA"],
    [[0x00080050], "study", "SH"],
    [[0x00080090], "study", "PN"],
    [[0x00080020], "study", "DA"],
    [[0x00080030], "study", "TM"],
    [[0x00081030], "study", "LO"],
    [[0x00080061], "study", "CS"],
    [[0x00200010], "study", "SH"],
    [[0x0020000e], "series", "UI"],
    [[0x00080060], "series", "CS"],
    [[0x00200011], "series", "IS"],
    [[0x00400244], "series", "DA"],
    [[0x00400245], "series", "TM"],
    [[0x00081090], "series", "LO"],
    [[0x00400275, 0x00400009], "series", "SH"],
    [[0x00400275, 0x00401001], "series", "SH"],
    [[0x00080016], "instance", "UI"],
    [[0x00080018], "instance", "UI"],
    [[0x00200013], "instance", "IS"],
  ])("%j is searched by at the level of the %s as %s", (path, level, vr) => {
    expect(lookupMatchKey(path)).toMatchObject({ level, vr, path });
  });

  test("what is computed or kept at several levels is not taken from an instance to search by", () => {
    expect(lookupMatchKey([0x00080201])).toBeUndefined();
    expect(lookupMatchKey([0x00201208])).toBeUndefined();
    expect(lookupMatchKey([0x00400275])).toBeUndefined();
    const { study } = extractSearchAttributes({ "00080061": { vr: "CS", Value: ["CT"] } });
    expect(study).toEqual({ attributes: {}, match: {} });
  });
});
