import { decodeText } from "./characterSets.ts";
import type { Tag } from "./tag.ts";
import { lookupVR } from "./valueRepresentation.ts";

/** A Data Element as read (PS3.5 §7.1). */
export interface DicomElement {
  readonly tag: Tag;
  /** As in the file; from the dictionary for implicit VR, and UN where that does not know the tag. */
  readonly vr: string;
  /** Where the value field begins: in the Part 10 file, or in the inflated data set of a deflated one. */
  readonly offset: number;
  /** Bytes of the value field, delimiters of an undefined length included. */
  readonly length: number;
  /** The value in the byte order of its data set; undefined for one with items or fragments, or too large to keep. */
  readonly bytes: Uint8Array | undefined;
  /** The items of a sequence. */
  readonly items: readonly Dataset[] | undefined;
  /** The value is a sequence of fragments (PS3.5 §A.4). */
  readonly hasFragments: boolean;
}

const specificCharacterSetTag: Tag = 0x00080005;
const pixelRepresentationTag: Tag = 0x00280103;

/** A Data Set or the Data Set of a sequence item: elements by tag, in the order of their tags (PS3.5 §7). */
export class Dataset implements Iterable<DicomElement> {
  readonly isBigEndian: boolean;
  readonly #parent: Dataset | undefined;
  /** In the order of the file, until somebody asks: sorting waits until all are there. */
  readonly #elements: DicomElement[] = [];
  #isSorted = true;
  #specificCharacterSet: DicomElement | undefined;
  #pixelRepresentation: DicomElement | undefined;
  #characterSets: readonly string[] | undefined;

  /** An empty one. An item names the Data Set around it as `parent` and inherits its character set from there. */
  constructor(isBigEndian: boolean, parent?: Dataset) {
    this.isBigEndian = isBigEndian;
    this.#parent = parent;
  }

  /**
   * Adds an element. A tag that is there already is replaced: PS3.5 §7.1 forbids repetition, files have it, and
   * readers in the field agree on the last one.
   */
  set(element: DicomElement): void {
    const last = this.#elements.at(-1);
    if (last !== undefined && element.tag <= last.tag) {
      this.#isSorted = false;
    }
    this.#elements.push(element);
    if (element.tag === specificCharacterSetTag) {
      this.#specificCharacterSet = element;
      this.#characterSets = undefined;
    } else if (element.tag === pixelRepresentationTag) {
      this.#pixelRepresentation = element;
    }
  }

  #sort(): void {
    if (this.#isSorted) {
      return;
    }
    // The sort is stable: of equal tags the last one stays.
    this.#elements.sort((left, right) => left.tag - right.tag);
    let kept = 0;
    for (const element of this.#elements) {
      if (kept > 0 && this.#elements[kept - 1]?.tag === element.tag) {
        kept -= 1;
      }
      this.#elements[kept] = element;
      kept += 1;
    }
    this.#elements.length = kept;
    this.#isSorted = true;
  }

  /** How many elements were added, those included that others took the place of. */
  get addedCount(): number {
    return this.#elements.length;
  }

  get(tag: Tag): DicomElement | undefined {
    this.#sort();
    let low = 0;
    let high = this.#elements.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const element = this.#elements[middle];
      if (element === undefined || element.tag === tag) {
        return element;
      }
      if (element.tag < tag) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return undefined;
  }

  get size(): number {
    this.#sort();
    return this.#elements.length;
  }

  /** Elements in ascending order of tag, whatever their order in the file. */
  [Symbol.iterator](): Iterator<DicomElement> {
    this.#sort();
    return this.#elements.values();
  }

  /** True when the pixels described here, or in the Data Set around, are signed (Pixel Representation, PS3.3 §C.7.6.3). */
  get hasSignedPixels(): boolean {
    const bytes = this.#pixelRepresentation?.bytes;
    if (bytes === undefined) {
      return this.#parent?.hasSignedPixels ?? false;
    }
    return bytes[this.isBigEndian ? 1 : 0] === 1;
  }

  /** The values of Specific Character Set in force here, its own or those around it (PS3.3 §C.12.1.1.2). */
  get characterSets(): readonly string[] {
    if (this.#characterSets === undefined) {
      const bytes = this.#specificCharacterSet?.bytes;
      this.#characterSets =
        bytes === undefined
          ? (this.#parent?.characterSets ?? [])
          : decodeText(bytes, [], "CS").map((term) => trimValue(term, "CS"));
    }
    return this.#characterSets;
  }
}

