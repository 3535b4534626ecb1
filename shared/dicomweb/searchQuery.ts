import { lookupKeyword, lookupTag } from "../dicom/dictionary.ts";
import { isPrivateTag, parseTag, type Tag } from "../dicom/tag.ts";
import { integerParameter } from "./integerParameter.ts";
import { malformedParameter } from "./malformedParameter.ts";
import { combineMoments, turnedRanges, type MomentFilter } from "./matchMoment.ts";
import { isList, parseMatchParameter, type SearchFilter } from "./matchParameter.ts";
import {
  lookupMatchKey,
  searchAttributeTags,
  type MatchKey,
  type SearchLevel,
} from "./searchAttributes.ts";
import { parseSearchOrder, type SearchOrder, type SearchPosition } from "./searchOrder.ts";
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

/** An extended query tag that is searched by. */
export interface ExtendedFilter {
  /** As the query spells it: a keyword or a tag. */
  readonly name: string;
  readonly matchKey: MatchKey;
}

/** A search, understood. */
export interface SearchQuery {
  readonly target: SearchTarget;
  readonly version: ApiVersion;
  /** All of them must hold. */
  readonly filters: readonly SearchFilter[];
  /** These must hold too. */
  readonly moments: readonly MomentFilter[];
  /** The attributes that the query names to search by, those with universal matching included. */
  readonly filterTags: readonly Tag[];
  /** The extended query tags among them, and how the query spells them. */
  readonly extendedFilters: readonly ExtendedFilter[];
  readonly includeField: "all" | readonly Tag[];
  /** Those of `includeField` that the index may not have, so that they are taken from the metadata of an instance. */
  readonly furtherTags: readonly Tag[];
  readonly order: SearchOrder;
  /** Where the results before these ended. */
  readonly after: SearchPosition | undefined;
  readonly limit: number;
  readonly offset: number;
}

const limitDefault = 100;
const limitMax = 200;
// The index counts rows in 32 bits, and counts some that come after the page.
const offsetMax = 2_000_000_000;
const includeFieldsMax = 1000;

/** The parameters of a search that are no attributes. Each is given once; `includefield` may be repeated. */
const settingNames: ReadonlySet<string> = new Set([
  "limit",
  "offset",
  "orderby",
  "fuzzymatching",
  "phonetic",
  "emptyvaluematching",
  "multiplevaluematching",
]);
/** Parameters that are about the form of the answer (PS3.18 §8.3.3). */
const formNames: ReadonlySet<string> = new Set(["accept", "charset"]);

/**
 * The levels whose attributes a resource is searched by and returns: those above the path's own level are settled by the
 * path (PS3.18 §10.6.3.3).
 */
export function levelsOf(target: SearchTarget): readonly SearchLevel[] {
  const levels: readonly SearchLevel[] = ["study", "series", "instance"];
  const first =
    target.seriesInstanceUID !== undefined ? 2 : target.studyInstanceUID !== undefined ? 1 : 0;
  return levels.slice(first, levels.indexOf(target.level) + 1);
}

/**
 * Parses the query of a search (PS3.18 §8.3.4, §10.6.1.2), from its parameters in the order they were sent in.
 *
 * Matching is by one value, by a list of UIDs or codes, by a range of dates or times, by wildcards, by the words of a name
 * with `fuzzymatching` or their sounds with `phonetic`, by no value with `emptyvaluematching` and by several with
 * `multiplevaluematching`; an empty value matches everything. `extended` are the extended query tags that can be searched
 * by now; `after` is where the results before these ended. Throws Problem `malformed` for everything that cannot be
 * understood, naming the parameter and never its value.
 */
