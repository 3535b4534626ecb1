import type { Tag } from "./tag.ts";
import { lookupVR } from "./valueRepresentation.ts";

const undefinedLength = 0xffffffff;

/**
 * The header of an element in Explicit VR Little Endian (PS3.5 §7.1.2), with the long form of the length for a VR that
 * PS3.5 does not define. An undefined length is one that a delimiter ends.
 */
export function encodeElementHeader(tag: Tag, vr: string, length: number | undefined): Uint8Array {
  const isLong = lookupVR(vr)?.hasLongLength ?? true;
  const header = Buffer.alloc(isLong ? 12 : 8);
  header.writeUInt16LE(tag >>> 16, 0);
  header.writeUInt16LE(tag & 0xffff, 2);
  header.write(vr, 4, "latin1");
  if (isLong) {
    header.writeUInt32LE(length ?? undefinedLength, 8);
  } else {
    header.writeUInt16LE(length ?? undefinedLength, 6);
  }
  return header;
}

/** An item or a delimiter, which have no VR (PS3.5 §7.5). */
export function encodeDelimiter(tag: Tag, length: number | undefined): Uint8Array {
  const header = Buffer.alloc(8);
  header.writeUInt16LE(tag >>> 16, 0);
  header.writeUInt16LE(tag & 0xffff, 2);
  header.writeUInt32LE(length ?? undefinedLength, 4);
  return header;
}

/** An element with its value, which is padded to an even length with what its VR is padded with (PS3.5 §6.2). */
export function encodeElement(tag: Tag, vr: string, value: Uint8Array): Uint8Array {
  const isText = lookupVR(vr)?.kind === "text" && vr !== "UI";
  const padding = value.length % 2 === 0 ? [] : [Uint8Array.of(isText ? 0x20 : 0)];
  const length = value.length + padding.length;
  return Buffer.concat([encodeElementHeader(tag, vr, length), value, ...padding]);
}

/** An element of one text, or of several texts in ASCII. */
export function encodeTextElement(tag: Tag, vr: string, ...values: readonly string[]): Uint8Array {
  return encodeElement(tag, vr, Buffer.from(values.join("\\"), "latin1"));
}

/** An element of VR US with one value. */
export function encodeUnsignedShort(tag: Tag, value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value, 0);
  return encodeElement(tag, "US", bytes);
}
