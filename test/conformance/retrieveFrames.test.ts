// PS3.18 §10.4.1.1.3, Frame resources.
import { describe, expect, test } from "vitest";
import {
  makeInstance,
  makeUID,
  syntaxes,
  type InstanceOptions,
} from "../support/dicom/dicomFile.ts";
import { DicomwebService, instancePath, problemKind } from "../support/dicomwebService.ts";
import { decodeParts, type ReceivedPart } from "../support/multipart.ts";

const service = new DicomwebService();
const octets = 'multipart/related; type="application/octet-stream"';
const asStored = `${octets}; transfer-syntax=*`;

async function frames(
  path: string,
  list: string,
  accept: string = asStored,
): Promise<ReceivedPart[]> {
  const answer = await service.get(`${path}/frames/${list}`, accept);
  expect([answer.status, answer.status === 200 ? "" : answer.text]).toEqual([200, ""]);
  return decodeParts(answer.body, answer.headers["content-type"]);
}

async function stored(options: InstanceOptions): Promise<ReturnType<typeof makeInstance>> {
  const instance = makeInstance(options);
  await service.mustStore([instance.bytes]);
  return instance;
}

function expectFrames(parts: readonly ReceivedPart[], expected: readonly Uint8Array[]): void {
  expect(parts.map(({ body }) => body.toString("hex"))).toEqual(
    expected.map((frame) => Buffer.from(frame).toString("hex")),
  );
}

/** As it is in a fragment: padded to an even length (PS3.5 §A.4). */
function even(frame: Uint8Array): Uint8Array {
  return Buffer.concat([frame, Buffer.alloc(frame.length % 2)]);
}

const native = { rows: 6, columns: 7, frames: 5 };

test.each([
  ["explicit VR little endian", syntaxes.explicitLittle],
  ["implicit VR little endian", syntaxes.implicitLittle],
  ["deflated", syntaxes.deflated],
  ["explicit VR big endian, of bytes", syntaxes.explicitBig],
])("native frames in %s are their pixels, labelled and located", async (_, transferSyntaxUID) => {
  const instance = await stored({ ...native, transferSyntaxUID });
  const path = instancePath(instance);
  const parts = await frames(path, "1,2,3,4,5");
  expectFrames(parts, instance.frames);
  expect(parts.map(({ headerLines }) => headerLines[0])).toEqual(
    Array<string>(5).fill(
      `Content-Type: application/octet-stream; transfer-syntax=${transferSyntaxUID}`,
    ),
  );
  expect(parts.map(({ headers }) => headers.get("content-location"))).toEqual(
    [1, 2, 3, 4, 5].map((frameNumber) => service.url(`${path}/frames/${frameNumber}`)),
  );
  // Native pixels are also to be had in the syntax that every client reads.
  for (const accept of [octets, `${octets}; transfer-syntax=${syntaxes.explicitLittle}`]) {
    const converted = await frames(path, "2", accept);
    expectFrames(converted, instance.frames.slice(1, 2));
    expect(converted[0]?.headers.get("content-type")).toBe(
      `application/octet-stream; transfer-syntax=${syntaxes.explicitLittle}`,
    );
  }
});

test("frames come in the order and as often as they are asked for", async () => {
  const instance = await stored(native);
  const pick = [3, 1, 1, 5, 4, 3];
  expectFrames(
    await frames(instancePath(instance), pick.join(",")),
    pick.map((frameNumber) => instance.frames[frameNumber - 1] ?? Buffer.alloc(0)),
  );
});

test("words of big endian pixels are turned around only when little endian is asked for", async () => {
  const words = Array.from({ length: 2 * 3 * 2 }, (_, index) => 0x0102 * (index + 1));
  const instance = await stored({
    transferSyntaxUID: syntaxes.explicitBig,
    rows: 2,
    columns: 3,
    frames: 2,
    elements: [
      ["00280100", "US", 16],
      ["00280101", "US", 16],
      ["00280102", "US", 15],
      ["7FE00010", "OW", words],
    ],
  });
  const bigEndian = Buffer.alloc(words.length * 2);
  words.forEach((word, index) => bigEndian.writeUInt16BE(word, index * 2));
  const littleEndian = Buffer.from(bigEndian).swap16();
  const path = instancePath(instance);
  expectFrames(await frames(path, "1,2"), [bigEndian.subarray(0, 12), bigEndian.subarray(12)]);
  expectFrames(await frames(path, "2,1", octets), [
    littleEndian.subarray(12),
    littleEndian.subarray(0, 12),
  ]);
});

