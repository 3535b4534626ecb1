import { type Dataset, type DicomElement, parseDecimal, textValues } from "./dataset.ts";
import { lookupTag } from "./dictionary.ts";
import { formatTag, isGroupLengthTag, type Tag } from "./tag.ts";
import { isUID } from "./uid.ts";
import { lookupVR } from "./valueRepresentation.ts";

/** An attribute whose value breaks the rules of its VR. */
export interface InvalidAttribute {
  readonly tag: Tag;
  /** Tags and item indexes from the top, as in `00400275/0/00400007`. */
  readonly path: string;
  /** In an item of a sequence. */
  readonly isNested: boolean;
  /** What is wrong, without the value. */
  readonly reason: string;
}

/** How strict {@link validateIndexedElement} is. */
export interface IndexedElementOptions {
  /** Let pass text that ends in NULs, beyond the one that PS3.5 §9.1 gives to UIDs. */
  readonly isNULPaddingAllowed: boolean;
}

const patientIDTag: Tag = 0x00100020;

type Rule = (value: string) => string | undefined;

function characters(value: string): number {
  let count = value.length;
  for (let at = 0; at < value.length - 1; at += 1) {
    const code = value.charCodeAt(at);
    if (code >= 0xd800 && code <= 0xdbff) {
      count -= 1;
    }
  }
  return count;
}

function atMost(charactersMax: number): Rule {
  return (value) =>
    characters(value) > charactersMax ? `the value exceeds ${charactersMax} characters` : undefined;
}

function matching(pattern: RegExp, reason: string): Rule {
  return (value) => (pattern.test(value) ? undefined : reason);
}

/** No control characters but these. ESC has done its work when text is decoded: one that is left named no known set. */
function noControlsBut(allowed: string): Rule {
  return (value) => {
    for (let at = 0; at < value.length; at += 1) {
      const code = value.charCodeAt(at);
      const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f);
      if (isControl && !allowed.includes(value.charAt(at))) {
        return "the value holds a control character";
      }
    }
    return undefined;
  };
}

const noControls = noControlsBut("\u001b");
const noControlsButLines = noControlsBut("\u001b\t\n\f\r");

function all(...rules: readonly Rule[]): Rule {
  return (value) => {
    for (const rule of rules) {
      const reason = rule(value);
      if (reason !== undefined) {
        return reason;
      }
    }
    return undefined;
  };
}

/** True of a day that the Gregorian calendar has. */
function isDay(year: number, month: number, day: number): boolean {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  return days !== undefined && day >= 1 && day <= days;
}

const date: Rule = (value) => {
  const match = /^([0-9]{4})([0-9]{2})([0-9]{2})$/.exec(value);
  return match !== null && isDay(Number(match[1]), Number(match[2]), Number(match[3]))
    ? undefined
    : "the value is not a date of the form YYYYMMDD";
};

/** Hours, minutes and seconds; 60 for a leap second. */
function isTime(hours = "00", minutes = "00", seconds = "00"): boolean {
  return Number(hours) <= 23 && Number(minutes) <= 59 && Number(seconds) <= 60;
}

const time: Rule = (value) => {
  const match = /^([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:\.[0-9]{1,6})?)?)?$/.exec(value);
  return match !== null && isTime(match[1], match[2], match[3])
    ? undefined
    : "the value is not a time of the form HHMMSS.FFFFFF";
};

const dateTime: Rule = (value) => {
  const match =
    /^([0-9]{4})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:\.[0-9]{1,6})?)?)?)?)?)?([+-][0-9]{4})?$/.exec(
      value,
    );
  const isValid =
    match !== null &&
    isDay(Number(match[1]), Number(match[2] ?? "1"), Number(match[3] ?? "1")) &&
    isTime(match[4], match[5], match[6]) &&
    isOffset(match[7]);
  return isValid
    ? undefined
    : "the value is not a date and time of the form YYYYMMDDHHMMSS.FFFFFF&ZZXX";
};

