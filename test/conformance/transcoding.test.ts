// PS3.18 §8.7.3.5, §10.4: what is stored in one transfer syntax is answered in another.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PixelWorkers } from "../../shared/pixels/pixelWorkers.ts";
import { pixelWorkerFile } from "../../shared/pixels/pixelWorkerFile.ts";
import { makeUID, syntaxes } from "../support/dicom/dicomFile.ts";
import { DicomwebService, instancePath, problemKind } from "../support/dicomwebService.ts";
import { memoryInstance } from "../support/memoryInstance.ts";
import { decodeParts } from "../support/multipart.ts";
import { largestDifference, pixelValues } from "../support/pixelValues.ts";
import { imageKinds, sampleFile, sampleImage, type SampleImage } from "../support/sampleImages.ts";
import { transcodedFile } from "../support/transcode.ts";

const service = new DicomwebService();
const workers = new PixelWorkers(pixelWorkerFile());
afterAll(async () => {
  await workers.close();
});

const rpcl = "1.2.840.10008.1.2.4.202";
const kind = imageKinds.find(({ name }) => name === "12 bits, signed") ?? imageKinds[0];
const image: SampleImage | undefined = kind && sampleImage(kind, 3);
const frameBytes = 11 * 10 * 2;

interface StoredImage {
  readonly bytes: Uint8Array;
  readonly path: string;
  readonly studyInstanceUID: string;
}

/** Stores the image in a syntax, in a study or in one of its own. */
async function stored(
  transferSyntaxUID: string,
  studyInstanceUID: string = makeUID(),
): Promise<StoredImage> {
  const native = sampleFile(
    image ?? sampleImage(imageKinds[0] ?? never()),
    syntaxes.implicitLittle,
  );
  const inStudy = withStudy(native, studyInstanceUID);
  const { bytes } = await transcodedFile(workers, inStudy, transferSyntaxUID).catch(() => ({
    bytes: inStudy,
  }));
  await service.mustStore([bytes]);
  const { record } = await memoryInstance(bytes);
  return { bytes, path: instancePath(record), studyInstanceUID };
}

function never(): never {
  throw new Error("there are kinds of images");
}

/** The file in another study: generated UIDs are equally long. */
function withStudy(file: Uint8Array, studyInstanceUID: string): Buffer {
  const bytes = Buffer.from(file);
  const at = bytes.indexOf(Buffer.from([0x20, 0, 0x0d, 0]));
  bytes.write(studyInstanceUID, at + 8, "latin1");
  return bytes;
}

describe("an instance", () => {
  let compressed: StoredImage;
  beforeAll(async () => {
    compressed = await stored(rpcl);
  });

  test("is answered in the default syntax when none is named", async () => {
    const answer = await service.get(compressed.path, "application/dicom");
    expect(answer.headers["content-type"]).toBe(
      `application/dicom; transfer-syntax=${syntaxes.explicitLittle}`,
    );
    const values = await pixelValues(answer.body);
    expect(values.transferSyntaxUID).toBe(syntaxes.explicitLittle);
    expect(largestDifference(values.samples, image?.samples ?? [])).toBe(0);
  });

  test("is answered as it is stored when that is acceptable, byte for byte", async () => {
    for (const accept of [
      "application/dicom; transfer-syntax=*",
      `application/dicom; transfer-syntax=${rpcl}`,
      `application/dicom; transfer-syntax=${syntaxes.explicitLittle};q=0.5, application/dicom; transfer-syntax=*`,
    ]) {
      const answer = await service.get(compressed.path, accept);
      expect(answer.body.equals(Buffer.from(compressed.bytes))).toBe(true);
    }
  });

  test("is answered in the syntax that is named", async () => {
    const accept = `application/dicom; transfer-syntax=${syntaxes.rle}`;
    const answer = await service.get(compressed.path, accept);
    expect(answer.headers["content-type"]).toBe(
      `application/dicom; transfer-syntax=${syntaxes.rle}`,
    );
    const { bytes } = await transcodedFile(workers, answer.body, syntaxes.explicitLittle);
    expect(largestDifference((await pixelValues(bytes)).samples, image?.samples ?? [])).toBe(0);
  });

  test("in a syntax that it cannot be had in is refused", async () => {
    const accept = `application/dicom; transfer-syntax=${syntaxes.jpegBaseline}`;
    const answer = await service.get(compressed.path, accept);
    expect([answer.status, problemKind(answer)]).toEqual([406, "notAcceptable"]);
  });

  test("that the caller has in this syntax already is not converted again", async () => {
    const first = await service.get(compressed.path, "application/dicom");
    const again = await service.request(compressed.path, {
      headers: { Accept: "application/dicom", "If-None-Match": first.headers["etag"] ?? "" },
    });
    expect(again.status).toBe(304);
  });
});

