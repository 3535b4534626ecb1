/** How the value of a VR is laid out (PS3.5 §6.2). */
export type ValueKind = "text" | "number" | "tag" | "bytes" | "sequence";

/** What reading, showing and checking a value need to know of its VR (PS3.5 Table 6.2-1). */
export interface ValueRepresentation {
  readonly vr: string;
  readonly kind: ValueKind;
  /** Explicit VR encodes the length in 32 bits after two reserved bytes, instead of in 16 (PS3.5 §7.1.2). */
  readonly hasLongLength: boolean;
  /** Bytes of one value of fixed size, which is also the unit of byte ordering; 1 for text and byte strings. */
  readonly unitBytes: number;
  /** Specific Character Set applies (PS3.5 §6.1.2.3). */
  readonly isCharacterSetDependent: boolean;
  /** A backslash separates values; in the others it is a character like any (PS3.5 §6.4). */
  readonly isMultiValued: boolean;
}

function text(vr: string, traits: { long?: boolean; set?: boolean; single?: boolean } = {}) {
  return {
    vr,
    kind: "text",
    hasLongLength: traits.long ?? false,
    unitBytes: 1,
    isCharacterSetDependent: traits.set ?? false,
    isMultiValued: !(traits.single ?? false),
  } satisfies ValueRepresentation;
}

function binary(
  vr: string,
  kind: ValueKind,
  unitBytes: number,
  hasLongLength: boolean,
): ValueRepresentation {
  return {
    vr,
    kind,
    hasLongLength,
    unitBytes,
    isCharacterSetDependent: false,
    isMultiValued: kind === "number" || kind === "tag",
  };
}

const unknown = binary("UN", "bytes", 1, true);

const all: ReadonlyMap<string, ValueRepresentation> = new Map<string, ValueRepresentation>(
  [
    text("AE"),
    text("AS"),
    binary("AT", "tag", 2, false),
    text("CS"),
    text("DA"),
    text("DS"),
    text("DT"),
    binary("FD", "number", 8, false),
    binary("FL", "number", 4, false),
    text("IS"),
    text("LO", { set: true }),
    text("LT", { set: true, single: true }),
    binary("OB", "bytes", 1, true),
    binary("OD", "bytes", 8, true),
    binary("OF", "bytes", 4, true),
    binary("OL", "bytes", 4, true),
    binary("OV", "bytes", 8, true),
    binary("OW", "bytes", 2, true),
    text("PN", { set: true }),
    text("SH", { set: true }),
    binary("SL", "number", 4, false),
    binary("SQ", "sequence", 1, true),
    binary("SS", "number", 2, false),
    text("ST", { set: true, single: true }),
    binary("SV", "number", 8, true),
    text("TM"),
    text("UC", { long: true, set: true }),
    text("UI"),
    binary("UL", "number", 4, false),
    unknown,
    text("UR", { long: true, single: true }),
    binary("US", "number", 2, false),
    text("UT", { long: true, set: true, single: true }),
    binary("UV", "number", 8, true),
  ].map((entry) => [entry.vr, entry]),
);

/**
 * What is known of a VR; undefined for one that PS3.5 does not define.
 *
 * PS3.5 §6.2 promises that any VR added later has the long form of the explicit length, and readers rely on it.
 */
export function lookupVR(vr: string): ValueRepresentation | undefined {
  return all.get(vr);
}

/** A VR as explicit VR encodes it, see {@link lookupVRByCode}. */
export interface EncodedVR {
  readonly vr: string;
  readonly representation: ValueRepresentation;
}

// By the two bytes as one number, so that a header is read without making strings. At most 26 × 26 of them.
const byCode = new Map<number, EncodedVR>();

/**
 * The VR with these two bytes, the first one in the upper half of `code`. One that PS3.5 does not define is read like
 * UN, as PS3.5 §6.2.2 asks of those to come; undefined for bytes that are not two upper-case letters.
 */
export function lookupVRByCode(code: number): EncodedVR | undefined {
  let known = byCode.get(code);
  if (known === undefined) {
    const letters = [code >>> 8, code & 0xff];
    if (!letters.every((letter) => letter >= 0x41 && letter <= 0x5a)) {
      return undefined;
    }
    const vr = String.fromCharCode(...letters);
    known = { vr, representation: all.get(vr) ?? unknown };
    byCode.set(code, known);
  }
  return known;
}
