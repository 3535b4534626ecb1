import type {
  DicomJsonDataset,
  DicomJsonElement,
  DicomJsonPersonName,
} from "../dicom/dicomJson.ts";
import { lookupTag } from "../dicom/dictionary.ts";
import { isPrivateCreatorTag, isPrivateTag, parseTag, type Tag } from "../dicom/tag.ts";

// PS3.19 §A.1.6.
const namespace = "http://dicom.nema.org/PS3.19/models/NativeDICOM";

/**
 * Encodes a data set as one document of the Native DICOM Model (PS3.19 §A.1), which is what `application/dicom+xml` holds
 * (PS3.18 §8.7.3.2).
 *
 * The data set is one of the DICOM JSON Model with absolute `BulkDataURI`s. Attributes come in the order of their tags, with
 * their keywords where PS3.6 has one. A private attribute is named by its creator, and its tag has 00 in the place of the
 * block that the creator reserved; one without a creator keeps its tag. Values are text as in JSON: numbers in their
 * shortest decimal form, binary values in base64. A character that XML 1.0 has no place for becomes U+FFFD.
 *
 * The text comes in pieces of some thousand values, so that others can have their turn between them.
 */
export function* encodeNativeDicomModel(
  dataset: DicomJsonDataset,
): Generator<string, void, undefined> {
  const pieces: string[] = [
    `<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="${namespace}" xml:space="preserve">`,
  ];
  yield* encodeDataset(dataset, pieces);
  pieces.push("</NativeDicomModel>");
  yield pieces.join("");
}

/** From this many on, pieces are handed over. */
const piecesMax = 10_000;

function* encodeDataset(
  dataset: DicomJsonDataset,
  pieces: string[],
): Generator<string, void, undefined> {
  // To JavaScript some tags are array indexes, which come first whatever their value.
  for (const key of Object.keys(dataset).sort()) {
    const element = dataset[key];
    const tag = parseTag(key);
    if (element === undefined || tag === undefined) {
      continue;
    }
    pieces.push(encodeOpening(key, tag, element.vr, dataset));
    if (element.vr === "SQ") {
      for (const [index, item] of (element.Value ?? []).entries()) {
        pieces.push(`<Item number="${index + 1}">`);
        yield* encodeDataset((item ?? {}) as DicomJsonDataset, pieces);
        pieces.push("</Item>");
      }
    } else {
      encodeValues(element, pieces);
    }
    pieces.push("</DicomAttribute>");
    if (pieces.length >= piecesMax) {
      yield pieces.splice(0).join("");
    }
  }
}

function encodeOpening(key: string, tag: Tag, vr: string, dataset: DicomJsonDataset): string {
  const creator = privateCreatorOf(tag, key, dataset);
  const keyword = keywordOf(tag);
  const shownTag = creator === undefined ? key : `${key.slice(0, 4)}00${key.slice(6)}`;
  return (
    `<DicomAttribute tag="${shownTag}" vr="${escape(vr)}"` +
    (keyword === "" ? "" : ` keyword="${keyword}"`) +
    (creator === undefined ? "" : ` privateCreator="${escape(creator)}"`) +
    ">"
  );
}

// The same few hundred tags are written again and again. What is found in the dictionary is kept: it has only so many.
const keywords = new Map<Tag, string>();

/** The keyword of a tag; empty when PS3.6 has none. */
function keywordOf(tag: Tag): string {
  let keyword = keywords.get(tag);
  if (keyword === undefined) {
    keyword = lookupTag(tag)?.keyword ?? "";
    if (keyword !== "") {
      keywords.set(tag, keyword);
    }
  }
  return keyword;
}

function encodeValues(element: DicomJsonElement, pieces: string[]): void {
  if (element.BulkDataURI !== undefined) {
    pieces.push(`<BulkData uri="${escape(element.BulkDataURI)}"/>`);
  } else if (element.InlineBinary !== undefined) {
    pieces.push(`<InlineBinary>${element.InlineBinary}</InlineBinary>`);
  }
  for (const [index, value] of (element.Value ?? []).entries()) {
    if (element.vr === "PN") {
      pieces.push(`<PersonName number="${index + 1}">`);
      encodePersonName((value ?? {}) as DicomJsonPersonName, pieces);
      pieces.push("</PersonName>");
    } else {
      const text = value === null ? "" : String(value as string | number);
      pieces.push(`<Value number="${index + 1}">${escape(text)}</Value>`);
    }
  }
}

// PS3.5 §6.2.1.1: the components of a group, in this order.
const components = ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"] as const;

function encodePersonName(name: DicomJsonPersonName, pieces: string[]): void {
  for (const group of ["Alphabetic", "Ideographic", "Phonetic"] as const) {
    const text = name[group];
    if (text === undefined) {
      continue;
    }
    // A sixth component is not valid, and not to be lost: it stays with the fifth.
    const [family, given, middle, prefix, ...suffix] = text.split("^");
    pieces.push(`<${group}>`);
    for (const [index, component] of [family, given, middle, prefix, suffix.join("^")].entries()) {
      if (component !== undefined && component !== "") {
        pieces.push(`<${components[index]}>${escape(component)}</${components[index]}>`);
      }
    }
    pieces.push(`</${group}>`);
  }
}

/** PS3.5 §7.8.1: who reserved the block that a private attribute is in. */
function privateCreatorOf(tag: Tag, key: string, dataset: DicomJsonDataset): string | undefined {
  if (!isPrivateTag(tag) || isPrivateCreatorTag(tag)) {
    return undefined;
  }
  const creator = dataset[`${key.slice(0, 4)}00${key.slice(4, 6)}`]?.Value?.[0];
  return typeof creator === "string" ? creator : undefined;
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  // Left as they are, a reader of XML would take them for a line feed, or in an attribute for a space.
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

// XML 1.0 §2.2: all other control characters, and the two that are no characters, cannot be written in any way.
// oxlint-disable-next-line no-control-regex -- they are what it is for.
const unsafe = /[&<>"\u0000-\u001f\ufffe\uffff]/g;

function escape(text: string): string {
  return text.toWellFormed().replace(unsafe, (character) => escapes[character] ?? "\ufffd");
}
