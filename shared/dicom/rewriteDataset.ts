import { Problem } from "../problem/problem.ts";
import type { ChunkReader } from "./chunkReader.ts";
import { implicitVR } from "./dictionary.ts";
import { encodeDelimiter, encodeElementHeader } from "./encodeElement.ts";
import { swapByteOrder } from "./nativePixels.ts";
import { formatTagForComment, isGroupLengthTag, type Tag } from "./tag.ts";
import type { TransferSyntax } from "./transferSyntax.ts";
import { lookupVR, lookupVRByCode } from "./valueRepresentation.ts";

/** What is to be different in a data set that is rewritten. */
export interface DatasetChanges {
  /**
   * Elements of the data set itself, by tag: each as it is to be written, in Explicit VR Little Endian, in the place of the
   * one that is there or where it belongs; undefined for one that is to be left out.
   */
  readonly elements: ReadonlyMap<Tag, Uint8Array | undefined>;
  /**
   * Writes Pixel Data whole, with its header. It is to read the value from the reader, which stands at its beginning.
   * Without it native pixels are copied, in the byte order of the result, and encapsulated ones are refused.
   */
  readonly pixelData?: (element: ElementHeader, reader: ChunkReader) => AsyncIterable<Uint8Array>;
}

/** The header of an element as it was read. */
export interface ElementHeader {
  readonly tag: Tag;
  readonly vr: string;
  /** Undefined for one that a delimiter ends. */
  readonly length: number | undefined;
}

interface Level {
  readonly isImplicitVR: boolean;
  readonly isBigEndian: boolean;
  /** Where it ends; undefined where a delimiter says so. */
  readonly end: number | undefined;
  readonly isTop: boolean;
  /** Pixel Representation, of this item or of what is around it, which decides between US and SS. */
  hasSignedPixels: boolean;
}

const undefinedLength = 0xffffffff;
const itemTag: Tag = 0xfffee000;
const itemDelimitationTag: Tag = 0xfffee00d;
const sequenceDelimitationTag: Tag = 0xfffee0dd;
const pixelRepresentationTag: Tag = 0x00280103;
const pixelDataTag: Tag = 0x7fe00010;
/** What an explicit length of 16 bits can say. */
const shortLengthMax = 0xffff;

/**
 * Writes the data set that `reader` stands at the beginning of, in whatever native encoding, in Explicit VR Little Endian
 * (PS3.5 §7.1), as it is read: memory does not grow with it.
 *
 * Sequences and items get undefined lengths, since theirs change with the headers in them; group lengths, which are
 * retired, are left out. A VR that the file does not say is the dictionary's, and UN where that has none. The data set is
 * one that `Part10Reader` has read before. Throws Problem `notAcceptable` for what cannot be rewritten: fragments anywhere
 * but in the Pixel Data of the data set itself.
 */
export async function* rewriteDataset(
  reader: ChunkReader,
  source: TransferSyntax,
  changes: DatasetChanges,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { isImplicitVR, isBigEndian } = source;
  const level: Level = {
    isImplicitVR,
    isBigEndian,
    end: undefined,
    isTop: true,
    hasSignedPixels: false,
  };
  const added = [...changes.elements]
    .filter(([, bytes]) => bytes !== undefined)
    .toSorted(([one], [other]) => one - other);
  yield* rewriteElements(reader, level, changes, added);
  for (const [, bytes] of added.splice(0)) {
    if (bytes !== undefined) {
      yield bytes;
    }
  }
}

