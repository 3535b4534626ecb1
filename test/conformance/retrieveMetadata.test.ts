// PS3.18 §10.4.1.1.2, Metadata resources, and Annex F, the DICOM JSON Model.
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { makeInstance, makeUID, syntaxes, type TestElement } from "../support/dicom/dicomFile.ts";
import {
  dicomJson,
  DicomwebService,
  firstValues,
  instancePath,
  nameOf,
  problemKind,
  sorted,
  type JsonDataset,
} from "../support/dicomwebService.ts";

const service = new DicomwebService();

async function metadataOf(options: Parameters<typeof makeInstance>[0]): Promise<JsonDataset> {
  const instance = makeInstance(options);
  await service.mustStore([instance.bytes]);
  const [metadata] = await service.metadata(instancePath(instance));
  return metadata ?? {};
}

test("metadata is an array of data sets at each of the three levels", async () => {
  const one = makeInstance();
  const two = makeInstance({ ...nameOf(one), sopInstanceUID: makeUID() });
  const three = makeInstance({ studyInstanceUID: one.studyInstanceUID });
  await service.mustStore([one.bytes, two.bytes, three.bytes]);
  const study = `studies/${one.studyInstanceUID}`;
  for (const [path, expected] of [
    [study, [one, two, three]],
    [`${study}/series/${one.seriesInstanceUID}`, [one, two]],
    [instancePath(one), [one]],
  ] as const) {
    const answer = await service.get(`${path}/metadata`, dicomJson);
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, dicomJson]);
    expect(sorted(firstValues(answer.json() as JsonDataset[], "00080018"))).toEqual(
      expected.map(({ sopInstanceUID }) => sopInstanceUID).toSorted(),
    );
  }
});

test.each([
  [undefined, 200],
  ["*/*", 200],
  ["application/json", 200],
  ["application/*", 200],
  ['application/dicom+json, multipart/related; type="application/octet-stream"', 200],
  ["application/dicom+xml, application/dicom+json;q=0.2", 200],
  ["application/dicom+xml", 200],
  ["application/dicom+json;q=0", 406],
  ["application/dicom", 406],
])("metadata with Accept %s is answered %i", async (accept, status) => {
  const instance = makeInstance();
  await service.mustStore([instance.bytes]);
  const answer = await service.get(`${instancePath(instance)}/metadata`, accept);
  expect(answer.status).toBe(status);
});

test("File Meta Information is left out, and AvailableTransferSyntaxUID says how it is stored", async () => {
  const metadata = await metadataOf({ transferSyntaxUID: syntaxes.jpegBaseline });
  expect(Object.keys(metadata).filter((tag) => tag.startsWith("0002"))).toEqual([]);
  expect(metadata["00083002"]).toEqual({ vr: "UI", Value: [syntaxes.jpegBaseline] });
});

