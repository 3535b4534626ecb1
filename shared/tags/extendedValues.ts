import { Dataset, getString, type DicomElement } from "../dicom/dataset.ts";
import {
  toDicomJson,
  type DicomJsonDataset,
  type DicomJsonElement,
  type DicomJsonValue,
} from "../dicom/dicomJson.ts";
import { validateIndexedElement, validateIndexedValue } from "../dicom/elementValidation.ts";
import { formatTag, type Tag } from "../dicom/tag.ts";
import { normaliseMatchValue } from "../dicomweb/matchValue.ts";
import {
  extractMatchKeys,
  type LevelAttributes,
  type SearchAttributes,
  type SearchLevel,
} from "../dicomweb/searchAttributes.ts";
import { matchKeyOf, type ExtendedQueryTag } from "./extendedQueryTag.ts";
import { privateElementTags } from "./privateElement.ts";

/** A value of an instance that cannot be searched by. */
export interface ExtendedValueFault {
  readonly tag: ExtendedQueryTag;
  /** A phrase without the value. */
  readonly reason: string;
}

/** What an instance has of the extended query tags. */
export interface ExtendedValues {
  /** By level. Empty where it has no value that can be searched by. */
  readonly attributes: SearchAttributes;
  readonly faults: readonly ExtendedValueFault[];
  /** Whether an attribute has more values than the one that it is searched by. */
  readonly hasFurtherValues: boolean;
}

const specificCharacterSetTag: Tag = 0x00080005;
const levels: readonly SearchLevel[] = ["study", "series", "instance"];

/**
 * Takes the values of extended query tags from the metadata of one instance, as DICOM JSON.
 *
 * The first of several values counts. An attribute that is absent or empty is neither a value nor a fault; one whose VR
 * is another than the tag's, or whose value that VR does not allow, is a fault. A private attribute is found by its
 * creator (PS3.5 §7.8), and read by the tag's VR where the file does not know it (VR UN).
 */
export function readExtendedValues(
  metadata: DicomJsonDataset,
  tags: readonly ExtendedQueryTag[],
): ExtendedValues {
  const valid: DicomJsonDataset = {};
  const faults: ExtendedValueFault[] = [];
  for (const tag of tags) {
    const element = elementOf(metadata, tag);
    const reason = element === undefined ? undefined : reasonAgainst(element, tag.vr);
    if (reason !== undefined) {
      faults.push({ tag, reason });
    } else if (element !== undefined) {
      valid[formatTag(tag.tag)] = element;
    }
  }
  const ofLevel = (level: SearchLevel): LevelAttributes =>
    extractMatchKeys(valid, tags.filter((tag) => tag.level === level).map(matchKeyOf));
  return {
    attributes: {
      study: ofLevel("study"),
      series: ofLevel("series"),
      instance: ofLevel("instance"),
    },
    faults,
    hasFurtherValues: Object.values(valid).some(({ Value = [] }) => Value.length > 1),
  };
}

/**
 * Takes the values of extended query tags from a data set that was just read, as {@link readExtendedValues} does from its
 * metadata.
 *
 * What is padded with more NULs than PS3.5 allows is a fault too, unless `isNULPaddingAllowed`.
 */
export function readExtendedValuesOfFile(
  dataset: Dataset,
  tags: readonly ExtendedQueryTag[],
  isNULPaddingAllowed: boolean,
): ExtendedValues {
  if (tags.length === 0) {
    return readExtendedValues({}, tags);
  }
  // Only what the tags need is turned into JSON.
  const part = new Dataset(dataset.isBigEndian);
  const padded: ExtendedValueFault[] = [];
  const add = (tag: Tag): DicomElement | undefined => {
    const element = dataset.get(tag);
    if (element !== undefined) {
      part.set(element);
    }
    return element;
  };
  add(specificCharacterSetTag);
  for (const extended of tags) {
    const { tag, vr, privateCreator } = extended;
    const candidates =
      privateCreator === undefined
        ? [tag]
        : privateElementTags(tag, privateCreator, (creatorTag) => {
            add(creatorTag);
            return getString(dataset, creatorTag) ?? "";
          });
    const element = candidates.map(add).find((found) => found !== undefined);
    if (element?.vr === vr) {
      const reason = validateIndexedElement(element, dataset, { isNULPaddingAllowed });
      if (reason !== undefined) {
        padded.push({ tag: extended, reason });
      }
    }
  }
  const values = readExtendedValues(toDicomJson({ dataset: part }).dataset, tags);
  const known = new Set(values.faults.map((fault) => fault.tag));
  return {
    ...values,
    faults: [...values.faults, ...padded.filter(({ tag }) => !known.has(tag))],
  };
}