async function* rewriteElements(
  reader: ChunkReader,
  level: Level,
  changes: DatasetChanges,
  added: [Tag, Uint8Array | undefined][],
): AsyncGenerator<Uint8Array, void, undefined> {
  while (level.end === undefined || reader.position < level.end) {
    if (level.isTop && (await reader.peek(8)).length < 8) {
      // The end; less than a header is padding.
      return;
    }
    const element = await readHeader(reader, level);
    const { tag, vr, length } = element;
    if (tag === itemDelimitationTag || (tag === 0 && level.isTop)) {
      return;
    }
    if (isGroupLengthTag(tag)) {
      await reader.skip(length ?? 0);
      continue;
    }
    if (level.isTop) {
      while ((added[0]?.[0] ?? Infinity) <= tag) {
        const bytes = added.shift()?.[1];
        if (bytes !== undefined) {
          yield bytes;
        }
      }
      if (changes.elements.has(tag)) {
        await reader.skip(length ?? 0);
        continue;
      }
      if (tag === pixelDataTag && changes.pixelData !== undefined) {
        yield* changes.pixelData(element, reader);
        continue;
      }
    }
    if (tag === pixelDataTag && length === undefined) {
      throw new Problem(
        "notAcceptable",
        `There are encapsulated pixels that cannot be converted in ${formatTagForComment(tag)} at offset ${reader.position}.`,
      );
    }
    if (vr === "SQ" || length === undefined) {
      // PS3.5 §6.2.2: UN of undefined length is a sequence in implicit VR little endian, whatever is around it.
      const isUnknown = vr === "UN" && !level.isImplicitVR;
      yield* rewriteSequence(reader, tag, length, {
        isImplicitVR: isUnknown || level.isImplicitVR,
        isBigEndian: isUnknown ? false : level.isBigEndian,
        end: undefined,
        isTop: false,
        hasSignedPixels: level.hasSignedPixels,
      });
      continue;
    }
    yield* rewriteValue(reader, { tag, vr, length }, level);
  }
}

async function readHeader(reader: ChunkReader, level: Level): Promise<ElementHeader> {
  const bytes = reader.has(12) ? await reader.peek(12) : await reader.peek(8);
  if (bytes.length < 8) {
    await reader.read(8);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittle = !level.isBigEndian;
  const tag = view.getUint16(0, isLittle) * 0x10000 + view.getUint16(2, isLittle);
  const isDelimiter = tag >>> 16 === 0xfffe;
  if (level.isImplicitVR || isDelimiter) {
    reader.drop(8);
    const vr = isDelimiter ? "" : implicitVR(tag);
    return {
      tag,
      vr: vr === "US or SS" ? (level.hasSignedPixels ? "SS" : "US") : vr,
      length: lengthOf(view.getUint32(4, isLittle)),
    };
  }
  const known = lookupVRByCode(view.getUint16(4));
  if (known !== undefined && !known.representation.hasLongLength) {
    reader.drop(8);
    return { tag, vr: known.vr, length: view.getUint16(6, isLittle) };
  }
  const long = await reader.read(12);
  const length = new DataView(long.buffer, long.byteOffset, 12).getUint32(8, isLittle);
  return { tag, vr: known?.vr ?? "UN", length: lengthOf(length) };
}

function lengthOf(length: number): number | undefined {
  return length === undefinedLength ? undefined : length;
}

async function* rewriteSequence(
  reader: ChunkReader,
  tag: Tag,
  length: number | undefined,
  level: Level,
): AsyncGenerator<Uint8Array, void, undefined> {
  const end = length === undefined ? undefined : reader.position + length;
  yield encodeElementHeader(tag, "SQ", undefined);
  while (end === undefined || reader.position < end) {
    const header = await reader.read(8);
    const view = new DataView(header.buffer, header.byteOffset, 8);
    const isLittle = !level.isBigEndian;
    const itemOrEnd = view.getUint16(0, isLittle) * 0x10000 + view.getUint16(2, isLittle);
    if (itemOrEnd === sequenceDelimitationTag) {
      break;
    }
    const itemLength = lengthOf(view.getUint32(4, isLittle));
    yield encodeDelimiter(itemTag, undefined);
    const item: Level = {
      ...level,
      end: itemLength === undefined ? undefined : reader.position + itemLength,
    };
    yield* rewriteElements(reader, item, { elements: new Map() }, []);
    yield encodeDelimiter(itemDelimitationTag, 0);
  }
  yield encodeDelimiter(sequenceDelimitationTag, 0);
}

async function* rewriteValue(
  reader: ChunkReader,
  { tag, vr, length }: { readonly tag: Tag; readonly vr: string; readonly length: number },
  level: Level,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (tag === pixelRepresentationTag && length === 2) {
    const [first = 0, second = 0] = await reader.peek(2);
    level.hasSignedPixels = (level.isBigEndian ? second : first) === 1;
  }
  const representation = lookupVR(vr);
  // PS3.5 §6.2.2: a value that is too long for its VR's explicit form is written as UN, in little endian like any.
  const isTooLong = representation?.hasLongLength === false && length > shortLengthMax;
  yield encodeElementHeader(tag, isTooLong ? "UN" : vr, length);
  if (length === 0) {
    return;
  }
  const unitBytes = level.isBigEndian ? (representation?.unitBytes ?? 1) : 1;
  yield* unitBytes > 1 ? swapByteOrder(reader.stream(length), unitBytes) : reader.stream(length);
}
