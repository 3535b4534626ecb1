import {
  foldCode,
  foldPersonName,
  foldPersonNamePiece,
  foldText,
  normaliseMatchValue,
  type MatchScalar,
} from "./matchValue.ts";
import { malformedParameter } from "./malformedParameter.ts";
import type { MatchCondition } from "./matchCondition.ts";
import { personNameSounds } from "./personNameSounds.ts";
import { modalitiesInStudyTag, type MatchKey } from "./searchAttributes.ts";

/** A condition on one attribute. */
export interface SearchFilter {
  readonly matchKey: MatchKey;
  /**
   * The keys in the index to compare: it is enough that what is under one of them is as the condition says. The condition
   * "empty" must hold for all.
   */
  readonly keys: readonly [string, ...string[]];
  readonly condition: MatchCondition;
}

/** How values are matched, where a query has a choice. */
export interface MatchingOptions {
  /** Names by the beginnings of their words. */
  readonly isFuzzy: boolean;
  /** Names by the sound of their words. Comes before `isFuzzy`. */
  readonly isPhonetic: boolean;
  /** Two quotation marks stand for no value (PS3.18 §8.3.4.5, PS3.4 §C.2.2.2.7). */
  readonly matchesEmpty: boolean;
  /** Backslashes separate values, of which one must match (PS3.18 §8.3.4.6, PS3.4 §C.2.2.2.8). */
  readonly matchesMultiple: boolean;
}

const listValuesMax = 1000;
// Each is a condition of its own, and may have wildcards.
const multipleValuesMax = 50;
const valueLengthMax = 1024;
// Matching costs a step per character of the value and asterisk of the pattern, for every row that is looked at.
const asterisksMax = 10;

/**
 * Parses the values of one attribute that is searched by (PS3.4 §C.2.2.2), in the order they were sent in. All of the
 * filters must hold; none is universal matching.
 *
 * `name` is the parameter, for the Problem `malformed` that is thrown for values that cannot be understood.
 */
export function parseMatchParameter(
  matchKey: MatchKey,
  name: string,
  texts: readonly string[],
  options: MatchingOptions,
): SearchFilter[] {
  for (const text of texts) {
    // A list of UIDs is as long as its UIDs; every other value is one value.
    if (matchKey.vr !== "UI" && text.length > valueLengthMax) {
      throw malformedParameter(name, `has a value of more than ${valueLengthMax} characters`);
    }
  }
  if (options.matchesEmpty && texts.some((text) => text.trim() === '""')) {
    if (texts.length > 1) {
      throw malformedParameter(name, "has both a value and none");
    }
    return [filterOf(matchKey, { kind: "empty" })];
  }
  if (options.matchesMultiple && !isList(matchKey)) {
    return parseMultiple(matchKey, name, texts[0] ?? "", options);
  }
  return parseValues(matchKey, name, texts, options);
}

/** Whether an attribute is searched by lists, and may be named several times. */
export function isList({ vr, path }: MatchKey): boolean {
  return vr === "UI" || path[0] === modalitiesInStudyTag;
}

/** PS3.4 §C.2.2.2.8: several values, each as it would be matched alone, of which one must match. */
function parseMultiple(
  matchKey: MatchKey,
  name: string,
  text: string,
  options: MatchingOptions,
): SearchFilter[] {
  const texts = text.split("\\", multipleValuesMax + 1);
  if (texts.length > multipleValuesMax) {
    throw malformedParameter(name, `has more than ${multipleValuesMax} values`);
  }
  const alternatives = texts.map((one) => parseValues(matchKey, name, [one], options));
  const [[first, ...further] = [], ...others] = alternatives;
  if (first === undefined || others.some((filters) => filters.length === 0)) {
    // One of the values matches everything, and so do all of them together.
    return [];
  }
  if (others.length === 0) {
    return [first, ...further];
  }
  const keys = first.keys.join();
  const conditions = others.map(([filter, ...rest]) => {
    if (filter?.keys.join() !== keys || rest.length > 0 || further.length > 0) {
      throw malformedParameter(
        name,
        "has names among its values that are compared with other groups",
      );
    }
    return filter.condition;
  });
  return [{ ...first, condition: { kind: "anyOf", conditions: [first.condition, ...conditions] } }];
}

