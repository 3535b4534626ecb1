import { describe, expect, test } from "vitest";
import type { InlineFrameIndex } from "../../../../shared/dicom/frameIndex.ts";
import type { Part10Instance } from "../../../../shared/dicom/part10Reader.ts";
import {
  encapsulate,
  fakeCodestream,
  makeInstance,
  syntaxes,
  type TestElement,
} from "../../../support/dicom/dicomFile.ts";
import { readPart10 } from "../../../support/dicom/readPart10.ts";

function inlineOf(instance: Part10Instance): InlineFrameIndex | undefined {
  return instance.pixelData?.frames.toInline();
}

/** The bytes that the index says a frame is in. */
function located(bytes: Uint8Array, instance: Part10Instance, frameIndex: number): Uint8Array {
  const location = instance.pixelData?.frames.locate(frameIndex);
  if (location === undefined) {
    throw new Error(`frame ${frameIndex} is not in the index`);
  }
  return bytes.subarray(location.offset, location.offset + location.length);
}

describe("native frames", () => {
  test.each([syntaxes.implicitLittle, syntaxes.explicitLittle, syntaxes.explicitBig])(
    "%s: each frame is found where it is",
    async (transferSyntaxUID) => {
      const made = makeInstance({ transferSyntaxUID, frames: 5, rows: 6, columns: 7 });
      const instance = await readPart10(made.bytes);
      expect(instance.pixelData).toMatchObject({ isEncapsulated: false, issue: undefined });
      expect(instance.pixelData?.frames.count).toBe(5);
      for (const [frameIndex, frame] of made.frames.entries()) {
        expect(Buffer.from(located(made.bytes, instance, frameIndex)).equals(frame)).toBe(true);
      }
    },
  );

  async function index(
    elements: readonly TestElement[],
  ): Promise<{ bits: unknown; count: unknown; issue: unknown }> {
    const { pixelData } = await readPart10(makeInstance({ rows: 4, columns: 4, elements }).bytes);
    const inline = pixelData?.frames.toInline();
    return {
      bits: inline?.kind === "native" ? inline.frameBits : undefined,
      count: pixelData?.frames.count,
      issue: pixelData?.issue,
    };
  }

  const pixels = (bytes: number): TestElement => ["7FE00010", "OW", new Uint8Array(bytes)];

  test.each<[string, number, readonly TestElement[]]>([
    ["8 bits", 128, [pixels(16)]],
    ["16 bits", 256, [["00280100", "US", 16], pixels(32)]],
    ["RGB", 384, [["00280002", "US", 3], ["00280004", "CS", "RGB"], pixels(48)]],
    ["YBR_FULL_422", 256, [["00280002", "US", 3], ["00280004", "CS", "YBR_FULL_422"], pixels(32)]],
    ["1 bit", 16, [["00280100", "US", 1], pixels(2)]],
  ])("a frame of %s has %d bits", async (_, bits, elements) => {
    expect(await index(elements)).toEqual({ bits, count: 1, issue: undefined });
  });

  test("float and double float pixels need no Bits Allocated", async () => {
    const none: TestElement = ["00280100", "-"];
    const float = await readPart10(
      makeInstance({ rows: 2, columns: 2, elements: [none, ["7FE00008", "OF", [1, 2, 3, 4]]] })
        .bytes,
    );
    expect(float.pixelData).toMatchObject({ tag: 0x7fe00008, vr: "OF", length: 16 });
    expect(float.pixelData?.frames.locate(0)?.length).toBe(16);
    const double = await readPart10(
      makeInstance({ rows: 2, columns: 2, elements: [none, ["7FE00009", "OD", [1, 2, 3, 4]]] })
        .bytes,
    );
    expect(double.pixelData?.frames.locate(0)?.length).toBe(32);
  });

  test.each<[string, number, string, readonly TestElement[]]>([
    [
      "too few bytes",
      2,
      "Pixel Data is too short for Number of Frames.",
      [["00280008", "IS", "5"], pixels(32)],
    ],
    ["too many bytes", 1, "Pixel Data is longer than its frames.", [pixels(40)]],
    ["no bytes", 0, "Pixel Data is too short for Number of Frames.", [pixels(0)]],
    [
      "no Rows",
      0,
      "Rows, Columns or Bits Allocated is missing or not positive.",
      [["00280010", "-"], pixels(16)],
    ],
    [
      "Rows of 0",
      0,
      "Rows, Columns or Bits Allocated is missing or not positive.",
      [["00280010", "US", 0], pixels(16)],
    ],
    [
      "0 frames",
      0,
      "Number of Frames is not a positive integer.",
      [["00280008", "IS", "0"], pixels(16)],
    ],
    [
      "no number of frames",
      0,
      "Number of Frames is not a positive integer.",
      [["00280008", "IS", "many"], pixels(16)],
    ],
    [
      "sizes that overflow",
      0,
      "The size of the frames overflows.",
      [
        ["00280010", "US", 65535],
        ["00280011", "US", 65535],
        ["00280002", "US", 65535],
        ["00280100", "US", 65535],
        pixels(16),
      ],
    ],
  ])("with %s there are %d frames and an issue", async (_, count, issue, elements) => {
    expect(await index(elements)).toMatchObject({ count, issue });
  });

  test("one byte of padding is no issue", async () => {
    const made = makeInstance({ rows: 3, columns: 3 });
    const { pixelData } = await readPart10(made.bytes);
    expect(pixelData).toMatchObject({ length: 10, issue: undefined });
    expect(pixelData?.frames.locate(0)?.length).toBe(9);
  });
});