test("attributes come in the order of their tags, whatever the digits of the tags", async () => {
  const instance = makeInstance({
    elements: [
      ["30060002", "SH", "Label"],
      ["10100001", "LO", "Odd group"],
      ["300A0002", "SH", "Plan"],
      ["00720002", "SH", "Protocol"],
    ],
  });
  await service.mustStore([instance.bytes]);
  const { text } = await service.get(`${instancePath(instance)}/metadata`, dicomJson);
  const tags = Array.from(text.matchAll(/"([0-9A-F]{8})":\{"vr"/g), ([, tag = ""]) => tag);
  expect(tags).toContain("30060002");
  expect(tags).toEqual(tags.toSorted());
});

describe("values", () => {
  test.each<readonly [string, TestElement, unknown]>([
    ["an empty element has its VR alone", ["00081030", "LO", ""], { vr: "LO" }],
    [
      "several values are listed",
      ["00080008", "CS", ["ORIGINAL", "PRIMARY"]],
      { vr: "CS", Value: ["ORIGINAL", "PRIMARY"] },
    ],
    [
      "an empty value among others is null",
      ["00080008", "CS", ["ORIGINAL", "", "AXIAL"]],
      { vr: "CS", Value: ["ORIGINAL", null, "AXIAL"] },
    ],
    ["IS is a number", ["00200013", "IS", " 42 "], { vr: "IS", Value: [42] }],
    ["DS is a number", ["00280030", "DS", ["0.5", "-1.25e2"]], { vr: "DS", Value: [0.5, -125] }],
    ["FD is a number", ["00189074", "FD", [1.5]], { vr: "FD", Value: [1.5] }],
    ["US is a number", ["00280010", "US", 8], { vr: "US", Value: [8] }],
    ["AT is eight digits", ["00280009", "AT", [0x00181063]], { vr: "AT", Value: ["00181063"] }],
    [
      "a person name has its groups",
      ["00081050", "PN", "Wang^XiaoDong=王^小东=ワン"],
      {
        vr: "PN",
        Value: [{ Alphabetic: "Wang^XiaoDong", Ideographic: "王^小东", Phonetic: "ワン" }],
      },
    ],
    [
      "a sequence has its items",
      ["00081140", "SQ", undefined, { items: [[["00081150", "UI", "1.2.3"]], []] }],
      { vr: "SQ", Value: [{ "00081150": { vr: "UI", Value: ["1.2.3"] } }, {}] },
    ],
    [
      "short bytes are inline",
      ["00091002", "OB", Uint8Array.of(1, 2, 3, 4)],
      { vr: "OB", InlineBinary: "AQIDBA==" },
    ],
    [
      "words are little endian inline",
      ["00091002", "OW", [1, 258]],
      { vr: "OW", InlineBinary: "AQACAQ==" },
    ],
    [
      "a VR that nobody knows is UN",
      ["00091003", "ZZ", Uint8Array.of(65, 66)],
      { vr: "UN", InlineBinary: "QUI=" },
    ],
    ["a private attribute keeps its VR", ["00091004", "DS", "3.5"], { vr: "DS", Value: [3.5] }],
  ])("%s", async (_, element, expected) => {
    const metadata = await metadataOf({ elements: [["00090010", "LO", "STRATA TEST"], element] });
    expect(metadata[element[0]]).toEqual(expected);
    expect(metadata["00090010"]).toEqual({ vr: "LO", Value: ["STRATA TEST"] });
  });

  test("private attributes of an implicit VR file survive as UN", async () => {
    const metadata = await metadataOf({
      transferSyntaxUID: syntaxes.implicitLittle,
      elements: [
        ["00090010", "LO", "STRATA TEST"],
        ["00091001", "UN", Uint8Array.of(9, 8)],
      ],
    });
    expect(metadata["00091001"]).toEqual({ vr: "UN", InlineBinary: "CQg=" });
    expect(metadata["00280010"]).toEqual({ vr: "US", Value: [8] });
  });

  test("big endian numbers and words are what they were", async () => {
    const metadata = await metadataOf({
      transferSyntaxUID: syntaxes.explicitBig,
      elements: [
        ["00090010", "LO", "STRATA TEST"],
        ["00091002", "OW", [1, 258]],
      ],
    });
    expect(metadata["00280010"]?.Value).toEqual([8]);
    expect(metadata["00091002"]?.InlineBinary).toBe("AQACAQ==");
  });
});

// PS3.5 Annexes H to K have examples of these; the bytes here are of other words in the same encodings.
const escape = 0x1b;
test.each<readonly [string, string | readonly string[], Uint8Array, string]>([
  ["ISO_IR 100", "ISO_IR 100", Buffer.from("M\u00fcller", "latin1"), "Müller"],
  ["ISO_IR 144", "ISO_IR 144", Uint8Array.of(0xbc, 0xd8, 0xe0, 0x20), "Мир"],
  ["ISO_IR 192", "ISO_IR 192", Buffer.from("Zoë 山", "utf8"), "Zoë 山"],
  ["GB18030", "GB18030", Uint8Array.of(0xcd, 0xf5, 0x81, 0x30, 0x84, 0x36), "王¥"],
  ["GBK", "GBK", Uint8Array.of(0xcd, 0xf5), "王"],
  ["ISO_IR 13", "ISO_IR 13", Uint8Array.of(0xd4, 0xcf, 0xc0, 0xde), "ﾔﾏﾀﾞ"],
  [
    "ISO 2022 IR 87",
    ["", "ISO 2022 IR 87"],
    Uint8Array.of(escape, 0x24, 0x42, 0x3b, 0x33, escape, 0x28, 0x42),
    "山",
  ],
  [
    "ISO 2022 IR 149",
    ["", "ISO 2022 IR 149"],
    Uint8Array.of(escape, 0x24, 0x29, 0x43, 0xb1, 0xe8),
    "김",
  ],
])("text in %s is Unicode in the metadata", async (_, characterSet, bytes, expected) => {
  const metadata = await metadataOf({
    elements: [
      ["00080005", "CS", characterSet],
      ["00081030", "LO", bytes],
      ["00080090", "PN", "Plain^Name"],
    ],
  });
  expect(metadata["00081030"]).toEqual({ vr: "LO", Value: [expected] });
});

describe("what is too large to be inline", () => {
  test("Pixel Data, long binary values and long text have an absolute BulkDataURI, in items too", async () => {
    const instance = makeInstance({
      elements: [
        ["00204000", "LT", "long text ".repeat(1_000)],
        ["00090010", "LO", "STRATA TEST"],
        ["00091001", "OB", Buffer.alloc(5_000, 1)],
        ["00091002", "UT", "x".repeat(20_000)],
        [
          "00091003",
          "SQ",
          undefined,
          { items: [[], [["00091004", "UN", Buffer.alloc(2_000, 2)]]] },
        ],
      ],
    });
    await service.mustStore([instance.bytes]);
    const [metadata] = await service.metadata(instancePath(instance));
    const base = `${service.url(instancePath(instance))}/bulkdata`;
    expect(metadata?.["7FE00010"]).not.toHaveProperty("Value");
    expect(metadata?.["00091001"]).toEqual({ vr: "OB", BulkDataURI: `${base}/00091001` });
    expect(metadata?.["00091002"]).toEqual({ vr: "UT", BulkDataURI: `${base}/00091002` });
    expect(metadata?.["00091003"]?.Value).toEqual([
      {},
      { "00091004": { vr: "UN", BulkDataURI: `${base}/00091003/1/00091004` } },
    ]);
    expect(metadata?.["00204000"]?.Value?.[0]).toHaveLength(9_999);
  });

  test("metadata that is too large for the index is whole", async () => {
    // Random, so that it stays large when it is compressed.
    const items = Array.from({ length: 4_000 }, (_, index): TestElement[] => [
      ["00081150", "UI", "1.2.840.10008.5.1.4.1.1.7"],
      ["00081155", "UI", makeUID()],
      ["00081160", "IS", String(index + 1)],
      ["0040A160", "UT", randomBytes(32).toString("base64")],
    ]);
    const instance = makeInstance({ elements: [["00081140", "SQ", undefined, { items }]] });
    const small = makeInstance({ studyInstanceUID: instance.studyInstanceUID });
    await service.mustStore([instance.bytes, small.bytes]);
    const study = await service.metadata(`studies/${instance.studyInstanceUID}`);
    expect(study).toHaveLength(2);
    const [metadata] = await service.metadata(instancePath(instance));
    const values = metadata?.["00081140"]?.Value as readonly JsonDataset[];
    expect(values).toHaveLength(4_000);
    expect(firstValues(values, "00081155")).toEqual(items.map((item) => item[1]?.[2]));
    // Another answer, with attributes that only metadata has.
    const [found] = await service.search(
      `studies/${instance.studyInstanceUID}/instances?SOPInstanceUID=${instance.sopInstanceUID}`,
    );
    expect(found?.["00080018"]?.Value).toEqual([instance.sopInstanceUID]);
  });
});

describe("the entity tag", () => {
  test("every form of If-None-Match that names it is answered 304 without a body", async () => {
    const instance = makeInstance();
    await service.mustStore([instance.bytes]);
    for (const path of [
      `studies/${instance.studyInstanceUID}`,
      `studies/${instance.studyInstanceUID}/series/${instance.seriesInstanceUID}`,
      instancePath(instance),
    ]) {
      const first = await service.get(`${path}/metadata`, dicomJson);
      const { etag = "" } = first.headers;
      expect(etag).toMatch(/^"[^"]+"$/);
      const bare = etag.slice(1, -1);
      for (const header of [
        etag,
        `W/${etag}`,
        `"other", ${etag}`,
        `"other",W/${etag}`,
        "*",
        bare,
      ]) {
        const answer = await service.request(`${path}/metadata`, {
          headers: { Accept: dicomJson, "If-None-Match": header },
        });
        expect([header, answer.status, answer.body.length]).toEqual([header, 304, 0]);
        expect(answer.headers).not.toHaveProperty("etag");
      }
      const other = await service.request(`${path}/metadata`, {
        headers: { Accept: dicomJson, "If-None-Match": '"other"' },
      });
      expect([other.status, other.headers.etag]).toEqual([200, etag]);
    }
  });

  test("it changes when an instance comes, goes or is replaced", async () => {
    const one = makeInstance();
    const two = makeInstance({ studyInstanceUID: one.studyInstanceUID });
    const replacement = makeInstance({ ...nameOf(one), patientName: "Other^Name" });
    const path = `studies/${one.studyInstanceUID}/metadata`;
    const tags: unknown[] = [];
    const remember = async (): Promise<void> => {
      tags.push((await service.get(path, dicomJson)).headers.etag);
    };
    await service.mustStore([one.bytes]);
    await remember();
    await service.mustStore([two.bytes]);
    await remember();
    await service.store([replacement.bytes], { method: "PUT" });
    await remember();
    await service.request(instancePath(two), { method: "DELETE" });
    await remember();
    expect(tags.every((tag) => typeof tag === "string")).toBe(true);
    expect(new Set(tags).size).toBe(4);
  });

  test("what is not there is answered 404, whatever If-None-Match says", async () => {
    const answer = await service.request(`studies/${makeUID()}/metadata`, {
      headers: { Accept: dicomJson, "If-None-Match": "*" },
    });
    expect([answer.status, problemKind(answer)]).toEqual([404, "notFound"]);
  });
});
