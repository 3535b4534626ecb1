import type { DicomJsonDataset, DicomJsonElement } from "../dicom/dicomJson.ts";
import { lookupTag } from "../dicom/dictionary.ts";
import { formatTag, type Tag } from "../dicom/tag.ts";
import { normaliseMatchValue, type MatchScalar } from "./matchValue.ts";
import { personNameSounds } from "./personNameSounds.ts";

/** The levels of the information model that are searched (PS3.18 §10.6). */
export type SearchLevel = "study" | "series" | "instance";

/** Values to search by. The keys are those of {@link MatchKey}. */
export type MatchValues = Readonly<Record<string, MatchScalar | readonly string[]>>;

/** What the index keeps of the attributes of one level. */
export interface LevelAttributes {
  /** For answers: elements as they are in the metadata. */
  readonly attributes: DicomJsonDataset;
  readonly match: MatchValues;
}

/** What the index keeps of an instance. */
export type SearchAttributes = Readonly<Record<SearchLevel, LevelAttributes>>;

/** An attribute that can be searched by. */
export interface MatchKey {
  readonly level: SearchLevel;
  /** One tag, or that of a sequence and of an attribute in its items. */
  readonly path: readonly [Tag] | readonly [sequence: Tag, attribute: Tag];
  readonly vr: string;
  /**
   * Where the values are in {@link MatchValues}: under the tags as eight upper-case digits, joined by a dot. A person name
   * has its ideographic and phonetic groups under keys of their own.
   */
  readonly keys: readonly [string, ...string[]];
  /** Of a person name: where the sounds of its words are, an array. */
  readonly soundKey: string | undefined;
  /** The value is an array, of which any may match. Otherwise it is one value. */
  readonly isMultiValued: boolean;
}

/** ModalitiesInStudy: the index knows it from its own counters, and no instance has it. */
export const modalitiesInStudyTag: Tag = 0x00080061;

// PS3.3 §C.7.1.1 to 3, §C.7.2.1 to 2: what an instance tells of its patient and study, sequences of any length left out
// by their size. Kept so that any of it can be asked for without reading an instance.
const studyTags: readonly Tag[] = [
  0x00080005, 0x00080020, 0x00080030, 0x00080050, 0x00080051, 0x00080056, 0x00080063, 0x00080090,
  0x00080096, 0x0008009c, 0x00080201, 0x00081030, 0x00081032, 0x00081048, 0x00081060, 0x00081080,
  0x00081084, 0x00081110, 0x00100010, 0x00100020, 0x00100021, 0x00100022, 0x00100024, 0x00100030,
  0x00100032, 0x00100040, 0x00101000, 0x00101001, 0x00101002, 0x00101010, 0x00101020, 0x00101030,
  0x00102000, 0x00102110, 0x00102160, 0x00102180, 0x001021b0, 0x001021c0, 0x00102201, 0x00102203,
  0x00102292, 0x00102297, 0x00102298, 0x00102299, 0x00104000, 0x00120062, 0x00120063, 0x0020000d,
  0x00200010, 0x00321033, 0x00321060, 0x00380010, 0x00380060, 0x00380062, 0x00401012,
];

// PS3.3 §C.7.3.1, §C.7.4.1, §C.7.5.1.
const seriesTags: readonly Tag[] = [
  0x00080005, 0x00080021, 0x00080031, 0x00080060, 0x00080070, 0x00080080, 0x00080081, 0x00080201,
  0x00081010, 0x0008103e, 0x0008103f, 0x00081040, 0x00081050, 0x00081070, 0x00081090, 0x00081111,
  0x00180015, 0x00181000, 0x00181020, 0x00181030, 0x00185100, 0x0020000e, 0x00200011, 0x00200052,
  0x00200060, 0x00400244, 0x00400245, 0x00400250, 0x00400251, 0x00400253, 0x00400254, 0x00400275,
];

// PS3.3 §C.12.1, §C.7.6.1, §C.7.6.3, and the names of documents and presentation states.
const instanceTags: readonly Tag[] = [
  0x00080005, 0x00080008, 0x00080012, 0x00080013, 0x00080016, 0x00080018, 0x00080022, 0x00080023,
  0x0008002a, 0x00080032, 0x00080033, 0x00080056, 0x00080201, 0x00180050, 0x00200012, 0x00200013,
  0x00200032, 0x00200037, 0x00201041, 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011,
  0x00280030, 0x00280100, 0x0040a043, 0x0040a491, 0x0040a493, 0x00420010, 0x00700080, 0x00700081,
];

