import { lookupKeyword, lookupTag } from "../dicom/dictionary.ts";
import { isPrivateTag, parseTag, type Tag } from "../dicom/tag.ts";
import { Problem } from "../problem/problem.ts";
import {
  foldCode,
  foldPersonName,
  foldPersonNamePiece,
  foldText,
  normaliseMatchValue,
  type MatchScalar,
} from "./matchValue.ts";
import {
  lookupMatchKey,
  modalitiesInStudyTag,
  type MatchKey,
  type SearchLevel,
} from "./searchAttributes.ts";
import type { ApiVersion } from "./storeResponse.ts";

/** What is searched: the six resources of PS3.18 Table 10.6.1-2. */
export interface SearchTarget {
  /** The level of the results. */
  readonly level: SearchLevel;
  /** From the path. */
  readonly studyInstanceUID?: string;
  /** From the path, and only with a study. */
  readonly seriesInstanceUID?: string;
}

/** What a value in the index must be like. Everything is folded as {@link normaliseMatchValue} folds it. */
export type MatchCondition =
  /** It equals one of these; there is at least one. */
  | { readonly kind: "oneOf"; readonly values: readonly [MatchScalar, ...MatchScalar[]] }
  /** It lies between these, both included; at least one is given. */
  | { readonly kind: "range"; readonly from?: string; readonly to?: string }
  /** The whole of it is like this, where `*` stands for any text and `?` for any one character (PS3.4 §C.2.2.2.4). */
  | { readonly kind: "pattern"; readonly pattern: string }
  /**
   * Among its words, which spaces and carets separate, are ones next to each other that begin with these, in this order.
   * {@link wordsRegExp} writes it as a regular expression.
   */
  | { readonly kind: "words"; readonly words: readonly [string, ...string[]] };

/** A condition on one attribute. */
export interface SearchFilter {
  readonly matchKey: MatchKey;
  /** The keys in the index to compare: it is enough that the value under one of them is as the condition says. */
  readonly keys: readonly [string, ...string[]];
  readonly condition: MatchCondition;
}

/** A search, understood. */
export interface SearchQuery {
  readonly target: SearchTarget;
  readonly version: ApiVersion;
  /** All of them must hold. */
  readonly filters: readonly SearchFilter[];
  /** The attributes that the query names to search by, those with universal matching included. */
  readonly filterTags: readonly Tag[];
  readonly includeField: "all" | readonly Tag[];
  readonly fuzzyMatching: boolean;
  readonly limit: number;
  readonly offset: number;
}

const limitDefault = 100;
const limitMax = 200;
// The index counts rows in 32 bits, and counts some that come after the page.
const offsetMax = 2_000_000_000;
const includeFieldsMax = 1000;
const listValuesMax = 1000;
const valueLengthMax = 1024;
// Matching costs a step per character of the value and asterisk of the pattern, for every row that is looked at.
const asterisksMax = 10;

/** Which levels a resource can be searched by: an attribute above the path's own level is settled by the path. */
function filterLevels(target: SearchTarget): readonly SearchLevel[] {
  const levels: readonly SearchLevel[] = ["study", "series", "instance"];
  const first =
    target.seriesInstanceUID !== undefined ? 2 : target.studyInstanceUID !== undefined ? 1 : 0;
  return levels.slice(first, levels.indexOf(target.level) + 1);
}

/**
 * Parses the query of a search (PS3.18 §8.3.4, §10.6.1.2), from its parameters in the order they were sent in.
 *
 * Matching is by one value, by a list of UIDs or codes, by a range of dates or times, by wildcards, or by the words of a
 * name with `fuzzymatching`; an empty value matches everything. Throws Problem `malformed` for everything that
 * cannot be understood, naming the parameter and never its value.
 */
