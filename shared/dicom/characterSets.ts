import { TextDecoder } from "node:util";
import { lookupVR } from "./valueRepresentation.ts";

/**
 * How the bytes of one code element (G0: 21-7E, G1: A1-FE) become text. `sequenceBytes` bytes make one character; a
 * decoder that is given them in its own form answers U+FFFD for those that mean nothing.
 */
interface CodeElement {
  readonly half: "G0" | "G1";
  readonly sequenceBytes: 1 | 2;
  readonly decode: (bytes: Uint8Array) => string;
}

/** A defined term that may take part in ISO 2022 switching: what it designates before any escape sequence. */
interface CodeElements {
  readonly G0?: CodeElement;
  readonly G1?: CodeElement;
}

// WHATWG decoders are made once each: building one costs more than decoding a name.
const decoders = new Map<string, TextDecoder>();

function decodeAs(label: string, bytes: Uint8Array): string {
  let decoder = decoders.get(label);
  if (decoder === undefined) {
    // Without `ignoreBOM` a decoder drops U+FEFF, and a character of the value with it.
    decoder = new TextDecoder(label, { ignoreBOM: true });
    decoders.set(label, decoder);
  }
  return decoder.decode(bytes);
}

function decodeLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function singleByte(half: "G0" | "G1", label: string): CodeElement {
  return { half, sequenceBytes: 1, decode: (bytes) => decodeAs(label, bytes) };
}

/** A 94×94 set, whose bytes a decoder for the EUC form reads once the upper bit of each is set. */
function doubleByte(half: "G0" | "G1", label: string, prefix?: number): CodeElement {
  const decode = (bytes: Uint8Array): string => {
    const pairBytes = prefix === undefined ? 2 : 3;
    const euc = new Uint8Array((bytes.length >> 1) * pairBytes);
    let to = 0;
    for (let from = 0; from + 1 < bytes.length; from += 2) {
      if (prefix !== undefined) {
        euc[to] = prefix;
        to += 1;
      }
      euc[to] = (bytes[from] ?? 0) | 0x80;
      euc[to + 1] = (bytes[from + 1] ?? 0) | 0x80;
      to += 2;
    }
    const text = decodeAs(label, euc);
    // An odd byte at the end is half a character.
    return bytes.length % 2 === 0 ? text : `${text}\ufffd`;
  };
  return { half, sequenceBytes: 2, decode };
}

const ascii: CodeElement = { half: "G0", sequenceBytes: 1, decode: decodeLatin1 };

// ISO-IR 14 is ASCII but for two characters. PS3.3 §C.12.1.1.2 keeps 5CH as the delimiter of values all the same.
const romaji: CodeElement = {
  half: "G0",
  sequenceBytes: 1,
  decode: (bytes) => decodeLatin1(bytes).replaceAll("\\", "\u00a5").replaceAll("~", "\u203e"),
};

const katakana: CodeElement = {
  half: "G1",
  sequenceBytes: 1,
  decode: (bytes) => {
    let text = "";
    for (const byte of bytes) {
      text += byte >= 0xa1 && byte <= 0xdf ? String.fromCharCode(0xff61 + byte - 0xa1) : "\ufffd";
    }
    return text;
  },
};

const latin1: CodeElement = { half: "G1", sequenceBytes: 1, decode: decodeLatin1 };
const jisX0208 = doubleByte("G0", "euc-jp");
const jisX0212 = doubleByte("G0", "euc-jp", 0x8f);
const ksX1001 = doubleByte("G1", "euc-kr");
const gb2312 = doubleByte("G1", "gbk");

/**
 * The defined terms of PS3.3 Tables C.12-2 to C.12-4, by the number that follows "IR": a term with and one without
 * code extensions differ in nothing but the permission to switch, and files mix up the two spellings.
 */
