import { encodeElement, encodeElementHeader, encodeTextElement } from "./encodeElement.ts";

/** Names this implementation in the files that it writes (PS3.7 §D.3.3.2): made of a random UUID (PS3.5 §B.2). */
const implementationClassUID = "2.25.224052162558651987946310004786932701523";
const implementationVersionName = "STRATA";

const preambleBytes = 128;

/** What a file is, as its File Meta Information says. */
export interface FileMeta {
  readonly sopClassUID: string;
  readonly sopInstanceUID: string;
  readonly transferSyntaxUID: string;
}

/**
 * The beginning of a Part 10 file up to its data set: an empty preamble, the prefix and the File Meta Information
 * (PS3.10 §7.1).
 */
export function encodeFileMetaInformation(meta: FileMeta): Uint8Array {
  const elements = Buffer.concat([
    encodeElement(0x00020001, "OB", Uint8Array.of(0, 1)),
    encodeTextElement(0x00020002, "UI", meta.sopClassUID),
    encodeTextElement(0x00020003, "UI", meta.sopInstanceUID),
    encodeTextElement(0x00020010, "UI", meta.transferSyntaxUID),
    encodeTextElement(0x00020012, "UI", implementationClassUID),
    encodeTextElement(0x00020013, "SH", implementationVersionName),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(elements.length, 0);
  return Buffer.concat([
    Buffer.alloc(preambleBytes),
    Buffer.from("DICM", "latin1"),
    encodeElementHeader(0x00020000, "UL", length.length),
    length,
    elements,
  ]);
}
