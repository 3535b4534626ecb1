import { completeMetadata } from "../dicomweb/metadataResponse.ts";
import type { InstanceNow } from "../feed/instanceStates.ts";
import { Problem } from "../problem/problem.ts";
import { sideName, type InstanceContent } from "../store/instanceContent.ts";
import { decodeDataset } from "../store/metadataCodec.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { instancePath } from "./retrieveInstances.ts";

/** An entry of a feed, and its metadata, read when it is asked for. */
export interface CompleteEntry<Entry> {
  readonly entry: Entry;
  /**
   * The DICOM JSON of the instance as it is now, as text; `undefined` when it was not asked for, or there is no such
   * instance now.
   */
  readonly metadata: () => Promise<string | undefined>;
}

/** Entries as JSON texts, as they are read: a page of metadata is many times what its entries are. */
export async function* encodeEntries<Entry>(
  entries: Iterable<CompleteEntry<Entry>>,
  encode: (entry: Entry) => object,
): AsyncGenerator<string, void, undefined> {
  for (const { entry, metadata } of entries) {
    const text = JSON.stringify(encode(entry));
    const dataset = await metadata();
    yield dataset === undefined ? text : `${text.slice(0, -1)},"metadata":${dataset}}`;
  }
}

/**
 * The metadata of an instance (PS3.18 §10.4.3.3.3) as one JSON text, or `undefined` when there is no such instance, or it has
 * been replaced or deleted since it was looked up, and what stood beside its content is gone.
 */
export async function metadataOf(
  content: InstanceContent,
  scope: TenantScope,
  now: InstanceNow | undefined,
  serviceURL: string,
): Promise<string | undefined> {
  if (now === undefined) {
    return undefined;
  }
  const { study, series, sop, transferSyntax, contentName, metadata } = now;
  const path = instancePath({
    studyInstanceUID: study,
    seriesInstanceUID: series,
    sopInstanceUID: sop,
  });
  try {
    const encoded =
      metadata === undefined
        ? await content.getBytes(scope, sideName(contentName, ".metadata"))
        : Buffer.from(metadata, "base64");
    return completeMetadata(decodeDataset(encoded), {
      instanceURL: `${serviceURL}/${path}`,
      transferSyntaxUID: transferSyntax,
    });
  } catch (error) {
    if (error instanceof Problem && (error.kind === "notFound" || error.kind === "gone")) {
      return undefined;
    }
    throw error;
  }
}
