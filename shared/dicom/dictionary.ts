import { dictionaryData } from "./dictionaryData.ts";
import {
  formatTag,
  isGroupLengthTag,
  isPrivateCreatorTag,
  isPrivateTag,
  parseTag,
  type Tag,
} from "./tag.ts";

/** An entry of the data dictionary (PS3.6 §6). */
export interface DictionaryEntry {
  readonly tag: Tag;
  readonly keyword: string;
  /** The VRs that PS3.6 allows, the usual one first; more than one where the data set around decides (US or SS). */
  readonly vrs: readonly [string, ...string[]];
  /** Value Multiplicity as PS3.6 writes it: `1`, `1-n`, `2-2n`. */
  readonly vm: string;
}

// The table is searched where it lies, sorted by tag: a process that starts up does not pay for five thousand entries
// of which it will meet a hundred. What was found is kept; there is no more of it than the table has.
const vrsByTag = new Map<Tag, string>();

/** The line of the table that begins with these digits. */
function findLine(digits: string): string | undefined {
  let low = 0;
  let high = dictionaryData.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = dictionaryData.lastIndexOf("\n", middle) + 1;
    const end = dictionaryData.indexOf("\n", start);
    if (end < 0) {
      return undefined;
    }
    const found = dictionaryData.slice(start, start + 8);
    if (found === digits) {
      return dictionaryData.slice(start, end);
    }
    if (found < digits) {
      low = end + 1;
    } else {
      high = start - 1;
    }
  }
  return undefined;
}

/** The tag under which a tag of a repeating group or element is listed (PS3.5 §7.6, PS3.6 §6). */
function listedTag(tag: Tag): Tag {
  const group = tag >>> 16;
  if ((group & 0xff00) === 0x6000 || (group & 0xff00) === 0x5000) {
    return ((group & 0xff00) << 16) + (tag & 0xffff);
  }
  // (0020,31xx) Source Image IDs, retired.
  if (tag >>> 8 === 0x002031) {
    return 0x00203100;
  }
  return tag;
}

function parseLine(tag: Tag, line: string): DictionaryEntry {
  const [vrs = "", vm = "", keyword = ""] = line.slice(8).split(" ");
  const [first = "", ...others] = vrs.split("/");
  return { tag, keyword, vrs: [first, ...others], vm };
}

/**
 * The dictionary entry of a public tag, those of the repeating groups 50xx and 60xx included; undefined for private
 * tags, group lengths and tags that PS3.6 does not list.
 */
export function lookupTag(tag: Tag): DictionaryEntry | undefined {
  if (isPrivateTag(tag) || (isGroupLengthTag(tag) && tag !== 0x00020000)) {
    return undefined;
  }
  const line = findLine(formatTag(listedTag(tag)));
  return line === undefined ? undefined : parseLine(tag, line);
}

/** The tag with this keyword, spelled as in PS3.6; for a repeating group the first of its tags. */
export function lookupKeyword(keyword: string): Tag | undefined {
  if (!/^[A-Za-z0-9]+$/.test(keyword)) {
    return undefined;
  }
  const end = dictionaryData.indexOf(` ${keyword}\n`);
  if (end < 0) {
    return undefined;
  }
  const start = dictionaryData.lastIndexOf("\n", end) + 1;
  return parseTag(dictionaryData.slice(start, start + 8));
}

/**
 * The VR of an element that does not name it itself: implicit VR (PS3.5 §A.1). `US or SS` where Pixel Representation
 * decides; UN for what the dictionary does not know (PS3.5 §6.2.2).
 */
export function implicitVR(tag: Tag): string {
  if (isGroupLengthTag(tag)) {
    return "UL";
  }
  if (isPrivateTag(tag)) {
    return isPrivateCreatorTag(tag) ? "LO" : "UN";
  }
  let vr = vrsByTag.get(tag);
  if (vr === undefined) {
    const line = findLine(formatTag(listedTag(tag)));
    if (line === undefined) {
      return "UN";
    }
    vr = line.slice(8, line.indexOf(" "));
    vrsByTag.set(tag, vr);
  }
  switch (vr) {
    case "US/SS":
      return "US or SS";
    // PS3.5 §A.1: pixels, overlays, curves, waveforms and lookup tables are OW when the VR is not encoded.
    case "OB/OW":
    case "US/OW":
      return "OW";
    default:
      return vr;
  }
}
