import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import { Problem } from "../problem/problem.ts";
import { itemsOf, numberOf, numbersOf, textOf } from "./attributes.ts";
import type {
  ImagePresentation,
  LookupTable,
  ModalityTransform,
  Overlay,
  VoiTransform,
  WindowFunction,
} from "./imagePresentation.ts";
import { expandSegments } from "./expandSegments.ts";
import { parseLookupTable } from "./parseLookupTable.ts";

/** An instance as its metadata describes it. */
export interface ImageMetadata {
  readonly dataset: DicomJsonDataset;
  /** Reads the value that stands as `BulkDataURI` in `dataset`, little endian; undefined when it is longer than that. */
  readonly readBulkdata: (path: string, bytesMax: number) => Promise<Uint8Array | undefined>;
}

/** What is read beyond what every rendering needs. */
export interface DescribeOptions {
  readonly withOverlays: boolean;
  readonly withICCProfile: boolean;
}

/** A table in memory costs twice its entries, of which there are 65,536 at most; segments are no longer than that. */
const lookupTableBytesMax = 4 * 0x10000;
/** An overlay of more pixels than this is not drawn. */
const overlayPixelsMax = 64 * 1024 * 1024;

/**
 * Finds out how a frame, counted from 1, is to be shown: from the functional groups of the frame, those that all frames
 * share, and the rest of the data set, in this order (PS3.3 §C.7.6.16).
 *
 * Of several windows or VOI LUTs the first counts; a table comes before a window (PS3.3 §C.11.2). A window that is none,
 * such as one of width 0, is passed over. Overlays and the ICC profile are read when they are asked for.
 *
 * Throws Problem `notAcceptable` when a lookup table is damaged or missing.
 */
export async function describeImage(
  metadata: ImageMetadata,
  frameNumber: number,
  { withOverlays, withICCProfile }: DescribeOptions,
): Promise<ImagePresentation> {
  const { dataset } = metadata;
  const isSigned = numberOf(dataset, "00280103") === 1;
  const photometric = textOf(dataset, "00280004");
  const isPalette = photometric === "PALETTE COLOR";
  const source: TableSource = { ...metadata, isSigned };
  const values = functionalGroup(dataset, frameNumber, "00289145") ?? dataset;
  const [voiLUT] = [functionalGroup(dataset, frameNumber, "00289132"), dataset].filter(
    (item) =>
      item !== undefined && (item["00281050"] !== undefined || item["00283010"] !== undefined),
  );
  const measures = functionalGroup(dataset, frameNumber, "00289110");
  return {
    modality: await modalityOf(values, dataset, source),
    voi: await voiOf(voiLUT ?? dataset, source),
    isInverse: photometric === "MONOCHROME1" || textOf(dataset, "20500020") === "INVERSE",
    padding: paddingOf(dataset, isSigned),
    palette: isPalette
      ? {
          red: await paletteOf(source, "00281101", "00281201", "00281221"),
          green: await paletteOf(source, "00281102", "00281202", "00281222"),
          blue: await paletteOf(source, "00281103", "00281203", "00281223"),
        }
      : undefined,
    overlays: withOverlays ? await overlaysOf(metadata, frameNumber) : [],
    pixelAspect: pixelAspectOf(dataset, measures),
    iccProfile: withICCProfile ? await iccProfileOf(metadata) : undefined,
  };
}

/** The item of a functional group that holds for a frame; undefined when neither the frame nor all share one. */
function functionalGroup(
  dataset: DicomJsonDataset,
  frameNumber: number,
  tag: string,
): DicomJsonDataset | undefined {
  const perFrame = itemsOf(dataset, "52009230")[frameNumber - 1];
  const shared = itemsOf(dataset, "52009229")[0];
  for (const groups of [perFrame, shared]) {
    const item = groups === undefined ? undefined : itemsOf(groups, tag)[0];
    if (item !== undefined) {
      return item;
    }
  }
  return undefined;
}

interface TableSource extends ImageMetadata {
  readonly isSigned: boolean;
}

