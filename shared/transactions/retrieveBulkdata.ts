import type { BulkdataLocation } from "../dicom/dicomJson.ts";
import { swapByteOrder } from "../dicom/nativePixels.ts";
import { lookupVR } from "../dicom/valueRepresentation.ts";
import type { Selection } from "../dicomweb/range.ts";
import { Problem } from "../problem/problem.ts";
import { sideName, type InstanceContent } from "../store/instanceContent.ts";
import type { InstanceUIDs, InstanceWithMetadata } from "../store/instanceIndex.ts";
import { decodeMetadata } from "../store/metadataCodec.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { byteSource, type ByteSource } from "./byteSource.ts";
import { openContent } from "./openContent.ts";
import {
  instancePath,
  noInstance,
  openSelection,
  type RetrievedObject,
} from "./retrieveInstances.ts";
import type { Stores } from "./storeInstances.ts";

/** A value that metadata refers to, not yet opened. */
export interface Bulkdata {
  readonly length: number;
  /** Names its bytes, which are the same whenever they are sent. */
  readonly entityTag: string;
  /** Opens the selected bytes. Throws `rangeNotSatisfiable` when there are none. */
  readonly open: (selection: Selection) => Promise<RetrievedObject>;
}

/**
 * Finds the value that stands under `path` as a `BulkDataURI` in the metadata of an instance (PS3.18 §10.4.1.1.4).
 *
 * The value of pixel data in fragments is what is in the file: items with their headers. All else is little endian.
 * Throws `notFound` when the instance, or such a value of it, is not there.
 */
export async function retrieveBulkdata(
  stores: Stores,
  scope: TenantScope,
  uids: InstanceUIDs,
  path: string,
  signal: AbortSignal,
): Promise<Bulkdata> {
  const record = await stores.index.get(scope, uids);
  if (record === undefined) {
    throw noInstance();
  }
  const { bulkdata } = decodeMetadata(
    record.metadata === "beside"
      ? await stores.content.getBytes(scope, sideName(record.content.name, ".metadata"))
      : record.metadata,
  );
  const location = bulkdata.get(path);
  if (location === undefined) {
    throw new Problem("notFound", "The instance has no such bulk data.");
  }
  const entityTag = `${record.version}.${path}`;
  return {
    length: location.length,
    entityTag,
    open: async (selection) => ({
      mediaType: "application/octet-stream",
      transferSyntaxUID: record.transferSyntaxUID,
      location: `${instancePath(record)}/bulkdata/${path}`,
      length: location.length,
      entityTag,
      selection,
      body: await openSelection(selection, location.length, async (range) => {
        const { offset, length } = range ?? { offset: 0, length: location.length };
        const end = offset + length;
        return await openValue(stores.content, scope, record, location, offset, end, signal);
      }),
    }),
  };
}

/** Opens some of the bytes of a value; all but fragments are little endian, whatever the file has. */
export async function openValue(
  content: InstanceContent,
  scope: TenantScope,
  record: InstanceWithMetadata,
  location: BulkdataLocation,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const unit =
    location.isBigEndian && !location.isEncapsulated ? (lookupVR(location.vr)?.unitBytes ?? 1) : 1;
  // Values change their byte order whole, so that reading begins and ends at one.
  const first = start - (start % unit);
  const last = Math.min(Math.ceil(end / unit) * unit, location.length);
  const from = location.offset + first;
  const to = location.offset + last;
  const bytes = await openContent(content, scope, record, from, to, signal);
  const value = closing(bytes, last - first);
  return unit === 1
    ? value
    : closing(byteSource(swapByteOrder(value, unit)), end - start, start - first);
}

async function* closing(
  bytes: ByteSource,
  length: number,
  skipped = 0,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    await bytes.skip(skipped);
    yield* bytes.take(length);
  } finally {
    await bytes.close();
  }
}
