import { describe, expect, test } from "vitest";
import {
  type DicomJsonDataset,
  stringifyDicomJson,
  stringifyDicomJsonInSteps,
  toDicomJson,
  toDicomJsonInSteps,
} from "../../../../shared/dicom/dicomJson.ts";
import {
  encodePart10,
  makeInstance,
  syntaxes,
  type TestElement,
} from "../../../support/dicom/dicomFile.ts";
import { readPart10 } from "../../../support/dicom/readPart10.ts";

async function jsonOf(
  elements: readonly TestElement[],
  transferSyntaxUID: string = syntaxes.explicitLittle,
): Promise<DicomJsonDataset> {
  const instance = await readPart10(encodePart10({ elements, transferSyntaxUID }));
  return toDicomJson(instance).dataset;
}

const everyVR: readonly TestElement[] = [
  ["00080005", "CS", "ISO_IR 192"],
  ["00080016", "UI", "1.2.3"],
  ["00080020", "DA", "20240229"],
  ["0008002A", "DT", "20240229101112.123456+0100"],
  ["00080030", "TM", "101112.5"],
  ["00080054", "AE", " STORE "],
  ["00080119", "UC", "unlimited characters"],
  ["00081190", "UR", "http://a/b?c=1\\d "],
  ["00100010", "PN", "Doe^Jane=山田^太郎=やまだ^たろう"],
  ["00101010", "AS", "024Y"],
  ["00101030", "DS", "72.50"],
  ["001021B0", "LT", " long\\text\r\n "],
  ["00189461", "FL", [1.5, -0.25]],
  ["00200013", "IS", ["1", "-2"]],
  ["00200052", "UI", ""],
  ["00209165", "AT", [0x00100010, 0x7fe00010]],
  ["00280006", "US", 65535],
  ["00280106", "SS", -32768],
  ["00280120", "SS", -1],
  ["00400007", "LO", ["a", "", "c"]],
  ["00400280", "ST", "short text"],
  ["00400310", "UT", "very long"],
  ["00404035", "SQ", undefined, { items: [[["00080100", "SH", "C"]], []] }],
  ["00420011", "OB", Uint8Array.of(1, 2, 3, 4)],
  ["00460044", "FD", 0.1],
  ["00660016", "OF", [1]],
  ["00660023", "OW", [1, 2]],
  ["00660040", "OL", [16909060]],
  ["0066002F", "SQ"],
  ["00720062", "SL", -5],
  ["00720078", "UL", 4294967295],
  ["00720082", "SV", [-1n, 9007199254740993n]],
  ["00720083", "UV", [2n, 18446744073709551615n]],
  ["00720084", "OV", [1n]],
  ["00720073", "OD", [1]],
];

const expectedEveryVR: DicomJsonDataset = {
  "00080005": { vr: "CS", Value: ["ISO_IR 192"] },
  "00080016": { vr: "UI", Value: ["1.2.3"] },
  "00080020": { vr: "DA", Value: ["20240229"] },
  "0008002A": { vr: "DT", Value: ["20240229101112.123456+0100"] },
  "00080030": { vr: "TM", Value: ["101112.5"] },
  "00080054": { vr: "AE", Value: ["STORE"] },
  "00080119": { vr: "UC", Value: ["unlimited characters"] },
  "00081190": { vr: "UR", Value: ["http://a/b?c=1\\d"] },
  "00100010": {
    vr: "PN",
    Value: [{ Alphabetic: "Doe^Jane", Ideographic: "山田^太郎", Phonetic: "やまだ^たろう" }],
  },
  "00101010": { vr: "AS", Value: ["024Y"] },
  "00101030": { vr: "DS", Value: [72.5] },
  "001021B0": { vr: "LT", Value: [" long\\text\r\n"] },
  "00189461": { vr: "FL", Value: [1.5, -0.25] },
  "00200013": { vr: "IS", Value: [1, -2] },
  "00200052": { vr: "UI" },
  "00209165": { vr: "AT", Value: ["00100010", "7FE00010"] },
  "00280006": { vr: "US", Value: [65535] },
  "00280106": { vr: "SS", Value: [-32768] },
  "00280120": { vr: "SS", Value: [-1] },
  "00400007": { vr: "LO", Value: ["a", null, "c"] },
  "00400280": { vr: "ST", Value: ["short text"] },
  "00400310": { vr: "UT", Value: ["very long"] },
  "00404035": { vr: "SQ", Value: [{ "00080100": { vr: "SH", Value: ["C"] } }, {}] },
  "00420011": { vr: "OB", InlineBinary: "AQIDBA==" },
  "00460044": { vr: "FD", Value: [0.1] },
  "00660016": { vr: "OF", InlineBinary: "AACAPw==" },
  "00660023": { vr: "OW", InlineBinary: "AQACAA==" },
  "0066002F": { vr: "SQ" },
  "00660040": { vr: "OL", InlineBinary: "BAMCAQ==" },
  "00720062": { vr: "SL", Value: [-5] },
  "00720073": { vr: "OD", InlineBinary: "AAAAAAAA8D8=" },
  "00720078": { vr: "UL", Value: [4294967295] },
  "00720082": { vr: "SV", Value: [-1, "9007199254740993"] },
  "00720083": { vr: "UV", Value: [2, "18446744073709551615"] },
  "00720084": { vr: "OV", InlineBinary: "AQAAAAAAAAA=" },
};

