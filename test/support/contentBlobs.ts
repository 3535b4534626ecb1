import { BlobServiceClient, type ContainerClient } from "@azure/storage-blob";
import { inject } from "vitest";

/** Where the runtime of the run keeps the content of its one tenant. */
export function contentContainer(): ContainerClient {
  return BlobServiceClient.fromConnectionString(
    inject("runtime").storageConnectionString,
  ).getContainerClient("dicom-default");
}

/**
 * The names of the blobs whose content is of these lengths: a test that makes a file of a length that no other has
 * knows its blob by that.
 */
export async function blobsOfLength(...lengths: readonly number[]): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, properties } of contentContainer().listBlobsFlat()) {
    if (lengths.includes(properties.contentLength ?? -1)) {
      names.push(name);
    }
  }
  return names;
}