export function parseSearchQuery(
  target: SearchTarget,
  parameters: Iterable<readonly [name: string, value: string]>,
  version: ApiVersion,
): SearchQuery {
  const settings = new Map<string, string>();
  const includeFieldTexts: string[] = [];
  const values = new Map<MatchKey, { name: string; texts: string[] }>();
  for (const [name, value] of parameters) {
    const setting = name.toLowerCase();
    if (setting === "includefield") {
      includeFieldTexts.push(value);
    } else if (setting === "limit" || setting === "offset" || setting === "fuzzymatching") {
      if (settings.has(setting)) {
        throw malformed(name, "is given more than once");
      }
      settings.set(setting, value);
    } else if (setting !== "accept" && setting !== "charset") {
      const matchKey = parseFilterName(name, target);
      const before = values.get(matchKey);
      if (before === undefined) {
        values.set(matchKey, { name, texts: [value] });
      } else if (matchKey.vr === "UI" || matchKey.path[0] === modalitiesInStudyTag) {
        before.texts.push(value);
      } else {
        throw malformed(name, "names an attribute that is given more than once");
      }
    }
  }
  const fuzzyMatching = parseFuzzyMatching(settings.get("fuzzymatching"));
  const filters: SearchFilter[] = [];
  const filterTags: Tag[] = [];
  for (const [matchKey, { name, texts }] of values) {
    filterTags.push(matchKey.path[0]);
    filters.push(...parseFilter(matchKey, name, texts, fuzzyMatching));
  }
  return {
    target,
    version,
    filters,
    filterTags,
    includeField: parseIncludeField(includeFieldTexts),
    fuzzyMatching,
    limit: parseInteger("limit", settings.get("limit"), limitDefault, 1, limitMax),
    offset: parseInteger("offset", settings.get("offset"), 0, 0, offsetMax),
  };
}

/**
 * A regular expression for the condition "words": linear in the text, without flags, and of the common ground of all
 * dialects.
 */
