import { describe, expect, test } from "vitest";
import { FrameIndex, stripItemHeaders } from "../../../../shared/dicom/frameIndex.ts";

const encapsulated = FrameIndex.ofEncapsulated(
  Float64Array.of(100, 5_000_000_000, 5_000_000_300),
  Float64Array.of(50, 200, 7),
  Uint32Array.of(1, 3, 1),
);

describe("a frame index", () => {
  test("native frames follow each other", () => {
    const frames = FrameIndex.ofNative(1000, 64 * 8, 3);
    expect(frames.locate(0)).toEqual({ offset: 1000, length: 64, fragments: 1, firstBit: 0 });
    expect(frames.locate(2)).toEqual({ offset: 1128, length: 64, fragments: 1, firstBit: 0 });
  });

  test("frames of single bits begin inside a byte", () => {
    const frames = FrameIndex.ofNative(10, 9, 3);
    expect(frames.locate(0)).toEqual({ offset: 10, length: 2, fragments: 1, firstBit: 0 });
    expect(frames.locate(1)).toEqual({ offset: 11, length: 2, fragments: 1, firstBit: 1 });
    expect(frames.locate(2)).toEqual({ offset: 12, length: 2, fragments: 1, firstBit: 2 });
  });

  test.each([-1, 3, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "there is no frame %d of three",
    (index) => {
      expect(encapsulated.locate(index)).toBeUndefined();
      expect(FrameIndex.ofNative(0, 8, 3).locate(index)).toBeUndefined();
    },
  );

  test.each([
    ["native", FrameIndex.ofNative(10, 9, 3)],
    ["encapsulated", encapsulated],
    ["empty", FrameIndex.ofNative(10, 0, 0)],
  ])("%s: inline, encoded and by record, every frame is where it was", (_, frames) => {
    const inline = FrameIndex.fromInline(
      JSON.parse(JSON.stringify(frames.toInline())) as ReturnType<FrameIndex["toInline"]>,
    );
    const bytes = frames.encode();
    const decoded = FrameIndex.decode(bytes);
    expect(inline.count).toBe(frames.count);
    expect(decoded.count).toBe(frames.count);
    for (let frameIndex = 0; frameIndex < frames.count; frameIndex += 1) {
      const { offset, length } = FrameIndex.recordRange(frameIndex);
      const record = FrameIndex.decodeRecord(bytes.subarray(offset, offset + length));
      expect(record).toEqual(frames.locate(frameIndex));
      expect(inline.locate(frameIndex)).toEqual(frames.locate(frameIndex));
      expect(decoded.locate(frameIndex)).toEqual(frames.locate(frameIndex));
    }
  });

  test("inline, a frame in one fragment costs two numbers", () => {
    expect(encapsulated.toInline()).toEqual({
      kind: "encapsulated",
      frames: [
        [100, 50],
        [5_000_000_000, 200, 3],
        [5_000_000_300, 7],
      ],
    });
  });

  test("damaged bytes are a bug, not an index", () => {
    const bytes = encapsulated.encode();
    expect(() => FrameIndex.decode(bytes.subarray(0, bytes.length - 1))).toThrow(
      "a whole frame index",
    );
    expect(() => FrameIndex.decode(new Uint8Array(8))).toThrow("a frame index");
    expect(() => FrameIndex.decodeRecord(new Uint8Array(3))).toThrow("fixed width");
  });
});

describe("item headers within a frame", () => {
  const span = Buffer.from(
    "feff00e0" +
      "04000000" +
      "01020304" +
      "feff00e0" +
      "00000000" +
      "feff00e0" +
      "02000000" +
      "0506",
    "hex",
  );

  async function strip(bytes: Uint8Array, chunkBytes: number): Promise<string> {
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        yield bytes.subarray(at, at + chunkBytes);
      }
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of stripItemHeaders(source())) {
      pieces.push(piece);
    }
    return Buffer.concat(pieces).toString("hex");
  }

  test("are taken out, however the bytes are cut", async () => {
    for (let chunkBytes = 1; chunkBytes <= span.length; chunkBytes += 1) {
      expect(await strip(span, chunkBytes)).toBe("010203040506");
    }
  });

  test("bytes that are no fragments are a bug", async () => {
    await expect(strip(span.subarray(1), 100)).rejects.toThrow("item tag");
    await expect(strip(span.subarray(0, 10), 100)).rejects.toThrow("ends with a fragment");
  });
});