const elementsByRegistration: ReadonlyMap<string, CodeElements> = new Map([
  ["6", { G0: ascii }],
  ["13", { G0: romaji, G1: katakana }],
  ["100", { G0: ascii, G1: latin1 }],
  ["101", { G0: ascii, G1: singleByte("G1", "iso-8859-2") }],
  ["109", { G0: ascii, G1: singleByte("G1", "iso-8859-3") }],
  ["110", { G0: ascii, G1: singleByte("G1", "iso-8859-4") }],
  ["126", { G0: ascii, G1: singleByte("G1", "iso-8859-7") }],
  ["127", { G0: ascii, G1: singleByte("G1", "iso-8859-6") }],
  ["138", { G0: ascii, G1: singleByte("G1", "iso-8859-8") }],
  ["144", { G0: ascii, G1: singleByte("G1", "iso-8859-5") }],
  ["148", { G0: ascii, G1: singleByte("G1", "windows-1254") }],
  ["166", { G0: ascii, G1: singleByte("G1", "windows-874") }],
  ["203", { G0: ascii, G1: singleByte("G1", "iso-8859-15") }],
  // These designate nothing before their escape sequence. KS X 1001 and GB 2312 live in G1 beside ASCII, and files
  // that forget the escape sequence mean them all the same.
  ["87", { G0: ascii }],
  ["159", { G0: ascii }],
  ["149", { G0: ascii, G1: ksX1001 }],
  ["58", { G0: ascii, G1: gb2312 }],
]);

/** The escape sequences of PS3.3 Tables C.12-3 and C.12-4, the bytes after ESC in hexadecimal. */
const elementsByEscape: ReadonlyMap<string, CodeElement> = new Map([
  ["2842", ascii],
  ["284a", romaji],
  ["2949", katakana],
  ["2d41", latin1],
  ["2d42", singleByte("G1", "iso-8859-2")],
  ["2d43", singleByte("G1", "iso-8859-3")],
  ["2d44", singleByte("G1", "iso-8859-4")],
  ["2d46", singleByte("G1", "iso-8859-7")],
  ["2d47", singleByte("G1", "iso-8859-6")],
  ["2d48", singleByte("G1", "iso-8859-8")],
  ["2d4c", singleByte("G1", "iso-8859-5")],
  ["2d4d", singleByte("G1", "windows-1254")],
  ["2d54", singleByte("G1", "windows-874")],
  ["2d62", singleByte("G1", "iso-8859-15")],
  ["2442", jisX0208],
  ["242844", jisX0212],
  ["242943", ksX1001],
  ["242941", gb2312],
]);

/** The sets that use all byte values their own way and never switch (PS3.3 Table C.12-5). */
const wholeSets: ReadonlyMap<string, string> = new Map([
  ["ISO_IR 192", "utf-8"],
  ["GB18030", "gb18030"],
  ["GBK", "gbk"],
]);

/** Spellings outside the standard that files use for a set which it defines. */
const wholeSetAliases: ReadonlyMap<string, string> = new Map([
  ["ISO IR 192", "ISO_IR 192"],
  ["ISO-IR 192", "ISO_IR 192"],
  ["ISO_IR_192", "ISO_IR 192"],
  ["ISO 2022 IR 192", "ISO_IR 192"],
  ["UTF-8", "ISO_IR 192"],
  ["UTF8", "ISO_IR 192"],
  ["ISO 2022 GBK", "GBK"],
  ["ISO 2022 GB18030", "GB18030"],
  ["ISO 2022 58", "ISO 2022 IR 58"],
]);

function registrationOf(term: string): string | undefined {
  return /^ISO(?:[ _-]IR|[ _-]2022[ _-]IR)[ _-]([0-9]{1,3})$/.exec(term)?.[1];
}

const fatalUTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Text in a set that is not declared, or that nobody defined: UTF-8 where the bytes are valid UTF-8, which is no
 * accident when one is above 7F; otherwise ISO 8859-1, in which each byte stays one distinguishable character.
 */
function decodeUndeclared(bytes: Uint8Array): string {
  try {
    return fatalUTF8.decode(bytes);
  } catch {
    return decodeLatin1(bytes);
  }
}

function isPlainASCII(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x80 || byte === 0x1b) {
      return false;
    }
  }
  return true;
}

/** The number of bytes after ESC that name a designation, or 0 when they are none that PS3.3 defines. */
function escapeBytes(
  bytes: Uint8Array,
  at: number,
): { element: CodeElement; length: number } | undefined {
  for (const length of [2, 3]) {
    if (at + length < bytes.length) {
      const key = Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString("hex");
      const element = elementsByEscape.get(key);
      if (element !== undefined) {
        return { element, length };
      }
    }
  }
  return undefined;
}

/**
 * Decodes text that may switch sets by escape sequences (ISO/IEC 2022 as PS3.5 §6.1.2.5 restricts it), splitting it
 * at backslashes on the way: 5C is a delimiter only while G0 holds a single-byte set, and half a kanji otherwise.
 */
