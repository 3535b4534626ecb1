import type { MetadataFields } from "../dicomweb/metadataFields.ts";
import { completeMetadataInSteps, keepFields } from "../dicomweb/metadataResponse.ts";
import type { InstanceContent } from "../store/instanceContent.ts";
import { sideName } from "../store/instanceContent.ts";
import type { InstanceWithMetadata, Target } from "../store/instanceIndex.ts";
import { decodeDataset } from "../store/metadataCodec.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { inSlices } from "./inSlices.ts";
import { instancePath, noInstance } from "./retrieveInstances.ts";
import type { Stores } from "./storeInstances.ts";

/** The metadata under a target: what the caller has already, or one JSON text for each instance. */
export type RetrievedMetadata =
  | { readonly isModified: false }
  | {
      readonly isModified: true;
      /** Without quotation marks. Changes whenever anything under the target does. */
      readonly entityTag: string;
      readonly datasets: AsyncIterable<string>;
    };

/** What a caller wants of metadata; everything, when nothing is said. */
export interface MetadataWishes {
  /** Whether the caller has what this entity tag names. Asked before anything is read but the tag. */
  readonly isKnown?: ((entityTag: string) => boolean) | undefined;
  readonly fields?: MetadataFields | undefined;
}

/**
 * Retrieves the metadata of all instances under a target (PS3.18 §10.4.1.1.2), in the order in which they were stored.
 *
 * One query, whatever the number of instances; pages of it are read as the caller takes them. Throws `notFound` when
 * nothing is there.
 */
export async function retrieveMetadata(
  stores: Stores,
  scope: TenantScope,
  target: Target,
  serviceURL: string,
  { isKnown, fields }: MetadataWishes = {},
): Promise<RetrievedMetadata> {
  if (isKnown !== undefined) {
    const known = await stores.index.version(scope, target);
    if (known === undefined) {
      throw noInstance();
    }
    if (isKnown(entityTagOf(known))) {
      return { isModified: false };
    }
  }
  const complete = async (record: InstanceWithMetadata): Promise<string> => {
    const dataset = await inSlices(
      completeMetadataInSteps(await datasetOf(stores.content, scope, record), {
        instanceURL: `${serviceURL}/${instancePath(record)}`,
        transferSyntaxUID: record.transferSyntaxUID,
      }),
    );
    return fields === undefined ? dataset : keepFields(dataset, fields);
  };
  const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = target;
  if (seriesInstanceUID !== undefined && sopInstanceUID !== undefined) {
    const uids = { studyInstanceUID, seriesInstanceUID, sopInstanceUID };
    const record = await stores.index.get(scope, uids);
    if (record === undefined) {
      throw noInstance();
    }
    const dataset = await complete(record);
    return {
      isModified: true,
      entityTag: entityTagOf({ version: record.version, instanceCount: 1 }),
      datasets: (async function* one() {
        yield await Promise.resolve(dataset);
      })(),
    };
  }
  const contents = await stores.index.queryMetadata(scope, target);
  if (contents === undefined) {
    throw noInstance();
  }
  return {
    isModified: true,
    entityTag: entityTagOf(contents),
    datasets: (async function* all() {
      for await (const page of contents.pages) {
        for (const record of page) {
          yield await complete(record);
        }
      }
    })(),
  };
}

function entityTagOf(contents: {
  readonly version: string;
  readonly instanceCount: number;
}): string {
  return `${contents.version}-${contents.instanceCount}`;
}

async function datasetOf(
  content: InstanceContent,
  scope: TenantScope,
  { metadata, content: { name } }: InstanceWithMetadata,
): Promise<string> {
  return decodeDataset(
    metadata === "beside" ? await content.getBytes(scope, sideName(name, ".metadata")) : metadata,
  );
}
