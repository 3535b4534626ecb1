import { lookupTag } from "../dicom/dictionary.ts";
import { isGroupLengthTag, isPrivateCreatorTag, isPrivateTag, type Tag } from "../dicom/tag.ts";
import { azureSearchTags } from "./azureSearchTags.ts";
import type { SearchLevel } from "../dicomweb/searchAttributes.ts";
import { Problem } from "../problem/problem.ts";
import type { ExtendedQueryTag } from "./extendedQueryTag.ts";
import { parseTagPath } from "./tagPath.ts";

/** What a caller asks to search by. */
export type RequestedTag = Pick<ExtendedQueryTag, "tag" | "vr" | "privateCreator" | "level">;

/** How many extended query tags a tenant has at most. */
export const extendedQueryTagsMax = 128;

// Values of these are compared as one text, one moment or one number. DS is a number to the index, so it can be too.
const searchableVRs: ReadonlySet<string> = new Set(
  "AE AS CS DA DS DT FD FL IS LO PN SH SL SS TM UI UL US".split(" "),
);
const levels: ReadonlyMap<string, SearchLevel> = new Map([
  ["study", "study"],
  ["series", "series"],
  ["instance", "instance"],
]);
const creatorCharactersMax = 64;

/**
 * Parses the body of a request to add extended query tags: an array of objects with `path`, `vr`, `privateCreator` and
 * `level`, whose names may be in any case.
 *
 * Throws Problem `malformed`, which names the entry by its position from 1, for one that cannot be searched by: a path
 * that is no attribute at the top of a data set, an attribute that is searched by anyway, a VR that the attribute cannot
 * have or that has nothing to compare, a level that there is not, a private attribute without its creator or a standard
 * one with it, and an attribute that is named twice.
 */
export function parseTagRequests(body: unknown): readonly RequestedTag[] {
  if (!Array.isArray(body) || body.length === 0) {
    throw new Problem("malformed", "The body is not an array of at least one extended query tag.");
  }
  if (body.length > extendedQueryTagsMax) {
    throw new Problem(
      "malformed",
      `The body has more than the ${extendedQueryTagsMax} extended query tags that a tenant can have.`,
    );
  }
  const seen = new Set<Tag>();
  return body.map((entry: unknown, index) => {
    const requested = parseEntry(entry, `The entry ${index + 1} of the body`);
    if (seen.has(requested.tag)) {
      throw malformed(`The entry ${index + 1} of the body`, "has the path of an earlier one");
    }
    seen.add(requested.tag);
    return requested;
  });
}

function parseEntry(entry: unknown, where: string): RequestedTag {
  const { path, vr, privatecreator, level } = propertiesOf(entry, where);
  if (path === undefined) {
    throw malformed(where, 'has no "path"');
  }
  const tag = parsePath(path, where);
  const parsedLevel = levels.get(level?.toLowerCase() ?? "");
  if (parsedLevel === undefined) {
    throw malformed(where, 'has no "level" that is Study, Series or Instance');
  }
  const creator = parseCreator(tag, privatecreator, where);
  return {
    tag,
    vr: parseVR(tag, vr, where),
    level: parsedLevel,
    ...(creator === undefined ? {} : { privateCreator: creator }),
  };
}

const propertyNames = ["path", "vr", "privatecreator", "level"] as const;

/** The properties of an entry by their names in lower case; null and absent are the same. */
function propertiesOf(
  entry: unknown,
  where: string,
): Partial<Record<(typeof propertyNames)[number], string>> {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
    throw malformed(where, "is not an object");
  }
  const properties: Partial<Record<(typeof propertyNames)[number], string>> = {};
  for (const [name, value] of Object.entries(entry)) {
    const known = propertyNames.find((candidate) => candidate === name.toLowerCase());
    if (known === undefined || value === null) {
      continue;
    }
    if (typeof value !== "string") {
      throw malformed(where, `has a "${name}" that is not a text`);
    }
    properties[known] = value;
  }
  return properties;
}

function parsePath(path: string, where: string): Tag {
  let tag: Tag;
  try {
    tag = parseTagPath(path);
  } catch {
    throw malformed(where, 'has a "path" that is no tag and no keyword');
  }
  const group = tag >>> 16;
  // PS3.5 §7.8.1: the odd groups 0001 to 0007 and FFFF are not used, and a private element lies in a reserved block.
  const isUnusedGroup = group < 0x0008 || group >= 0xfffe;
  const isOutsideBlocks = isPrivateTag(tag) && !isPrivateCreatorTag(tag) && (tag & 0xffff) < 0x1000;
  if (isUnusedGroup || isGroupLengthTag(tag) || isOutsideBlocks) {
    throw malformed(where, 'has a "path" that is no attribute of a data set');
  }
  if (azureSearchTags.has(tag)) {
    throw malformed(where, 'has the "path" of an attribute that can be searched by anyway');
  }
  return tag;
}

function parseCreator(tag: Tag, text: string | undefined, where: string): string | undefined {
  const needsCreator = isPrivateTag(tag) && !isPrivateCreatorTag(tag);
  if (text === undefined) {
    if (needsCreator) {
      throw malformed(where, 'is a private attribute without "privateCreator"');
    }
    return undefined;
  }
  if (!needsCreator) {
    throw malformed(where, 'has a "privateCreator", and is no private attribute');
  }
  const creator = text.trim();
  // PS3.5 Table 6.2-1, VR LO.
  if (
    creator === "" ||
    Array.from(creator).length > creatorCharactersMax ||
    // oxlint-disable-next-line no-control-regex -- control characters are what LO must not hold.
    /[\\\u0000-\u001f\u007f]/.test(creator)
  ) {
    throw malformed(
      where,
      `has a "privateCreator" that is not 1 to ${creatorCharactersMax} characters of VR LO`,
    );
  }
  return creator;
}

function parseVR(tag: Tag, text: string | undefined, where: string): string {
  const known = isPrivateCreatorTag(tag) ? ["LO"] : lookupTag(tag)?.vrs;
  const vr = text?.trim().toUpperCase() ?? (known?.length === 1 ? known[0] : undefined);
  if (vr === undefined) {
    throw malformed(where, 'needs a "vr", which the data dictionary does not tell');
  }
  if (!searchableVRs.has(vr)) {
    throw malformed(where, `has a "vr" that is none of ${[...searchableVRs].join(", ")}`);
  }
  if (known !== undefined && !known.includes(vr)) {
    throw malformed(where, `has another "vr" than ${known.join(" or ")}, which the attribute has`);
  }
  return vr;
}

function malformed(where: string, what: string): Problem {
  return new Problem("malformed", `${where} ${what}.`);
}