async function modalityOf(
  values: DicomJsonDataset,
  dataset: DicomJsonDataset,
  source: TableSource,
): Promise<ModalityTransform | undefined> {
  const [item] = itemsOf(dataset, "00283000");
  if (item !== undefined) {
    const table = await tableOf(item, source, source.isSigned);
    return { kind: "table", table };
  }
  const slope = numberOf(values, "00281053");
  const intercept = numberOf(values, "00281052");
  if (slope === undefined && intercept === undefined) {
    return undefined;
  }
  // A slope of 0 makes one value of all: it is a mistake.
  return { kind: "rescale", slope: slope === 0 ? 1 : (slope ?? 1), intercept: intercept ?? 0 };
}

async function voiOf(
  item: DicomJsonDataset,
  source: TableSource,
): Promise<VoiTransform | undefined> {
  const [voiLUT] = itemsOf(item, "00283010");
  if (voiLUT !== undefined) {
    // What it maps is the outcome of the Modality LUT, which may be negative where the stored values are not.
    const hasSignedInput = source.isSigned || (numberOf(source.dataset, "00281052") ?? 0) < 0;
    return { kind: "table", table: await tableOf(voiLUT, source, hasSignedInput) };
  }
  const center = numberOf(item, "00281050");
  const width = numberOf(item, "00281051");
  const named = textOf(item, "00281056");
  const shape: WindowFunction = named === "SIGMOID" || named === "LINEAR_EXACT" ? named : "LINEAR";
  if (center === undefined || width === undefined || width <= 0) {
    return undefined;
  }
  return { kind: "window", window: { center, width, function: shape } };
}

async function tableOf(
  item: DicomJsonDataset,
  source: TableSource,
  isSigned: boolean,
): Promise<LookupTable> {
  const [entryCount, first, bits] = numbersOf(item, "00283002");
  const data = await bytesOf(item, "00283006", source, lookupTableBytesMax);
  if (entryCount === undefined || first === undefined || data === undefined) {
    throw missing("(0028,3006)");
  }
  return parseLookupTable("(0028,3006)", [entryCount, first, bits ?? 16], data, isSigned);
}

async function paletteOf(
  source: TableSource,
  descriptorTag: string,
  dataTag: string,
  segmentedTag: string,
): Promise<LookupTable> {
  const named = `(${dataTag.slice(0, 4)},${dataTag.slice(4)})`;
  const [entryCount, first, bits] = numbersOf(source.dataset, descriptorTag);
  if (entryCount === undefined || first === undefined || bits === undefined) {
    throw missing(named);
  }
  const descriptor = [entryCount, first, bits] as const;
  const plain = await bytesOf(source.dataset, dataTag, source, lookupTableBytesMax);
  if (plain !== undefined) {
    return parseLookupTable(named, descriptor, plain, source.isSigned);
  }
  const segments = await bytesOf(source.dataset, segmentedTag, source, lookupTableBytesMax);
  if (segments === undefined) {
    throw missing(named);
  }
  const data = expandSegments(named, descriptor, segments);
  return parseLookupTable(named, descriptor, data, source.isSigned);
}

function missing(named: string): Problem {
  return new Problem("notAcceptable", `The lookup table ${named} is missing.`);
}

/** The value of an attribute as bytes, wherever the metadata has it; undefined when absent, empty or longer than that. */
async function bytesOf(
  item: DicomJsonDataset,
  tag: string,
  { readBulkdata }: ImageMetadata,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const element = item[tag];
  if (element?.InlineBinary !== undefined) {
    return Buffer.from(element.InlineBinary, "base64");
  }
  if (element?.BulkDataURI !== undefined) {
    return await readBulkdata(element.BulkDataURI, bytesMax);
  }
  // LUT Data may have the VR US or SS.
  const numbers = numbersOf(item, tag);
  if (numbers.length === 0) {
    return undefined;
  }
  return new Uint8Array(Uint16Array.from(numbers, (number) => number & 0xffff).buffer);
}