export function wordsRegExp(words: readonly string[]): string {
  const escaped = words.map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`));
  return `(^|[ ^])${escaped.join("[^ ^]*[ ^]+")}`;
}

/** Whether a value of the index is as `condition` says: the meaning of conditions, for stores without a language. */
export function matchesCondition(condition: MatchCondition, value: MatchScalar): boolean {
  switch (condition.kind) {
    case "oneOf":
      return condition.values.includes(value);
    case "range":
      return (
        typeof value === "string" &&
        (condition.from === undefined || value >= condition.from) &&
        (condition.to === undefined || value <= condition.to)
      );
    case "pattern":
      return typeof value === "string" && matchesPattern(value, condition.pattern);
    case "words":
      return typeof value === "string" && new RegExp(wordsRegExp(condition.words), "u").test(value);
  }
}

/** Matches in time proportional to the product of both lengths, whatever the pattern. */
function matchesPattern(value: string, pattern: string): boolean {
  const characters = Array.from(value);
  const signs = Array.from(pattern);
  let at = 0;
  let sign = 0;
  let lastAsterisk = -1;
  let resumeAt = 0;
  while (at < characters.length) {
    if (signs[sign] === "*") {
      lastAsterisk = sign;
      resumeAt = at;
      sign += 1;
    } else if (sign < signs.length && (signs[sign] === "?" || signs[sign] === characters[at])) {
      sign += 1;
      at += 1;
    } else if (lastAsterisk !== -1) {
      resumeAt += 1;
      at = resumeAt;
      sign = lastAsterisk + 1;
    } else {
      return false;
    }
  }
  return signs.slice(sign).every((rest) => rest === "*");
}

function malformed(name: string, what: string): Problem {
  // A name that is nobody's may be a value that went astray, so only what looks like a name is repeated.
  const shown = /^[A-Za-z0-9.]{1,128}$/.test(name) ? `"${name}"` : "of the query";
  return new Problem("malformed", `The parameter ${shown} ${what}.`);
}

/** A keyword, or eight hexadecimal digits of a tag that has an entry in the dictionary or is private. */
function parseAttributeID(text: string): Tag | undefined {
  const tag = parseTag(text);
  if (tag === undefined) {
    return text === "" ? undefined : lookupKeyword(text);
  }
  return isPrivateTag(tag) || lookupTag(tag) !== undefined ? tag : undefined;
}

function parseFilterName(name: string, target: SearchTarget): MatchKey {
  const path = name.split(".").map(parseAttributeID);
  if (!path.every((tag) => tag !== undefined)) {
    throw malformed(name, "is neither a setting of a search nor an attribute");
  }
  const matchKey = lookupMatchKey(path);
  if (matchKey === undefined) {
    throw malformed(name, "is an attribute that nothing can be searched by");
  }
  if (!filterLevels(target).includes(matchKey.level)) {
    throw malformed(name, "is an attribute that this resource cannot be searched by");
  }
  return matchKey;
}

function parseFuzzyMatching(text: string | undefined): boolean {
  switch (text?.toLowerCase()) {
    case undefined:
    case "false":
      return false;
    case "true":
      return true;
    default:
      throw malformed("fuzzymatching", "must be true or false");
  }
}

function parseInteger(
  name: string,
  text: string | undefined,
  ifAbsent: number,
  min: number,
  max: number,
): number {
  if (text === undefined) {
    return ifAbsent;
  }
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw malformed(name, `must be an integer from ${min} to ${max}`);
  }
  return value;
}

function parseIncludeField(texts: readonly string[]): "all" | Tag[] {
  const tags = new Set<Tag>();
  let isAll = false;
  for (const text of texts) {
    const items = text.split(",", includeFieldsMax + 1);
    if (items.length > includeFieldsMax) {
      throw malformed("includefield", `names more than ${includeFieldsMax} attributes`);
    }
    for (const item of items) {
      const name = item.trim();
      if (name.toLowerCase() === "all") {
        isAll = true;
        continue;
      }
      const tag = parseAttributeID(name);
      if (tag === undefined) {
        throw malformed("includefield", "names something that is not an attribute");
      }
      tags.add(tag);
    }
  }
  return isAll ? "all" : [...tags];
}

function parseFilter(
  matchKey: MatchKey,
  name: string,
  texts: readonly string[],
  fuzzyMatching: boolean,
): SearchFilter[] {
  for (const text of texts) {
    // A list of UIDs is as long as its UIDs; every other value is one value.
    if (matchKey.vr !== "UI" && text.length > valueLengthMax) {
      throw malformed(name, `has a value of more than ${valueLengthMax} characters`);
    }
  }
  switch (matchKey.vr) {
    case "UI":
    case "CS":
      return parseList(matchKey, name, texts);
    case "PN":
      return parsePersonName(matchKey, name, texts[0] ?? "", fuzzyMatching);
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
    throw malformed(name, `has more than ${listValuesMax} values`);
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
      throw malformed(name, "has a value that is not a UID");
    }
  }
  const [pattern] = patterns;
  if (pattern !== undefined) {
    if (items.length > 1) {
      throw malformed(name, "has a list with wildcards");
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
    throw malformed(name, `has more than ${asterisksMax} asterisks`);
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
    throw malformed(name, "must be a number of the kind that the attribute has");
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
  fuzzyMatching: boolean,
): SearchFilter[] {
  if (fuzzyMatching && text.includes('"')) {
    throw malformed(name, "has a quotation mark, which fuzzy matching has no meaning for");
  }
  if (hasWildcard(text)) {
    return personNameFilters(matchKey, text, (group) => {
      const folded = foldPersonNamePiece(group).trim();
      return folded === "" ? undefined : patternOf(name, folded);
    });
  }
  if (fuzzyMatching) {
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

/** One value, or a range of them (PS3.4 §C.2.2.2.5), both ends included. */
function parseDateOrTime(matchKey: MatchKey, name: string, text: string): SearchFilter[] {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed === "*") {
    return [];
  }
  const ends = trimmed.split("-");
  const [from = "", to = ""] = ends.map((end) => end.trim());
  if (ends.length > 2 || (from === "" && to === "")) {
    throw malformed(name, "is not a value and not a range of two");
  }
  const first = from === "" ? undefined : parseMoment(matchKey, name, from);
  if (ends.length === 1) {
    return first === undefined ? [] : [filterOf(matchKey, { kind: "oneOf", values: [first] })];
  }
  const last = to === "" ? undefined : parseMoment(matchKey, name, to);
  if (first !== undefined && last !== undefined && first > last) {
    throw malformed(name, "is a range that ends before it begins");
  }
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
    throw malformed(name, `is not a valid ${vr}`);
  }
  return value;
}