/** PS3.5 Table 6.2-1: UTC offsets go from -1200 to +1400. */
function isOffset(offset: string | undefined): boolean {
  if (offset === undefined) {
    return true;
  }
  const hours = Number(offset.slice(0, 3));
  const minutes = Number(offset.slice(3));
  return hours >= -12 && hours <= 14 && minutes <= 59;
}

const integer: Rule = (value) => {
  const isInRange = (number: number): boolean => number >= -(2 ** 31) && number <= 2 ** 31 - 1;
  return /^[+-]?[0-9]{1,12}$/.test(value) && isInRange(Number(value))
    ? undefined
    : "the value is not an integer of 32 bits";
};

const decimal: Rule = (value) =>
  parseDecimal(value) === undefined ? "the value is not a decimal number" : undefined;

const personName: Rule = (value) => {
  const groups = value.split("=");
  if (groups.length > 3) {
    return "the name has more than 3 component groups";
  }
  for (const group of groups) {
    if (characters(group) > 64) {
      return "a component group of the name exceeds 64 characters";
    }
    if (group.split("^").length > 5) {
      return "a component group of the name has more than 5 components";
    }
  }
  return noControls(value);
};

const uid: Rule = (value) =>
  isUID(value) ? undefined : "the value is not a UID of at most 64 digits and dots";

// PS3.5 Table 6.2-1.
const rules: ReadonlyMap<string, Rule> = new Map([
  [
    "AE",
    all(
      atMost(16),
      matching(/^[\x20-\x5b\x5d-\x7e]*$/, "the value holds a character that AE does not allow"),
    ),
  ],
  [
    "AS",
    matching(/^[0-9]{3}[DWMY]$/, "the value is not an age of the form nnnD, nnnW, nnnM or nnnY"),
  ],
  [
    "CS",
    all(
      atMost(16),
      matching(/^[A-Z0-9 _]*$/, "the value holds a character that CS does not allow"),
    ),
  ],
  ["DA", date],
  ["DS", all(atMost(16), decimal)],
  ["DT", dateTime],
  ["IS", integer],
  ["LO", all(atMost(64), noControls)],
  ["LT", all(atMost(10_240), noControlsButLines)],
  ["PN", personName],
  ["SH", all(atMost(16), noControls)],
  ["ST", all(atMost(1024), noControlsButLines)],
  ["TM", time],
  ["UC", noControls],
  ["UI", uid],
  ["UR", matching(/^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]*$/, "the value is not a URI")],
  ["UT", noControlsButLines],
]);

// What a search index relies on, and no more: a value that is merely unusual is worth finding.
const indexedRules: ReadonlyMap<string, Rule> = new Map([
  ["AE", atMost(16)],
  ["AS", matching(/^.{4}$/su, "the value does not have 4 characters")],
  ["CS", atMost(16)],
  ["DA", date],
  ["DS", decimal],
  ["DT", dateTime],
  ["IS", integer],
  ["LO", all(atMost(64), noControls)],
  ["PN", personName],
  ["SH", atMost(16)],
  ["TM", time],
  ["UI", uid],
]);

function invalidLength(element: DicomElement): string | undefined {
  const representation = lookupVR(element.vr);
  if (representation === undefined || element.hasFragments) {
    return undefined;
  }
  const unitBytes = representation.kind === "tag" ? 4 : representation.unitBytes;
  return element.length % unitBytes === 0
    ? undefined
    : `the length is not a multiple of ${unitBytes} bytes`;
}

/**
 * Why the value of an element breaks the rules of its VR (PS3.5 §6.2), as a phrase without the value; undefined when it
 * does not.
 *
 * Judges each of several values, and of those only the first that fails. Padding counts for nothing, be it of spaces
 * or NULs. Sequences, values that the reader did not keep, and VRs that PS3.5 does not define have nothing to break but
 * their length.
 */
