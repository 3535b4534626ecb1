import { describe, expect, test } from "vitest";
import { colorSpaces, type ColorSpaceName } from "../../../../shared/rendering/colorSpaces.ts";
import { convertColors } from "../../../../shared/rendering/convertColors.ts";
import { makeIccProfile } from "../../../../shared/rendering/makeIccProfile.ts";
import {
  parseIccProfile,
  type MatrixProfile,
} from "../../../../shared/rendering/parseIccProfile.ts";
import type { Raster } from "../../../../shared/rendering/raster.ts";

const names = Object.keys(colorSpaces) as ColorSpaceName[];

function parsed(bytes: Uint8Array): MatrixProfile {
  const profile = parseIccProfile(bytes);
  if (profile === undefined) {
    throw new Error("not a matrix profile");
  }
  return profile;
}

const colors = [
  [0, 0, 0],
  [255, 255, 255],
  [128, 128, 128],
  [200, 120, 90],
  [30, 90, 160],
].flat();
const raster: Raster = { width: 5, height: 1, channels: 3, data: Uint8Array.from(colors) };

function worst(one: Uint8Array, other: Uint8Array): number {
  return one.reduce((most, value, at) => Math.max(most, Math.abs(value - (other[at] ?? 999))), 0);
}

describe.each(names)("the profile of %s", (name) => {
  const bytes = Buffer.from(makeIccProfile(colorSpaces[name]));

  test("has its length, its signature, and tags that lie within it", () => {
    expect(bytes.readUInt32BE(0)).toBe(bytes.length);
    expect(bytes.toString("latin1", 36, 40)).toBe("acsp");
    const tags = Array.from({ length: bytes.readUInt32BE(128) }, (_, index) => {
      const at = 132 + index * 12;
      const [offset, length] = [bytes.readUInt32BE(at + 4), bytes.readUInt32BE(at + 8)];
      expect(offset % 4).toBe(0);
      expect(offset + length).toBeLessThanOrEqual(bytes.length);
      return bytes.toString("latin1", at, at + 4);
    });
    expect(tags.join()).toBe("desc,cprt,wtpt,rXYZ,gXYZ,bXYZ,rTRC,gTRC,bTRC");
  });

  test("makes white of its primaries", () => {
    const { primaries } = parsed(bytes);
    const white = [0, 1, 2].map((axis) =>
      primaries.reduce((sum, primary) => sum + (primary[axis] ?? 0), 0),
    );
    for (const [axis, value] of [0.9642, 1, 0.8249].entries()) {
      expect(Math.abs((white[axis] ?? 0) - value)).toBeLessThan(0.001);
    }
  });

  test("converts to itself without a change, and from sRGB and back", () => {
    const own = convertColors(raster, parsed(bytes), colorSpaces[name]);
    expect(worst(own.data, raster.data)).toBeLessThanOrEqual(1);
    const srgb = parsed(makeIccProfile(colorSpaces.srgb));
    const there = convertColors(raster, srgb, colorSpaces[name]);
    const back = convertColors(there, parsed(bytes), colorSpaces.srgb);
    expect(worst(back.data, raster.data)).toBeLessThanOrEqual(3);
  });
});

test("gray stays gray, and saturated colors move as they are known to", () => {
  const srgb = parsed(makeIccProfile(colorSpaces.srgb));
  const one = (rgb: readonly number[], name: ColorSpaceName): number[] => [
    ...convertColors(
      { width: 1, height: 1, channels: 3, data: Uint8Array.from(rgb) },
      srgb,
      colorSpaces[name],
    ).data,
  ];
  expect(new Set(one([128, 128, 128], "displayp3"))).toEqual(new Set([128]));
  // Known values: the red of sRGB is (219, 0, 0) in Adobe RGB (1998), and (234, 51, 35) in Display P3.
  expect(
    worst(Uint8Array.from(one([255, 0, 0], "adobergb")), Uint8Array.of(219, 0, 0)),
  ).toBeLessThanOrEqual(1);
  expect(
    worst(Uint8Array.from(one([255, 0, 0], "displayp3")), Uint8Array.of(234, 51, 35)),
  ).toBeLessThanOrEqual(1);
});

describe("curves", () => {
  function withCurve(curve: Buffer): Uint8Array {
    const bytes = Buffer.from(makeIccProfile(colorSpaces.srgb));
    const profile = Buffer.concat([bytes, curve]);
    for (let index = 6; index < 9; index += 1) {
      profile.writeUInt32BE(bytes.length, 132 + index * 12 + 4);
      profile.writeUInt32BE(curve.length, 132 + index * 12 + 8);
    }
    return profile;
  }

  function curv(...entries: number[]): Buffer {
    const bytes = Buffer.alloc(12 + entries.length * 2);
    bytes.write("curv", 0, "latin1");
    bytes.writeUInt32BE(entries.length, 8);
    for (const [index, entry] of entries.entries()) {
      bytes.writeUInt16BE(entry, 12 + index * 2);
    }
    return bytes;
  }

  function para(kind: number, ...parameters: number[]): Buffer {
    const bytes = Buffer.alloc(12 + parameters.length * 4);
    bytes.write("para", 0, "latin1");
    bytes.writeUInt16BE(kind, 8);
    for (const [index, parameter] of parameters.entries()) {
      bytes.writeInt32BE(Math.round(parameter * 65_536), 12 + index * 4);
    }
    return bytes;
  }

  test.each([
    ["none at all", curv(), 0.5, 0.5],
    ["a gamma", curv(512), 0.5, 0.25],
    ["a table", curv(0, 16_384, 65_535), 0.25, 0.125],
    ["a parametric gamma", para(0, 3), 0.5, 0.125],
    ["one with an offset", para(1, 2, 2, -0.5), 0.5, 0.25],
    ["one with a foot", para(2, 2, 2, -0.5, 0.1), 0.2, 0.1],
    ["that of sRGB", para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045), 0.5, 0.214],
    ["one of seven parameters", para(4, 1, 1, 0, 0.5, 0.4, 0.1, 0.2), 0.2, 0.3],
  ])("%s", (_, curve, sample, light) => {
    expect(parsed(withCurve(curve)).curves[0](sample)).toBeCloseTo(light, 3);
  });

  test.each([
    ["a table that is cut off", curv(1, 2, 3).subarray(0, 14)],
    ["a parametric one that is cut off", para(3, 1, 1)],
    ["a parametric one of an unknown kind", para(9, 1, 1, 1, 1, 1, 1, 1)],
    ["something else", Buffer.from("none0000000000000000")],
  ])("%s makes no profile", (_, curve) => {
    expect(parseIccProfile(withCurve(curve))).toBeUndefined();
  });
});

test.each([
  ["nothing", new Uint8Array(0)],
  ["noise", Uint8Array.from({ length: 400 }, (_, at) => (at * 97) % 256)],
  ["a profile that is cut off", makeIccProfile(colorSpaces.srgb).subarray(0, 200)],
])("%s is no profile", (_, bytes) => {
  expect(parseIccProfile(bytes)).toBeUndefined();
});
