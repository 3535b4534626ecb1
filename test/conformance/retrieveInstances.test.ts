// PS3.18 §10.4, Retrieve transaction: Study, Series and Instance resources.
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance, makeUID, syntaxes } from "../support/dicom/dicomFile.ts";
import {
  anyDicomMultipart,
  DicomwebService,
  instancePath,
  problemKind,
} from "../support/dicomwebService.ts";
import { decodeParts, type ReceivedPart } from "../support/multipart.ts";
import type { ReceivedAnswer } from "../support/send.ts";

const service = new DicomwebService();

function partsOf(answer: ReceivedAnswer): ReceivedPart[] {
  return decodeParts(answer.body, answer.headers["content-type"]);
}

// One study: two series, instances in four transfer syntaxes.
const studyInstanceUID = makeUID();
const seriesInstanceUID = makeUID();
const little = makeInstance({ studyInstanceUID, seriesInstanceUID });
const jpeg = makeInstance({
  studyInstanceUID,
  seriesInstanceUID,
  transferSyntaxUID: syntaxes.jpegBaseline,
});
const deflated = makeInstance({ studyInstanceUID, transferSyntaxUID: syntaxes.deflated });
const big = makeInstance({ studyInstanceUID, transferSyntaxUID: syntaxes.explicitBig });
const all = [little, jpeg, deflated, big];
const study = `studies/${studyInstanceUID}`;
const series = `${study}/series/${seriesInstanceUID}`;

beforeAll(async () => {
  await service.mustStore(all.map(({ bytes }) => bytes));
});

test("a study is answered as multipart/related with each instance as stored, labelled and located", async () => {
  const answer = await service.get(study, anyDicomMultipart);
  expect(answer.status).toBe(200);
  expect(answer.headers["content-type"]).toMatch(
    /^multipart\/related; type="application\/dicom"; boundary=\S+$/,
  );
  const parts = partsOf(answer);
  expect(parts).toHaveLength(all.length);
  for (const instance of all) {
    const url = service.url(instancePath(instance));
    const part = parts.find(({ headers }) => headers.get("content-location") === url);
    expect(part?.headers.get("content-type")).toBe(
      `application/dicom; transfer-syntax=${instance.transferSyntaxUID}`,
    );
    expect(part?.body.equals(instance.bytes)).toBe(true);
  }
});

test("a series is answered with its own instances only", async () => {
  const parts = partsOf(await service.get(series, anyDicomMultipart));
  expect(parts.map(({ body }) => body.toString("hex")).toSorted()).toEqual(
    [little, jpeg].map(({ bytes }) => Buffer.from(bytes).toString("hex")).toSorted(),
  );
});

test("an instance is answered as one part, or as the body itself with its length", async () => {
  for (const instance of all) {
    const multipart = await service.get(instancePath(instance), anyDicomMultipart);
    const [part, ...others] = partsOf(multipart);
    expect(others).toEqual([]);
    expect(part?.body.equals(instance.bytes)).toBe(true);
    const single = await service.get(
      instancePath(instance),
      "application/dicom; transfer-syntax=*",
    );
    expect(single.headers["content-type"]).toBe(
      `application/dicom; transfer-syntax=${instance.transferSyntaxUID}`,
    );
    expect(single.headers["content-length"]).toBe(String(instance.bytes.length));
    expect(single.body.equals(instance.bytes)).toBe(true);
  }
});

const ELE = syntaxes.explicitLittle;
test.each([
  // The Accept header, the resource, and the status.
  ["study", undefined, 200],
  ["study", "*/*", 200],
  ["study", 'multipart/related; type="application/dicom"', 200],
  ["study", "multipart/related; type=application/dicom; transfer-syntax=*", 200],
  ["study", 'multipart/related; type="application/dicom"; transfer-syntax="*"', 200],
  ["study", "application/dicom", 406],
  ["study", "application/dicom; transfer-syntax=*", 406],
  ["study", "multipart/related", 406],
  ["study", 'multipart/related; type="application/octet-stream"; transfer-syntax=*', 406],
  ["study", "application/dicom+json", 406],
  ["study", `multipart/related; type="application/dicom"; transfer-syntax=${syntaxes.mpeg2}`, 406],
  ["study", 'multipart/related; type="application/dicom"; transfer-syntax=1.2.3', 406],
  ["series", undefined, 200],
  ["series", "application/dicom", 406],
  ["instance", undefined, 200],
  ["instance", "*/*", 200],
  ["instance", "application/*", 200],
  ["instance", "application/dicom", 200],
  ["instance", `application/dicom; transfer-syntax=${ELE}`, 200],
  ["instance", `application/dicom; transfer-syntax=${syntaxes.jpeg2000}`, 200],
  ["instance", `application/dicom; transfer-syntax=${syntaxes.mpeg2}`, 406],
  ["instance", 'application/dicom; transfer-syntax="1.2.3"', 406],
  ["instance", "application/dicom;q=0", 406],
  ["instance", "image/jpeg", 406],
  ["instance", 'text/html, multipart/related; type="application/dicom";q=0.5', 200],
] as const)("%s with Accept %s is answered %i", async (resource, accept, status) => {
  const path = { study, series, instance: instancePath(little) }[resource];
  const answer = await service.get(path, accept);
  expect(answer.status).toBe(status);
  if (status === 406) {
    expect(problemKind(answer)).toBe("notAcceptable");
  }
});

