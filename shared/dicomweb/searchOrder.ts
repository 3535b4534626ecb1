import { lookupKeyword } from "../dicom/dictionary.ts";
import { parseTag, type Tag } from "../dicom/tag.ts";
import { malformedParameter } from "./malformedParameter.ts";
import type { MatchScalar } from "./matchValue.ts";
import { lookupMatchKey, type MatchKey, type SearchLevel } from "./searchAttributes.ts";

/** One attribute that results are ordered by. */
export interface OrderKey {
  readonly matchKey: MatchKey;
  readonly isDescending: boolean;
}

/**
 * By what results are ordered: by each of these in turn, and then by when they were first stored, in the direction of the
 * first. Without any, the newest come first.
 */
export type SearchOrder = readonly OrderKey[];

/** Where a result stands in the order of a search. */
export interface SearchPosition {
  /** Of each attribute of the order, what it is compared as; null of one that has no value. */
  readonly values: readonly (MatchScalar | null)[];
  /** When it was first stored, as the index writes it. */
  readonly order: string;
}

const studyDate: Tag = 0x00080020;
const studyTime: Tag = 0x00080030;
const patientName: Tag = 0x00100010;
const patientID: Tag = 0x00100020;
const seriesNumber: Tag = 0x00200011;
const instanceNumber: Tag = 0x00200013;

interface ServedKey {
  readonly tag: Tag;
  readonly isDescending: boolean;
}

const up = (tag: Tag): ServedKey => ({ tag, isDescending: false });
const down = (tag: Tag): ServedKey => ({ tag, isDescending: true });

/**
 * The orders that have a composite index, which serves them in both directions. A database that had to sort would read
 * everything that matches for every page.
 */
export const servedOrders: readonly (readonly [ServedKey, ...ServedKey[]])[] = [
  [up(studyDate)],
  [up(studyDate), up(studyTime)],
  [up(studyDate), up(patientName)],
  [up(studyDate), down(patientName)],
  [up(patientName)],
  [up(patientName), up(studyDate)],
  [up(patientName), down(studyDate)],
  [up(patientID)],
  [up(seriesNumber)],
  [up(seriesNumber), up(instanceNumber)],
  [up(instanceNumber)],
];

/**
 * Parses `orderby`: one or several attributes by keyword or tag, separated by commas, each with a hyphen before it when
 * its values descend.
 *
 * `levels` are those whose attributes the results have. Throws Problem `malformed` for what is no such list, and for an
 * order that no index serves.
 */
export function parseSearchOrder(text: string, levels: readonly SearchLevel[]): SearchOrder {
  const keys = text.split(",", servedOrders.length).map((item): OrderKey => {
    const name = item.trim();
    const isDescending = name.startsWith("-");
    const attribute = isDescending ? name.slice(1) : name;
    const tag = parseTag(attribute) ?? lookupKeyword(attribute);
    const matchKey = tag === undefined ? undefined : lookupMatchKey([tag]);
    if (matchKey === undefined || !levels.includes(matchKey.level)) {
      throw malformedParameter("orderby", "names something that results are not ordered by");
    }
    return { matchKey, isDescending };
  });
  const turned = (order: (typeof servedOrders)[number], isTurned: boolean): boolean =>
    order.length === keys.length &&
    order.every(
      ({ tag, isDescending }, at) =>
        keys[at]?.matchKey.path[0] === tag && keys[at].isDescending === (isDescending !== isTurned),
    );
  if (!servedOrders.some((order) => turned(order, false) || turned(order, true))) {
    throw malformedParameter("orderby", "is a combination of attributes that no index serves");
  }
  return keys;
}
