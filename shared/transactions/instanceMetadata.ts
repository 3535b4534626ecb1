import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import type { ImageMetadata } from "../rendering/describeImage.ts";
import { sideName, type InstanceContent } from "../store/instanceContent.ts";
import type { InstanceWithMetadata } from "../store/instanceIndex.ts";
import { decodeMetadata } from "../store/metadataCodec.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { openValue } from "./retrieveBulkdata.ts";

/** What is kept of an instance's attributes, and a way to the values that are kept apart. */
export interface InstanceMetadata extends ImageMetadata {
  readonly dataset: DicomJsonDataset;
  /** How long the value is that stands under a path; undefined when there is none. */
  readonly bulkdataLength: (path: string) => number | undefined;
  /** Opens some of its bytes. */
  readonly openBulkdata: (
    path: string,
    start: number,
    end: number,
  ) => Promise<AsyncIterable<Uint8Array>>;
}

/** Reads the attributes that are kept of an instance, wherever they stand. */
export async function instanceMetadata(
  content: InstanceContent,
  scope: TenantScope,
  record: InstanceWithMetadata,
  signal: AbortSignal,
): Promise<InstanceMetadata> {
  const { dataset, bulkdata } = decodeMetadata(
    record.metadata === "beside"
      ? await content.getBytes(scope, sideName(record.content.name, ".metadata"), undefined, signal)
      : record.metadata,
  );
  const openBulkdata: InstanceMetadata["openBulkdata"] = async (path, start, end) => {
    const location = bulkdata.get(path);
    return location === undefined
      ? nothing()
      : await openValue(content, scope, record, location, start, end, signal);
  };
  // Every frame of an animation is shown by the same tables.
  const read = new Map<string, Promise<Uint8Array>>();
  return {
    dataset: JSON.parse(dataset) as DicomJsonDataset,
    bulkdataLength: (path) => bulkdata.get(path)?.length,
    openBulkdata,
    readBulkdata: async (path, bytesMax) => {
      const length = bulkdata.get(path)?.length ?? 0;
      if (length > bytesMax) {
        return undefined;
      }
      const known = read.get(path) ?? collected(await openBulkdata(path, 0, length));
      read.set(path, known);
      return await known;
    },
  };
}

async function collected(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* nothing(): AsyncGenerator<never, void, undefined> {
  // Not a byte.
}
