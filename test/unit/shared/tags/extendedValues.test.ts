import { describe, expect, test } from "vitest";
import { Dataset, type DicomElement } from "../../../../shared/dicom/dataset.ts";
import {
  toDicomJson,
  type DicomJsonDataset,
  type DicomJsonElement,
} from "../../../../shared/dicom/dicomJson.ts";
import { parseTag } from "../../../../shared/dicom/tag.ts";
import { extractSearchAttributes } from "../../../../shared/dicomweb/searchAttributes.ts";
import type { ExtendedQueryTag } from "../../../../shared/tags/extendedQueryTag.ts";
import {
  readExtendedValues,
  readExtendedValuesOfFile,
  withExtendedValues,
} from "../../../../shared/tags/extendedValues.ts";

function tagOf(path: string, vr: string, more: Partial<ExtendedQueryTag> = {}): ExtendedQueryTag {
  return {
    tag: parseTag(path) ?? 0,
    vr,
    level: "instance",
    status: "ready",
    isEnabled: true,
    registration: 7,
    registeredAt: "2026-01-01T00:00:00.000Z",
    hasErrors: false,
    ...more,
  };
}

describe("a value is searched by as its VR compares", () => {
  test.each<[string, DicomJsonElement["Value"], string | number]>([
    ["AE", [" STORE1 "], "store1"],
    ["AS", ["042Y"], "042y"],
    ["CS", ["head"], "HEAD"],
    ["DA", ["20260131"], "20260131"],
    ["DS", [70.5], 70.5],
    ["DT", ["202601311200"], "20260131120000.000000"],
    ["FD", [1e-3], 0.001],
    ["FL", [2.5], 2.5],
    ["IS", [42], 42],
    ["LO", ["Some Text", "another"], "some text"],
    ["SH", ["ab"], "ab"],
    ["SL", [-5], -5],
    ["SS", [-5], -5],
    ["TM", ["0930"], "093000.000000"],
    ["UI", ["1.2.3"], "1.2.3"],
    ["UL", [4_000_000_000], 4_000_000_000],
    ["US", [65_535], 65_535],
  ])("%s", (vr, Value = [], expected) => {
    const { attributes, faults } = readExtendedValues({ "00091002": { vr, Value } }, [
      tagOf("00091002", vr),
    ]);
    expect(faults).toEqual([]);
    expect(attributes.instance.match).toEqual({ "00091002.x7": expected });
    expect(attributes.instance.attributes).toEqual({ "00091002": { vr, Value } });
    expect(attributes.study).toEqual({ match: {}, attributes: {} });
  });

  test("PN, each component group under a key of its own", () => {
    const Value = [{ Alphabetic: "Yamada^Tarou", Ideographic: "山田^太郎" }];
    const { attributes } = readExtendedValues({ "00321032": { vr: "PN", Value } }, [
      tagOf("00321032", "PN", { level: "study" }),
    ]);
    expect(attributes.study.match).toMatchObject({
      "00321032.x7": "yamada^tarou",
      "00321032.x7.Ideographic": "山田^太郎",
    });
  });
});

describe("is no value and no fault:", () => {
  test.each<[string, DicomJsonDataset]>([
    ["an attribute that is absent", {}],
    ["one without a value", { "00101010": { vr: "AS" } }],
    ["one whose first value is empty", { "00101010": { vr: "AS", Value: [null, "042Y"] } }],
  ])("%s", (_, metadata) => {
    const { attributes, faults } = readExtendedValues(metadata, [tagOf("00101010", "AS")]);
    expect(faults).toEqual([]);
    expect(attributes.instance).toEqual({ match: {}, attributes: {} });
  });
});

describe("is a fault:", () => {
  test.each<[string, string, DicomJsonElement, RegExp]>([
    ["another VR than the tag's", "AS", { vr: "LO", Value: ["042Y"] }, /VR is not AS/],
    ["an age of five characters", "AS", { vr: "AS", Value: ["0042Y"] }, /4 characters/],
    ["a date that no calendar has", "DA", { vr: "DA", Value: ["20260230"] }, /not a date/],
    ["a time without form", "TM", { vr: "TM", Value: ["9:30"] }, /not a time/],
    ["an integer that is text", "IS", { vr: "IS", Value: ["many"] }, /not an integer/],
    ["text that is too long", "LO", { vr: "LO", Value: ["x".repeat(65)] }, /64 characters/],
    ["a number that is none", "FD", { vr: "FD", Value: ["NaN"] }, /searched by as FD/],
    ["a value kept apart", "LO", { vr: "LO", BulkDataURI: "00091002" }, /too long/],
    ["what is no UID", "UI", { vr: "UI", Value: ["1.2.x"] }, /not a UID/],
  ])("%s", (_, vr, element, reason) => {
    const tag = tagOf("00091002", vr);
    const { attributes, faults } = readExtendedValues({ "00091002": element }, [tag]);
    expect(faults).toEqual([{ tag, reason: expect.stringMatching(reason) as string }]);
    expect(attributes.instance).toEqual({ match: {}, attributes: {} });
  });

  test("and its reason does not repeat the value", () => {
    const metadata = { "00091002": { vr: "DA", Value: ["DOE^JOHN"] } };
    const { faults } = readExtendedValues(metadata, [tagOf("00091002", "DA")]);
    expect(faults).toHaveLength(1);
    expect(JSON.stringify(faults)).not.toContain("DOE");
  });
});