describe("encapsulated frames", () => {
  const frames = [101, 64, 200].map((bytes, seed) => fakeCodestream(bytes, seed));
  const padded = frames.map((frame) => Buffer.concat([frame, Buffer.alloc(frame.length % 2)]));

  function instanceOf(
    elements: readonly TestElement[],
    count = 3,
    transferSyntaxUID: string = syntaxes.jpeg2000,
  ): Uint8Array {
    return makeInstance({ transferSyntaxUID, frames: count, elements }).bytes;
  }

  test.each(["basic", "extended", "none"] as const)(
    "offset table %s: a fragment each",
    async (offsetTable) => {
      const bytes = instanceOf(encapsulate(frames, { offsetTable }));
      const instance = await readPart10(bytes);
      expect(instance.pixelData).toMatchObject({ isEncapsulated: true, issue: undefined });
      const expected = offsetTable === "extended" ? frames : padded;
      for (const [frameIndex, frame] of expected.entries()) {
        expect(Buffer.from(located(bytes, instance, frameIndex)).equals(frame)).toBe(true);
      }
    },
  );

  test.each(["basic", "none"] as const)(
    "offset table %s: several fragments each",
    async (offsetTable) => {
      const bytes = instanceOf(encapsulate(frames, { offsetTable, fragmentsPerFrame: 3 }));
      const instance = await readPart10(bytes);
      expect(instance.pixelData?.issue).toBeUndefined();
      expect(instance.pixelData?.frames.count).toBe(3);
      for (const [frameIndex, frame] of padded.entries()) {
        const location = instance.pixelData?.frames.locate(frameIndex);
        expect(location?.fragments).toBe(3);
        expect(location?.length).toBe(frame.length + 24);
        const span = located(bytes, instance, frameIndex);
        expect(Buffer.from(span.subarray(0, 4)).toString("hex")).toBe("feff00e0");
      }
    },
  );

  test("one frame has all fragments, even where their codestream cannot be told", async () => {
    const instance = await readPart10(
      instanceOf(
        encapsulate([fakeCodestream(100, 1)], { offsetTable: "none", fragmentsPerFrame: 4 }),
        1,
        syntaxes.rle,
      ),
    );
    expect(instance.pixelData?.frames.count).toBe(1);
    expect(instance.pixelData?.frames.locate(0)?.fragments).toBe(4);
  });

  const uint32 = (...values: number[]): Uint8Array =>
    new Uint8Array(Uint32Array.from(values).buffer);

  test.each([
    ["points between fragments", uint32(0, 111, 182)],
    ["points behind the end", uint32(0, 110, 0xfffffff0)],
    ["does not begin at 0", uint32(8, 110, 182)],
    ["goes back", uint32(0, 182, 110)],
    ["repeats itself", uint32(0, 110, 110)],
    ["has too few entries", uint32(0, 110)],
    ["has an odd length", new Uint8Array(11)],
  ])("a basic offset table that %s is not believed", async (_, table) => {
    const honest = inlineOf(
      await readPart10(instanceOf(encapsulate(frames, { offsetTable: "none" }))),
    );
    const bytes = instanceOf([["7FE00010", "OB", undefined, { fragments: [table, ...padded] }]]);
    const instance = await readPart10(bytes);
    expect(instance.pixelData?.frames.count).toBe(3);
    for (const [frameIndex, frame] of padded.entries()) {
      expect(Buffer.from(located(bytes, instance, frameIndex)).equals(frame)).toBe(true);
    }
    expect(honest?.kind).toBe("encapsulated");
  });

  test("an extended offset table that lies is not believed, nor are lengths that lie", async () => {
    const pixelData = encapsulate(frames, { offsetTable: "none" });
    for (const [offsets, lengths] of [
      [
        [0n, 109n, 181n],
        [101n, 64n, 200n],
      ],
      [
        [0n, 2n ** 64n - 1n, 181n],
        [101n, 64n, 200n],
      ],
      [
        [0n, 110n, 182n],
        [0n, 2n ** 63n, 5n],
      ],
      [
        [0n, 110n],
        [101n, 64n],
      ],
    ]) {
      const bytes = instanceOf([
        ["7FE00001", "OV", offsets],
        ["7FE00002", "OV", lengths],
        ...pixelData,
      ]);
      const instance = await readPart10(bytes);
      expect(instance.pixelData?.frames.count).toBe(3);
      for (const [frameIndex, frame] of padded.entries()) {
        expect(Buffer.from(located(bytes, instance, frameIndex)).equals(frame)).toBe(true);
      }
    }
  });

  test("a video is one frame with all fragments", async () => {
    const instance = await readPart10(instanceOf(encapsulate(frames), 3, syntaxes.mpeg2));
    expect(instance.pixelData?.issue).toBeUndefined();
    expect(instance.pixelData?.frames.count).toBe(1);
    expect(instance.pixelData?.frames.locate(0)?.fragments).toBe(3);
  });

  test("what cannot be told apart gives no frame and an issue", async () => {
    const unmarked = [1, 2, 3, 4].map(() => new Uint8Array(10));
    const instance = await readPart10(
      instanceOf([["7FE00010", "OB", undefined, { fragments: [new Uint8Array(0), ...unmarked] }]]),
    );
    expect(instance.pixelData?.frames.count).toBe(0);
    expect(instance.pixelData?.issue).toMatch(/more fragments than frames/);
  });

  test("fewer fragments than frames are given out with an issue", async () => {
    const instance = await readPart10(instanceOf(encapsulate(frames), 7));
    expect(instance.pixelData?.frames.count).toBe(3);
    expect(instance.pixelData?.issue).toMatch(/fewer fragments/);
  });

  test("no fragment at all gives no frame and an issue", async () => {
    for (const fragments of [[], [new Uint8Array(0)]]) {
      const instance = await readPart10(instanceOf([["7FE00010", "OB", undefined, { fragments }]]));
      expect(instance.pixelData?.frames.count).toBe(0);
      expect(instance.pixelData?.issue).toBe("Pixel Data has no fragment.");
    }
  });

  test("an empty fragment among others is one", async () => {
    const instance = await readPart10(
      instanceOf(
        [
          [
            "7FE00010",
            "OB",
            undefined,
            { fragments: [new Uint8Array(0), new Uint8Array(0), padded[0] ?? new Uint8Array(0)] },
          ],
        ],
        2,
      ),
    );
    expect(inlineOf(instance)?.kind).toBe("encapsulated");
    expect(instance.pixelData?.frames.locate(0)?.length).toBe(0);
    expect(instance.pixelData?.frames.locate(1)?.length).toBe(102);
  });
});
