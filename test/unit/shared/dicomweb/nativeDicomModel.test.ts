import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { describe, expect, test } from "vitest";
import type { DicomJsonDataset } from "../../../../shared/dicom/dicomJson.ts";
import { encodeNativeDicomModel } from "../../../../shared/dicomweb/nativeDicomModel.ts";
import { makeInstance } from "../../../support/dicom/dicomFile.ts";
import { readPart10 } from "../../../support/dicom/readPart10.ts";
import { toDicomJson } from "../../../../shared/dicom/dicomJson.ts";

interface XMLElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  readonly children: readonly XMLElement[];
}

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "",
  trimValues: false,
  parseTagValue: false,
  parseAttributeValue: false,
  htmlEntities: true,
});

function encode(dataset: DicomJsonDataset): string {
  return [...encodeNativeDicomModel(dataset)].join("");
}

/** Reads a document with a parser that is not ours. */
function parseXML(xml: string): XMLElement {
  expect(XMLValidator.validate(xml)).toBe(true);
  const convert = (node: Record<string, unknown>): XMLElement => {
    const name = Object.keys(node).find((key) => key !== ":@") ?? "";
    const children = node[name] as Record<string, unknown>[];
    return {
      name,
      attributes: (node[":@"] ?? {}) as Record<string, string>,
      text: children.map((child) => ("#text" in child ? String(child["#text"]) : "")).join(""),
      children: children.filter((child) => !("#text" in child)).map(convert),
    };
  };
  const roots = (parser.parse(xml) as Record<string, unknown>[]).map(convert);
  const [root] = roots.filter(({ name }) => name !== "?xml");
  if (root === undefined) {
    throw new Error("no root");
  }
  return root;
}

function attributesOf(dataset: DicomJsonDataset): readonly XMLElement[] {
  return parseXML(encode(dataset)).children;
}

test("the document is a NativeDicomModel of the standard's namespace, with attributes in the order of their tags", () => {
  const root = parseXML(
    encode({
      "30060002": { vr: "SH", Value: ["Label"] },
      "00080060": { vr: "CS", Value: ["CT"] },
      "0020000D": { vr: "UI", Value: ["1.2"] },
    }),
  );
  expect([root.name, root.attributes]).toEqual([
    "NativeDicomModel",
    { xmlns: "http://dicom.nema.org/PS3.19/models/NativeDICOM", "xml:space": "preserve" },
  ]);
  expect(root.children.map(({ attributes }) => attributes)).toEqual([
    { tag: "00080060", vr: "CS", keyword: "Modality" },
    { tag: "0020000D", vr: "UI", keyword: "StudyInstanceUID" },
    { tag: "30060002", vr: "SH", keyword: "StructureSetLabel" },
  ]);
});

describe("values", () => {
  test.each<readonly [string, DicomJsonDataset[string], readonly (readonly [string, string])[]]>([
    ["none", { vr: "LO" }, []],
    [
      "text",
      { vr: "LO", Value: ["A  B", null, "C"] },
      [
        ["1", "A  B"],
        ["2", ""],
        ["3", "C"],
      ],
    ],
    [
      "what XML means something by",
      { vr: "LT", Value: [`<a href="&">'</a>`] },
      [["1", `<a href="&">'</a>`]],
    ],
    [
      "a number",
      { vr: "DS", Value: [1.5, -3] },
      [
        ["1", "1.5"],
        ["2", "-3"],
      ],
    ],
    ["a number that is none", { vr: "FD", Value: ["NaN"] }, [["1", "NaN"]]],
    ["a tag", { vr: "AT", Value: ["00181063"] }, [["1", "00181063"]]],
  ])("%s", (_, element, expected) => {
    const [attribute] = attributesOf({ "00104000": element });
    expect(
      attribute?.children.map(({ name, attributes, text }) => [name, attributes, text]),
    ).toEqual(expected.map(([number, text]) => ["Value", { number }, text]));
  });

  test("a name has its groups, and each its components", () => {
    const [attribute] = attributesOf({
      "00100010": {
        vr: "PN",
        Value: [
          { Alphabetic: "Wang^Xiao&Dong^M^Dr^Jr^x", Ideographic: "王^小东", Phonetic: "^ワン" },
          null,
        ],
      },
    });
    const show = ({ name, attributes, text, children }: XMLElement): unknown =>
      children.length === 0
        ? [name, ...Object.values(attributes), text]
        : [name, ...Object.values(attributes), ...children.map(show)];
    expect(attribute?.children.map(show)).toEqual([
      [
        "PersonName",
        "1",
        [
          "Alphabetic",
          ["FamilyName", "Wang"],
          ["GivenName", "Xiao&Dong"],
          ["MiddleName", "M"],
          ["NamePrefix", "Dr"],
          ["NameSuffix", "Jr^x"],
        ],
        ["Ideographic", ["FamilyName", "王"], ["GivenName", "小东"]],
        ["Phonetic", ["GivenName", "ワン"]],
      ],
      ["PersonName", "2", ""],
    ]);
  });

  test("a sequence has its items, numbered, empty ones too", () => {
    const [attribute] = attributesOf({
      "00081140": { vr: "SQ", Value: [{ "00081150": { vr: "UI", Value: ["1.2.3"] } }, {}] },
    });
    expect(
      attribute?.children.map(({ name, attributes, children }) => [
        name,
        attributes["number"],
        children.map((child) => child.attributes["keyword"]),
      ]),
    ).toEqual([
      ["Item", "1", ["ReferencedSOPClassUID"]],
      ["Item", "2", []],
    ]);
  });

  test("binary values are inline in base64, or referred to by their URI", () => {
    const [inline, bulk] = attributesOf({
      "00091002": { vr: "OB", InlineBinary: "AQIDBA==" },
      "7FE00010": { vr: "OW", BulkDataURI: "https://h/v2/a?b=1&c=2" },
    });
    expect(inline?.children.map(({ name, text }) => [name, text])).toEqual([
      ["InlineBinary", "AQIDBA=="],
    ]);
    expect(bulk?.children.map(({ name, attributes }) => [name, attributes])).toEqual([
      ["BulkData", { uri: "https://h/v2/a?b=1&c=2" }],
    ]);
  });
});

