import { FrameIndex, stripItemHeaders, type FrameLocation } from "../dicom/frameIndex.ts";
import { alignBits } from "../dicom/nativePixels.ts";
import { Problem } from "../problem/problem.ts";
import { sideName, type InstanceContent } from "../store/instanceContent.ts";
import type { FramesReference, InstanceRecord } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { openContent } from "./openContent.ts";

/** Frames whose records are further apart in the frame index than this are not read together with one request. */
const recordsPerReadMax = 10_000;

/** Where frames, counted from 1, are in the content. Throws `notFound` for one that the instance does not have. */
export async function locateFrames(
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

/** What frames are read from. */
export interface FrameSource {
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

/** Reads frames as they are stored, each to be read before the next; those that follow each other with one request. */
export async function* readFrames(
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
