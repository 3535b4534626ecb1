import {
  type Dataset,
  type DicomElement,
  numberValues,
  parseDecimal,
  textValues,
} from "./dataset.ts";
import { swapped } from "./nativePixels.ts";
import type { Part10Instance } from "./part10Reader.ts";
import { formatTag, isGroupLengthTag } from "./tag.ts";
import { lookupVR } from "./valueRepresentation.ts";

/** A Person Name by its component groups (PS3.18 §F.2.2). */
export interface DicomJsonPersonName {
  Alphabetic?: string;
  Ideographic?: string;
  Phonetic?: string;
}

/** One of the values of an attribute; null for an empty one among others (PS3.18 §F.2.5). */
export type DicomJsonValue = string | number | DicomJsonPersonName | DicomJsonDataset | null;

/** An attribute in the DICOM JSON Model (PS3.18 §F.2.2); without a value it has its VR alone. */
export interface DicomJsonElement {
  vr: string;
  Value?: DicomJsonValue[];
  InlineBinary?: string;
  BulkDataURI?: string;
}

/** A Data Set in the DICOM JSON Model: attributes by tag, eight upper-case digits, in ascending order. */
export interface DicomJsonDataset {
  [tag: string]: DicomJsonElement;
}

/** Where a value is that the JSON refers to instead of holding it. */
export interface BulkdataLocation {
  /** In the Part 10 file, or in the inflated data set of a deflated one. */
  readonly offset: number;
  readonly length: number;
  readonly vr: string;
  /** The value is a sequence of fragments and its delimiter, as in the file (PS3.5 §A.4). */
  readonly isEncapsulated: boolean;
  /** Values of the VR's size are big endian there. */
  readonly isBigEndian: boolean;
}

/** A Data Set as JSON, and the places of what it leaves out. */
export interface DicomJsonWithBulkdata {
  readonly dataset: DicomJsonDataset;
  /** By the path that stands as `BulkDataURI`: tags and item indexes from 0, as in `00400275/0/00089999`. */
  readonly bulkdata: Map<string, BulkdataLocation>;
}

/**
 * The instance in the DICOM JSON Model (PS3.18 Annex F), without File Meta Information and group lengths.
 *
 * Text is Unicode whatever the file's character set, without its padding; Specific Character Set says what it says in
 * the file. DS and IS are numbers where they can be parsed and text where not, SV and UV numbers where a number holds
 * them, NaN and infinities the texts `NaN`, `inf` and `-inf`. Binary values are little endian. What the reader did not
 * keep becomes a `BulkDataURI`, whose text is a path relative to the instance's bulk data: making an absolute URI of it
 * is the caller's. VRs that PS3.5 does not define become UN.
 */
export function toDicomJson(instance: Pick<Part10Instance, "dataset">): DicomJsonWithBulkdata {
  return finish(toDicomJsonInSteps(instance));
}

/** Like {@link toDicomJson}, in steps of some thousand elements, so that others can have their turn between them. */
export function* toDicomJsonInSteps(
  instance: Pick<Part10Instance, "dataset">,
): Generator<void, DicomJsonWithBulkdata, undefined> {
  const encoding: Encoding = { bulkdata: new Map(), elements: 0 };
  const dataset = yield* encodeDataset(instance.dataset, "", encoding);
  return { dataset, bulkdata: encoding.bulkdata };
}

/** What a step covers: a few milliseconds of work. */
const elementsPerStep = 2_000;

function finish<T>(steps: Generator<void, T, undefined>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) {
      return step.value;
    }
  }
}

/** What grows while a data set is encoded. */
interface Encoding {
  readonly bulkdata: Map<string, BulkdataLocation>;
  /** How many have been encoded. */
  elements: number;
}

function* encodeDataset(
  dataset: Dataset,
  prefix: string,
  encoding: Encoding,
): Generator<void, DicomJsonDataset, undefined> {
  const json: DicomJsonDataset = {};
  for (const element of dataset) {
    if (isGroupLengthTag(element.tag)) {
      continue;
    }
    encoding.elements += 1;
    if (encoding.elements % elementsPerStep === 0) {
      yield;
    }
    const key = formatTag(element.tag);
    json[key] =
      element.items === undefined
        ? encodeElement(element, dataset, prefix, encoding.bulkdata)
        : yield* encodeSequence(element.vr, element.items, `${prefix}${key}`, encoding);
  }
  return json;
}

function* encodeSequence(
  elementVR: string,
  items: readonly Dataset[],
  path: string,
  encoding: Encoding,
): Generator<void, DicomJsonElement, undefined> {
  const values: DicomJsonDataset[] = [];
  for (const [index, item] of items.entries()) {
    values.push(yield* encodeDataset(item, `${path}/${index}/`, encoding));
  }
  const vr = lookupVR(elementVR)?.vr ?? "UN";
  return values.length === 0 ? { vr } : { vr, Value: values };
}