/** The attributes that the index keeps, by level, in tag order. */
export const searchAttributeTags: Readonly<Record<SearchLevel, readonly Tag[]>> = {
  study: studyTags,
  series: seriesTags,
  instance: instanceTags,
};

// PS3.18 Table 10.6.1-5, the attributes that the Azure DICOM service searches by, and a few that people miss.
const matchPaths: Readonly<Record<SearchLevel, readonly MatchKey["path"][]>> = {
  study: [
    [0x00080020], // StudyDate
    [0x00080030], // StudyTime
    [0x00080050], // AccessionNumber
    [modalitiesInStudyTag],
    [0x00080090], // ReferringPhysicianName
    [0x00081030], // StudyDescription
    [0x00100010], // PatientName
    [0x00100020], // PatientID
    [0x00100021], // IssuerOfPatientID
    [0x00100030], // PatientBirthDate
    [0x00100040], // PatientSex
    [0x0020000d], // StudyInstanceUID
    [0x00200010], // StudyID
  ],
  series: [
    [0x00080021], // SeriesDate
    [0x00080060], // Modality
    [0x00080080], // InstitutionName
    [0x0008103e], // SeriesDescription
    [0x00081090], // ManufacturerModelName
    [0x00180015], // BodyPartExamined
    [0x0020000e], // SeriesInstanceUID
    [0x00200011], // SeriesNumber
    [0x00400244], // PerformedProcedureStepStartDate
    [0x00400245], // PerformedProcedureStepStartTime
    [0x00400275, 0x00400009], // RequestAttributesSequence, ScheduledProcedureStepID
    [0x00400275, 0x00401001], // RequestAttributesSequence, RequestedProcedureID
  ],
  instance: [
    [0x00080016], // SOPClassUID
    [0x00080018], // SOPInstanceUID
    [0x00200013], // InstanceNumber
  ],
};

function matchKeyOf(level: SearchLevel, path: MatchKey["path"]): MatchKey {
  const key = path.map(formatTag).join(".");
  const vr = lookupTag(path[path.length - 1] ?? 0)?.vrs[0] ?? "UN";
  return {
    level,
    path,
    vr,
    ...keysOf(key, vr),
    isMultiValued: path.length > 1 || path[0] === modalitiesInStudyTag,
  };
}

function keysOf(key: string, vr: string): Pick<MatchKey, "keys" | "soundKey"> {
  return vr === "PN"
    ? { keys: [key, `${key}.Ideographic`, `${key}.Phonetic`], soundKey: `${key}.Sound` }
    : { keys: [key], soundKey: undefined };
}

const levels = ["study", "series", "instance"] as const;

const matchKeys: readonly MatchKey[] = levels.flatMap((level) =>
  matchPaths[level].map((path) => matchKeyOf(level, path)),
);

const matchKeysByPath: ReadonlyMap<string, MatchKey> = new Map(
  matchKeys.map((matchKey) => [matchKey.keys[0], matchKey]),
);

/** The attribute that is searched by under `path`, if there is one. */
export function lookupMatchKey(path: readonly Tag[]): MatchKey | undefined {
  return matchKeysByPath.get(path.map(formatTag).join("."));
}

/**
 * An attribute that one tenant searches by besides those that everybody does: an extended query tag.
 *
 * Its values have keys of their own in {@link MatchValues}, `{tag}.x{registration}`, so that an attribute that is searched
 * by anyway, at another level perhaps, keeps its own; and that what is left of an earlier registration of the tag, of
 * another VR perhaps, is never taken for one of this.
 */
export function extendedMatchKey(
  tag: Tag,
  vr: string,
  level: SearchLevel,
  registration: number,
): MatchKey {
  const key = `${formatTag(tag)}.x${registration}`;
  return { level, path: [tag], vr, ...keysOf(key, vr), isMultiValued: false };
}

// An element of more characters is left out of the index, and so of search answers: an item of the index holds dozens,
// and it is a sequence of codes that has them, or text that is nothing to search by.
const elementTextMax = 1024;

