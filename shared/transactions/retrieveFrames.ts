import assert from "node:assert/strict";
import type { FrameLocation } from "../dicom/frameIndex.ts";
import { swapByteOrder } from "../dicom/nativePixels.ts";
import { transferSyntaxOf, transferSyntaxUIDs } from "../dicom/transferSyntax.ts";
import { lookupVR } from "../dicom/valueRepresentation.ts";
import {
  chooseRepresentation,
  isMetAsStored,
  type AcceptedRepresentation,
} from "../dicomweb/negotiation.ts";
import { selectBytes, type Conditions } from "../dicomweb/range.ts";
import { Problem } from "../problem/problem.ts";
import type { FramesReference, InstanceUIDs } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { convertFrames } from "./convertFrames.ts";
import { convertibleImage } from "./convertibleImage.ts";
import {
  instancePath,
  noInstance,
  openSelection,
  type Retrieved,
  type RetrievedObject,
  type RetrievingStores,
} from "./retrieveInstances.ts";
import { locateFrames, readFrames } from "./storedFrames.ts";

/**
 * Retrieves frames of an instance (PS3.18 §10.4.1.1.3): in the order of `frameNumbers`, which count from 1, and as often.
 *
 * Only the bytes of those frames are read, frames that follow each other with one request; memory does not grow with
 * their number, and with their size only when they are decoded, which they are when their stored transfer syntax is not
 * acceptable. Where none is named, a frame that cannot be decoded is sent as it is stored. `conditions` count for a frame
 * that is sent by itself, those about ranges where its bytes lie together in the content as they are sent, or it is decoded.
 *
 * Throws `notFound` when the instance, its pixels or one of the frames is not there, `notAcceptable` when no way is left to
 * send them, and `rangeNotSatisfiable` when a frame does not have the bytes that are asked for.
 */
export async function retrieveFrames(
  stores: RetrievingStores,
  scope: TenantScope,
  uids: InstanceUIDs,
  frameNumbers: readonly number[],
  accepted: readonly AcceptedRepresentation[],
  signal: AbortSignal,
  conditions?: Conditions,
): Promise<Retrieved> {
  const record = await stores.index.get(scope, uids);
  if (record === undefined) {
    throw noInstance();
  }
  const { frames } = record;
  if (frames === undefined) {
    throw new Problem("notFound", "The instance has no pixel data.");
  }
  const stored = transferSyntaxOf(record.transferSyntaxUID);
  const explicit: readonly string[] = stored.isEncapsulated
    ? []
    : [transferSyntaxUIDs.explicitVRLittleEndian];
  const image = isMetAsStored(accepted, stored.uid)
    ? undefined
    : await convertibleImage(stores.content, scope, record, "frames");
  const convertibleTo = [...new Set([...explicit, ...(image?.convertibleTo ?? [])])];
  const chosen = chooseRepresentation(accepted, stored.uid, convertibleTo);
  if (chosen === undefined) {
    throw new Problem(
      "notAcceptable",
      "The frames are not offered in what is asked for. What can be, as a transfer syntax: " +
        `${[...new Set([stored.uid, ...convertibleTo])].join(", ")}.`,
    );
  }
  const locations = await locateFrames(stores.content, scope, record, frames, frameNumbers);
  const source = { content: stores.content, scope, record, frames, signal };
  const isCopied =
    chosen.transferSyntaxUID === stored.uid || explicit.includes(chosen.transferSyntaxUID);
  if (!isCopied && image?.description !== undefined) {
    return await convertFrames({
      source,
      conversion: {
        pixels: stores.pixels,
        description: image.description,
        vr: frames.vr,
        targetUID: chosen.transferSyntaxUID,
        signal,
      },
      chosen,
      frameNumbers,
      locations,
      conditions,
    });
  }
  const swapBytes =
    stored.isBigEndian && chosen.transferSyntaxUID !== stored.uid
      ? (lookupVR(frames.vr)?.unitBytes ?? 1)
      : 1;
  const { mediaType, form } = chosen.representation;
  const [frameNumber = 0] = frameNumbers;
  const [only] = locations;
  if (form === "single" && conditions !== undefined && only !== undefined) {
    const isAsStored = isWholeBytes(only, frames) && swapBytes === 1;
    const length = isAsStored ? only.length : undefined;
    const entityTag = `${record.version}.${frameNumber}.${chosen.transferSyntaxUID}`;
    const selection = selectBytes(conditions, entityTag, length);
    const body = await openSelection(selection, length, async (range) => {
      const { offset } = only;
      const frame = await firstOf(
        readFrames(source, [
          range === undefined
            ? only
            : { ...only, offset: offset + range.offset, length: range.length },
        ]),
      );
      return swapBytes === 1 ? frame : swapByteOrder(frame, swapBytes);
    });
    const object: RetrievedObject = {
      mediaType,
      transferSyntaxUID: chosen.transferSyntaxUID,
      location: `${instancePath(record)}/frames/${frameNumber}`,
      length: length ?? knownLength(only),
      entityTag,
      selection,
      body,
    };
    return { form, mediaType, objects: once(object) };
  }
  const objects = readFrames(source, locations);
  return {
    form,
    mediaType,
    objects: described(objects, (body, index): RetrievedObject => {
      const location = locations[index];
      return {
        mediaType,
        transferSyntaxUID: chosen.transferSyntaxUID,
        location: `${instancePath(record)}/frames/${frameNumbers[index]}`,
        length: location && knownLength(location),
        body: swapBytes === 1 ? body : swapByteOrder(body, swapBytes),
      };
    }),
  };
}

/** How long a frame is when it is sent, where that is known before it is read. */
function knownLength({ fragments, firstBit, length }: FrameLocation): number | undefined {
  return fragments === 1 && firstBit === 0 ? length : undefined;
}

/** Whether the bytes of a frame lie together in the content as they are sent. */
function isWholeBytes(location: FrameLocation, { inline }: FramesReference): boolean {
  const isOfBits = inline?.kind === "native" && inline.frameBits % 8 !== 0;
  return knownLength(location) !== undefined && !isOfBits;
}

/** The first of what is opened one after the other; the rest is not opened, and what it is read from closes after it. */
async function firstOf(
  objects: AsyncIterable<AsyncIterable<Uint8Array>>,
): Promise<AsyncIterable<Uint8Array>> {
  const iterator = objects[Symbol.asyncIterator]();
  const first = await iterator.next();
  assert(first.done !== true, "A frame that was located is opened.");
  return (async function* closing() {
    try {
      yield* first.value;
    } finally {
      await iterator.return?.();
    }
  })();
}

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield await Promise.resolve(value);
}

async function* described<T, R>(
  items: AsyncIterable<T>,
  describe: (item: T, index: number) => R,
): AsyncGenerator<R, void, undefined> {
  let index = 0;
  for await (const item of items) {
    yield describe(item, index);
    index += 1;
  }
}
