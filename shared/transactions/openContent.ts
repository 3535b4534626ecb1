import { pipeline, Readable } from "node:stream";
import { createInflateRaw } from "node:zlib";
import { transferSyntaxOf } from "../dicom/transferSyntax.ts";
import type { InstanceContent } from "../store/instanceContent.ts";
import type { InstanceRecord } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { byteSource, type ByteSource } from "./byteSource.ts";

/**
 * Opens the bytes of an instance from `start` to `end`, as the indexes count them: from the beginning of the file or, when
 * its data set is deflated, from the beginning of the inflated data set. That can only be had from its beginning, so that
 * there the cost grows with `start`.
 */
export async function openContent(
  content: InstanceContent,
  scope: TenantScope,
  record: InstanceRecord,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<ByteSource> {
  const { name } = record.content;
  if (!transferSyntaxOf(record.transferSyntaxUID).isDeflated) {
    const range = { offset: start, length: end - start };
    return byteSource(await content.get(scope, name, range, signal));
  }
  const bytes = byteSource(await openDataset(content, scope, record, signal));
  await bytes.skip(start);
  return bytes;
}

/** Opens the data set of an instance, from its beginning to its end, inflated if it is deflated. */
export async function openDataset(
  content: InstanceContent,
  scope: TenantScope,
  record: InstanceRecord,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { name, length } = record.content;
  const range = { offset: record.datasetOffset, length: length - record.datasetOffset };
  const bytes = await content.get(scope, name, range, signal);
  if (!transferSyntaxOf(record.transferSyntaxUID).isDeflated) {
    return bytes;
  }
  const inflated = createInflateRaw();
  pipeline(Readable.from(bytes, { objectMode: false }), inflated, () => {
    // Whoever reads `inflated` hears of a failure there.
  });
  return inflated as AsyncIterable<Uint8Array>;
}