function parseValues(
  matchKey: MatchKey,
  name: string,
  texts: readonly string[],
  options: MatchingOptions,
): SearchFilter[] {
  switch (matchKey.vr) {
    case "UI":
    case "CS":
      return parseList(matchKey, name, texts);
    case "PN":
      return parsePersonName(matchKey, name, texts[0] ?? "", options);
    case "DA":
    case "TM":
    case "DT":
      return parseDateOrTime(matchKey, name, texts[0] ?? "");
    default:
      return parseText(matchKey, name, texts[0] ?? "");
  }
}

function filterOf(matchKey: MatchKey, condition: MatchCondition): SearchFilter {
  return { matchKey, keys: matchKey.keys, condition };
}

/** PS3.4 §C.2.2.2.2: a list of UIDs, and in our case also of codes, of which one must be there. */
function parseList(matchKey: MatchKey, name: string, texts: readonly string[]): SearchFilter[] {
  const items = texts.flatMap((text) => text.split(/[,\\]/, listValuesMax + 1));
  if (items.length > listValuesMax) {
    throw malformedParameter(name, `has more than ${listValuesMax} values`);
  }
  const values = new Set<MatchScalar>();
  const patterns: string[] = [];
  for (const item of items) {
    if (matchKey.vr === "CS" && hasWildcard(item)) {
      patterns.push(item);
      continue;
    }
    const value = normaliseMatchValue(matchKey.vr, item);
    if (value !== undefined) {
      values.add(value);
    } else if (matchKey.vr === "UI" && item.trim() !== "") {
      throw malformedParameter(name, "has a value that is not a UID");
    }
  }
  const [pattern] = patterns;
  if (pattern !== undefined) {
    if (items.length > 1) {
      throw malformedParameter(name, "has a list with wildcards");
    }
    return parseText(matchKey, name, pattern);
  }
  const [first, ...others] = values;
  if (first === undefined) {
    // PS3.4 §C.2.2.2.3: no value is universal matching. Codes that cannot exist match nothing, which is not the same.
    return items.every((item) => item.trim() === "") ? [] : [filterOf(matchKey, matchesNothing)];
  }
  return [filterOf(matchKey, { kind: "oneOf", values: [first, ...others] })];
}

// No value in the index is empty.
const matchesNothing: MatchCondition = { kind: "oneOf", values: [""] };

function hasWildcard(text: string): boolean {
  return /[*?]/.test(text);
}

/** Takes away repeated asterisks; undefined when the pattern matches everything (PS3.4 §C.2.2.2.4). */
function patternOf(name: string, folded: string): MatchCondition | undefined {
  const pattern = folded.replaceAll(/\*{2,}/g, "*");
  if (pattern === "*") {
    return undefined;
  }
  if (pattern.replaceAll(/[^*]/g, "").length > asterisksMax) {
    throw malformedParameter(name, `has more than ${asterisksMax} asterisks`);
  }
  return { kind: "pattern", pattern };
}

function parseText(matchKey: MatchKey, name: string, text: string): SearchFilter[] {
  const { vr } = matchKey;
  if (foldText(text) === "") {
    return [];
  }
  if (hasWildcard(text) && hasWildcards(vr)) {
    const condition = patternOf(name, vr === "CS" ? foldCode(text) : foldText(text));
    return condition === undefined ? [] : [filterOf(matchKey, condition)];
  }
  const value = normaliseMatchValue(vr, text);
  if (value !== undefined) {
    return [filterOf(matchKey, { kind: "oneOf", values: [value] })];
  }
  if (isNumeric(vr)) {
    throw malformedParameter(name, "must be a number of the kind that the attribute has");
  }
  // Text longer than any in the index.
  return [filterOf(matchKey, matchesNothing)];
}

