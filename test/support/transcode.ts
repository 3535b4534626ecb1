import { parseAccept } from "../../shared/dicomweb/mediaType.ts";
import { negotiateRetrieve } from "../../shared/dicomweb/negotiation.ts";
import type { PixelWorkers } from "../../shared/pixels/pixelWorkers.ts";
import { unauthenticatedScope } from "../../shared/tenancy/tenantScope.ts";
import { retrieveFrames } from "../../shared/transactions/retrieveFrames.ts";
import { retrieveInstances, type Retrieved } from "../../shared/transactions/retrieveInstances.ts";
import { memoryInstance, type MemoryInstance } from "./memoryInstance.ts";

/** An object as a caller receives it. */
export interface TranscodedObject {
  readonly mediaType: string;
  readonly transferSyntaxUID: string;
  readonly bytes: Buffer;
}

/** Retrieves an instance that is given as a file, in a transfer syntax, or in the default one when none is named. */
export async function transcodedFile(
  pixels: Pick<PixelWorkers, "run">,
  file: Uint8Array | MemoryInstance,
  transferSyntax: string | undefined,
): Promise<TranscodedObject> {
  const instance = file instanceof Uint8Array ? await memoryInstance(file) : file;
  const syntax = transferSyntax === undefined ? "" : `; transfer-syntax=${transferSyntax}`;
  const accepted = negotiateRetrieve(parseAccept([`application/dicom${syntax}`]), "instance");
  const { signal } = new AbortController();
  const retrieved = await retrieveInstances(
    { ...instance, pixels },
    unauthenticatedScope(),
    instance.record,
    accepted,
    signal,
  );
  const [object] = await received(retrieved);
  if (object === undefined) {
    throw new Error("nothing was retrieved");
  }
  return object;
}

/** Retrieves frames of an instance that is given as a file. */
export async function transcodedFrames(
  pixels: Pick<PixelWorkers, "run">,
  file: Uint8Array | MemoryInstance,
  frameNumbers: readonly number[],
  accept: string,
): Promise<TranscodedObject[]> {
  const instance = file instanceof Uint8Array ? await memoryInstance(file) : file;
  const accepted = negotiateRetrieve(parseAccept([accept]), "frames", frameNumbers.length > 1);
  const { signal } = new AbortController();
  return await received(
    await retrieveFrames(
      { ...instance, pixels },
      unauthenticatedScope(),
      instance.record,
      frameNumbers,
      accepted,
      signal,
    ),
  );
}

async function received({ objects }: Retrieved): Promise<TranscodedObject[]> {
  const all: TranscodedObject[] = [];
  for await (const { mediaType, transferSyntaxUID, body } of objects) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) {
      chunks.push(chunk);
    }
    all.push({ mediaType, transferSyntaxUID, bytes: Buffer.concat(chunks) });
  }
  return all;
}