function encodeElement(
  element: DicomElement,
  dataset: Dataset,
  prefix: string,
  bulkdata: Map<string, BulkdataLocation>,
): DicomJsonElement {
  const representation = lookupVR(element.vr);
  const vr = representation?.vr ?? "UN";
  if (element.length === 0) {
    return { vr };
  }
  if (element.bytes === undefined) {
    const { offset, length, hasFragments } = element;
    const path = `${prefix}${formatTag(element.tag)}`;
    bulkdata.set(path, {
      offset,
      length,
      vr,
      isEncapsulated: hasFragments,
      isBigEndian: dataset.isBigEndian,
    });
    return { vr, BulkDataURI: path };
  }
  switch (representation?.kind) {
    case "text": {
      const values = textValues(element, dataset);
      return values.length === 0
        ? { vr }
        : { vr, Value: values.map((value) => encodeText(value, vr)) };
    }
    case "number": {
      const values = numberValues(element, dataset).map(encodeNumber);
      return values.length === 0 ? { vr } : { vr, Value: values };
    }
    case "tag": {
      const values = tagValues(element.bytes, dataset.isBigEndian);
      return values.length === 0 ? { vr } : { vr, Value: values };
    }
    default: {
      // PS3.18 §F.2.7: little endian, whatever the transfer syntax. UN is little endian already (PS3.5 §6.2.2).
      const unitBytes = representation?.unitBytes ?? 1;
      const bytes = dataset.isBigEndian ? swapped(element.bytes, unitBytes) : element.bytes;
      return { vr, InlineBinary: Buffer.from(bytes).toString("base64") };
    }
  }
}

function encodeText(value: string, vr: string): DicomJsonValue {
  if (value === "") {
    return null;
  }
  if (vr === "PN") {
    return encodePersonName(value);
  }
  if (vr === "DS" || vr === "IS") {
    return parseDecimal(value) ?? value;
  }
  return value;
}

/** PS3.5 §6.2.1: up to three component groups behind equals signs. A fourth one stays with the third. */
function encodePersonName(value: string): DicomJsonPersonName | null {
  const [alphabetic = "", ideographic = "", ...others] = value.split("=");
  const phonetic = others.join("=");
  const name: DicomJsonPersonName = {};
  if (alphabetic.trim() !== "") {
    name.Alphabetic = alphabetic;
  }
  if (ideographic.trim() !== "") {
    name.Ideographic = ideographic;
  }
  if (phonetic.trim() !== "") {
    name.Phonetic = phonetic;
  }
  return Object.keys(name).length === 0 ? null : name;
}

function encodeNumber(value: number | bigint): number | string {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  if (Number.isNaN(value)) {
    return "NaN";
  }
  if (!Number.isFinite(value)) {
    return value > 0 ? "inf" : "-inf";
  }
  return value;
}

function tagValues(bytes: Uint8Array, isBigEndian: boolean): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: string[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const group = view.getUint16(at, !isBigEndian);
    const element = view.getUint16(at + 2, !isBigEndian);
    values.push(formatTag(group * 0x10000 + element));
  }
  return values;
}

/**
 * The text of a Data Set in the DICOM JSON Model, members in the order of their tags (PS3.18 §F.2.2).
 *
 * `JSON.stringify` alone does not keep that order: to JavaScript a key of decimal digits without a leading zero, such
 * as `30060020`, is an array index, and those come first.
 */
export function stringifyDicomJson(dataset: DicomJsonDataset): string {
  return finish(stringifyDicomJsonInSteps(dataset));
}

/** Like {@link stringifyDicomJson}, in steps of some thousand elements, so that others can have their turn between them. */
export function* stringifyDicomJsonInSteps(
  dataset: DicomJsonDataset,
): Generator<void, string, undefined> {
  const members: string[] = [];
  yield* stringifyDataset(dataset, members, { elements: 0 });
  return members.join("");
}

function* stringifyDataset(
  dataset: DicomJsonDataset,
  pieces: string[],
  written: { elements: number },
): Generator<void, void, undefined> {
  const keys = Object.keys(dataset);
  if (keys.length < elementsPerStep && isInOrder(dataset, keys)) {
    pieces.push(JSON.stringify(dataset));
    written.elements += keys.length;
    return;
  }
  let separator = "{";
  for (const key of keys.sort()) {
    const element = dataset[key];
    if (element === undefined) {
      continue;
    }
    pieces.push(`${separator}"${key}":`);
    separator = ",";
    if (element.vr !== "SQ" || element.Value === undefined) {
      pieces.push(JSON.stringify(element));
    } else {
      let beforeItem = '{"vr":"SQ","Value":[';
      for (const item of element.Value) {
        pieces.push(beforeItem);
        beforeItem = ",";
        const before = written.elements;
        yield* stringifyDataset(item as DicomJsonDataset, pieces, written);
        if (hasCrossedStep(before, written.elements + 1)) {
          yield;
        }
        written.elements += 1;
      }
      pieces.push("]}");
    }
    written.elements += 1;
    if (written.elements % elementsPerStep === 0) {
      yield;
    }
  }
  pieces.push(separator === "{" ? "{}" : "}");
}

function hasCrossedStep(before: number, after: number): boolean {
  return Math.floor(before / elementsPerStep) !== Math.floor(after / elementsPerStep);
}

/** True of a flat data set whose keys ascend as they are: JSON.stringify, ten times as fast, will do. */
function isInOrder(dataset: DicomJsonDataset, keys: readonly string[]): boolean {
  let previous = "";
  for (const key of keys) {
    if (key < previous || dataset[key]?.vr === "SQ") {
      return false;
    }
    previous = key;
  }
  return true;
}