test("a study of several syntaxes is answered in one, each instance converted in its turn", async () => {
  const studyInstanceUID = makeUID();
  for (const syntax of [syntaxes.implicitLittle, syntaxes.rle, rpcl]) {
    await stored(syntax, studyInstanceUID);
  }
  for (const syntax of ["", `; transfer-syntax=${syntaxes.explicitLittle}`]) {
    const accept = `multipart/related; type="application/dicom"${syntax}`;
    const answer = await service.get(`studies/${studyInstanceUID}`, accept);
    const parts = decodeParts(answer.body, answer.headers["content-type"]);
    expect(parts).toHaveLength(3);
    for (const { body } of parts) {
      const values = await pixelValues(body);
      expect(values.transferSyntaxUID).toBe(syntaxes.explicitLittle);
      expect(largestDifference(values.samples, image?.samples ?? [])).toBe(0);
    }
  }
});

describe("frames", () => {
  let compressed: StoredImage;
  let native: readonly Buffer[];
  beforeAll(async () => {
    compressed = await stored(rpcl);
    native = [0, 1, 2].map(
      (index) =>
        image?.pixels.subarray(index * frameBytes, (index + 1) * frameBytes) ?? Buffer.alloc(0),
    );
  });

  test("are decoded by default, in the order and as often as they are asked for", async () => {
    const accept = 'multipart/related; type="application/octet-stream"';
    const answer = await service.get(`${compressed.path}/frames/3,1,3`, accept);
    const parts = decodeParts(answer.body, answer.headers["content-type"]);
    expect(parts.map(({ body }) => body.toString("hex"))).toEqual(
      [2, 0, 2].map((index) => native[index]?.toString("hex")),
    );
    expect(parts.map(({ headerLines }) => headerLines[0])).toEqual(
      Array<string>(3).fill(
        `Content-Type: application/octet-stream; transfer-syntax=${syntaxes.explicitLittle}`,
      ),
    );
  });

  test.each([
    ["image/jls", "1.2.840.10008.1.2.4.80"],
    ["image/jp2", "1.2.840.10008.1.2.4.90"],
    ["image/jphc; transfer-syntax=1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.201"],
    ["image/jphc", rpcl],
    ["image/jpeg", "1.2.840.10008.1.2.4.70"],
    ["image/dicom-rle", "1.2.840.10008.1.2.5"],
    ["image/jxl", "1.2.840.10008.1.2.4.110"],
  ])("are answered for Accept %s in %s", async (accept, transferSyntaxUID) => {
    const answer = await service.get(`${compressed.path}/frames/2`, accept);
    expect(answer.headers["content-type"]).toBe(
      `${accept.split(";")[0]}; transfer-syntax=${transferSyntaxUID}`,
    );
    expect(answer.body.length).toBeGreaterThan(0);
  });

  test("that are decoded have ranges, and an entity tag for each syntax", async () => {
    const accept = "application/octet-stream";
    const path = `${compressed.path}/frames/2`;
    const whole = await service.get(path, accept);
    const part = await service.request(path, {
      headers: { Accept: accept, Range: "bytes=10-29" },
    });
    expect([part.status, part.headers["content-range"]]).toEqual([
      206,
      `bytes 10-29/${frameBytes}`,
    ]);
    expect(part.body.equals(whole.body.subarray(10, 30))).toBe(true);
    const asStored = await service.get(path, `${accept}; transfer-syntax=*`);
    expect(asStored.headers["etag"]).not.toBe(whole.headers["etag"]);
  });
});

test("a damaged codestream is refused when it has to be decoded, and sent as it is otherwise", async () => {
  const whole = await stored(rpcl);
  const bytes = Buffer.from(whole.bytes);
  // The headers of both tiles' packets stay, what is in them does not.
  const start = bytes.indexOf(Buffer.from([0xff, 0x93]));
  bytes.fill(0xff, start + 2, start + 60);
  const damaged = withNewName(bytes);
  await service.mustStore([damaged]);
  const { record } = await memoryInstance(damaged);
  const path = instancePath(record);
  const named = `application/octet-stream; transfer-syntax=${syntaxes.explicitLittle}`;
  const refused = await service.get(`${path}/frames/1`, named);
  expect([refused.status, problemKind(refused)]).toEqual([406, "notAcceptable"]);
  const instance = await service.get(path, named.replace("octet-stream", "dicom"));
  expect([instance.status, problemKind(instance)]).toEqual([406, "notAcceptable"]);
  const indifferent = await service.get(`${path}/frames/1`, "application/octet-stream");
  expect(indifferent.headers["content-type"]).toBe(
    `application/octet-stream; transfer-syntax=${rpcl}`,
  );
  // The frame beside it is none the worse for it.
  expect((await service.get(`${path}/frames/2`, named)).status).toBe(200);
});

/** The file under another SOP Instance UID, in the File Meta Information and in the data set. */
function withNewName(file: Buffer): Buffer {
  const bytes = Buffer.from(file);
  const uid = makeUID();
  const old = bytes
    .subarray(bytes.indexOf(Buffer.from([8, 0, 0x18, 0])) + 8)
    .subarray(0, uid.length);
  const text = old.toString("latin1");
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes.write(uid, at, "latin1");
  }
  return bytes;
}
