import type { Triple } from "./colorSpaces.ts";

/** What a matrix profile says of the colors of an image. */
export interface MatrixProfile {
  /** XYZ of red, of green, and of blue, adapted to D50. */
  readonly primaries: readonly [Triple, Triple, Triple];
  /** For red, green and blue: from a sample of 0 to 1 to light of 0 to 1. */
  readonly curves: readonly [Curve, Curve, Curve];
}

type Curve = (sample: number) => number;

/** How many parameters each of the kinds of parametric curves has (ICC.1:2022 Table 68). */
const parameterCounts: readonly number[] = [1, 3, 4, 5, 7];
const tagsMax = 200;

/**
 * Reads an ICC profile whose colors are made by three curves and a matrix (ICC.1:2022 §8.3.3). Undefined for any other,
 * such as one of tables, and for a damaged one.
 */
export function parseIccProfile(bytes: Uint8Array): MatrixProfile | undefined {
  const profile = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const isMatrix =
    profile.length >= 132 &&
    profile.toString("latin1", 36, 40) === "acsp" &&
    profile.toString("latin1", 16, 24) === "RGB XYZ ";
  if (!isMatrix) {
    return undefined;
  }
  const tags = new Map<string, Buffer>();
  const count = Math.min(profile.readUInt32BE(128), tagsMax);
  for (let at = 132; at < 132 + count * 12 && at + 12 <= profile.length; at += 12) {
    const offset = profile.readUInt32BE(at + 4);
    const length = profile.readUInt32BE(at + 8);
    tags.set(profile.toString("latin1", at, at + 4), profile.subarray(offset, offset + length));
  }
  // Tables say more than a matrix, and come first where there are both.
  if (tags.has("A2B0")) {
    return undefined;
  }
  const [rXYZ, gXYZ, bXYZ] = ["rXYZ", "gXYZ", "bXYZ"].map((name) => xyzOf(tags.get(name)));
  const [rTRC, gTRC, bTRC] = ["rTRC", "gTRC", "bTRC"].map((name) => curveOf(tags.get(name)));
  return rXYZ && gXYZ && bXYZ && rTRC && gTRC && bTRC
    ? { primaries: [rXYZ, gXYZ, bXYZ], curves: [rTRC, gTRC, bTRC] }
    : undefined;
}

function xyzOf(tag: Buffer | undefined): Triple | undefined {
  return tag === undefined || tag.length < 20 || tag.toString("latin1", 0, 4) !== "XYZ "
    ? undefined
    : [fixed(tag, 8), fixed(tag, 12), fixed(tag, 16)];
}

function fixed(tag: Buffer, at: number): number {
  return tag.readInt32BE(at) / 65_536;
}

function curveOf(tag: Buffer | undefined): Curve | undefined {
  if (tag === undefined || tag.length < 12) {
    return undefined;
  }
  switch (tag.toString("latin1", 0, 4)) {
    case "curv":
      return sampledCurve(tag, tag.readUInt32BE(8));
    case "para":
      return parametricCurve(tag, tag.readUInt16BE(8));
    default:
      return undefined;
  }
}

/** ICC.1:2022 §10.6: no entries are a straight line, one is a gamma, more are a table. */
function sampledCurve(tag: Buffer, count: number): Curve | undefined {
  if (tag.length < 12 + count * 2) {
    return undefined;
  }
  if (count === 0) {
    return (sample) => sample;
  }
  if (count === 1) {
    const gamma = tag.readUInt16BE(12) / 256;
    return (sample) => sample ** gamma;
  }
  return (sample) => {
    const place = sample * (count - 1);
    const index = Math.min(Math.floor(place), count - 2);
    const one = tag.readUInt16BE(12 + index * 2) / 65_535;
    const next = tag.readUInt16BE(14 + index * 2) / 65_535;
    return one + (next - one) * (place - index);
  };
}

/** ICC.1:2022 §10.18. */
function parametricCurve(tag: Buffer, kind: number): Curve | undefined {
  const parameterCount = parameterCounts[kind];
  if (parameterCount === undefined || tag.length < 12 + parameterCount * 4) {
    return undefined;
  }
  const parameter = (index: number): number =>
    index < parameterCount ? fixed(tag, 12 + index * 4) : 0;
  const gamma = parameter(0);
  const a = kind === 0 ? 1 : parameter(1);
  const b = parameter(2);
  const power = (sample: number): number => Math.max(a * sample + b, 0) ** gamma;
  switch (kind) {
    case 0:
      return power;
    case 1:
      return (sample) => (sample >= -b / a ? power(sample) : 0);
    case 2:
      return (sample) => (sample >= -b / a ? power(sample) : 0) + parameter(3);
    default: {
      const [c, d] = [parameter(3), parameter(4)];
      const [e, f] = [parameter(5), parameter(6)];
      return (sample) => (sample >= d ? power(sample) + e : c * sample + f);
    }
  }
}