test("frames of single bits that begin within a byte are shifted to its beginning", async () => {
  // Three frames of 3 × 5 bits, the first bit of a byte being its lowest (PS3.5 §8.1.1).
  const bits = Array.from({ length: 45 }, (_, index) => Number((index * 7) % 3 === 0));
  const pack = (chosen: readonly number[]): Buffer => {
    const packed = Buffer.alloc(Math.ceil(chosen.length / 8));
    for (const [index, bit] of chosen.entries()) {
      packed[index >> 3] = (packed[index >> 3] ?? 0) | (bit << (index & 7));
    }
    return packed;
  };
  const instance = await stored({
    rows: 3,
    columns: 5,
    frames: 3,
    sopClassUID: "1.2.840.10008.5.1.4.1.1.7.1",
    elements: [
      ["00280100", "US", 1],
      ["00280101", "US", 1],
      ["00280102", "US", 0],
      ["7FE00010", "OB", pack(bits)],
    ],
  });
  expectFrames(
    await frames(instancePath(instance), "1,2,3"),
    [0, 15, 30].map((start) => pack(bits.slice(start, start + 15))),
  );
});

describe.each([
  ["one fragment per frame", { offsetTable: "basic" }],
  [
    "several fragments per frame and a basic offset table",
    { offsetTable: "basic", fragmentsPerFrame: 4 },
  ],
  [
    "several fragments per frame and an extended offset table",
    { offsetTable: "extended", fragmentsPerFrame: 3 },
  ],
  ["no offset table", { offsetTable: "none" }],
] as const)("encapsulated frames with %s", (_, encapsulation) => {
  test("are their codestreams, and are to be had by octets or by their media type", async () => {
    const instance = await stored({
      rows: 31,
      columns: 9,
      frames: 4,
      transferSyntaxUID: syntaxes.jpegBaseline,
      encapsulation,
    });
    const path = instancePath(instance);
    for (const [accept, mediaType] of [
      [asStored, "application/octet-stream"],
      ['multipart/related; type="image/jpeg"', "image/jpeg"],
      [
        `multipart/related; type="image/jpeg"; transfer-syntax=${syntaxes.jpegBaseline}`,
        "image/jpeg",
      ],
    ] as const) {
      const parts = await frames(path, "4,1,2,3", accept);
      const expected = [3, 0, 1, 2].map((index) => instance.frames[index] ?? Buffer.alloc(0));
      // Without lengths of the codestreams a byte of padding belongs to the last fragment.
      for (const [index, frame] of expected.entries()) {
        const body = parts[index]?.body ?? Buffer.alloc(0);
        expect(body.equals(frame) || body.equals(even(frame))).toBe(true);
      }
      expect(parts[0]?.headers.get("content-type")).toBe(
        `${mediaType}; transfer-syntax=${syntaxes.jpegBaseline}`,
      );
    }
  });
});

test("a video is one frame, whatever its fragments", async () => {
  const instance = await stored({
    rows: 64,
    columns: 64,
    transferSyntaxUID: syntaxes.mpeg2,
    encapsulation: { offsetTable: "none", fragmentsPerFrame: 7 },
  });
  expectFrames(await frames(instancePath(instance), "1"), [
    even(instance.frames[0] ?? Buffer.alloc(0)),
  ]);
});

test("frames of an instance with thousands of them are found one by one and many at once", async () => {
  const instance = await stored({
    rows: 4,
    columns: 5,
    frames: 3_000,
    transferSyntaxUID: syntaxes.jpegLossless,
  });
  const path = instancePath(instance);
  for (const frameNumber of [1, 2, 1_500, 2_999, 3_000]) {
    expectFrames(await frames(path, String(frameNumber)), [
      even(instance.frames[frameNumber - 1] ?? Buffer.alloc(0)),
    ]);
  }
  const list = Array.from({ length: 1_000 }, (_, index) => index * 3 + 1);
  expectFrames(
    await frames(path, list.join(",")),
    list.map((frameNumber) => even(instance.frames[frameNumber - 1] ?? Buffer.alloc(0))),
  );
});

