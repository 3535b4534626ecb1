import { promisify } from "node:util";
import { deflateRaw, deflateRawSync, inflateRawSync } from "node:zlib";
import type { BulkdataLocation } from "../dicom/dicomJson.ts";

/** What is kept of an instance's attributes: the DICOM JSON as text, and where the values are that it leaves out. */
export interface InstanceMetadata {
  /** One DICOM JSON object (PS3.18 Annex F.2) as text, with relative placeholders as `BulkDataURI`. */
  readonly dataset: string;
  /** By placeholder, where in the content the value lies. */
  readonly bulkdata: ReadonlyMap<string, BulkdataLocation>;
}

type KeptLocation = readonly [
  offset: number,
  length: number,
  vr: string,
  isEncapsulated?: 1 | 0,
  isBigEndian?: 1 | 0,
];

/**
 * Compresses metadata for keeping.
 *
 * The locations come first and on a line of their own, so that {@link decodeDataset} finds the text of the dataset
 * without parsing anything: a study's metadata is answered by cutting and joining texts.
 */
export function encodeMetadata(metadata: InstanceMetadata): Buffer {
  return deflateRawSync(textOf(metadata));
}

/** From this many characters on, compression is worth the way to another thread and back. */
const charactersElsewhereMin = 256 * 1024;

/** Like {@link encodeMetadata}; what is large does not hold up the thread that calls. */
export async function compressMetadata(metadata: InstanceMetadata): Promise<Buffer> {
  const text = textOf(metadata);
  return text.length < charactersElsewhereMin ? deflateRawSync(text) : await deflateElsewhere(text);
}

const deflateElsewhere = promisify<string, Buffer>(deflateRaw);

function textOf(metadata: InstanceMetadata): string {
  const locations: Record<string, KeptLocation> = {};
  for (const [path, { offset, length, vr, isEncapsulated, isBigEndian }] of metadata.bulkdata) {
    locations[path] =
      isEncapsulated || isBigEndian
        ? [offset, length, vr, isEncapsulated ? 1 : 0, isBigEndian ? 1 : 0]
        : [offset, length, vr];
  }
  return `${JSON.stringify(locations)}\n${metadata.dataset}`;
}

/** The text of the DICOM JSON object alone. */
export function decodeDataset(encoded: Uint8Array): string {
  const text = inflateRawSync(encoded);
  return text.toString("utf8", text.indexOf(0x0a) + 1);
}

/** The whole of what {@link encodeMetadata} was given. */
export function decodeMetadata(encoded: Uint8Array): InstanceMetadata {
  const text = inflateRawSync(encoded);
  const end = text.indexOf(0x0a);
  const locations = JSON.parse(text.toString("utf8", 0, end)) as Record<string, KeptLocation>;
  return {
    dataset: text.toString("utf8", end + 1),
    bulkdata: new Map(
      Object.entries(locations).map(([path, [offset, length, vr, encapsulated, bigEndian]]) => [
        path,
        { offset, length, vr, isEncapsulated: encapsulated === 1, isBigEndian: bigEndian === 1 },
      ]),
    ),
  };
}
