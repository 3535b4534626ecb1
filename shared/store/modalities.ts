import type { LevelAttributes, MatchValues } from "../dicomweb/searchAttributes.ts";
import { normaliseMatchValue } from "../dicomweb/matchValue.ts";

/** Where ModalitiesInStudy is searched by: an array of modalities as they are compared. */
const modalitiesInStudyKey = "00080061";

/** The longest text that counts as a modality. */
const modalityLengthMax = 64;

// No other key ends with an underscore.
const noModality = "_";

/** The modality that an instance is counted under; empty when it has none. */
export function modalityOf(series: LevelAttributes): string {
  const value = series.attributes["00080060"]?.Value?.[0];
  return typeof value === "string" ? value.slice(0, modalityLengthMax) : "";
}

/**
 * The property name under which a modality is counted. A modality is a CS, but what arrives may hold anything, and the
 * name becomes part of the path of a patch.
 */
export function modalityKey(modality: string): string {
  if (modality === "") {
    return noModality;
  }
  return [...Buffer.from(modality, "utf8")]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Z0-9]/.test(character) ? character : `_${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
}

/** The modality that {@link modalityKey} made `key` of. */
export function modalityOfKey(key: string): string {
  if (key === noModality) {
    return "";
  }
  const bytes: number[] = [];
  for (let index = 0; index < key.length; index += 1) {
    if (key[index] === "_") {
      bytes.push(Number.parseInt(key.slice(index + 1, index + 3), 16));
      index += 2;
    } else {
      bytes.push(key.charCodeAt(index));
    }
  }
  return Buffer.from(bytes).toString("utf8");
}

/** The modalities of which there are instances, in alphabetical order. */
export function presentModalities(counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([key]) => modalityOfKey(key))
    .filter((modality) => modality !== "")
    .toSorted();
}

/** The counts after `changes`, by modality. */
export function changedCounts(
  counts: Readonly<Record<string, number>>,
  changes: ReadonlyMap<string, number>,
): Record<string, number> {
  const changed: Record<string, number> = { ...counts };
  for (const [modality, count] of changes) {
    const key = modalityKey(modality);
    changed[key] = (changed[key] ?? 0) + count;
  }
  return changed;
}

/** What a study is searched by when it has instances of these modalities. */
export function withModalities(match: MatchValues, modalities: readonly string[]): MatchValues {
  const values = modalities
    .map((modality) => normaliseMatchValue("CS", modality))
    .filter((value) => typeof value === "string");
  return { ...match, [modalitiesInStudyKey]: [...new Set(values)].toSorted() };
}

/** Whether two say the same of ModalitiesInStudy. */
export function hasSameModalities(one: MatchValues, other: MatchValues): boolean {
  return (
    JSON.stringify(one[modalitiesInStudyKey] ?? []) ===
    JSON.stringify(other[modalitiesInStudyKey] ?? [])
  );
}