export function parseSearchQuery(
  target: SearchTarget,
  parameters: Iterable<readonly [name: string, value: string]>,
  version: ApiVersion,
  extended: readonly MatchKey[] = [],
  after?: SearchPosition,
): SearchQuery {
  const settings = new Map<string, string>();
  const includeFieldTexts: string[] = [];
  const values = new Map<MatchKey, { name: string; texts: string[] }>();
  for (const [name, value] of parameters) {
    const setting = name.toLowerCase();
    if (setting === "includefield") {
      includeFieldTexts.push(value);
    } else if (settingNames.has(setting)) {
      if (settings.has(setting)) {
        throw malformedParameter(name, "is given more than once");
      }
      settings.set(setting, value);
    } else if (!formNames.has(setting)) {
      const matchKey = parseFilterName(name, target, extended);
      const before = values.get(matchKey);
      if (before === undefined) {
        values.set(matchKey, { name, texts: [value] });
      } else if (isList(matchKey)) {
        before.texts.push(value);
      } else {
        throw malformedParameter(name, "names an attribute that is given more than once");
      }
    }
  }
  const options = {
    isFuzzy: parseFlag("fuzzymatching", settings),
    isPhonetic: parseFlag("phonetic", settings),
    matchesEmpty: parseFlag("emptyvaluematching", settings),
    matchesMultiple: parseFlag("multiplevaluematching", settings),
  };
  const filters: SearchFilter[] = [];
  const filterTags: Tag[] = [];
  const extendedFilters: ExtendedFilter[] = [];
  for (const [matchKey, { name, texts }] of values) {
    filterTags.push(matchKey.path[0]);
    if (extended.includes(matchKey)) {
      extendedFilters.push({ name, matchKey });
    }
    filters.push(...parseMatchParameter(matchKey, name, texts, options));
  }
  const includeField = parseIncludeField(includeFieldTexts);
  const combined = combineMoments(filters);
  for (const { matchKey } of turnedRanges(combined)) {
    const name = values.get(matchKey)?.name ?? "";
    throw malformedParameter(name, "is a range that ends before it begins");
  }
  return {
    target,
    version,
    ...combined,
    filterTags,
    extendedFilters,
    includeField,
    furtherTags: includeField === "all" ? [] : furtherTags(includeField, extended),
    order: parseOrder(settings.get("orderby"), target),
    after,
    limit: integerParameter("limit", settings.get("limit"), limitDefault, 1, limitMax),
    offset: integerParameter("offset", settings.get("offset"), 0, 0, offsetMax),
  };
}

/** A keyword, or eight hexadecimal digits of a tag that has an entry in the dictionary or is private. */
function parseAttributeID(text: string): Tag | undefined {
  const tag = parseTag(text);
  if (tag === undefined) {
    return text === "" ? undefined : lookupKeyword(text);
  }
  return isPrivateTag(tag) || lookupTag(tag) !== undefined ? tag : undefined;
}

function parseFilterName(
  name: string,
  target: SearchTarget,
  extended: readonly MatchKey[],
): MatchKey {
  const path = name.split(".").map(parseAttributeID);
  if (!path.every((tag) => tag !== undefined)) {
    throw malformedParameter(name, "is neither a setting of a search nor an attribute");
  }
  const known = [
    lookupMatchKey(path),
    ...extended.filter((matchKey) => path.length === 1 && matchKey.path[0] === path[0]),
  ].filter((matchKey) => matchKey !== undefined);
  const levels = levelsOf(target);
  const matchKey = known.find(({ level }) => levels.includes(level));
  if (matchKey !== undefined) {
    return matchKey;
  }
  throw malformedParameter(
    name,
    known.length === 0
      ? "is an attribute that nothing can be searched by"
      : "is an attribute that this resource cannot be searched by",
  );
}

function parseFlag(name: string, settings: ReadonlyMap<string, string>): boolean {
  switch (settings.get(name)?.toLowerCase()) {
    case undefined:
    case "false":
      return false;
    case "true":
      return true;
    default:
      throw malformedParameter(name, "must be true or false");
  }
}

function parseOrder(text: string | undefined, target: SearchTarget): SearchOrder {
  const levels: readonly SearchLevel[] = ["study", "series", "instance"];
  return text === undefined
    ? []
    : parseSearchOrder(text, levels.slice(0, levels.indexOf(target.level) + 1));
}

function parseIncludeField(texts: readonly string[]): "all" | Tag[] {
  const tags = new Set<Tag>();
  let isAll = false;
  for (const text of texts) {
    const items = text.split(",", includeFieldsMax + 1);
    if (items.length > includeFieldsMax) {
      throw malformedParameter("includefield", `names more than ${includeFieldsMax} attributes`);
    }
    for (const item of items) {
      const name = item.trim();
      if (name.toLowerCase() === "all") {
        isAll = true;
        continue;
      }
      const tag = parseAttributeID(name);
      if (tag === undefined) {
        throw malformedParameter("includefield", "names something that is not an attribute");
      }
      tags.add(tag);
    }
  }
  return isAll ? "all" : [...tags];
}

// ModalitiesInStudy, RetrieveURL, and the counts of Table 10.6.3-3 and 10.6.3-4: no instance says them.
const computedTags: readonly Tag[] = [0x00080061, 0x00081190, 0x00201206, 0x00201208, 0x00201209];

/**
 * An attribute that the index has at any level is not looked for elsewhere, even if it is at a lower level than the
 * results: viewers ask for the Modality of every study. Sequences and long text are, for the index keeps short ones only.
 */
function furtherTags(tags: readonly Tag[], extended: readonly MatchKey[]): Tag[] {
  const indexed = new Set([
    ...Object.values(searchAttributeTags).flat(),
    ...extended.map(({ path: [tag] }) => tag),
    ...computedTags,
  ]);
  return tags.filter(
    (tag) => !indexed.has(tag) || ["SQ", "LT", "ST", "UT"].includes(lookupTag(tag)?.vrs[0] ?? ""),
  );
}
