// PS3.18 §10.4.1.1.6, Thumbnail resources.
import { describe, expect, test } from "vitest";
import { makeInstance, makeUID, type InstanceOptions } from "../support/dicom/dicomFile.ts";
import { DicomwebService, instancePath, problemKind } from "../support/dicomwebService.ts";
import { decodePng, type Picture } from "../support/pictures/decodePng.ts";
import {
  makeDocument,
  makePDF,
  makeReport,
  makeVideo,
  type Document,
} from "../support/pictures/documents.ts";

const service = new DicomwebService();

async function stored(options: InstanceOptions): Promise<ReturnType<typeof makeInstance>> {
  const instance = makeInstance(options);
  await service.mustStore([instance.bytes]);
  return instance;
}

async function png(path: string): Promise<Picture> {
  const answer = await service.get(path, "image/png");
  if (answer.status !== 200) {
    throw new Error(`${answer.status} ${answer.text}`);
  }
  return decodePng(answer.body);
}

test("of an image is a small JPEG at every level", async () => {
  const instance = await stored({ rows: 600, columns: 300, frames: 2 });
  const { studyInstanceUID, seriesInstanceUID } = instance;
  const study = `studies/${studyInstanceUID}`;
  for (const path of [
    study,
    `${study}/series/${seriesInstanceUID}`,
    instancePath(instance),
    `${instancePath(instance)}/frames/1`,
  ]) {
    const answer = await service.get(`${path}/thumbnail`);
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "image/jpeg"]);
    expect(answer.body.toString("hex", 0, 3)).toBe("ffd8ff");
    const picture = await png(`${path}/thumbnail`);
    expect([picture.width, picture.height]).toEqual([128, 256]);
  }
});

test("fills a viewport that is asked for, and leaves a small image small without one", async () => {
  const path = `${instancePath(await stored({ rows: 10, columns: 20 }))}/thumbnail`;
  const small = await png(path);
  expect([small.width, small.height]).toEqual([20, 10]);
  const large = await png(`${path}?viewport=256,256`);
  expect([large.width, large.height]).toEqual([256, 128]);
});

test("is asked for as OHIF does: what is accepted stands in the query, and the header says something else", async () => {
  const path = `${instancePath(await stored({}))}/thumbnail?accept=image/jpeg`;
  const answer = await service.get(path, 'multipart/related; type="application/octet-stream"');
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, "image/jpeg"]);
});

test("shows no annotations, even if they are asked for", async () => {
  const path = `${instancePath(await stored({ rows: 64, columns: 64 }))}/thumbnail`;
  expect(await png(`${path}?annotation=patient`)).toEqual(await png(path));
});

describe("of what has no image", () => {
  const waveform = "1.2.840.10008.5.1.4.1.1.9.1.1";
  const documents: readonly (readonly [name: string, document: Document])[] = [
    ["an encapsulated PDF", makePDF()],
    ["a report", makeReport()],
    ["a video", makeVideo("1.2.840.10008.1.2.4.102", 1000)],
    ["a waveform", makeDocument(waveform, [])],
    ["a presentation state", makeDocument("1.2.840.10008.5.1.4.1.1.11.1", [])],
    ["a key object selection", makeDocument("1.2.840.10008.5.1.4.1.1.88.59", [])],
    ["an RT plan", makeDocument("1.2.840.10008.5.1.4.1.1.481.5", [])],
    ["anything else", makeDocument("1.2.840.10008.5.1.4.1.1.66", [])],
  ];

  test("is a sign for its kind, in the size that is asked for", async () => {
    const shown: string[] = [];
    for (const [, document] of documents) {
      await service.mustStore([document.bytes]);
      const picture = await png(`${instancePath(document)}/thumbnail?viewport=120,90`);
      expect([picture.width, picture.height]).toEqual([90, 90]);
      shown.push(Buffer.from(picture.data).toString("base64"));
      const study = await png(`studies/${document.studyInstanceUID}/thumbnail?viewport=120,90`);
      expect(study).toEqual(picture);
    }
    expect(new Set(shown).size).toBe(documents.length);
  });

  test("a frame of it is answered 404", async () => {
    const document = makePDF();
    await service.mustStore([document.bytes]);
    const answer = await service.get(`${instancePath(document)}/frames/1/thumbnail`);
    expect([answer.status, problemKind(answer)]).toEqual([404, "notFound"]);
  });
});

test("is sent once to whoever keeps it", async () => {
  const path = `${instancePath(await stored({}))}/thumbnail`;
  const { etag = "" } = (await service.get(path)).headers;
  const again = await service.request(path, { headers: { "If-None-Match": etag } });
  expect([again.status, again.body.length]).toEqual([304, 0]);
});

describe("bad input", () => {
  test.each([
    ["thumbnail?viewport=0,5", undefined, 400],
    ["thumbnail?viewport=10,10,1,1,1,1", undefined, 400],
    ["thumbnail?quality=0", undefined, 400],
    ["frames/0/thumbnail", undefined, 400],
    ["frames/x/thumbnail", undefined, 400],
    ["frames/1,1/thumbnail", undefined, 400],
    ["frames/2/thumbnail", undefined, 404],
    ["thumbnail", "text/html", 406],
    ["thumbnail", "application/pdf", 406],
  ])("%s with Accept %s is answered %i", async (rest, accept, status) => {
    const answer = await service.get(`${instancePath(await stored({}))}/${rest}`, accept);
    const kinds: Record<number, string> = {
      400: "malformed",
      404: "notFound",
      406: "notAcceptable",
    };
    expect([answer.status, problemKind(answer)]).toEqual([status, kinds[status]]);
  });

  test("a study, series or instance that is not there is answered 404", async () => {
    const study = `studies/${makeUID()}`;
    const series = `${study}/series/${makeUID()}`;
    for (const path of [study, series, `${series}/instances/${makeUID()}`]) {
      expect((await service.get(`${path}/thumbnail`)).status).toBe(404);
    }
  });
});