export function validateElement(element: DicomElement, dataset: Dataset): string | undefined {
  if (element.items !== undefined) {
    return undefined;
  }
  const rule = rules.get(element.vr);
  if (rule === undefined) {
    return invalidLength(element);
  }
  for (const value of textValues(element, dataset)) {
    const reason = value === "" ? undefined : rule(value);
    if (reason !== undefined) {
      return reason;
    }
  }
  return undefined;
}

/**
 * Why an element cannot be used as an indexed attribute, as a phrase without the value; undefined when it can, and
 * when it has no value.
 *
 * Judges the first value, which is the one that is indexed, and that the VR is the one of PS3.6. A Patient ID of
 * several values is refused: it would identify another patient.
 */
export function validateIndexedElement(
  element: DicomElement,
  dataset: Dataset,
  options: IndexedElementOptions,
): string | undefined {
  const vrs = lookupTag(element.tag)?.vrs;
  if (vrs !== undefined && !vrs.includes(element.vr)) {
    return `the VR is not ${vrs.join(" or ")}`;
  }
  const representation = lookupVR(element.vr);
  if (representation?.kind !== "text") {
    return invalidLength(element);
  }
  const values = textValues(element, dataset);
  if (element.tag === patientIDTag && values.length > 1) {
    return "the value holds a backslash";
  }
  const first = values[0] ?? "";
  if (first.includes("\0")) {
    return "the value holds a control character";
  }
  if (!options.isNULPaddingAllowed && hasExcessNULs(element)) {
    return "the value is padded with NUL";
  }
  return first === "" ? undefined : validateIndexedValue(element.vr, first);
}

/**
 * Why a value, as text without its padding, cannot be indexed under a VR, as a phrase without the value; undefined when it
 * can. A name has its component groups joined by equals signs.
 */
export function validateIndexedValue(vr: string, value: string): string | undefined {
  return indexedRules.get(vr)?.(value);
}

function hasExcessNULs({ bytes, vr }: DicomElement): boolean {
  if (bytes === undefined || bytes.at(-1) !== 0) {
    return false;
  }
  return vr !== "UI" || bytes.at(-2) === 0;
}

/**
 * Every attribute of the Data Set, at any depth, whose value breaks the rules of its VR, each once with the first
 * thing wrong with it, in the order of tags. Lazy: who wants a hundred pays for a hundred.
 */
export function* validateDataset(dataset: Dataset): Generator<InvalidAttribute, void, undefined> {
  for (const invalid of validateItem(dataset, "", { elements: 0 })) {
    if (invalid !== undefined) {
      yield invalid;
    }
  }
}

/**
 * The first `most` of what {@link validateDataset} finds, in steps of some thousand elements, so that others can have their
 * turn between them.
 */
export function* validateDatasetInSteps(
  dataset: Dataset,
  most: number,
): Generator<void, InvalidAttribute[], undefined> {
  const found: InvalidAttribute[] = [];
  for (const invalid of validateItem(dataset, "", { elements: 0 })) {
    if (invalid === undefined) {
      yield;
    } else if (found.push(invalid) >= most) {
      break;
    }
  }
  return found;
}

/** What a step covers: a few milliseconds of work. */
const elementsPerStep = 4_000;

function* validateItem(
  dataset: Dataset,
  prefix: string,
  validated: { elements: number },
): Generator<InvalidAttribute | undefined, void, undefined> {
  for (const element of dataset) {
    if (isGroupLengthTag(element.tag)) {
      continue;
    }
    validated.elements += 1;
    if (validated.elements % elementsPerStep === 0) {
      yield undefined;
    }
    const reason = validateElement(element, dataset);
    if (reason !== undefined) {
      const path = `${prefix}${formatTag(element.tag)}`;
      yield { tag: element.tag, path, isNested: prefix !== "", reason };
    }
    for (const [index, item] of element.items?.entries() ?? []) {
      yield* validateItem(item, `${prefix}${formatTag(element.tag)}/${index}/`, validated);
    }
  }
}