/** PS3.4 §C.2.2.2.4: text of these VRs can be searched for by wildcards. */
function hasWildcards(vr: string): boolean {
  return ["AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"].includes(vr);
}

function isNumeric(vr: string): boolean {
  return ["IS", "DS", "FL", "FD", "SL", "SS", "SV", "UL", "US", "UV"].includes(vr);
}

function parsePersonName(
  matchKey: MatchKey,
  name: string,
  text: string,
  { isFuzzy, isPhonetic }: MatchingOptions,
): SearchFilter[] {
  if (isFuzzy && text.includes('"')) {
    throw malformedParameter(name, "has a quotation mark, which fuzzy matching has no meaning for");
  }
  if (hasWildcard(text)) {
    return personNameFilters(matchKey, text, (group) => {
      const folded = foldPersonNamePiece(group).trim();
      return folded === "" ? undefined : patternOf(name, folded);
    });
  }
  if (isPhonetic && matchKey.soundKey !== undefined) {
    const [first, ...others] = personNameSounds(text);
    return first === undefined
      ? []
      : [
          {
            matchKey,
            keys: [matchKey.soundKey],
            condition: { kind: "sounds", words: [first, ...others] },
          },
        ];
  }
  if (isFuzzy) {
    const [first, ...others] = foldPersonNamePiece(text)
      .split(/[\s^=\0]+/)
      .filter((word) => word !== "");
    return first === undefined
      ? []
      : [filterOf(matchKey, { kind: "words", words: [first, ...others] })];
  }
  return personNameFilters(matchKey, text, (group) => {
    const folded = foldPersonName(group);
    if (folded === "") {
      return undefined;
    }
    const value = normaliseMatchValue("PN", group);
    return value === undefined ? matchesNothing : { kind: "oneOf", values: [value] };
  });
}

/**
 * A name without `=` may be any of the component groups of the names it is compared with. With `=` each of its groups
 * that is not empty must be like the same group of the other (PS3.5 §6.2.1.1).
 */
function personNameFilters(
  matchKey: MatchKey,
  text: string,
  conditionOf: (group: string) => MatchCondition | undefined,
): SearchFilter[] {
  const groups = text.split("=");
  return groups.flatMap((group, index) => {
    const condition = conditionOf(group);
    if (condition === undefined) {
      return [];
    }
    if (groups.length === 1) {
      return [filterOf(matchKey, condition)];
    }
    const key = matchKey.keys[index];
    return key === undefined
      ? [filterOf(matchKey, matchesNothing)]
      : [{ matchKey, keys: [key] as const, condition }];
  });
}

/**
 * One value, or a range of them (PS3.4 §C.2.2.2.5), both ends included. Whether a range ends before it begins is seen when
 * dates and times have been taken together: from the evening of one day to the morning of the next.
 */
function parseDateOrTime(matchKey: MatchKey, name: string, text: string): SearchFilter[] {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed === "*") {
    return [];
  }
  const ends = trimmed.split("-");
  const [from = "", to = ""] = ends.map((end) => end.trim());
  if (ends.length > 2 || (from === "" && to === "")) {
    throw malformedParameter(name, "is not a value and not a range of two");
  }
  const first = from === "" ? undefined : parseMoment(matchKey, name, from);
  if (ends.length === 1) {
    return first === undefined ? [] : [filterOf(matchKey, { kind: "oneOf", values: [first] })];
  }
  const last = to === "" ? undefined : parseMoment(matchKey, name, to);
  return [
    filterOf(matchKey, {
      kind: "range",
      ...(first === undefined ? {} : { from: first }),
      ...(last === undefined ? {} : { to: last }),
    }),
  ];
}

function parseMoment({ vr }: MatchKey, name: string, text: string): string {
  // What the index reads of old files, such as dots in a date, is no syntax of a query.
  const value = /^[\d.]+$/.test(text) ? normaliseMatchValue(vr, text) : undefined;
  if (typeof value !== "string" || (vr === "DA" && text.includes("."))) {
    throw malformedParameter(name, `is not a valid ${vr}`);
  }
  return value;
}
