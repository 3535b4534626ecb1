import { Problem } from "../problem/problem.ts";

declare const uidBrand: unique symbol;
declare const uidKind: unique symbol;

/** A valid Unique Identifier (PS3.5 §9) without padding. Made by {@link parseUID} alone. */
export type UID = string & { readonly [uidBrand]: true };

/** The identifier of a study. Made by {@link parseStudyInstanceUID} alone. */
export type StudyInstanceUID = UID & { readonly [uidKind]: "study" };

/** The identifier of a series. Made by {@link parseSeriesInstanceUID} alone. */
export type SeriesInstanceUID = UID & { readonly [uidKind]: "series" };

/** The identifier of a SOP Instance. Made by {@link parseSOPInstanceUID} alone. */
export type SOPInstanceUID = UID & { readonly [uidKind]: "instance" };

const uidCharactersMax = 64;

/** The text without what encoders pad UIDs with: trailing spaces, and the one NUL of PS3.5 §9.1. */
function withoutPadding(text: string): string {
  let end = text.length;
  if (end > 0 && text.charCodeAt(end - 1) === 0) {
    end -= 1;
  }
  while (end > 0 && text.charCodeAt(end - 1) === 0x20) {
    end -= 1;
  }
  return text.slice(0, end);
}

/**
 * True of 1 to 64 digits and dots that end in a digit, after trailing spaces and one NUL of padding.
 *
 * Leading zeros and empty components break PS3.5 §9.1 and are let pass: instances that have them exist, are
 * unambiguous, and are accepted by the services that ours stands in for.
 */
export function isUID(text: string): boolean {
  const uid = withoutPadding(text);
  return uid.length <= uidCharactersMax && /^[0-9.]*[0-9]$/.test(uid);
}

/** The UID in `text` without its padding. Throws `malformed` naming `what`, and never the value, otherwise. */
export function parseUID(text: string, what: string): UID {
  if (!isUID(text)) {
    throw new Problem(
      "malformed",
      `${what} is not a valid UID: it must be 1 to ${uidCharactersMax} digits and dots, ending in a digit.`,
    );
  }
  return withoutPadding(text) as UID;
}

/** Like {@link parseUID}, for the identifier of a study. */
export function parseStudyInstanceUID(text: string, what = "StudyInstanceUID"): StudyInstanceUID {
  return parseUID(text, what) as StudyInstanceUID;
}

/** Like {@link parseUID}, for the identifier of a series. */
export function parseSeriesInstanceUID(
  text: string,
  what = "SeriesInstanceUID",
): SeriesInstanceUID {
  return parseUID(text, what) as SeriesInstanceUID;
}

/** Like {@link parseUID}, for the identifier of a SOP Instance. */
export function parseSOPInstanceUID(text: string, what = "SOPInstanceUID"): SOPInstanceUID {
  return parseUID(text, what) as SOPInstanceUID;
}
