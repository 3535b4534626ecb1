/** A color space that a rendered image can be asked for in (PS3.18 §8.3.5.1.5). */
export type ColorSpaceName = "srgb" | "adobergb" | "rommrgb" | "displayp3";

/** How samples from 0 to 1 become light: (a x + b) ** gamma from d on, c x below (ICC.1:2022 §10.18, type 3). */
export interface ToneCurve {
  readonly gamma: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** Three numbers. */
export type Triple = readonly [number, number, number];

/** An RGB color space: what its primaries are as XYZ, adapted to D50, and its tone curve. */
export interface ColorSpace {
  readonly description: string;
  /** XYZ of red, of green, and of blue. */
  readonly primaries: readonly [Triple, Triple, Triple];
  readonly curve: ToneCurve;
}

const srgbCurve: ToneCurve = {
  gamma: 2.4,
  a: 1 / 1.055,
  b: 0.055 / 1.055,
  c: 1 / 12.92,
  d: 0.04045,
};

/** The color spaces by the names that the standard gives them. */
export const colorSpaces: Readonly<Record<ColorSpaceName, ColorSpace>> = {
  // IEC 61966-2-1.
  srgb: {
    description: "sRGB",
    primaries: [
      [0.436_07, 0.222_49, 0.013_92],
      [0.385_15, 0.716_87, 0.097_08],
      [0.143_07, 0.060_61, 0.7141],
    ],
    curve: srgbCurve,
  },
  // Adobe RGB (1998).
  adobergb: {
    description: "Adobe RGB (1998) compatible",
    primaries: [
      [0.609_74, 0.311_11, 0.019_47],
      [0.205_28, 0.625_67, 0.060_87],
      [0.149_19, 0.063_22, 0.744_57],
    ],
    curve: { gamma: 563 / 256, a: 1, b: 0, c: 0, d: 0 },
  },
  // ISO 22028-2.
  rommrgb: {
    description: "ROMM RGB",
    primaries: [
      [0.797_67, 0.288_04, 0],
      [0.135_19, 0.711_88, 0],
      [0.031_34, 0.000_09, 0.824_91],
    ],
    curve: { gamma: 1.8, a: 1, b: 0, c: 1 / 16, d: 1 / 32 },
  },
  // The primaries of SMPTE RP 431-2 with the white and the curve of sRGB.
  displayp3: {
    description: "Display P3",
    primaries: [
      [0.515_12, 0.2412, -0.001_05],
      [0.291_98, 0.692_25, 0.041_89],
      [0.1571, 0.066_57, 0.784_07],
    ],
    curve: srgbCurve,
  },
};