/** What the index keeps of an instance, with the values of extended query tags added. */
export function withExtendedValues(
  attributes: SearchAttributes,
  extended: SearchAttributes,
): SearchAttributes {
  const merged = levels.map((level): [SearchLevel, LevelAttributes] => [
    level,
    {
      match: { ...attributes[level].match, ...extended[level].match },
      attributes: { ...attributes[level].attributes, ...extended[level].attributes },
    },
  ]);
  return Object.fromEntries(merged) as Record<SearchLevel, LevelAttributes>;
}

/** The attribute of an instance that a tag means; undefined when it has no value. */
function elementOf(
  metadata: DicomJsonDataset,
  { tag, vr, privateCreator }: ExtendedQueryTag,
): DicomJsonElement | undefined {
  const found =
    privateCreator === undefined
      ? metadata[formatTag(tag)]
      : privateElementTags(tag, privateCreator, (creatorTag) =>
          textOf(metadata[formatTag(creatorTag)]?.Value?.[0] ?? null),
        )
          .map((candidate) => metadata[formatTag(candidate)])
          .find((element) => element !== undefined);
  const element = found?.vr === "UN" ? readAs(found, vr, metadata) : found;
  const isEmpty =
    element?.BulkDataURI === undefined &&
    element?.InlineBinary === undefined &&
    (element?.Value?.[0] ?? null) === null;
  return isEmpty ? undefined : element;
}

/** An element that the file leaves unknown, by the VR that it is known to have (PS3.5 §6.2.2). */
function readAs(
  element: DicomJsonElement,
  vr: string,
  metadata: DicomJsonDataset,
): DicomJsonElement {
  if (element.InlineBinary === undefined) {
    return element;
  }
  const dataset = new Dataset(false);
  const add = (tag: Tag, ofVR: string, bytes: Uint8Array): void => {
    dataset.set({
      tag,
      vr: ofVR,
      offset: 0,
      length: bytes.length,
      bytes,
      items: undefined,
      hasFragments: false,
    });
  };
  const characterSets = metadata[formatTag(specificCharacterSetTag)]?.Value ?? [];
  add(specificCharacterSetTag, "CS", Buffer.from(characterSets.map(textOf).join("\\")));
  const tag: Tag = 0x00091000;
  add(tag, vr, Buffer.from(element.InlineBinary, "base64"));
  return toDicomJson({ dataset }).dataset[formatTag(tag)] ?? { vr };
}

function reasonAgainst(element: DicomJsonElement, vr: string): string | undefined {
  if (element.vr !== vr) {
    return `the VR is not ${vr}`;
  }
  const [value = null] = element.Value ?? [];
  if (value === null) {
    return "the value is too long to be searched by";
  }
  const text = textOf(value);
  const reason = validateIndexedValue(vr, text);
  if (reason !== undefined) {
    return reason;
  }
  const isSearchable =
    vr === "PN"
      ? text.split("=").some((group) => normaliseMatchValue(vr, group) !== undefined)
      : normaliseMatchValue(vr, text) !== undefined;
  return isSearchable ? undefined : `the value is none that can be searched by as ${vr}`;
}

/** A value as text; the component groups of a name joined by equals signs. */
function textOf(value: DicomJsonValue): string {
  if (value === null) {
    return "";
  }
  if (typeof value !== "object") {
    return String(value);
  }
  const groups: Readonly<Record<string, unknown>> = { ...value };
  return ["Alphabetic", "Ideographic", "Phonetic"]
    .map((group) => (typeof groups[group] === "string" ? groups[group] : ""))
    .join("=")
    .replace(/=+$/, "");
}
