import { transferSyntaxOf, transferSyntaxUIDs } from "../dicom/transferSyntax.ts";
import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import { Problem } from "../problem/problem.ts";
import { describeFrame, type FrameDescription } from "../pixels/frameDescription.ts";
import { encodedAttributes, targetUIDs } from "../pixels/imageAttributes.ts";
import { sideName, type InstanceContent } from "../store/instanceContent.ts";
import type { InstanceRecord, InstanceWithMetadata } from "../store/instanceIndex.ts";
import { decodeDataset } from "../store/metadataCodec.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";

/** What an instance can be converted into, and what is needed to know for it. */
export interface ConvertibleImage {
  /** Undefined for one without pixels, or whose attributes do not make an image. */
  readonly description: FrameDescription | undefined;
  /** The transfer syntaxes, without the one that it is stored in. */
  readonly convertibleTo: readonly string[];
  /** The values of an attribute, by its tag as eight hexadecimal digits, as texts. */
  readonly texts: (tag: string) => readonly string[];
}

/** The encodings of a data set whose pixels, if any, are in it as they are. */
const nativeUIDs: ReadonlySet<string> = new Set([
  transferSyntaxUIDs.implicitVRLittleEndian,
  transferSyntaxUIDs.explicitVRLittleEndian,
  transferSyntaxUIDs.deflatedExplicitVRLittleEndian,
  transferSyntaxUIDs.explicitVRBigEndian,
]);

/** What can be known without reading more than the record: a native data set can be had in Explicit VR Little Endian. */
export function isNative(record: InstanceRecord): boolean {
  return nativeUIDs.has(record.transferSyntaxUID);
}

/**
 * Finds out what an instance, or each of its frames, can be converted into, from its metadata. Reads nothing but these.
 *
 * An instance needs all frames that it says it has; a frame does not need the others.
 */
export async function convertibleImage(
  content: InstanceContent,
  scope: TenantScope,
  record: InstanceWithMetadata,
  resource: "instance" | "frames",
): Promise<ConvertibleImage> {
  const stored = record.transferSyntaxUID;
  const text = decodeDataset(
    record.metadata === "beside"
      ? await content.getBytes(scope, sideName(record.content.name, ".metadata"))
      : record.metadata,
  );
  const dataset = JSON.parse(text) as DicomJsonDataset;
  const first = (tag: string): unknown => dataset[tag]?.Value?.[0];
  const texts = (tag: string): string[] =>
    (dataset[tag]?.Value ?? []).map((value) =>
      typeof value === "number" || typeof value === "string" ? String(value) : "",
    );
  const isEncapsulated = transferSyntaxOf(stored).isEncapsulated;
  const native = isNative(record) ? [transferSyntaxUIDs.explicitVRLittleEndian] : [];
  const numberOfFrames = first("00280008") ?? 1;
  const { frames } = record;
  const isComplete = resource === "frames" || frames?.count === numberOfFrames;
  // Pixels of floating point have no codestream.
  const isOfIntegers = frames !== undefined && frames.vr !== "OF" && frames.vr !== "OD";
  const description =
    isComplete && isOfIntegers && (isEncapsulated || native.length > 0)
      ? describe(first, stored)
      : undefined;
  const encodable =
    description === undefined
      ? []
      : targetUIDs.filter((uid) => encodedAttributes(description, uid) !== undefined);
  return {
    description,
    convertibleTo: [...new Set([...native, ...encodable])].filter((uid) => uid !== stored),
    texts,
  };
}

function describe(first: (tag: string) => unknown, stored: string): FrameDescription | undefined {
  try {
    return describeFrame(first, stored);
  } catch (error) {
    if (error instanceof Problem) {
      return undefined;
    }
    throw error;
  }
}