describe("a private attribute", () => {
  const tag = tagOf("00091002", "LO", { privateCreator: "ACME" });
  const found = { match: { "00091002.x7": "hit" }, attributes: { "00091002": text("hit") } };

  function text(value: string): DicomJsonElement {
    return { vr: "LO", Value: [value] };
  }

  test("is found in the block that its creator reserved, wherever that is", () => {
    const metadata = {
      "00090010": text("OTHER"),
      "00090011": text("ACME"),
      "00091002": text("miss"),
      "00091102": text("hit"),
    };
    expect(readExtendedValues(metadata, [tag]).attributes.instance).toEqual(found);
  });

  test("of another creator is another attribute", () => {
    const metadata = { "00090010": text("OTHER"), "00091002": text("miss") };
    const { attributes, faults } = readExtendedValues(metadata, [tag]);
    expect([attributes.instance.match, faults]).toEqual([{}, []]);
  });

  test("whose VR the file does not know is read by the tag's VR and the file's character set", () => {
    const metadata: DicomJsonDataset = {
      "00080005": { vr: "CS", Value: ["ISO_IR 100"] },
      "00090010": text("ACME"),
      "00091002": {
        vr: "UN",
        InlineBinary: Buffer.from("K\u00f6ln ", "latin1").toString("base64"),
      },
    };
    expect(readExtendedValues(metadata, [tag]).attributes.instance).toEqual({
      match: { "00091002.x7": "köln" },
      attributes: { "00091002": text("Köln") },
    });
  });
});

describe("of a file that was just read", () => {
  function datasetOf(elements: readonly [tag: number, vr: string, value: string][]): Dataset {
    const dataset = new Dataset(false);
    for (const [tag, vr, value] of elements) {
      const bytes = Buffer.from(value, "latin1");
      const element: DicomElement = {
        tag,
        vr,
        offset: 0,
        length: bytes.length,
        bytes,
        items: undefined,
        hasFragments: false,
      };
      dataset.set(element);
    }
    return dataset;
  }

  test("the values are those of its metadata", () => {
    const dataset = datasetOf([
      [0x00080005, "CS", "ISO_IR 100"],
      [0x00090010, "LO", "ACME"],
      [0x00091002, "UN", "K\u00f6ln"],
      [0x00100010, "PN", "DOE"],
      [0x00101010, "AS", "042Y"],
      [0x00181030, "LO", "x".repeat(65)],
    ]);
    const tags = [
      tagOf("00091002", "LO", { privateCreator: "ACME", level: "series" }),
      tagOf("00101010", "AS", { level: "study", registration: 8 }),
      tagOf("00181030", "LO", { registration: 9 }),
      tagOf("00181020", "LO", { registration: 10 }),
    ];
    const fromFile = readExtendedValuesOfFile(dataset, tags, true);
    expect(fromFile).toEqual(readExtendedValues(toDicomJson({ dataset }).dataset, tags));
    expect(fromFile.attributes.series.match).toEqual({ "00091002.x7": "köln" });
    expect(fromFile.faults.map(({ tag }) => tag)).toEqual([tags[2]]);
  });

  test("padding of NULs is a fault where it is not allowed", () => {
    const dataset = datasetOf([[0x00181030, "LO", "CHEST\0\0\0"]]);
    const tags = [tagOf("00181030", "LO")];
    expect(readExtendedValuesOfFile(dataset, tags, true).faults).toEqual([]);
    expect(readExtendedValuesOfFile(dataset, tags, false).faults).toEqual([
      { tag: tags[0], reason: "the value is padded with NUL" },
    ]);
  });
});

test("what is added to an instance leaves alone what the index has of the same attribute anyway", () => {
  const metadata: DicomJsonDataset = { "00180015": { vr: "CS", Value: ["HEAD"] } };
  const tag = tagOf("00180015", "CS", { level: "study" });
  const plain = extractSearchAttributes(metadata);
  const merged = withExtendedValues(plain, readExtendedValues(metadata, [tag]).attributes);
  expect(merged.series).toEqual(plain.series);
  expect(merged.study.match).toEqual({ "00180015.x7": "HEAD" });
});

test("whether an attribute has more values than are searched by is told", () => {
  const tags = [tagOf("00101010", "AS"), tagOf("00181030", "LO", { registration: 8 })];
  const one: DicomJsonDataset = { "00181030": { vr: "LO", Value: ["A"] } };
  const two: DicomJsonDataset = { "00181030": { vr: "LO", Value: ["A", "B"] } };
  expect(readExtendedValues(one, tags).hasFurtherValues).toBe(false);
  expect(readExtendedValues(two, tags).hasFurtherValues).toBe(true);
  expect(readExtendedValues(two, tags.slice(0, 1)).hasFurtherValues).toBe(false);
});