function decodeSwitching(
  bytes: Uint8Array,
  initial: CodeElements,
  delimiters: { readonly isMultiValued: boolean; readonly isPersonName: boolean },
): string[] {
  const values: string[] = [];
  let text = "";
  let g0 = initial.G0 ?? ascii;
  let g1 = initial.G1;
  let at = 0;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x1b) {
      const escape = escapeBytes(bytes, at);
      if (escape === undefined) {
        // An escape sequence of no set in PS3.3 stays visible instead of vanishing.
        text += "\u001b";
        at += 1;
        continue;
      }
      if (escape.element.half === "G0") {
        g0 = escape.element;
      } else {
        g1 = escape.element;
      }
      at += 1 + escape.length;
      continue;
    }
    if (byte < 0x21) {
      // PS3.5 §6.1.2.5.3: the initial sets are in force again after a control character of line and page ends.
      if (byte === 0x09 || byte === 0x0a || byte === 0x0c || byte === 0x0d) {
        g0 = initial.G0 ?? ascii;
        g1 = initial.G1;
      }
      text += String.fromCharCode(byte);
      at += 1;
      continue;
    }
    if (g0.sequenceBytes === 1) {
      if (byte === 0x5c && delimiters.isMultiValued) {
        values.push(text);
        text = "";
        g0 = initial.G0 ?? ascii;
        g1 = initial.G1;
        at += 1;
        continue;
      }
      if (delimiters.isPersonName && (byte === 0x5e || byte === 0x3d)) {
        text += String.fromCharCode(byte);
        g0 = initial.G0 ?? ascii;
        g1 = initial.G1;
        at += 1;
        continue;
      }
    }
    // A run of bytes of one half goes to its decoder at once.
    const isUpper = byte >= 0x80;
    const element = isUpper ? g1 : g0;
    let end = at;
    while (end < bytes.length) {
      const next = bytes[end] ?? 0;
      if (next < 0x21 || next === 0x1b || next >= 0x80 !== isUpper) {
        break;
      }
      if (!isUpper && g0.sequenceBytes === 1 && end > at) {
        const isDelimiter =
          (next === 0x5c && delimiters.isMultiValued) ||
          (delimiters.isPersonName && (next === 0x5e || next === 0x3d));
        if (isDelimiter) {
          break;
        }
      }
      end += 1;
    }
    const run = bytes.subarray(at, end);
    text += element === undefined ? decodeUndeclared(run) : element.decode(run);
    at = end;
  }
  values.push(text);
  return values;
}

/**
 * The values in the bytes of a text element, as Unicode, unpadded but for what the encoder put there.
 *
 * `specificCharacterSets` are the values of (0008,0005) in force, and count for the VRs that PS3.5 §6.1.2.3 names;
 * the others are in the default repertoire. All defined terms of PS3.3 §C.12.1.1.2 are known, ISO 2022 switching with
 * them. Bytes above 7F where no set covers them are read as UTF-8 if they are UTF-8 and else as ISO 8859-1; bytes that
 * the declared set does not assign become U+FFFD. Never throws. VRs without multiplicity give one value.
 */
export function decodeText(
  bytes: Uint8Array,
  specificCharacterSets: readonly string[],
  vr: string,
): string[] {
  const representation = lookupVR(vr);
  const isMultiValued = representation?.isMultiValued ?? false;
  const isDependent = representation?.isCharacterSetDependent ?? false;
  const split = (text: string): string[] => (isMultiValued ? text.split("\\") : [text]);
  const first = isDependent ? (specificCharacterSets[0] ?? "") : "";
  const registration = registrationOf(first);
  if (registration !== "13" && isPlainASCII(bytes)) {
    return split(decodeLatin1(bytes));
  }
  if (!isDependent) {
    return split(decodeUndeclared(bytes));
  }
  const whole = wholeSets.get(wholeSetAliases.get(first) ?? first);
  if (whole !== undefined) {
    // In GB18030 and GBK a second byte may be 5C, so that the split comes after decoding.
    return split(decodeAs(whole, bytes));
  }
  const elements =
    registration === undefined ? undefined : elementsByRegistration.get(registration);
  // An empty first value stands for the default repertoire, with the sets to switch to in the values after it.
  const initial = elements ?? { G0: ascii };
  return decodeSwitching(bytes, initial, { isMultiValued, isPersonName: vr === "PN" });
}
