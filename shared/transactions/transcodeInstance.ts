import { ChunkReader } from "../dicom/chunkReader.ts";
import { encodeElementHeader } from "../dicom/encodeElement.ts";
import { encodeFileMetaInformation } from "../dicom/fileMetaInformation.ts";
import { FrameIndex, stripItemHeaders, type FrameLocation } from "../dicom/frameIndex.ts";
import {
  rewriteDataset,
  type DatasetChanges,
  type ElementHeader,
} from "../dicom/rewriteDataset.ts";
import { transferSyntaxOf, transferSyntaxUIDs } from "../dicom/transferSyntax.ts";
import { changedElements } from "../pixels/changedElements.ts";
import { encapsulatedPixelData } from "../pixels/encapsulatedPixelData.ts";
import type { FrameDescription } from "../pixels/frameDescription.ts";
import { encodedAttributes, type EncodedAttributes } from "../pixels/imageAttributes.ts";
import type { PixelWorkers } from "../pixels/pixelWorkers.ts";
import { sampleBytes } from "../pixels/sampleLayout.ts";
import { Problem } from "../problem/problem.ts";
import { sideName, type InstanceContent } from "../store/instanceContent.ts";
import type { FramesReference, InstanceRecord } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { isNative, type ConvertibleImage } from "./convertibleImage.ts";
import { openDataset } from "./openContent.ts";
import { readFrames } from "./storedFrames.ts";
import {
  collectFrame,
  transcodeFrame,
  transcodeFrames,
  type FrameConversion,
} from "./transcodeFrame.ts";

/** An instance that is to be converted, and what with. */
export interface InstanceConversion {
  readonly content: InstanceContent;
  readonly pixels: Pick<PixelWorkers, "run">;
  readonly scope: TenantScope;
  readonly record: InstanceRecord;
  /** Undefined for a native one that only changes its encoding: then nothing of it has to be known. */
  readonly image: ConvertibleImage | undefined;
  readonly targetUID: string;
  readonly signal: AbortSignal;
  /** An answer has begun already, so that this cannot be refused for being too much at once. */
  readonly isUnderWay: boolean;
}

/** The result is sent in pieces of at least this size; the first of them holds the first frame of a usual image. */
const pieceBytesMin = 256 * 1024;
/** The longest value that Explicit VR Little Endian can say the length of, which is even. */
const valueBytesMax = 0xfffffffe;

/**
 * Converts an instance into another transfer syntax, as a Part 10 file (PS3.10 §7), while it is read: a few frames are in
 * memory, however many it has.
 *
 * Its first piece is made before this returns, so that what cannot be converted is known before an answer begins, as far as
 * its first frame shows it. Throws `notAcceptable`; later pieces throw it when a later frame is damaged.
 */
export async function transcodeInstance(
  conversion: InstanceConversion,
): Promise<AsyncIterable<Uint8Array>> {
  const pieces = inPieces(await transcodedFile(conversion));
  const first = await pieces.next();
  return (async function* whole() {
    try {
      if (first.done !== true) {
        yield first.value;
        yield* pieces;
      }
    } finally {
      await pieces.return();
    }
  })();
}

async function transcodedFile(conversion: InstanceConversion): Promise<AsyncIterable<Uint8Array>> {
  const { content, scope, record, targetUID, signal } = conversion;
  const changes = await changesOf(conversion);
  return (async function* file() {
    yield encodeFileMetaInformation({ ...record, transferSyntaxUID: targetUID });
    const stored = transferSyntaxOf(record.transferSyntaxUID);
    const reader = new ChunkReader(
      await openDataset(content, scope, record, signal),
      stored.isDeflated ? 0 : record.datasetOffset,
    );
    try {
      yield* rewriteDataset(reader, stored, changes);
    } finally {
      await reader.close();
    }
  })();
}

