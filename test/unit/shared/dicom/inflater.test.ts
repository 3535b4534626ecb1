import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Inflater } from "../../../../shared/dicom/inflater.ts";

const limits = { inflatedBytesMin: 1_000_000, inflationRatioMax: 100 };
const text = Buffer.from("All of this is artificial. ".repeat(500));

function collecting(): { readonly inflater: Inflater; readonly bytes: () => Buffer } {
  const pieces: Buffer[] = [];
  const inflater = new Inflater((inflated) => {
    pieces.push(Buffer.from(inflated));
  }, limits);
  return { inflater, bytes: () => Buffer.concat(pieces) };
}

describe("inflating", () => {
  test.each([1, 7, 100_000])(
    "in chunks of %d bytes gives what was deflated",
    async (chunkBytes) => {
      const deflated = deflateRawSync(text);
      const { inflater, bytes } = collecting();
      for (let at = 0; at < deflated.length; at += chunkBytes) {
        await inflater.write(deflated.subarray(at, at + chunkBytes));
      }
      await inflater.end();
      expect(bytes().equals(text)).toBe(true);
    },
  );

  test("drops what comes after the end of the stream, however much", async () => {
    const { inflater, bytes } = collecting();
    await inflater.write(Buffer.concat([deflateRawSync(text), Buffer.alloc(1000, 7)]));
    for (let more = 0; more < 5; more += 1) {
      await inflater.write(Buffer.alloc(1000, 7));
    }
    await inflater.end();
    expect(bytes().equals(text)).toBe(true);
  });

  test("a stream that is cut or damaged is a Problem, of the write or of the end", async () => {
    const deflated = deflateRawSync(text);
    const cut = collecting().inflater;
    await cut.write(deflated.subarray(0, deflated.length - 3));
    await expect(cut.end()).rejects.toMatchObject({ kind: "malformed" });
    const damaged = collecting().inflater;
    // Block type 3 does not exist.
    await expect(damaged.write(Buffer.alloc(100, 0xff))).rejects.toMatchObject({
      kind: "malformed",
    });
    await expect(damaged.write(Buffer.alloc(1))).rejects.toMatchObject({ kind: "malformed" });
    const empty = collecting().inflater;
    await empty.write(Buffer.alloc(0));
    await expect(empty.end()).rejects.toMatchObject({ kind: "malformed" });
  });

  test("what the consumer throws ends it", async () => {
    const inflater = new Inflater(() => {
      throw new RangeError("enough");
    }, limits);
    await expect(inflater.write(deflateRawSync(text))).rejects.toThrow("enough");
    await expect(inflater.end()).rejects.toThrow("enough");
  });

  test("a bomb is stopped near the limit and not at its end", async () => {
    let inflatedBytes = 0;
    const inflater = new Inflater((inflated) => {
      inflatedBytes += inflated.length;
    }, limits);
    const bomb = deflateRawSync(Buffer.alloc(50_000_000));
    await expect(inflater.write(bomb)).rejects.toThrow("100 times its size");
    expect(inflatedBytes).toBeLessThan(Math.max(1_000_000, bomb.length * 100) + 65_536);
  });

  test("closing settles a write that is under way", async () => {
    const { inflater } = collecting();
    const writing = inflater.write(deflateRawSync(Buffer.alloc(10_000_000, "ab")));
    inflater.close();
    await expect(writing).resolves.toBeUndefined();
  });
});
