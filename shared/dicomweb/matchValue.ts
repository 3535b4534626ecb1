import { isUID } from "../dicom/uid.ts";

/** A value in the form in which it is compared: text in one case, dates and times that sort as text, numbers. */
export type MatchScalar = string | number;

// The longest text of the VRs that are searched by has 64 characters (PS3.5 Table 6.2-1), a name three times as many.
// Real values break the limit a little; what breaks it a lot is not worth its place in an index.
const matchTextMax = 256;

// Padding and accents may make text longer than it is compared as. More than this is not even looked at.
const rawTextMax = 1024;

/**
 * Brings one value of `vr` into the form in which it is compared with others, or gives undefined when it is no value of
 * that VR: both for what is stored and for what is searched (PS3.4 §C.2.2.2).
 *
 * Text is compared without regard to case, names also without regard to accents. Padding never counts.
 */
export function normaliseMatchValue(vr: string, value: string | number): MatchScalar | undefined {
  if (typeof value === "string" && value.length > rawTextMax) {
    return undefined;
  }
  switch (vr) {
    case "DA":
      return normaliseDate(String(value));
    case "TM":
      return normaliseTime(String(value));
    case "DT":
      return normaliseDateTime(String(value));
    case "UI":
      return normaliseUID(String(value));
    case "IS":
    case "SL":
    case "SS":
    case "SV":
    case "UL":
    case "US":
    case "UV":
      return normaliseInteger(value);
    case "DS":
    case "FD":
    case "FL":
      return normaliseDecimal(value);
    case "PN":
      return normaliseText(foldPersonName(String(value)));
    case "CS":
      return normaliseText(foldCode(String(value)));
    default:
      return normaliseText(foldText(String(value)));
  }
}

/** Folds a code (VR CS) to upper case, which is how it should have been written (PS3.5 §6.2). */
export function foldCode(text: string): string {
  return withoutPadding(text).toUpperCase();
}

/** Folds text for comparison without regard to case. Leading and trailing padding is taken away. */
export function foldText(text: string): string {
  return withoutPadding(text).normalize("NFC").toLowerCase();
}

/**
 * Folds one component group of a person name (PS3.5 §6.2.1) for comparison without regard to case and accents: spaces
 * around components and empty components at the end do not count.
 */
export function foldPersonName(group: string): string {
  return foldPersonNamePiece(withoutPadding(group))
    .replaceAll(/ *\^ */g, "^")
    .replace(/[ ^]+$/, "")
    .trimStart();
}

/** Folds a piece of a person name whose beginning and end are not those of the name. */
export function foldPersonNamePiece(text: string): string {
  const folded = text.normalize("NFD").replaceAll(accentPattern, "").toLowerCase();
  // Lower case can bring back an accent, such as the dot of the Turkish capital I.
  return folded.replaceAll(accentPattern, "").normalize("NFC").replaceAll(/ {2,}/g, " ");
}

// Combining Diacritical Marks. The marks of other scripts are not accents: without its voicing mark a kana is another.
const accentPattern = /[\u0300-\u036f]/g;

/** Takes away what encoders pad text with: spaces on both sides (PS3.5 §6.2), and NUL at the end. */
function withoutPadding(text: string): string {
  let start = 0;
  let end = text.length;
  while (end > 0 && (text.charCodeAt(end - 1) === 0 || text.charCodeAt(end - 1) === 0x20)) {
    end -= 1;
  }
  while (start < end && text.charCodeAt(start) === 0x20) {
    start += 1;
  }
  return text.slice(start, end);
}

function normaliseText(folded: string): string | undefined {
  return folded === "" || folded.length > matchTextMax ? undefined : folded;
}

function normaliseUID(value: string): string | undefined {
  const uid = withoutPadding(value);
  return isUID(uid) ? uid : undefined;
}

/** `yyyyMMdd`; of what is stored also the form of ACR-NEMA, `yyyy.MM.dd` (PS3.5 §6.2, VR DA). */
function normaliseDate(value: string): string | undefined {
  const match = /^(\d{4})(\.?)(\d{2})\2(\d{2})$/.exec(withoutPadding(value));
  if (match === null) {
    return undefined;
  }
  const [, year = "", , month = "", day = ""] = match;
  return isDate(Number(year), Number(month), Number(day)) ? year + month + day : undefined;
}

/** `HHmmss.ffffff`, with zeros for what is not given; reads also `HH:mm:ss` (PS3.5 §6.2, VR TM). */
function normaliseTime(value: string): string | undefined {
  const match = /^(\d{2})(?:(:?)(\d{2})(?:\2(\d{2})(?:\.(\d{1,6}))?)?)?$/.exec(
    withoutPadding(value),
  );
  if (match === null) {
    return undefined;
  }
  const [, hour = "", , minute = "00", second = "00", fraction = ""] = match;
  // 60 is a leap second.
  const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
  return isTime ? `${hour}${minute}${second}.${fraction.padEnd(6, "0")}` : undefined;
}

/** `yyyyMMddHHmmss.ffffff`, with the first moment for what is not given; an offset from UTC is left out of account. */
function normaliseDateTime(value: string): string | undefined {
  const match =
    /^(\d{4})(\d{2})?(\d{2})?(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?(?:[+-]\d{4})?$/.exec(
      withoutPadding(value),
    );
  if (match === null) {
    return undefined;
  }
  const [, year = "", month = "01", day = "01", clock = "00"] = match;
  const time = normaliseTime(clock);
  return time !== undefined && isDate(Number(year), Number(month), Number(day))
    ? year + month + day + time
    : undefined;
}

function isDate(year: number, month: number, day: number): boolean {
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, isLeapYear ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  return days !== undefined && day >= 1 && day <= days;
}

function normaliseInteger(value: string | number): number | undefined {
  const text = withoutPadding(String(value));
  const number = /^[+-]?\d{1,20}$/.test(text) ? Number(text) : Number.NaN;
  // Zero has no sign, and beyond the safe integers equality would be a matter of luck.
  return Number.isSafeInteger(number) ? number + 0 : undefined;
}

function normaliseDecimal(value: string | number): number | undefined {
  const text = withoutPadding(String(value));
  const isDecimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text);
  const number = isDecimal ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number + 0 : undefined;
}