describe("single parts", () => {
  test("one frame is the body itself, with its length", async () => {
    const instance = await stored(native);
    const answer = await service.get(
      `${instancePath(instance)}/frames/3`,
      "application/octet-stream; transfer-syntax=*",
    );
    expect([
      answer.status,
      answer.headers["content-type"],
      answer.headers["content-length"],
    ]).toEqual([200, `application/octet-stream; transfer-syntax=${syntaxes.explicitLittle}`, "42"]);
    expectFrames(
      [{ headers: new Map(), headerLines: [], body: answer.body }],
      instance.frames.slice(2, 3),
    );
  });

  test("several frames are answered 400", async () => {
    const instance = await stored(native);
    const answer = await service.get(
      `${instancePath(instance)}/frames/1,2`,
      "application/octet-stream",
    );
    expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
  });
});

test.each([
  ["0", 400],
  ["-1", 400],
  ["1,0", 400],
  ["a", 400],
  ["1,", 400],
  ["1.5", 400],
  ["%20", 400],
  ["6", 404],
  ["1,6", 404],
  ["99999999999", 400],
  ["4294967296", 404],
])("the frame list %s is answered %i", async (list, status) => {
  const instance = await stored(native);
  const answer = await service.get(`${instancePath(instance)}/frames/${list}`, asStored);
  expect([answer.status, problemKind(answer)]).toEqual([
    status,
    status === 400 ? "malformed" : "notFound",
  ]);
});

test.each([
  ["native", undefined, 200],
  ["native", "*/*", 200],
  ["native", "application/octet-stream", 200],
  ["native", "application/*", 200],
  ["native", "image/jp2", 200],
  ["native", 'multipart/related; type="image/jp2"', 200],
  ["native", "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91", 406],
  ["native", "video/mp4", 406],
  ["native", 'multipart/related; type="application/dicom"', 406],
  ["native", `${octets}; transfer-syntax=${syntaxes.jpegBaseline}`, 200],
  ["native", "multipart/related", 406],
  ["jpeg", undefined, 200],
  ["jpeg", "image/jpeg", 200],
  ["jpeg", "image/*", 200],
  ["jpeg", `${octets}; transfer-syntax=${syntaxes.explicitLittle}`, 406],
  ["jpeg", 'multipart/related; type="image/jls"', 406],
] as const)("a frame stored as %s with Accept %s is answered %i", async (kind, accept, status) => {
  const instance = await stored(
    kind === "jpeg" ? { transferSyntaxUID: syntaxes.jpegBaseline } : {},
  );
  const answer = await service.get(`${instancePath(instance)}/frames/1`, accept);
  expect(answer.status).toBe(status);
});

test("a refusal of a transfer syntax names those in which the frame can be had", async () => {
  const instance = await stored(native);
  const path = `${instancePath(instance)}/frames/1`;
  const refused = await service.get(path, "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91");
  expect([refused.status, problemKind(refused)]).toEqual([406, "notAcceptable"]);
  const offered = [...refused.body.toString().matchAll(/1\.2\.840\.10008\.1\.2[.\d]*\d/g)].map(
    ([uid]) => uid,
  );
  expect(offered).toContain(instance.transferSyntaxUID);
  expect(offered).toContain(syntaxes.jpeg2000);
  for (const uid of offered) {
    const had = await service.get(path, `${octets}; transfer-syntax=${uid}`);
    expect([had.status, uid]).toEqual([200, uid]);
  }
});

test("an instance without pixels, and one that is not there, are answered 404", async () => {
  const { bytes: withPixels, ...name } = makeInstance();
  expect(withPixels.length).toBeGreaterThan(0);
  const report = makeInstance({
    elements: [
      ["7FE00010", "-"],
      ["7FE00011", "OB", ""],
    ].map(([tag = "", vr = "", value]) => [tag, vr, value] as const),
  });
  await service.mustStore([report.bytes]);
  for (const path of [instancePath(report), instancePath(name)]) {
    const answer = await service.get(`${path}/frames/1`, asStored);
    expect([answer.status, problemKind(answer)]).toEqual([404, "notFound"]);
  }
  expect(
    (await service.get(`studies/${makeUID()}/series/1.2/instances/1.2/frames/1`, "text/html"))
      .status,
  ).toBe(406);
});
