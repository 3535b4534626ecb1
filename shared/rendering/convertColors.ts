import type { ColorSpace, ToneCurve, Triple } from "./colorSpaces.ts";
import type { MatrixProfile } from "./parseIccProfile.ts";
import { toColor, type Raster } from "./raster.ts";

/** Light of 0 to 1 is looked up in so many steps on its way back to a sample. */
const lightSteps = 16_384;

/** Converts the colors of a raster, which are those of `source`, into `target`; what that cannot show is cut off. */
export function convertColors(raster: Raster, source: MatrixProfile, target: ColorSpace): Raster {
  const color = toColor(raster);
  const { width, height } = color;
  // From the light of the source to that of the target: through XYZ, in one step.
  const matrix = multiplied(inverted(columns(target.primaries)), columns(source.primaries));
  const lights = source.curves.map((curve) =>
    Float64Array.from({ length: 256 }, (_, sample) => curve(sample / 255)),
  );
  const samples = Uint8Array.from({ length: lightSteps + 1 }, (_, step) =>
    Math.round(255 * sampleOf(target.curve, step / lightSteps)),
  );
  const data = new Uint8Array(color.data.length);
  for (let at = 0; at < data.length; at += 3) {
    const red = lights[0]?.[color.data[at] ?? 0] ?? 0;
    const green = lights[1]?.[color.data[at + 1] ?? 0] ?? 0;
    const blue = lights[2]?.[color.data[at + 2] ?? 0] ?? 0;
    for (let channel = 0; channel < 3; channel += 1) {
      const [ofRed, ofGreen, ofBlue] = matrix[channel] ?? [0, 0, 0];
      const light = ofRed * red + ofGreen * green + ofBlue * blue;
      data[at + channel] = samples[Math.round(Math.min(Math.max(light, 0), 1) * lightSteps)] ?? 0;
    }
  }
  return { width, height, channels: 3, data };
}

/** The sample that a tone curve makes this light of. */
function sampleOf({ gamma, a, b, c, d }: ToneCurve, light: number): number {
  return light < c * d ? light / c : (light ** (1 / gamma) - b) / a;
}

type Matrix = readonly [Triple, Triple, Triple];

function columns([red, green, blue]: Matrix): Matrix {
  return [
    [red[0], green[0], blue[0]],
    [red[1], green[1], blue[1]],
    [red[2], green[2], blue[2]],
  ];
}

function multiplied(left: Matrix, right: Matrix): Matrix {
  const row = ([a, b, c]: Triple): Triple => [
    a * right[0][0] + b * right[1][0] + c * right[2][0],
    a * right[0][1] + b * right[1][1] + c * right[2][1],
    a * right[0][2] + b * right[1][2] + c * right[2][2],
  ];
  return [row(left[0]), row(left[1]), row(left[2])];
}

function inverted([[a, b, c], [d, e, f], [g, h, i]]: Matrix): Matrix {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  const scaled = (x: number, y: number, z: number): Triple => [
    x / determinant,
    y / determinant,
    z / determinant,
  ];
  return [
    scaled(e * i - f * h, c * h - b * i, b * f - c * e),
    scaled(f * g - d * i, a * i - c * g, c * d - a * f),
    scaled(d * h - e * g, b * g - a * h, a * e - b * d),
  ];
}
