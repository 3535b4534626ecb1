import { describe, expect, test } from "vitest";
import { Problem } from "../../../../shared/problem/problem.ts";
import type { Raster } from "../../../../shared/rendering/raster.ts";
import { resample } from "../../../../shared/rendering/resample.ts";
import { planView, type Viewport } from "../../../../shared/rendering/viewport.ts";

const whole = { x: 0, y: 0, width: undefined, height: undefined };
const viewport = (width: number, height: number, region?: Viewport["region"]): Viewport => ({
  width,
  height,
  region,
});

describe("the size of a rendered image", () => {
  test.each([
    ["is that of the image without a viewport", 512, 256, 1, undefined, [512, 256]],
    ["is the largest that fits, by width", 512, 256, 1, viewport(128, 128), [128, 64]],
    ["is the largest that fits, by height", 256, 512, 1, viewport(128, 128), [64, 128]],
    ["grows to the viewport", 10, 20, 1, viewport(100, 100), [50, 100]],
    ["is never nothing", 1000, 1, 1, viewport(10, 10), [10, 1]],
    ["grows where pixels are higher than wide", 100, 100, 2, undefined, [100, 200]],
    ["grows where pixels are wider than high", 100, 100, 0.5, undefined, [200, 100]],
    ["has square pixels in a viewport too", 100, 100, 2, viewport(100, 100), [50, 100]],
    ["passes over an aspect that is a mistake", 100, 100, 1000, undefined, [100, 100]],
    [
      "is that of the region scaled",
      512,
      512,
      1,
      viewport(100, 100, { ...whole, x: 100, width: 50, height: 25 }),
      [100, 50],
    ],
  ] as const)("%s", (_, columns, rows, aspect, wanted, size) => {
    const view = planView(columns, rows, aspect, wanted, true);
    expect([view.width, view.height]).toEqual(size);
  });

  test("does not grow where it must not", () => {
    expect(planView(10, 20, 1, viewport(100, 100), false)).toMatchObject({ width: 10, height: 20 });
    expect(planView(200, 20, 1, viewport(100, 100), false)).toMatchObject({
      width: 100,
      height: 10,
    });
  });

  test("of more than 64 Mi pixels is not acceptable without a viewport", () => {
    expect(() => planView(20_000, 20_000, 1, undefined, true)).toThrow(Problem);
    expect(planView(20_000, 20_000, 1, viewport(10, 10), true).width).toBe(10);
  });
});

describe("the region", () => {
  test("is cut at the edges of the image, and flipped where its size is negative", () => {
    const region = { x: 90.5, y: 10, width: -50, height: 20 };
    expect(planView(100, 100, 1, viewport(10, 10, region), true)).toMatchObject({
      left: 90,
      columns: 10,
      top: 10,
      rows: 20,
      isFlippedHorizontally: true,
      isFlippedVertically: false,
    });
  });

  test("outside the image is malformed", () => {
    expect(() => planView(100, 100, 1, viewport(10, 10, { ...whole, x: 100 }), true)).toThrow(
      "outside the image",
    );
  });
});

const rasterOf = (width: number, grays: readonly number[]): Raster => ({
  width,
  height: grays.length / width,
  channels: 1,
  data: Uint8Array.from(grays),
});

function resampled(raster: Raster, wanted: Viewport): number[] {
  return [...resample(raster, planView(raster.width, raster.height, 1, wanted, true)).data];
}

describe("resampling", () => {
  const three = rasterOf(3, [1, 2, 3, 4, 5, 6, 7, 8, 9]);

  test("to the same size changes nothing", () => {
    expect(resampled(three, viewport(3, 3))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("cuts out and flips exactly", () => {
    expect(resampled(three, viewport(2, 1, { x: 1, y: 2, width: 2, height: 1 }))).toEqual([8, 9]);
    expect(resampled(three, viewport(3, 3, { ...whole, width: -3 }))).toEqual([
      3, 2, 1, 6, 5, 4, 9, 8, 7,
    ]);
    expect(resampled(three, viewport(3, 3, { ...whole, height: -3 }))).toEqual([
      7, 8, 9, 4, 5, 6, 1, 2, 3,
    ]);
  });

  test("keeps the three samples of a pixel apart", () => {
    const color: Raster = {
      width: 2,
      height: 1,
      channels: 3,
      data: Uint8Array.of(1, 2, 3, 4, 5, 6),
    };
    const view = planView(2, 1, 1, viewport(2, 1, { ...whole, width: -2 }), true);
    expect([...resample(color, view).data]).toEqual([4, 5, 6, 1, 2, 3]);
  });

  test("interpolates between pixels where the image grows", () => {
    expect(resampled(rasterOf(2, [0, 100]), viewport(4, 2)).slice(0, 4)).toEqual([0, 25, 75, 100]);
  });

  test("averages where it shrinks: a plain stays, and fine stripes become gray", () => {
    expect(new Set(resampled(rasterOf(64, Array<number>(4096).fill(77)), viewport(7, 7)))).toEqual(
      new Set([77]),
    );
    const stripes = rasterOf(
      64,
      Array.from({ length: 4096 }, (_, at) => (at % 2) * 200),
    );
    for (const gray of resampled(stripes, viewport(8, 8))) {
      expect(Math.abs(gray - 100)).toBeLessThanOrEqual(8);
    }
  });
});
