import { lookupKeyword } from "../dicom/dictionary.ts";
import { formatTag, parseTag } from "../dicom/tag.ts";
import { Problem } from "../problem/problem.ts";

/** Says of an outermost attribute of metadata, by its eight digits, whether the answer has it. */
export type MetadataFields = (tag: string) => boolean;

/** What names an instance comes whatever is asked for: SOP Class and Instance, Study and Series Instance UID. */
const identifiers: readonly string[] = ["00080016", "00080018", "0020000D", "0020000E"];
const fieldsMax = 1_000;

/**
 * Reads which attributes of metadata are wanted: those of `includefield`, or all but those of `excludefield`.
 *
 * Both are lists of tags or keywords, separated by commas or repeated; `includefield=all` is as if it were not there. They
 * name outermost attributes, sequences as a whole. Undefined when everything is wanted. Throws Problem `malformed` for a
 * name that is none, for both parameters at once, and for more than a thousand names.
 */
export function parseMetadataFields(
  query: Iterable<readonly [name: string, value: string]>,
): MetadataFields | undefined {
  const included: string[] = [];
  const excluded: string[] = [];
  for (const [name, value] of query) {
    const lowerCase = name.toLowerCase();
    if (lowerCase === "includefield") {
      included.push(...splitFields(value));
    } else if (lowerCase === "excludefield") {
      excluded.push(...splitFields(value));
    }
  }
  if (included.length > 0 && excluded.length > 0) {
    throw new Problem("malformed", "includefield and excludefield exclude one another.");
  }
  if (included.length + excluded.length > fieldsMax) {
    throw new Problem("malformed", `A request names at most ${fieldsMax} fields.`);
  }
  if (included.some((field) => field.toLowerCase() === "all")) {
    return undefined;
  }
  if (included.length > 0) {
    const tags = new Set([
      ...identifiers,
      ...included.map((field) => parseField("include", field)),
    ]);
    return (tag) => tags.has(tag);
  }
  if (excluded.length > 0) {
    const tags = new Set(excluded.map((field) => parseField("exclude", field)));
    return (tag) => !tags.has(tag) || identifiers.includes(tag);
  }
  return undefined;
}

function splitFields(value: string): string[] {
  return value
    .split(",")
    .map((field) => field.trim())
    .filter((field) => field !== "");
}

function parseField(parameter: "include" | "exclude", field: string): string {
  const tag = parseTag(field) ?? lookupKeyword(field);
  if (tag === undefined) {
    throw new Problem(
      "malformed",
      `${parameter}field names something that is neither a tag of eight hexadecimal digits nor a keyword.`,
    );
  }
  return formatTag(tag);
}
