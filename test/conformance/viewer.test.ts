// Requests as the viewer OHIF sends them, with its spellings of headers and queries.
import { randomBytes } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import {
  dicomJson,
  DicomwebService,
  firstValues,
  instancePath,
  sorted,
  type JsonDataset,
} from "../support/dicomwebService.ts";
import { decodeParts } from "../support/multipart.ts";

const service = new DicomwebService();
const patientID = `V${randomBytes(8).toString("hex")}`;
const studyInstanceUID = makeUID();
const ct = makeInstance({
  studyInstanceUID,
  patientID,
  modality: "CT",
  rows: 32,
  columns: 64,
  frames: 2,
});
const sr = makeInstance({ studyInstanceUID, patientID, modality: "SR" });
const worklist =
  "limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060%2C00080090%2C00100030";

beforeAll(async () => {
  await service.mustStore([ct.bytes, sr.bytes]);
});

test("the worklist's query is answered with every column that the worklist shows", async () => {
  const [study, ...others] = await service.search(`studies?${worklist}&00100020=*${patientID}*`);
  expect(others).toEqual([]);
  for (const tag of [
    "0020000D",
    "00080020",
    "00080030",
    "00080050",
    "00080061",
    "00080090",
    "00081030",
    "00100010",
    "00100020",
    "00100030",
    "00201208",
  ]) {
    expect(study).toHaveProperty(tag);
  }
  expect(study?.["00080061"]?.Value).toEqual(["CT", "SR"]);
});

test("the next page of the worklist, and filters as its fields make them, are answered", async () => {
  const next = worklist.replace("offset=0", "offset=101");
  expect(await service.search(`studies?${next}&00100020=*${patientID}*`)).toEqual([]);
  for (const filter of [
    "PatientName=*artificial*",
    "AccessionNumber=*acc*",
    "StudyDescription=*study*",
    "ModalitiesInStudy=CT%2CMR",
    "ModalitiesInStudy=CT%5CMR",
    "StudyDate=19700102-20991231",
    `StudyInstanceUID=${studyInstanceUID}%5C${makeUID()}`,
  ]) {
    const found = await service.search(`studies?${worklist}&00100020=${patientID}&${filter}`);
    expect([filter, firstValues(found, "0020000D")]).toEqual([filter, [studyInstanceUID]]);
  }
});

test("an expanded row and the opened study list their series with what is shown of them", async () => {
  for (const query of [
    "includefield=0008103E%2C00080021",
    "includefield=00080021%2C00080031%2C0008103E%2C00200011",
  ]) {
    const series = await service.search(`studies/${studyInstanceUID}/series?${query}`);
    expect(sorted(firstValues(series, "00080060"))).toEqual(["CT", "SR"]);
    expect(firstValues(series, "00201209")).toEqual([1, 1]);
    expect(firstValues(series, "00200011")).toEqual([1, 1]);
  }
});

test("metadata is DICOM JSON also when two Accept headers became one", async () => {
  const accept =
    'application/dicom+json, multipart/related; type="application/octet-stream"; transfer-syntax="*"';
  const answer = await service.get(
    `studies/${studyInstanceUID}/series/${ct.seriesInstanceUID}/metadata`,
    accept,
  );
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, dicomJson]);
  const twice = await service.request(`studies/${studyInstanceUID}/metadata`, {
    headers: { Accept: accept.split(", ") },
  });
  expect([twice.status, twice.headers["content-type"]]).toEqual([200, dicomJson]);
  const [metadata] = answer.json() as JsonDataset[];
  expect(metadata?.["00083002"]?.Value).toEqual([ct.transferSyntaxUID]);
  expect(metadata?.["7FE00010"]?.BulkDataURI).toBe(
    `${service.url(instancePath(ct))}/bulkdata/7FE00010`,
  );
});

test.each([
  'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
  "multipart/related; type=application/octet-stream; transfer-syntax=*",
  'multipart/related; type="application/octet-stream"; transfer-syntax=*',
  "*/*",
])("a frame for Accept %s is read as the viewer's loader reads it", async (accept) => {
  const answer = await service.get(`${instancePath(ct)}/frames/2`, accept);
  expect(answer.status).toBe(200);
  // The loader takes the boundary from the first line, and looks for this spelling.
  const text = answer.body.toString("latin1");
  const boundary = text.slice(0, text.indexOf("\r\n"));
  expect(boundary).toMatch(/^--/);
  const headerEnd = text.indexOf("\r\n\r\n");
  expect(text.slice(0, headerEnd)).toContain(
    `\r\nContent-Type: application/octet-stream; transfer-syntax=${ct.transferSyntaxUID}`,
  );
  const end = text.indexOf(boundary, headerEnd);
  expect(text.slice(end, end + boundary.length + 2)).toBe(`${boundary}--`);
  expect(answer.body.subarray(headerEnd + 4, end - 2).equals(ct.frames[1] ?? Buffer.alloc(0))).toBe(
    true,
  );
});

test("a frame as a single part is the body itself", async () => {
  const answer = await service.get(`${instancePath(ct)}/frames/1`, "application/octet-stream");
  expect(answer.headers["content-type"]).toBe(
    `application/octet-stream; transfer-syntax=${ct.transferSyntaxUID}`,
  );
  expect(answer.body.equals(ct.frames[0] ?? Buffer.alloc(0))).toBe(true);
});

test("the accept parameter of a URL stands for the header, which the loader then leaves out", async () => {
  const query = encodeURIComponent(
    'multipart/related; type="application/octet-stream"; transfer-syntax=*',
  );
  const answer = await service.get(`${instancePath(ct)}/frames/1?accept=${query}`);
  const [part] = decodeParts(answer.body, answer.headers["content-type"]);
  expect(part?.body.equals(ct.frames[0] ?? Buffer.alloc(0))).toBe(true);
});

test("an instance is retrieved whole as the loader of segmentations does", async () => {
  const answer = await service.get(instancePath(ct), 'multipart/related; type="application/dicom"');
  const [part] = decodeParts(answer.body, answer.headers["content-type"]);
  expect(part?.body.equals(ct.bytes)).toBe(true);
});

test("the uploader's body, with a line break before it and none after it, is stored", async () => {
  const { bytes } = makeInstance({ patientID });
  const boundary = "52698a24-7fd1-4d3b-9d26-09ad7d5c5ed0";
  const answer = await service.request("studies", {
    method: "POST",
    headers: {
      "Content-Type": `multipart/related; type="application/dicom"; boundary="${boundary}"`,
    },
    body: Buffer.concat([
      Buffer.from(`\r\n--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`),
      bytes,
      Buffer.from(`\r\n--${boundary}--`),
    ]),
  });
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, dicomJson]);
});

test("a hundred frames asked for at once, one by one, are all right", async () => {
  const many = makeInstance({ rows: 16, columns: 16, frames: 100, patientID });
  await service.mustStore([many.bytes]);
  const bodies = await Promise.all(
    many.frames.map(async (_, index) => {
      const answer = await service.get(
        `${instancePath(many)}/frames/${index + 1}`,
        "application/octet-stream; transfer-syntax=*",
      );
      return answer.body.toString("hex");
    }),
  );
  expect(bodies).toEqual(many.frames.map((frame) => Buffer.from(frame).toString("hex")));
});