function paddingOf(
  dataset: DicomJsonDataset,
  isSigned: boolean,
): { readonly low: number; readonly high: number } | undefined {
  const allocated = numberOf(dataset, "00280100") ?? 16;
  // The VR may say signed where the pixels are not, and the other way round.
  const asStored = (value: number): number => {
    const range = 2 ** allocated;
    const pattern = ((value % range) + range) % range;
    return isSigned && pattern >= range / 2 ? pattern - range : pattern;
  };
  const value = numberOf(dataset, "00280120");
  if (value === undefined) {
    return undefined;
  }
  const one = asStored(value);
  const other = asStored(numberOf(dataset, "00280121") ?? value);
  return { low: Math.min(one, other), high: Math.max(one, other) };
}

async function overlaysOf(metadata: ImageMetadata, frameNumber: number): Promise<Overlay[]> {
  const { dataset } = metadata;
  const overlays: Overlay[] = [];
  // PS3.5 §7.6: sixteen groups, 6000 to 601E.
  for (let group = 0; group < 16; group += 1) {
    const tag = (element: string): string =>
      `60${(group * 2).toString(16).padStart(2, "0").toUpperCase()}${element}`;
    const rows = numberOf(dataset, tag("0010")) ?? 0;
    const columns = numberOf(dataset, tag("0011")) ?? 0;
    const [originRow = 1, originColumn = 1] = numbersOf(dataset, tag("0050"));
    const place = { rows, columns, top: originRow - 1, left: originColumn - 1 };
    if (rows <= 0 || columns <= 0 || rows * columns > overlayPixelsMax) {
      continue;
    }
    // An overlay may have frames of its own, the first of which belongs to this frame of the image (PS3.3 §C.9.2).
    const planes = numberOf(dataset, tag("0015")) ?? 1;
    const firstFrame = numberOf(dataset, tag("0051")) ?? 1;
    const plane = planes > 1 || dataset[tag("0051")] !== undefined ? frameNumber - firstFrame : 0;
    const allocated = numberOf(dataset, tag("0100")) ?? 1;
    if (dataset[tag("3000")] === undefined) {
      const bitPosition = numberOf(dataset, tag("0102")) ?? 0;
      if (allocated > 1 && bitPosition < allocated) {
        overlays.push({ ...place, bits: { kind: "embedded", bitPosition } });
      }
    } else if (plane >= 0 && plane < planes) {
      const bytesMax = Math.ceil((rows * columns * planes) / 8) + 1;
      const bytes = await bytesOf(dataset, tag("3000"), metadata, bytesMax);
      const firstBit = plane * rows * columns;
      if (bytes !== undefined) {
        overlays.push({ ...place, bits: { kind: "data", bytes, firstBit } });
      }
    }
  }
  return overlays;
}

/** Height of a pixel by its width: Pixel Aspect Ratio (PS3.3 §C.7.6.3.1.7), else what the spacings say. */
function pixelAspectOf(dataset: DicomJsonDataset, measures: DicomJsonDataset | undefined): number {
  const pairs = [
    numbersOf(dataset, "00280034"),
    numbersOf(measures ?? {}, "00280030"),
    numbersOf(dataset, "00280030"),
    numbersOf(dataset, "00181164"),
    numbersOf(dataset, "00182010"),
  ];
  for (const [vertical, horizontal] of pairs) {
    if (vertical !== undefined && horizontal !== undefined && vertical > 0 && horizontal > 0) {
      const aspect = vertical / horizontal;
      // A spacing is rounded: what is square to a hundredth is square.
      return Math.abs(aspect - 1) < 0.01 ? 1 : aspect;
    }
  }
  return 1;
}

/** A profile of a display system has a few kilobytes, one with tables some hundred. */
const iccProfileBytesMax = 4 * 1024 * 1024;

async function iccProfileOf(metadata: ImageMetadata): Promise<Uint8Array | undefined> {
  // Of a whole-slide image it is in the Optical Path Sequence (PS3.3 §C.8.12.5).
  for (const item of [metadata.dataset, ...itemsOf(metadata.dataset, "00480105").slice(0, 1)]) {
    const profile = await bytesOf(item, "00282000", metadata, iccProfileBytesMax);
    if (profile !== undefined) {
      return profile;
    }
  }
  return undefined;
}