async function changesOf(conversion: InstanceConversion): Promise<DatasetChanges> {
  const { record, image, targetUID, content, scope } = conversion;
  const { frames } = record;
  if (isNative(record) && targetUID === transferSyntaxUIDs.explicitVRLittleEndian) {
    return { elements: new Map() };
  }
  const description = image?.description;
  const encoded = description && encodedAttributes(description, targetUID);
  if (
    frames === undefined ||
    image === undefined ||
    description === undefined ||
    encoded === undefined
  ) {
    throw new Problem("notAcceptable", `The instance cannot be converted into ${targetUID}.`);
  }
  const locations = locationsOf(
    frames.inline === undefined
      ? FrameIndex.decode(await content.getBytes(scope, sideName(record.content.name, ".frames")))
      : FrameIndex.fromInline(frames.inline),
  );
  const frameConversion = { ...conversion, description, vr: frames.vr };
  const ratio =
    encoded.lossyMethod === undefined
      ? undefined
      : await lossyRatio(conversion, frameConversion, frames, locations);
  return {
    elements: changedElements(encoded, image.texts, ratio),
    pixelData: (element, reader) => {
      const converted = transcodeFrames(
        frameConversion,
        storedFrames(reader, element, locations),
        conversion.isUnderWay,
      );
      return targetUID === transferSyntaxUIDs.explicitVRLittleEndian
        ? nativePixelData(converted, encoded, locations.length)
        : encapsulatedPixelData(converted);
    },
  };
}

function locationsOf(index: FrameIndex): FrameLocation[] {
  return Array.from({ length: index.count }, (_, frameIndex) => index.locate(frameIndex)).filter(
    (location) => location !== undefined,
  );
}

// The ratio stands before the pixels that it is of. That of the first frame is what can be said without converting all of
// them twice.
async function lossyRatio(
  conversion: InstanceConversion,
  frameConversion: FrameConversion,
  frames: FramesReference,
  [first]: readonly FrameLocation[],
): Promise<number | undefined> {
  if (first === undefined) {
    return undefined;
  }
  for await (const frame of readFrames({ ...conversion, frames }, [first])) {
    const bytes = await collectFrame(frame);
    const encoded = await transcodeFrame(frameConversion, bytes, conversion.isUnderWay);
    return nativeBytes(frameConversion.description) / encoded.length;
  }
  return undefined;
}

function nativeBytes(description: FrameDescription): number {
  return sampleBytes({ ...description, isSigned: false });
}

// Reads the frames out of the value of Pixel Data, which the reader stands at the beginning of, and the rest of it.
async function* storedFrames(
  reader: ChunkReader,
  { length }: ElementHeader,
  locations: readonly FrameLocation[],
): AsyncGenerator<AsyncIterable<Uint8Array>, void, undefined> {
  const end = length === undefined ? undefined : reader.position + length;
  for (const { offset, length: frameLength, fragments } of locations) {
    await reader.skip(offset - reader.position);
    const span = reader.stream(frameLength);
    yield fragments > 1 ? stripItemHeaders(span) : span;
  }
  if (end !== undefined) {
    await reader.skip(end - reader.position);
    return;
  }
  await skipFragments(reader);
}

// What is left of the fragments: the padding of the last one, others that no frame has, and the delimiter.
async function skipFragments(reader: ChunkReader): Promise<void> {
  for (;;) {
    const header = await reader.peek(9);
    const isPadded = header[0] !== 0xfe && header[1] === 0xfe;
    reader.drop(isPadded ? 1 : 0);
    const item = await reader.read(8);
    const view = new DataView(item.buffer, item.byteOffset, 8);
    if (view.getUint32(0, true) !== 0xe000fffe) {
      return;
    }
    await reader.skip(view.getUint32(4, true));
  }
}

async function* nativePixelData(
  frames: AsyncIterable<Uint8Array>,
  encoded: EncodedAttributes,
  count: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const frameBytes = nativeBytes(encoded);
  const length = frameBytes * count;
  if (length > valueBytesMax) {
    throw new Problem(
      "notAcceptable",
      "The pixels of all frames together are too long for Explicit VR Little Endian.",
    );
  }
  const isOdd = length % 2 === 1;
  const vr = encoded.bitsAllocated > 8 ? "OW" : "OB";
  yield encodeElementHeader(0x7fe00010, vr, length + (isOdd ? 1 : 0));
  yield* frames;
  if (isOdd) {
    yield Uint8Array.of(0);
  }
}

async function* inPieces(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let pending: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    pending.push(chunk);
    bytes += chunk.length;
    if (bytes >= pieceBytesMin) {
      yield pending.length === 1 ? chunk : Buffer.concat(pending);
      pending = [];
      bytes = 0;
    }
  }
  if (bytes > 0) {
    yield Buffer.concat(pending);
  }
}