test("a refusal of a transfer syntax names those in which the instance can be had", async () => {
  const answer = await service.get(
    instancePath(little),
    `application/dicom; transfer-syntax=${syntaxes.mpeg2}`,
  );
  expect([answer.status, problemKind(answer)]).toEqual([406, "notAcceptable"]);
  const offered = [...answer.body.toString().matchAll(/1\.2\.840\.10008\.1\.2[.\d]*\d/g)].map(
    ([uid]) => uid,
  );
  expect(offered).toContain(little.transferSyntaxUID);
  expect(offered).toContain(syntaxes.jpeg2000);
  for (const transferSyntaxUID of offered) {
    const accept = `application/dicom; transfer-syntax=${transferSyntaxUID}`;
    const had = await service.get(instancePath(little), accept);
    expect([had.status, had.headers["content-type"]]).toEqual([200, accept]);
  }
});

test("an instance for */* is answered as multipart/related", async () => {
  const answer = await service.get(instancePath(jpeg), "*/*");
  expect(partsOf(answer)[0]?.headers.get("content-type")).toBe(
    `application/dicom; transfer-syntax=${syntaxes.jpegBaseline}`,
  );
});

test("what is wanted most decides between a single part and multipart", async () => {
  const wants = 'application/dicom;q=0.9, multipart/related; type="application/dicom"';
  expect((await service.get(instancePath(little), wants)).headers["content-type"]).toMatch(
    /^multipart/,
  );
  const reversed = 'multipart/related; type="application/dicom";q=0.1, application/dicom';
  expect((await service.get(instancePath(little), reversed)).headers["content-type"]).toBe(
    `application/dicom; transfer-syntax=${ELE}`,
  );
});

test("the accept parameter of the query replaces the Accept header", async () => {
  const answer = await service.get(`${instancePath(little)}?accept=application/dicom`, "text/html");
  expect([answer.status, answer.body.equals(little.bytes)]).toEqual([200, true]);
});

test("a study whose instances all have the syntax asked for is answered in it", async () => {
  const one = makeInstance();
  const two = makeInstance({ studyInstanceUID: one.studyInstanceUID });
  await service.mustStore([one.bytes, two.bytes]);
  const accept = `multipart/related; type="application/dicom"; transfer-syntax=${ELE}`;
  expect(partsOf(await service.get(`studies/${one.studyInstanceUID}`, accept))).toHaveLength(2);
});

test("a study of 230 instances is answered whole: each once, and byte for byte", async () => {
  const first = makeInstance();
  const files = Array.from({ length: 230 }, (_, index) =>
    makeInstance({ studyInstanceUID: first.studyInstanceUID, instanceNumber: index + 1 }),
  );
  await service.mustStore(files.map(({ bytes }) => bytes));
  const answer = await service.get(`studies/${first.studyInstanceUID}`, anyDicomMultipart);
  const bodies = partsOf(answer).map(({ body }) => body.toString("base64"));
  // In the order in which they were stored.
  expect(bodies).toEqual(files.map(({ bytes }) => Buffer.from(bytes).toString("base64")));
});

describe("what is not there", () => {
  test.each([
    `studies/${makeUID()}`,
    `${study}/series/${makeUID()}`,
    `${series}/instances/${makeUID()}`,
    `${study}/series/${deflated.seriesInstanceUID}/instances/${little.sopInstanceUID}`,
    `studies/${makeUID()}/series/${seriesInstanceUID}`,
  ])("%s is answered 404", async (path) => {
    const answer = await service.get(path, anyDicomMultipart);
    expect([answer.status, problemKind(answer)]).toEqual([404, "notFound"]);
  });

  test("a UID that is none is told before what is not acceptable, and that before what is not there", async () => {
    expect((await service.get("studies/abc", "text/html")).status).toBe(400);
    expect((await service.get(`studies/${makeUID()}`, "text/html")).status).toBe(406);
  });
});

test("a client that leaves in the middle of an answer does no harm", async () => {
  const large = makeInstance({ bytes: 8 * 1024 * 1024 });
  await service.mustStore([large.bytes]);
  for (let round = 0; round < 4; round += 1) {
    const controller = new AbortController();
    const answer = await fetch(service.url(instancePath(large)), {
      headers: { Accept: "application/dicom" },
      signal: controller.signal,
    });
    await answer.body?.getReader().read();
    controller.abort();
  }
  const whole = await service.get(instancePath(large), "application/dicom");
  expect(whole.body.equals(large.bytes)).toBe(true);
});
