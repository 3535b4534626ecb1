import { FrameIndex, stripItemHeaders, type FrameLocation } from "../dicom/frameIndex.ts";
import { alignBits, swapByteOrder } from "../dicom/nativePixels.ts";
import { transferSyntaxOf, transferSyntaxUIDs } from "../dicom/transferSyntax.ts";
import { lookupVR } from "../dicom/valueRepresentation.ts";
import { chooseRepresentation, type AcceptedRepresentation } from "../dicomweb/negotiation.ts";
import { Problem } from "../problem/problem.ts";
import { sideName, type InstanceContent } from "../store/instanceContent.ts";
import type { FramesReference, InstanceRecord, InstanceUIDs } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { openContent } from "./openContent.ts";
import {
  instancePath,
  noInstance,
  type Retrieved,
  type RetrievedObject,
} from "./retrieveInstances.ts";
import type { Stores } from "./storeInstances.ts";

/** Frames whose records are further apart in the frame index than this are not read together with one request. */
const recordsPerReadMax = 10_000;

/**
 * Retrieves frames of an instance (PS3.18 §10.4.1.1.3): in the order of `frameNumbers`, which count from 1, and as often.
 *
 * Only the bytes of those frames are read, frames that follow each other with one request; memory does not grow with
 * their size. Native pixels can also be had in Explicit VR Little Endian, whatever they are stored in.
 *
 * Throws `notFound` when the instance, its pixels or one of the frames is not there, and `notAcceptable` when no way is
 * left to send them.
 */
export async function retrieveFrames(
  stores: Stores,
  scope: TenantScope,
  uids: InstanceUIDs,
  frameNumbers: readonly number[],
  accepted: readonly AcceptedRepresentation[],
  signal: AbortSignal,
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
  const chosen = chooseRepresentation(
    accepted,
    record.transferSyntaxUID,
    stored.isEncapsulated ? [] : [transferSyntaxUIDs.explicitVRLittleEndian],
  );
  if (chosen === undefined) {
    throw new Problem(
      "notAcceptable",
      `The frames are stored in the transfer syntax ${stored.uid} and are not offered in another.`,
    );
  }
  const locations = await locateFrames(stores.content, scope, record, frames, frameNumbers);
  const swapBytes =
    stored.isBigEndian && chosen.transferSyntaxUID !== stored.uid
      ? (lookupVR(frames.vr)?.unitBytes ?? 1)
      : 1;
  const source = { content: stores.content, scope, record, frames, signal };
  const objects = readFrames(source, locations);
  const { mediaType, form } = chosen.representation;
  return {
    form,
    mediaType,
    objects: described(objects, (body, index): RetrievedObject => {
      const location = locations[index];
      return {
        mediaType,
        transferSyntaxUID: chosen.transferSyntaxUID,
        location: `${instancePath(record)}/frames/${frameNumbers[index]}`,
        length: location?.fragments === 1 && location.firstBit === 0 ? location.length : undefined,
        body: swapBytes === 1 ? body : swapByteOrder(body, swapBytes),
      };
    }),
  };
}

async function locateFrames(
  content: InstanceContent,
  scope: TenantScope,
  record: InstanceRecord,
  frames: FramesReference,
  frameNumbers: readonly number[],
): Promise<readonly FrameLocation[]> {
  const beyond = frameNumbers.find((frameNumber) => frameNumber > frames.count);
  if (beyond !== undefined) {
    throw new Problem(
      "notFound",
      `The instance has ${frames.count} frames that can be retrieved; frame ${beyond} is not one of them.`,
    );
  }
  const locate = await frameLocator(content, scope, record, frames, frameNumbers);
  return frameNumbers.map((frameNumber) => locate(frameNumber - 1));
}

async function frameLocator(
  content: InstanceContent,
  scope: TenantScope,
  record: InstanceRecord,
  { inline }: FramesReference,
  frameNumbers: readonly number[],
): Promise<(frameIndex: number) => FrameLocation> {
  if (inline !== undefined) {
    const index = FrameIndex.fromInline(inline);
    return (frameIndex) => index.locate(frameIndex) ?? noFrame();
  }
  // A record of the index has a fixed width: what is between the first and the last one that is wanted is one range.
  const name = sideName(record.content.name, ".frames");
  const first = frameNumbers.reduce((one, other) => Math.min(one, other)) - 1;
  const last = frameNumbers.reduce((one, other) => Math.max(one, other)) - 1;
  const width = FrameIndex.recordRange(0).length;
  if (last - first < recordsPerReadMax) {
    const { offset } = FrameIndex.recordRange(first);
    const bytes = await content.getBytes(scope, name, {
      offset,
      length: (last - first + 1) * width,
    });
    return (frameIndex) => {
      const at = (frameIndex - first) * width;
      return FrameIndex.decodeRecord(bytes.subarray(at, at + width));
    };
  }
  const index = FrameIndex.decode(await content.getBytes(scope, name));
  return (frameIndex) => index.locate(frameIndex) ?? noFrame();
}

function noFrame(): never {
  throw new Problem("notFound", "The instance has no such frame.");
}

interface FrameSource {
  readonly content: InstanceContent;
  readonly scope: TenantScope;
  readonly record: InstanceRecord;
  readonly frames: FramesReference;
  readonly signal: AbortSignal;
}

/** Frames that follow each other in the content, to be read with one request. */
interface FrameRun {
  readonly locations: readonly FrameLocation[];
  readonly start: number;
  readonly end: number;
}

// What lies between two fragments is an item header of eight bytes, and perhaps a byte of padding before it. Reading a
// little that is not wanted costs less than another request.
const gapBytesMax = 64;

function runsOf(locations: readonly FrameLocation[]): FrameRun[] {
  const runs: { locations: FrameLocation[]; start: number; end: number }[] = [];
  for (const location of locations) {
    const end = location.offset + location.length;
    const run = runs.at(-1);
    if (
      run !== undefined &&
      location.firstBit === 0 &&
      location.offset >= run.end &&
      location.offset - run.end <= gapBytesMax
    ) {
      run.locations.push(location);
      run.end = end;
    } else {
      runs.push({ locations: [location], start: location.offset, end });
    }
  }
  return runs;
}

async function* readFrames(
  source: FrameSource,
  locations: readonly FrameLocation[],
): AsyncGenerator<AsyncIterable<Uint8Array>, void, undefined> {
  for (const run of runsOf(locations)) {
    const bytes = await openContent(
      source.content,
      source.scope,
      source.record,
      run.start,
      run.end,
      source.signal,
    );
    try {
      let at = run.start;
      for (const location of run.locations) {
        await bytes.skip(location.offset - at);
        const span = bytes.take(location.length);
        yield frameOf(span, location, source.frames);
        // The caller may have stopped in the middle of it.
        await bytes.finishTaken();
        at = location.offset + location.length;
      }
    } finally {
      await bytes.close();
    }
  }
}

function frameOf(
  span: AsyncIterable<Uint8Array>,
  location: FrameLocation,
  frames: FramesReference,
): AsyncIterable<Uint8Array> {
  if (location.fragments > 1) {
    return stripItemHeaders(span);
  }
  return frames.inline?.kind === "native" && frames.inline.frameBits % 8 !== 0
    ? alignedBits(span, location.firstBit, frames.inline.frameBits)
    : span;
}

// Frames of single bits that do not fill their last byte begin in the middle of one. They are small.
async function* alignedBits(
  span: AsyncIterable<Uint8Array>,
  firstBit: number,
  frameBits: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of span) {
    chunks.push(chunk);
  }
  yield alignBits(Buffer.concat(chunks), firstBit, frameBits);
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
