import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import type { LevelAttributes, MatchValues } from "../dicomweb/searchAttributes.ts";

/** The attributes that the instances of a study or series have in common. */
export interface MergedLevel extends LevelAttributes {
  /** Changes when they do. */
  readonly version: string;
  /** Whether they differ from what was there. */
  readonly amended: boolean;
}

/**
 * Adds what further instances say to what is known of their study or series.
 *
 * The latest value that is not null wins: an attribute that a later instance leaves out, or has empty, keeps its value.
 * `version` becomes the version of a result that differs.
 */
export function mergeLevel(
  previous: (LevelAttributes & { readonly version: string }) | undefined,
  additions: readonly LevelAttributes[],
  version: string,
): MergedLevel {
  const match: Record<string, MatchValues[string]> = { ...previous?.match };
  const attributes: DicomJsonDataset = { ...previous?.attributes };
  let changed = false;
  for (const addition of additions) {
    const tags = new Set([
      ...Object.keys(addition.attributes),
      ...Object.keys(addition.match).map(attributeOfKey),
    ]);
    for (const tag of tags) {
      const element = addition.attributes[tag];
      const keys = Object.keys(addition.match).filter((key) => attributeOfKey(key) === tag);
      const oldKeys = Object.keys(match).filter((key) => attributeOfKey(key) === tag);
      if (
        isSameJson(attributes[tag], element) &&
        keys.length === oldKeys.length &&
        keys.every((key) => isSameJson(match[key], addition.match[key]))
      ) {
        continue;
      }
      changed = true;
      for (const key of oldKeys) {
        delete match[key];
      }
      for (const key of keys) {
        const value = addition.match[key];
        if (value !== undefined) {
          match[key] = value;
        }
      }
      if (element === undefined) {
        delete attributes[tag];
      } else {
        attributes[tag] = element;
      }
    }
  }
  const amended = previous !== undefined && changed;
  return {
    match,
    attributes,
    version: previous === undefined || amended ? version : previous.version,
    amended,
  };
}

// Values are searched by under keys that begin with their tag. Those of an extended query tag are apart from the others
// of the same tag: who stores without knowing the tag yet takes nothing away from them.
function attributeOfKey(key: string): string {
  return /^[0-9A-F]{8}(?:\.x\d+)?/.exec(key)?.[0] ?? key;
}

function isSameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