test("a large data set comes in pieces, which together are the document", () => {
  const item = { "00080060": { vr: "CS", Value: ["CT"] } };
  const dataset = { "00081140": { vr: "SQ", Value: Array.from({ length: 30_000 }, () => item) } };
  expect([...encodeNativeDicomModel(dataset)].length).toBeGreaterThan(5);
  expect(attributesOf(dataset)[0]?.children).toHaveLength(30_000);
});

test("a private attribute is named by its creator, whatever block that has reserved, in items too", () => {
  const dataset = {
    "00090011": { vr: "LO", Value: ['ACME "1"'] },
    "00091102": { vr: "DS", Value: [3.5] },
    "00091202": { vr: "DS", Value: [3.5] },
  };
  const expected = [
    { tag: "00090011", vr: "LO" },
    { tag: "00090002", vr: "DS", privateCreator: 'ACME "1"' },
    { tag: "00091202", vr: "DS" },
  ];
  expect(attributesOf(dataset).map(({ attributes }) => attributes)).toEqual(expected);
  const [sequence] = attributesOf({ "00081140": { vr: "SQ", Value: [dataset] } });
  expect(sequence?.children[0]?.children.map(({ attributes }) => attributes)).toEqual(expected);
});

// oxlint-disable-next-line no-control-regex -- they are what it is about.
const withoutPlace = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

test("any text is well-formed XML and is read back, but for what XML has no place for", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (text, creator) => {
      const [shown, named] = attributesOf({
        "00104000": { vr: "LT", Value: [text] },
        "00110010": { vr: "LO", Value: [creator] },
        "00111001": { vr: "LO", Value: [text] },
      }).filter(({ attributes }) => attributes["tag"] !== "00110010");
      const clean = (value: string): string =>
        value.toWellFormed().replaceAll(withoutPlace, "\ufffd");
      expect(shown?.children.map((value) => value.text).join("")).toBe(clean(text));
      expect(named?.attributes["privateCreator"]).toBe(clean(creator));
    }),
    { seed: 20_260_601, numRuns: 100 },
  );
});

const hasDcmtk = spawnSync("dcm2xml", ["--version"]).status === 0;

test.skipIf(!hasDcmtk)(
  "dcmtk's dcm2xml, where it is installed, writes the same model of the same file",
  async () => {
    const { bytes } = makeInstance({
      patientName: "Wang^Xiao&<D>ong=王^小东=ワン",
      elements: [
        ["00080005", "CS", "ISO_IR 192"],
        ["00080008", "CS", ["ORIGINAL", "", "AXIAL"]],
        ["00081030", "LO", 'A "quoted" & <bracketed>'],
        ["00081140", "SQ", undefined, { items: [[["00081150", "UI", "1.2.3"]], []] }],
        ["00090010", "LO", "STRATA TEST"],
        ["00091002", "OB", Uint8Array.of(1, 2, 3, 4)],
        ["00091004", "DS", "3.5"],
        ["00189073", "FD", [1.5]],
        ["00280009", "AT", [0x00181063]],
      ],
    });
    const { dataset } = toDicomJson(await readPart10(bytes));
    const folder = mkdtempSync(join(tmpdir(), "strata-xml-"));
    try {
      const file = join(folder, "a.dcm");
      writeFileSync(file, bytes);
      const theirs = execFileSync("dcm2xml", ["--native-format", "--encode-base64", file], {
        encoding: "utf8",
      });
      // Line feeds between elements are theirs, and so is where bulk data is.
      const normalised = ({ name, attributes, text, children }: XMLElement): unknown =>
        name === "BulkData" || name === "InlineBinary"
          ? "binary"
          : {
              name,
              attributes,
              inside: children.length === 0 ? text.trim() : children.map(normalised),
            };
      expect(attributesOf(dataset).map(normalised)).toEqual(
        parseXML(theirs).children.map(normalised),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
