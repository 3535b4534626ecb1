import { encodeDelimiter, encodeElementHeader } from "../dicom/encodeElement.ts";

const pixelDataTag = 0x7fe00010;
const itemTag = 0xfffee000;
const sequenceDelimitationTag = 0xfffee0dd;
/** As long as the frames together are no longer than this, they wait for the offset table that comes before them. */
const heldBytesMax = 8 * 1024 * 1024;

/**
 * Writes codestreams as encapsulated Pixel Data (PS3.5 §A.4), each in one fragment.
 *
 * The Basic Offset Table is filled when the frames are at hand together, which those of small images are; else it is left
 * empty, as PS3.5 §A.4 allows, so that memory does not grow with their number: a fragment for each frame needs no table.
 */
export async function* encapsulatedPixelData(
  codestreams: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield encodeElementHeader(pixelDataTag, "OB", undefined);
  let held: Uint8Array[] | undefined = [];
  let heldBytes = 0;
  for await (const codestream of codestreams) {
    if (held === undefined) {
      yield* fragment(codestream);
      continue;
    }
    held.push(codestream);
    heldBytes += codestream.length;
    if (heldBytes > heldBytesMax) {
      yield encodeDelimiter(itemTag, 0);
      for (const waiting of held) {
        yield* fragment(waiting);
      }
      held = undefined;
    }
  }
  if (held !== undefined) {
    yield offsetTable(held);
    for (const waiting of held) {
      yield* fragment(waiting);
    }
  }
  yield encodeDelimiter(sequenceDelimitationTag, 0);
}

function* fragment(codestream: Uint8Array): Generator<Uint8Array, void, undefined> {
  const isOdd = codestream.length % 2 === 1;
  yield encodeDelimiter(itemTag, codestream.length + (isOdd ? 1 : 0));
  yield codestream;
  if (isOdd) {
    yield Uint8Array.of(0);
  }
}

function offsetTable(codestreams: readonly Uint8Array[]): Uint8Array {
  const table = Buffer.alloc(codestreams.length * 4);
  let offset = 0;
  for (const [index, { length }] of codestreams.entries()) {
    table.writeUInt32LE(offset, index * 4);
    offset += 8 + length + (length % 2);
  }
  return Buffer.concat([encodeDelimiter(itemTag, table.length), table]);
}
