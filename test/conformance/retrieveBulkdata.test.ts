// PS3.18 §10.4.1.1.4, Bulkdata resources: what a BulkDataURI of the metadata leads to.
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance, syntaxes } from "../support/dicom/dicomFile.ts";
import {
  DicomwebService,
  instancePath,
  problemKind,
  type JsonDataset,
  type JsonElement,
} from "../support/dicomwebService.ts";
import { decodeParts } from "../support/multipart.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";

const service = new DicomwebService();
const noise = Buffer.from(
  Array.from({ length: 6_000 }, (_, index) => (index * 31 + (index >> 8)) & 0xff),
);
const words = Array.from({ length: 1_500 }, (_, index) => (index * 257 + 1) & 0xffff);
const littleWords = Buffer.alloc(words.length * 2);
words.forEach((word, index) => littleWords.writeUInt16LE(word, index * 2));

describe.each([
  ["explicit VR little endian", syntaxes.explicitLittle],
  ["implicit VR little endian", syntaxes.implicitLittle],
  ["explicit VR big endian", syntaxes.explicitBig],
  ["deflated", syntaxes.deflated],
  ["JPEG Baseline", syntaxes.jpegBaseline],
])("in %s", (_, transferSyntaxUID) => {
  const instance = makeInstance({
    transferSyntaxUID,
    rows: 40,
    columns: 40,
    elements: [
      ["00090010", "LO", "STRATA TEST"],
      ["00091001", "OB", noise],
      ["00281201", "OW", words],
      ["00400555", "SQ", undefined, { items: [[], [["0040A160", "UT", "text ".repeat(5_000)]]] }],
    ],
  });
  let metadata: JsonDataset = {};

  beforeAll(async () => {
    await service.mustStore([instance.bytes]);
    [metadata = {}] = await service.metadata(instancePath(instance));
  });

  async function bulk(element: JsonElement | undefined, headers = {}): Promise<ReceivedAnswer> {
    return await send(element?.BulkDataURI ?? "no BulkDataURI", { headers });
  }

  test("a private value, words and nested text are what was stored, little endian", async () => {
    const isImplicit = transferSyntaxUID === syntaxes.implicitLittle;
    expect(metadata["00091001"]?.vr).toBe(isImplicit ? "UN" : "OB");
    const bytes = await bulk(metadata["00091001"]);
    expect([bytes.status, bytes.headers["content-length"]]).toEqual([200, String(noise.length)]);
    expect(bytes.headers["content-type"]).toMatch(/^application\/octet-stream\b/);
    expect(bytes.body.equals(noise)).toBe(true);
    expect((await bulk(metadata["00281201"])).body.equals(littleWords)).toBe(true);
    const [, item] = (metadata["00400555"]?.Value ?? []) as JsonDataset[];
    expect((await bulk(item?.["0040A160"])).text).toBe("text ".repeat(5_000));
  });

  test("a Range is answered 206 with those bytes, and 416 when there are none", async () => {
    for (const [range, start, end] of [
      ["bytes=0-0", 0, 1],
      ["bytes=1001-1998", 1_001, 1_999],
      ["bytes=2990-", 2_990, 3_000],
      ["bytes=-7", 2_993, 3_000],
      ["bytes=2999-9999", 2_999, 3_000],
    ] as const) {
      const answer = await bulk(metadata["00281201"], { Range: range });
      expect([range, answer.status, answer.headers["content-range"]]).toEqual([
        range,
        206,
        `bytes ${start}-${end - 1}/3000`,
      ]);
      expect(answer.body.equals(littleWords.subarray(start, end))).toBe(true);
    }
    const beyond = await bulk(metadata["00281201"], { Range: "bytes=3000-" });
    expect([beyond.status, problemKind(beyond), beyond.headers["content-range"]]).toEqual([
      416,
      "rangeNotSatisfiable",
      "bytes */3000",
    ]);
    const several = await bulk(metadata["00281201"], { Range: "bytes=0-1,5-6" });
    expect([several.status, several.body.length]).toEqual([200, 3_000]);
  });

  test("multipart/related is answered with one part", async () => {
    const answer = await bulk(metadata["00091001"], {
      Accept: 'multipart/related; type="application/octet-stream"',
    });
    const [part, ...others] = decodeParts(answer.body, answer.headers["content-type"]);
    expect(others).toEqual([]);
    expect(part?.body.equals(noise)).toBe(true);
  });

  test("Pixel Data is its value field", async () => {
    const { body } = await bulk(metadata["7FE00010"]);
    if (transferSyntaxUID === syntaxes.jpegBaseline) {
      // The offset table, one fragment and the delimiter (PS3.5 §A.4).
      expect(body.includes(Buffer.from(instance.frames[0] ?? "missing"))).toBe(true);
      expect(body.subarray(0, 4).toString("hex")).toBe("feff00e0");
    } else {
      expect(body.equals(instance.frames[0] ?? Buffer.alloc(0))).toBe(true);
    }
  });
});

test("what is no bulk data of the instance is answered 404, and what is not offered 406", async () => {
  const instance = makeInstance({ rows: 40, columns: 40 });
  await service.mustStore([instance.bytes]);
  const path = `${instancePath(instance)}/bulkdata`;
  for (const missing of ["00100010", "00091001", "7FE00010/0/00100010", "7FE00010%2F"]) {
    const answer = await service.get(`${path}/${missing}`);
    expect([missing, answer.status, problemKind(answer)]).toEqual([missing, 404, "notFound"]);
  }
  const refused = await service.get(`${path}/7FE00010`, "text/html");
  expect([refused.status, problemKind(refused)]).toEqual([406, "notAcceptable"]);
});
