import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeGifFrame } from "../../../../shared/rendering/encodeGifFrame.ts";
import { encodePng } from "../../../../shared/rendering/encodePng.ts";
import type { Raster } from "../../../../shared/rendering/raster.ts";
import { colorSpaces } from "../../../../shared/rendering/colorSpaces.ts";
import { makeIccProfile } from "../../../../shared/rendering/makeIccProfile.ts";
import { decodeGif } from "../../../support/pictures/decodeGif.ts";
import { decodePng } from "../../../support/pictures/decodePng.ts";

const seed = 20_240_229;

const whole = { isFirst: true, isLast: true, milliseconds: 0 };

const rasters: fc.Arbitrary<Raster> = fc
  .record({
    width: fc.integer({ min: 1, max: 60 }),
    height: fc.integer({ min: 1, max: 60 }),
    channels: fc.constantFrom(1 as const, 3 as const),
    distinct: fc.integer({ min: 1, max: 256 }),
    noise: fc.infiniteStream(fc.nat(255)),
  })
  .map(({ width, height, channels, distinct, noise }) => ({
    width,
    height,
    channels,
    data: Uint8Array.from(noise.take(width * height * channels).map((value) => value % distinct)),
  }));

describe("PNG", () => {
  test(`what is encoded is decoded to the same pixels (seed ${seed})`, () => {
    fc.assert(
      fc.property(rasters, (raster) => {
        const { width, height, channels, data } = decodePng(encodePng(raster, undefined));
        expect({ width, height, channels, data }).toEqual(raster);
      }),
      { seed, numRuns: 60 },
    );
  });

  test("an ICC profile comes before the pixels", () => {
    const raster: Raster = { width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) };
    expect(decodePng(encodePng(raster, makeIccProfile(colorSpaces.srgb))).chunkTypes).toEqual([
      "IHDR",
      "iCCP",
      "IDAT",
      "IEND",
    ]);
  });
});

describe("GIF", () => {
  test(`gray is decoded to the same pixels, whatever the codes grow to (seed ${seed})`, () => {
    fc.assert(
      fc.property(rasters, (raster) => {
        const gray = { ...raster, channels: 1 as const, width: raster.width * raster.channels };
        const [frame] = decodeGif(encodeGifFrame(gray, whole)).frames;
        expect([frame?.width, frame?.height]).toEqual([gray.width, gray.height]);
        expect(frame?.data.filter((_, at) => at % 3 === 0)).toEqual(gray.data);
      }),
      { seed, numRuns: 60 },
    );
  });

  test.each([
    ["one pixel", 1, 1],
    ["noise that fills the table of codes several times", 300, 200],
    ["a plain of one gray", 1000, 300],
  ])("%s is decoded to the same pixels", (name, width, height) => {
    let state = 1;
    const data = Uint8Array.from({ length: width * height }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return name.startsWith("noise") ? state >>> 24 : 7;
    });
    const [frame] = decodeGif(encodeGifFrame({ width, height, channels: 1, data }, whole)).frames;
    expect(Buffer.from(frame?.data.filter((_, at) => at % 3 === 0) ?? []).equals(data)).toBe(true);
  });

  test("256 colors that differ are kept as they are", () => {
    const colors = Array.from({ length: 256 }, (_, index) => [
      (index & 7) * 32 + 5,
      ((index >> 3) & 7) * 32 + 9,
      (index >> 6) * 64 + 3,
    ]).flat();
    const raster: Raster = { width: 16, height: 16, channels: 3, data: Uint8Array.from(colors) };
    expect(decodeGif(encodeGifFrame(raster, whole)).frames[0]?.data).toEqual(raster.data);
  });

  test("of more colors each pixel has one that is near", () => {
    const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, at) => {
      const pixel = Math.floor(at / 3);
      return [(pixel % 64) * 4, Math.floor(pixel / 64) * 4, 128][at % 3] ?? 0;
    });
    const [frame] = decodeGif(
      encodeGifFrame({ width: 64, height: 64, channels: 3, data }, whole),
    ).frames;
    const worst = data.reduce(
      (most, sample, at) => Math.max(most, Math.abs(sample - (frame?.data[at] ?? 999))),
      0,
    );
    expect(worst).toBeLessThanOrEqual(16);
  });

  test("frames put together are an animation that is repeated", () => {
    const frames = [10, 20, 30].map((gray, index) =>
      encodeGifFrame(
        { width: 2, height: 1, channels: 1, data: Uint8Array.of(gray, gray + 1) },
        { isFirst: index === 0, isLast: index === 2, milliseconds: 120 },
      ),
    );
    const gif = decodeGif(Buffer.concat(frames));
    expect(gif.isRepeated).toBe(true);
    expect(gif.frames.map(({ hundredths, data }) => [hundredths, data[0], data[3]])).toEqual([
      [12, 10, 11],
      [12, 20, 21],
      [12, 30, 31],
    ]);
  });
});