/**
 * Takes from the metadata of one instance what the index keeps of its study, its series and itself.
 *
 * Attributes that are absent or empty are left out, and so are elements of more than a kilobyte. Of an attribute with one
 * value that has several, the first is searched by. Values that are not valid for their VR are not searched by.
 * `extended` are further attributes, each made by {@link extendedMatchKey}.
 */
export function extractSearchAttributes(
  metadata: DicomJsonDataset,
  extended: readonly MatchKey[] = [],
): SearchAttributes {
  const keys = extended.length === 0 ? matchKeys : [...matchKeys, ...extended];
  const extractLevel = (level: SearchLevel): LevelAttributes => {
    const own = extended.filter((matchKey) => matchKey.level === level);
    const tags = [...searchAttributeTags[level], ...own.map(({ path: [tag] }) => tag)];
    return extractAttributes(
      metadata,
      tags,
      keys.filter((matchKey) => matchKey.level === level),
    );
  };
  return {
    study: extractLevel("study"),
    series: extractLevel("series"),
    instance: extractLevel("instance"),
  };
}

/** What the index keeps of `matchKeys` alone, all of one level, as {@link extractSearchAttributes} takes it. */
export function extractMatchKeys(
  metadata: DicomJsonDataset,
  keys: readonly MatchKey[],
): LevelAttributes {
  return extractAttributes(
    metadata,
    keys.map(({ path: [tag] }) => tag),
    keys,
  );
}

function extractAttributes(
  metadata: DicomJsonDataset,
  tags: readonly Tag[],
  keys: readonly MatchKey[],
): LevelAttributes {
  const attributes: DicomJsonDataset = {};
  for (const tag of tags) {
    const key = formatTag(tag);
    const element = metadata[key];
    if (element !== undefined && valuesOf(element).length > 0) {
      if (JSON.stringify(element).length <= elementTextMax) {
        attributes[key] = element;
      }
    }
  }
  const match: Record<string, MatchScalar | readonly string[]> = {};
  for (const matchKey of keys) {
    addMatchValues(match, matchKey, metadata);
  }
  return { attributes, match };
}

function addMatchValues(
  match: Record<string, MatchScalar | readonly string[]>,
  { path, vr, keys, soundKey, isMultiValued }: MatchKey,
  metadata: DicomJsonDataset,
): void {
  const [first, second] = path;
  const element = metadata[formatTag(first)];
  if (element === undefined) {
    return;
  }
  if (second !== undefined) {
    const values = valuesOf(element)
      .filter((item): item is DicomJsonDataset => typeof item === "object" && item !== null)
      .map((item) => item[formatTag(second)])
      .flatMap((inner) => (inner === undefined ? [] : valuesOf(inner).slice(0, 1)))
      .map((value) => normalise(vr, value))
      .filter((value) => typeof value === "string");
    if (values.length > 0) {
      match[keys[0]] = [...new Set(values)].slice(0, sequenceValuesMax);
    }
    return;
  }
  const [value] = valuesOf(element);
  if (isMultiValued || value === undefined) {
    return;
  }
  if (vr === "PN") {
    const name = typeof value === "object" && value !== null ? value : { Alphabetic: value };
    const groups: Readonly<Record<string, unknown>> = { ...name };
    for (const [index, group] of ["Alphabetic", "Ideographic", "Phonetic"].entries()) {
      const key = keys[index];
      const normalised = normalise(vr, groups[group]);
      if (key !== undefined && normalised !== undefined) {
        match[key] = normalised;
      }
    }
    const indexed = keys.map((key) => match[key]).filter((group) => typeof group === "string");
    const sounds = new Set(personNameSounds(indexed.join(" ")).flat());
    if (soundKey !== undefined && sounds.size > 0) {
      match[soundKey] = [...sounds];
    }
    return;
  }
  const normalised = normalise(vr, value);
  if (normalised !== undefined) {
    match[keys[0]] = normalised;
  }
}

// A series is rarely made for more requests than one or two; a hostile one is made for thousands.
const sequenceValuesMax = 16;

function valuesOf(element: DicomJsonElement): readonly unknown[] {
  return element.Value ?? [];
}

function normalise(vr: string, value: unknown): MatchScalar | undefined {
  return typeof value === "string" || typeof value === "number"
    ? normaliseMatchValue(vr, value)
    : undefined;
}
