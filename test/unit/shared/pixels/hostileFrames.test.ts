// Frames that lie, are cut off or damaged: refused with a Problem, within bounds, and the next frame is none the worse.
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { deflateRawSync } from "node:zlib";
import { decodeFrame } from "../../../../shared/pixels/decodeFrame.ts";
import { encodeFrame } from "../../../../shared/pixels/encodeFrame.ts";
import {
  describeFrame,
  type FrameDescription,
} from "../../../../shared/pixels/frameDescription.ts";
import { encodedAttributes } from "../../../../shared/pixels/imageAttributes.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

const seed = 20_261_122;
const explicit = "1.2.840.10008.1.2.1";
const codestreams = {
  RLE: "1.2.840.10008.1.2.5",
  "JPEG baseline": "1.2.840.10008.1.2.4.50",
  "JPEG lossless": "1.2.840.10008.1.2.4.70",
  "JPEG-LS": "1.2.840.10008.1.2.4.80",
  "JPEG 2000": "1.2.840.10008.1.2.4.90",
  HTJ2K: "1.2.840.10008.1.2.4.202",
  "JPEG XL": "1.2.840.10008.1.2.4.110",
} as const;

const image: FrameDescription = {
  transferSyntaxUID: explicit,
  rows: 24,
  columns: 32,
  samplesPerPixel: 1,
  bitsAllocated: 8,
  bitsStored: 8,
  highBit: 7,
  pixelRepresentation: 0,
  photometricInterpretation: "MONOCHROME2",
  planarConfiguration: 0,
};
const pixels = Uint8Array.from({ length: 24 * 32 }, (_, at) => (at * 7 + (at >> 5) * 3) % 251);

async function problemOf(decoding: Promise<unknown>): Promise<Problem | undefined> {
  return await decoding.then(
    () => undefined,
    (error: unknown) => {
      // Anything else than a Problem is a bug, and stays thrown.
      if (error instanceof Problem) {
        return error;
      }
      throw error;
    },
  );
}

describe.each(Object.entries(codestreams))("%s", (_, uid) => {
  let codestream: Uint8Array = new Uint8Array(0);
  let description: FrameDescription = image;
  beforeAll(async () => {
    const decoded = await decodeFrame(pixels, image);
    codestream = await encodeFrame(decoded, uid);
    description = encodedAttributes(image, uid) ?? image;
  });

  test("is refused when its size is not what the attributes say", async () => {
    for (const lie of [
      { rows: 25 },
      { columns: 31 },
      ...(uid === codestreams.RLE ? [] : [{ rows: 32, columns: 24 }]),
      { rows: 0xffff, columns: 0xffff },
      { samplesPerPixel: 3, photometricInterpretation: "RGB" },
    ]) {
      const problem = await problemOf(decodeFrame(codestream, { ...description, ...lie }));
      expect([lie, problem?.kind]).toEqual([lie, "notAcceptable"]);
    }
  });

  test("is refused when it is cut off, wherever that is", async () => {
    // The last bytes may be an end marker that nobody needs, or padding.
    for (let length = 0; length < codestream.length - 8; length += 1 + (length >> 1)) {
      const problem = await problemOf(decodeFrame(codestream.subarray(0, length), description));
      expect([length, problem?.kind]).toEqual([length, "notAcceptable"]);
    }
  });

  test("with bytes changed decodes to a frame of its size or is refused, and leaves nothing behind", async () => {
    const edit = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 12 }), async (edits) => {
        const mutated = Uint8Array.from(codestream);
        for (const [at, value] of edits) {
          mutated[at % mutated.length] = value;
        }
        let length: number | undefined;
        const problem = await problemOf(
          decodeFrame(mutated, description).then(({ data }) => {
            length = data.length;
          }),
        );
        expect(problem?.kind ?? length).toBe(
          problem === undefined ? pixels.length : "notAcceptable",
        );
      }),
      { seed, numRuns: 20 },
    );
    const { data } = await decodeFrame(codestream, description);
    expect(data.length).toBe(pixels.length);
  });

  test("that is something else altogether is refused", async () => {
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(200),
      Uint8Array.from({ length: 999 }, (__, at) => (at * 89) % 256),
      Uint8Array.of(0xff, 0xd8),
      Uint8Array.of(0xff, 0x4f, 0xff, 0x51),
    ]) {
      expect((await problemOf(decodeFrame(bytes, description)))?.kind).toBe("notAcceptable");
    }
  });
});

test("native pixels that are shorter than their attributes say are refused", async () => {
  const problem = await problemOf(decodeFrame(pixels.subarray(1), image));
  expect(problem?.kind).toBe("notAcceptable");
});

test("a deflated frame that inflates beyond its size is refused", async () => {
  const uid = "1.2.840.10008.1.2.8.1";
  const whole = deflateRawSync(pixels);
  const { data } = await decodeFrame(whole, { ...image, transferSyntaxUID: uid });
  expect(Buffer.from(data).equals(Buffer.from(pixels))).toBe(true);
  const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024));
  const problem = await problemOf(decodeFrame(bomb, { ...image, transferSyntaxUID: uid }));
  expect(problem?.kind).toBe("notAcceptable");
});

describe("attributes that make no frame are refused", () => {
  const attributes: Readonly<Record<string, unknown>> = {
    "00280002": 1,
    "00280004": "MONOCHROME2",
    "00280010": 24,
    "00280011": 32,
    "00280100": 16,
    "00280101": 12,
    "00280102": 11,
    "00280103": 0,
  };
  test.each([
    ["no Rows", { "00280010": undefined }],
    ["Rows of 0", { "00280010": 0 }],
    ["Rows that are no number", { "00280010": "24" }],
    ["Columns of 65536", { "00280011": 65_536 }],
    ["a frame beyond the budget", { "00280010": 65_535, "00280011": 65_535 }],
    ["two samples", { "00280002": 2 }],
    ["12 bits allocated", { "00280100": 12 }],
    ["more bits stored than allocated", { "00280101": 17 }],
    ["no bits stored", { "00280101": 0 }],
    ["a high bit below the stored ones", { "00280102": 10 }],
    ["a high bit beyond the allocated ones", { "00280102": 16 }],
    ["a representation of 2", { "00280103": 2 }],
  ])("%s", (_, changes) => {
    const all = { ...attributes, ...changes } as Readonly<Record<string, unknown>>;
    const describing = (): FrameDescription => describeFrame((tag) => all[tag], explicit);
    expect(describing).toThrow(Problem);
  });
});
