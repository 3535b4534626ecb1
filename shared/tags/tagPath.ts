import { lookupKeyword } from "../dicom/dictionary.ts";
import { parseTag, type Tag } from "../dicom/tag.ts";
import { Problem } from "../problem/problem.ts";

/**
 * Parses an attribute as a path or a body names it: eight hexadecimal digits, or a keyword of PS3.6.
 *
 * Throws Problem `malformed` for anything else; a path into a sequence is nothing that can be an extended query tag.
 */
export function parseTagPath(text: string): Tag {
  const tag = parseTag(text) ?? lookupKeyword(text);
  if (tag === undefined) {
    throw new Problem(
      "malformed",
      "An extended query tag is eight hexadecimal digits or the keyword of an attribute.",
    );
  }
  return tag;
}