describe("the DICOM JSON Model", () => {
  test.each([syntaxes.explicitLittle, syntaxes.explicitBig, syntaxes.deflated])(
    "%s: every VR is what PS3.18 Table F.2.3-1 says, little endian always",
    async (transferSyntaxUID) => {
      expect(await jsonOf(everyVR, transferSyntaxUID)).toEqual(expectedEveryVR);
    },
  );

  test("implicit VR: the VRs come from the dictionary", async () => {
    const json = await jsonOf(
      [
        ["00100010", "PN", "A^B"],
        ["00090010", "LO", "MAKER"],
        ["00091001", "SH", "AB"],
        ["00404035", "SQ", undefined, { items: [[["00080100", "SH", "C"]]] }],
        ["60023000", "OW", [1]],
      ],
      syntaxes.implicitLittle,
    );
    expect(json).toEqual({
      "00100010": { vr: "PN", Value: [{ Alphabetic: "A^B" }] },
      "00090010": { vr: "LO", Value: ["MAKER"] },
      "00091001": { vr: "UN", InlineBinary: "QUI=" },
      "00404035": { vr: "SQ", Value: [{ "00080100": { vr: "SH", Value: ["C"] } }] },
      "60023000": { vr: "OW", InlineBinary: "AQA=" },
    });
  });

  test.each([
    ["Doe^Jane", [{ Alphabetic: "Doe^Jane" }]],
    ["=山田", [{ Ideographic: "山田" }]],
    ["==やまだ", [{ Phonetic: "やまだ" }]],
    ["A\\\\B=C", [{ Alphabetic: "A" }, null, { Alphabetic: "B", Ideographic: "C" }]],
    ["==", [null]],
    ["A=B=C=D", [{ Alphabetic: "A", Ideographic: "B", Phonetic: "C=D" }]],
  ])("the name %j becomes its groups", async (name, expected) => {
    const json = await jsonOf([
      ["00080005", "CS", "ISO_IR 192"],
      ["00100010", "PN", name],
    ]);
    expect(json["00100010"]).toEqual({ vr: "PN", Value: expected });
  });

  test("DS and IS that are no numbers stay text, floats that are none become text", async () => {
    const json = await jsonOf([
      ["00101030", "DS", ["1.0", "n/a", "", "1e2"]],
      ["00200013", "IS", ["7", "7.5x"]],
      ["00460044", "FD", [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ]);
    expect(json["00101030"]).toEqual({ vr: "DS", Value: [1, "n/a", null, 100] });
    expect(json["00200013"]).toEqual({ vr: "IS", Value: [7, "7.5x"] });
    expect(json["00460044"]).toEqual({ vr: "FD", Value: ["NaN", "inf", "-inf"] });
  });

  test("group lengths and File Meta Information are left out, unknown VRs are UN", async () => {
    const json = await jsonOf([
      ["00080000", "UL", 10],
      ["00080008", "CS", "A"],
      ["00091001", "ZZ", Buffer.from("ab")],
    ]);
    expect(json).toEqual({
      "00080008": { vr: "CS", Value: ["A"] },
      "00091001": { vr: "UN", InlineBinary: "YWI=" },
    });
  });

  test("trailing NULs are padding, a NUL inside is escaped", async () => {
    const json = await jsonOf([
      ["00100020", "LO", "ID\0\0"],
      ["00100021", "LO", "a\0b "],
    ]);
    expect(json["00100020"]).toEqual({ vr: "LO", Value: ["ID"] });
    expect(stringifyDicomJson(json)).toContain('"a\\u0000b"');
  });

  test("a value too short to be one is no value", async () => {
    const json = await jsonOf([
      ["00280010", "US", Uint8Array.of(1), { isUnpadded: true }],
      ["00209165", "AT", Uint8Array.of(1, 2)],
    ]);
    expect(json).toEqual({ "00209165": { vr: "AT" }, "00280010": { vr: "US" } });
  });
});

describe("bulk data", () => {
  test("large values and pixel data become paths, nested ones with their items", async () => {
    const large = Uint8Array.from({ length: 2000 }, (_, index) => index);
    const bytes = makeInstance({
      elements: [
        [
          "00400275",
          "SQ",
          undefined,
          {
            items: [
              [],
              [
                ["00090010", "LO", "MAKER"],
                ["00091001", "UN", large],
              ],
            ],
          },
        ],
        ["00400280", "UT", "x".repeat(20_000)],
      ],
    }).bytes;
    const { dataset, bulkdata } = toDicomJson(await readPart10(bytes));
    expect([...bulkdata.keys()]).toEqual(["00400275/1/00091001", "00400280", "7FE00010"]);
    expect(dataset["7FE00010"]).toEqual({ vr: "OB", BulkDataURI: "7FE00010" });
    expect(dataset["00400280"]).toEqual({ vr: "UT", BulkDataURI: "00400280" });
    const item = dataset["00400275"]?.Value?.[1] as DicomJsonDataset;
    expect(item["00091001"]).toEqual({ vr: "UN", BulkDataURI: "00400275/1/00091001" });
    const location = bulkdata.get("00400275/1/00091001");
    expect(location).toMatchObject({
      length: 2000,
      vr: "UN",
      isEncapsulated: false,
      isBigEndian: false,
    });
    const start = location?.offset ?? 0;
    expect(Buffer.from(bytes.subarray(start, start + 2000)).equals(large)).toBe(true);
  });

  test("encapsulated pixel data is located with its fragments and delimiter", async () => {
    const made = makeInstance({ transferSyntaxUID: syntaxes.jpeg2000, frames: 2 });
    const { bulkdata } = toDicomJson(await readPart10(made.bytes));
    const location = bulkdata.get("7FE00010");
    expect(location?.isEncapsulated).toBe(true);
    expect((location?.offset ?? 0) + (location?.length ?? 0)).toBe(made.bytes.length);
  });

  test("big endian is said", async () => {
    const made = makeInstance({ transferSyntaxUID: syntaxes.explicitBig });
    expect(toDicomJson(await readPart10(made.bytes)).bulkdata.get("7FE00010")?.isBigEndian).toBe(
      true,
    );
  });
});

describe("text of the JSON", () => {
  test("members are in the order of tags, which JSON.stringify would not keep", async () => {
    const json = await jsonOf([
      ["00080016", "UI", "1.2"],
      [
        "00081140",
        "SQ",
        undefined,
        {
          items: [
            [
              ["00080100", "SH", "A"],
              ["30060020", "SQ", undefined, { items: [] }],
            ],
          ],
        },
      ],
      [
        "30060010",
        "SQ",
        undefined,
        {
          items: [
            [
              ["0020000D", "UI", "1.2"],
              ["30060024", "UI", "1.2"],
            ],
          ],
        },
      ],
    ]);
    const text = stringifyDicomJson(json);
    expect(JSON.parse(text)).toEqual(json);
    expect(text.match(/"[0-9A-F]{8}":/g)).toEqual(
      ["00080016", "00081140", "00080100", "30060020", "30060010", "0020000D", "30060024"].map(
        (key) => `"${key}":`,
      ),
    );
  });
});

/** What steps come to, and how many of them there were. */
function countSteps<T>(steps: Generator<void, T, undefined>): { result: T; count: number } {
  for (let count = 1; ; count += 1) {
    const step = steps.next();
    if (step.done === true) {
      return { result: step.value, count };
    }
  }
}

test("a file of many elements is encoded and written in many steps, an ordinary one in one", async () => {
  const items = Array.from({ length: 6_000 }, () => [
    ["00080060", "CS", "CT"] as const,
    ["00081150", "UI", "1.2.3"] as const,
  ]);
  const large = await readPart10(
    encodePart10({ elements: [["00081140", "SQ", undefined, { items }]] }),
  );
  const encoded = countSteps(toDicomJsonInSteps(large));
  expect(encoded.count).toBeGreaterThan(5);
  expect(encoded.result).toEqual(toDicomJson(large));
  const written = countSteps(stringifyDicomJsonInSteps(encoded.result.dataset));
  expect(written.count).toBeGreaterThan(5);
  expect(JSON.parse(written.result)).toEqual(encoded.result.dataset);
  const ordinary = await readPart10(makeInstance().bytes);
  const { result, count } = countSteps(toDicomJsonInSteps(ordinary));
  expect([count, countSteps(stringifyDicomJsonInSteps(result.dataset)).count]).toEqual([1, 1]);
});
