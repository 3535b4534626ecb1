import type { DecodedFrame } from "../pixels/decodedFrame.ts";
import type {
  ImagePresentation,
  ModalityTransform,
  VoiTransform,
  Window,
} from "./imagePresentation.ts";
import type { Raster } from "./raster.ts";
import { storedValuesOf } from "./storedValues.ts";
import { lookUp, voiFunction } from "./voiFunction.ts";

/** Up to this many bits, every possible value is mapped once and pixels are looked up. */
const tableBitsMax = 16;

/**
 * Renders a frame of one sample a pixel as gray (PS3.3 §C.11, PS3.4 §N.2.1): Modality LUT, VOI LUT, Presentation LUT.
 *
 * `window` takes the place of what the header says. Without either, the least and the greatest value that occur become
 * black and white; where they are the same, the range of values that could occur does. Padding is black.
 */
export function renderGrayscale(
  frame: DecodedFrame,
  presentation: ImagePresentation,
  window: Window | undefined,
): Raster {
  const { rows, columns } = frame;
  const { bits, patterns, value } = storedValuesOf(frame);
  const count = rows * columns;
  const data = new Uint8Array(count);
  const modality = modalityFunction(presentation.modality);
  const { padding } = presentation;
  const isPadding = (stored: number): boolean =>
    padding !== undefined && stored >= padding.low && stored <= padding.high;
  const isTabled = bits <= tableBitsMax;
  let voi = chosenVoi(presentation, window);
  if (voi === undefined) {
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    const include = (bitPattern: number): void => {
      const stored = value(bitPattern);
      if (!isPadding(stored)) {
        const real = modality(stored);
        least = Math.min(least, real);
        greatest = Math.max(greatest, real);
      }
    };
    if (isTabled) {
      const occurs = new Uint8Array(2 ** bits);
      for (let index = 0; index < count; index += 1) {
        occurs[patterns[index] ?? 0] = 1;
      }
      for (let each = 0; each < occurs.length; each += 1) {
        if (occurs[each] === 1) {
          include(each);
        }
      }
    } else {
      for (let index = 0; index < count; index += 1) {
        include(patterns[index] ?? 0);
      }
    }
    if (least >= greatest) {
      const ends = [
        value(0),
        value(2 ** bits - 1),
        value(2 ** (bits - 1)),
        value(2 ** (bits - 1) - 1),
      ];
      const reals = ends.map(modality);
      least = Math.min(...reals);
      greatest = Math.max(...reals);
    }
    voi = wholeRange(least, greatest);
  }
  const shown = voiFunction(voi);
  const gray = (bitPattern: number): number => {
    const stored = value(bitPattern);
    if (isPadding(stored)) {
      return 0;
    }
    const level = Math.round(shown(modality(stored)));
    return presentation.isInverse ? 255 - level : level;
  };
  if (isTabled) {
    const table = Uint8Array.from({ length: 2 ** bits }, (_, each) => gray(each));
    for (let index = 0; index < count; index += 1) {
      data[index] = table[patterns[index] ?? 0] ?? 0;
    }
  } else {
    for (let index = 0; index < count; index += 1) {
      data[index] = gray(patterns[index] ?? 0);
    }
  }
  return { width: columns, height: rows, channels: 1, data };
}

/**
 * Renders values that are no integers (Float and Double Float Pixel Data, PS3.3 §C.7.6.24) as gray, like
 * {@link renderGrayscale}. What is not a number, or infinite, is black.
 */
export function renderFloats(
  values: Float32Array | Float64Array,
  rows: number,
  columns: number,
  presentation: ImagePresentation,
  window: Window | undefined,
): Raster {
  const modality = modalityFunction(presentation.modality);
  let voi = chosenVoi(presentation, window);
  if (voi === undefined) {
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    for (const stored of values) {
      if (Number.isFinite(stored)) {
        least = Math.min(least, modality(stored));
        greatest = Math.max(greatest, modality(stored));
      }
    }
    voi = least < greatest ? wholeRange(least, greatest) : wholeRange(0, Math.max(greatest, 1));
  }
  const shown = voiFunction(voi);
  const data = new Uint8Array(rows * columns);
  for (let index = 0; index < data.length; index += 1) {
    const stored = values[index] ?? Number.NaN;
    if (Number.isFinite(stored)) {
      const level = Math.round(shown(modality(stored)));
      data[index] = presentation.isInverse ? 255 - level : level;
    }
  }
  return { width: columns, height: rows, channels: 1, data };
}

function chosenVoi(
  presentation: ImagePresentation,
  window: Window | undefined,
): VoiTransform | undefined {
  return window === undefined ? presentation.voi : { kind: "window", window };
}

function wholeRange(least: number, greatest: number): VoiTransform {
  const width = greatest - least;
  const center = least + width / 2;
  return { kind: "window", window: { center, width, function: "LINEAR_EXACT" } };
}

function modalityFunction(modality: ModalityTransform | undefined): (stored: number) => number {
  if (modality === undefined) {
    return (stored) => stored;
  }
  if (modality.kind === "table") {
    return (stored) => lookUp(modality.table, stored);
  }
  const { slope, intercept } = modality;
  return (stored) => stored * slope + intercept;
}