// Both ends are padding in these; in the others leading spaces may mean something (PS3.5 Table 6.2-1).
const trimmedAtBothEnds = new Set(["AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"]);

function trimValue(value: string, vr: string): string {
  let end = value.length;
  while (end > 0) {
    const code = value.charCodeAt(end - 1);
    if (code !== 0x20 && code !== 0) {
      break;
    }
    end -= 1;
  }
  let start = 0;
  if (trimmedAtBothEnds.has(vr)) {
    while (start < end && value.charCodeAt(start) === 0x20) {
      start += 1;
    }
  }
  return value.slice(start, end);
}

/**
 * The values of a text element without padding (trailing spaces and NULs; leading spaces where PS3.5 Table 6.2-1 says
 * they mean nothing). Empty for an element without a value, with items, of another kind of VR, or whose value was too
 * large to keep; an empty value among others is an empty string.
 */
export function textValues(element: DicomElement, dataset: Dataset): string[] {
  if (element.bytes === undefined || lookupVR(element.vr)?.kind !== "text") {
    return [];
  }
  const values = decodeText(element.bytes, dataset.characterSets, element.vr).map((value) =>
    trimValue(value, element.vr),
  );
  return values.length === 1 && values[0] === "" ? [] : values;
}

/**
 * The values of a binary number element; whole ones only when its length is no multiple of their size. Empty for
 * any other kind of VR and for a value that was not kept.
 */
export function numberValues(element: DicomElement, dataset: Dataset): (number | bigint)[] {
  const { bytes } = element;
  const representation = lookupVR(element.vr);
  if (bytes === undefined || representation?.kind !== "number") {
    return [];
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittle = !dataset.isBigEndian;
  const values: (number | bigint)[] = [];
  const { unitBytes } = representation;
  for (let at = 0; at + unitBytes <= bytes.length; at += unitBytes) {
    values.push(readNumber(view, at, element.vr, isLittle));
  }
  return values;
}

function readNumber(view: DataView, at: number, vr: string, isLittle: boolean): number | bigint {
  switch (vr) {
    case "US":
      return view.getUint16(at, isLittle);
    case "SS":
      return view.getInt16(at, isLittle);
    case "UL":
      return view.getUint32(at, isLittle);
    case "SL":
      return view.getInt32(at, isLittle);
    case "FL":
      return view.getFloat32(at, isLittle);
    case "UV":
      return view.getBigUint64(at, isLittle);
    case "SV":
      return view.getBigInt64(at, isLittle);
    default:
      return view.getFloat64(at, isLittle);
  }
}

/** The text values of an attribute, see {@link textValues}; empty when it is absent. */
export function getStrings(dataset: Dataset, tag: Tag): string[] {
  const element = dataset.get(tag);
  return element === undefined ? [] : textValues(element, dataset);
}

/** The first text value of an attribute; undefined when it is absent or empty. */
export function getString(dataset: Dataset, tag: Tag): string | undefined {
  const value = getStrings(dataset, tag)[0];
  return value === "" ? undefined : value;
}

/**
 * The numbers of an attribute, be they binary or the decimal text of DS and IS. Values that are no finite number, or
 * no safe integer for 64-bit ones, are NaN, so that positions stay what they are.
 */
export function getNumbers(dataset: Dataset, tag: Tag): number[] {
  const element = dataset.get(tag);
  if (element === undefined) {
    return [];
  }
  if (element.vr === "DS" || element.vr === "IS") {
    return textValues(element, dataset).map((text) => parseDecimal(text) ?? Number.NaN);
  }
  return numberValues(element, dataset).map((value) => {
    const number = Number(value);
    return typeof value === "number" || Number.isSafeInteger(number) ? number : Number.NaN;
  });
}

/** The number that a DS or IS value writes (PS3.5 Table 6.2-1); undefined when it is none or not finite. */
export function parseDecimal(text: string): number | undefined {
  if (!/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(text)) {
    return undefined;
  }
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}
