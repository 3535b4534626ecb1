// RFC 9110 §13 and §14 on what is sent by itself: instances, frames and bulk data.
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance, syntaxes } from "../support/dicom/dicomFile.ts";
import { DicomwebService, instancePath, nameOf, problemKind } from "../support/dicomwebService.ts";
import type { ReceivedAnswer } from "../support/send.ts";

const service = new DicomwebService();
const native = makeInstance({ rows: 40, columns: 50, frames: 3 });
const encapsulated = makeInstance({ transferSyntaxUID: syntaxes.jpegBaseline, frames: 3 });
const bigEndian = makeInstance({
  transferSyntaxUID: syntaxes.explicitBig,
  rows: 10,
  columns: 10,
  elements: [
    ["00280100", "US", 16],
    ["7FE00010", "OW", Array.from({ length: 100 }, (_, index) => index * 256 + 1)],
  ],
});

/** What is sent by itself, and how it is asked for. */
const resources = {
  "an instance": [instancePath(native), "application/dicom; transfer-syntax=*"],
  "a native frame": [`${instancePath(native)}/frames/2`, "application/octet-stream"],
  "an encapsulated frame": [
    `${instancePath(encapsulated)}/frames/3`,
    "application/octet-stream; transfer-syntax=*",
  ],
  "bulk data": [`${instancePath(native)}/bulkdata/7FE00010`, "application/octet-stream"],
} as const;

beforeAll(async () => {
  await service.mustStore([native.bytes, encapsulated.bytes, bigEndian.bytes]);
});

async function get(
  [path, accept]: readonly [string, string],
  headers: Readonly<Record<string, string>> = {},
): Promise<ReceivedAnswer> {
  return await service.request(path, { headers: { Accept: accept, ...headers } });
}

describe.each(Object.entries(resources))("%s", (_, resource) => {
  test("has a strong entity tag, its length, and is for its caller alone", async () => {
    const whole = await get(resource);
    expect(whole.status).toBe(200);
    expect(whole.headers).toMatchObject({
      etag: expect.stringMatching(/^"[^"]+"$/) as unknown,
      "accept-ranges": "bytes",
      "cache-control": "private, no-cache",
      "content-length": String(whole.body.length),
      "content-location": service.url(resource[0]),
    });
    expect(whole.headers["vary"]).toMatch(/Accept/);
  });

  test("is answered 206 with the bytes of a Range, and 416 when there are none", async () => {
    const whole = await get(resource);
    const { length } = whole.body;
    for (const [range, start, end] of [
      ["bytes=0-0", 0, 1],
      ["bytes=3-9", 3, 10],
      [`bytes=${length - 2}-`, length - 2, length],
      ["bytes=-7", length - 7, length],
      [`bytes=5-${length + 100}`, 5, length],
    ] as const) {
      const part = await get(resource, { Range: range });
      expect([range, part.status, part.headers["content-range"]]).toEqual([
        range,
        206,
        `bytes ${start}-${end - 1}/${length}`,
      ]);
      expect(part.body.equals(whole.body.subarray(start, end))).toBe(true);
      expect(part.headers["content-type"]).toBe(whole.headers["content-type"]);
      expect(part.headers["etag"]).toBe(whole.headers["etag"]);
    }
    const beyond = await get(resource, { Range: `bytes=${length}-` });
    expect([beyond.status, problemKind(beyond), beyond.headers["content-range"]]).toEqual([
      416,
      "rangeNotSatisfiable",
      `bytes */${length}`,
    ]);
  });

  test.each(["bytes=0-1,4-5", "bytes=9-3", "lines=1-2", "bytes=a-b", "bytes=-"])(
    "is sent whole for Range: %s",
    async (range) => {
      const answer = await get(resource, { Range: range });
      expect([answer.status, answer.headers["content-range"]]).toEqual([200, undefined]);
    },
  );

  test("a Range counts only of the bytes that If-Range names", async () => {
    const { etag = "" } = (await get(resource)).headers;
    for (const [ifRange, status] of [
      [etag, 206],
      [`W/${etag}`, 200],
      ['"other"', 200],
      ["Wed, 21 Oct 2015 07:28:00 GMT", 200],
    ] as const) {
      const answer = await get(resource, { Range: "bytes=0-3", "If-Range": ifRange });
      expect([ifRange, answer.status]).toEqual([ifRange, status]);
    }
  });

  test("is answered 304 to who has it, whatever else is asked", async () => {
    const { etag = "" } = (await get(resource)).headers;
    for (const headers of [
      { "If-None-Match": etag },
      { "If-None-Match": `"x", W/${etag}` },
      { "If-None-Match": etag, Range: "bytes=0-3" },
    ]) {
      const answer = await get(resource, headers);
      expect([answer.status, answer.body.length, answer.headers["etag"]]).toEqual([304, 0, etag]);
    }
    expect((await get(resource, { "If-None-Match": '"x"' })).status).toBe(200);
  });
});

test("a replacement changes the entity tags, so that nobody joins bytes of two instances", async () => {
  const old = makeInstance({ instanceNumber: 1, rows: 40, columns: 50 });
  await service.mustStore([old.bytes]);
  const paths = [
    [instancePath(old), "application/dicom; transfer-syntax=*"],
    [`${instancePath(old)}/frames/1`, "application/octet-stream"],
    [`${instancePath(old)}/bulkdata/7FE00010`, "application/octet-stream"],
  ] as const;
  const tags = await Promise.all(
    paths.map(async (path) => (await get(path)).headers["etag"] ?? ""),
  );
  const replacement = makeInstance({ ...nameOf(old), instanceNumber: 2, rows: 40, columns: 50 });
  expect((await service.store([replacement.bytes], { method: "PUT" })).status).toBe(200);
  for (const [index, path] of paths.entries()) {
    const tag = tags[index] ?? "";
    expect((await get(path, { "If-None-Match": tag })).status).toBe(200);
    expect((await get(path, { Range: "bytes=0-9", "If-Range": tag })).status).toBe(200);
  }
});

test("a frame whose bytes are turned around is sent whole, and is still answered 304", async () => {
  const asLittle = [
    `${instancePath(bigEndian)}/frames/1`,
    "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1",
  ] as const;
  const part = await get(asLittle, { Range: "bytes=0-3" });
  expect([part.status, part.body.length]).toEqual([200, 200]);
  expect(part.body.subarray(0, 4)).toEqual(Buffer.of(1, 0, 1, 1));
  const { etag = "" } = part.headers;
  expect((await get(asLittle, { "If-None-Match": etag })).status).toBe(304);
  const asStored = [asLittle[0], "application/octet-stream; transfer-syntax=*"] as const;
  const stored = await get(asStored, { Range: "bytes=0-3" });
  expect([stored.status, stored.body]).toEqual([206, Buffer.of(0, 1, 1, 1)]);
  expect(stored.headers["etag"]).not.toBe(etag);
});

test("several frames, and an instance in parts, have neither entity tag nor ranges", async () => {
  for (const [path, accept] of [
    [`${instancePath(native)}/frames/1,2`, "*/*"],
    [instancePath(native), "*/*"],
  ] as const) {
    const answer = await get([path, accept], { Range: "bytes=0-3" });
    expect([answer.status, answer.headers["etag"], answer.headers["accept-ranges"]]).toEqual([
      200,
      undefined,
      undefined,
    ]);
  }
});
