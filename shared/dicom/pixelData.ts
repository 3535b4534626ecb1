import { type Dataset, getNumbers, getString } from "./dataset.ts";
import { FrameIndex } from "./frameIndex.ts";
import type { Tag } from "./tag.ts";
import { type TransferSyntax, transferSyntaxUIDs } from "./transferSyntax.ts";

/** The pixels of an instance: Pixel Data, or Float or Double Float Pixel Data (PS3.3 §C.7.6.24). */
export interface PixelData {
  readonly tag: Tag;
  readonly vr: string;
  readonly isEncapsulated: boolean;
  /** The value field: in the Part 10 file, or in the inflated data set of a deflated one. */
  readonly offset: number;
  readonly length: number;
  readonly frames: FrameIndex;
  /**
   * Why `frames` is not what the header promises: fewer frames than Number of Frames says, or none when they cannot be
   * told apart. One sentence without values; undefined when all is well.
   */
  readonly issue: string | undefined;
}

/** A frame index with what is wrong with it; see {@link PixelData}. */
export interface IndexedFrames {
  readonly frames: FrameIndex;
  readonly issue: string | undefined;
}

/** Fragments in the order of the file, as parallel lists: an object for each of a million would cost ten times as much. */
export interface FragmentList {
  readonly count: number;
  /** Where the fragment's bytes begin, after the eight of its item header. */
  readonly offsets: Float64Array;
  readonly lengths: Float64Array;
  /** The first four bytes, big endian; a shorter fragment is filled with zeros. */
  readonly starts: Uint32Array;
}

/** The offset tables that may come with fragments; each is checked before it is believed. */
export interface OffsetTables {
  /** The value of the Basic Offset Table item (PS3.5 §A.4), little endian. */
  readonly basic?: Uint8Array | undefined;
  /** The value of Extended Offset Table (7FE0,0001), little endian. */
  readonly extended?: Uint8Array | undefined;
  /** The value of Extended Offset Table Lengths (7FE0,0002), little endian. */
  readonly extendedLengths?: Uint8Array | undefined;
}

const tags = {
  samplesPerPixel: 0x00280002,
  photometricInterpretation: 0x00280004,
  numberOfFrames: 0x00280008,
  rows: 0x00280010,
  columns: 0x00280011,
  bitsAllocated: 0x00280100,
} as const;

/** Number of Frames, 1 when absent or empty (PS3.3 §C.7.6.6); undefined when it is no positive integer. */
function numberOfFrames(dataset: Dataset): number | undefined {
  const values = getNumbers(dataset, tags.numberOfFrames);
  if (values.length === 0) {
    return 1;
  }
  const count = values[0] ?? Number.NaN;
  return Number.isSafeInteger(count) && count > 0 ? count : undefined;
}

/**
 * Cuts native pixels of `length` bytes at `offset` into frames by the attributes of the image (PS3.5 §8.1.1, §8.2).
 *
 * Frames that do not fit in are left out and an issue says so; missing or impossible attributes give no frame.
 */
export function indexNativeFrames(
  dataset: Dataset,
  vr: string,
  offset: number,
  length: number,
): IndexedFrames {
  const none = (issue: string): IndexedFrames => ({
    frames: FrameIndex.ofNative(offset, 0, 0),
    issue,
  });
  const first = (tag: Tag): number | undefined => {
    const value = getNumbers(dataset, tag)[0];
    return value !== undefined && Number.isInteger(value) && value > 0 ? value : undefined;
  };
  const rows = first(tags.rows);
  const columns = first(tags.columns);
  // PS3.3 §C.7.6.24: float pixels have a size of their own.
  const bitsAllocated =
    first(tags.bitsAllocated) ?? (vr === "OF" ? 32 : vr === "OD" ? 64 : undefined);
  const count = numberOfFrames(dataset);
  if (rows === undefined || columns === undefined || bitsAllocated === undefined) {
    return none("Rows, Columns or Bits Allocated is missing or not positive.");
  }
  if (count === undefined) {
    return none("Number of Frames is not a positive integer.");
  }
  const samples = first(tags.samplesPerPixel) ?? 1;
  const photometric = getString(dataset, tags.photometricInterpretation);
  // PS3.3 §C.7.6.3.1.2: two chrominance samples for each two luminance samples.
  const isSubsampled = photometric === "YBR_FULL_422" || photometric === "YBR_PARTIAL_422";
  const samplesPerPixel = isSubsampled && samples === 3 ? 2 : samples;
  const frameBits = rows * columns * samplesPerPixel * bitsAllocated;
  if (!Number.isSafeInteger(frameBits * count)) {
    return none("The size of the frames overflows.");
  }
  const fitting = Math.min(count, Math.floor((length * 8) / frameBits));
  const frames = FrameIndex.ofNative(offset, frameBits, fitting);
  if (fitting < count) {
    return { frames, issue: "Pixel Data is too short for Number of Frames." };
  }
  // One byte more is the padding of an odd length.
  const excess = length - Math.ceil((frameBits * count) / 8);
  return { frames, issue: excess > 1 ? "Pixel Data is longer than its frames." : undefined };
}

/** Cuts fragments into frames, given the index of the first fragment of each; the last frame ends with the last one. */
function framesFrom(fragments: FragmentList, firsts: readonly number[] | Uint32Array): FrameIndex {
  const count = firsts.length;
  const offsets = new Float64Array(count);
  const lengths = new Float64Array(count);
  const pieces = new Uint32Array(count);
  for (let frameIndex = 0; frameIndex < count; frameIndex += 1) {
    const from = firsts[frameIndex] ?? 0;
    const last = (firsts[frameIndex + 1] ?? fragments.count) - 1;
    const number = last - from + 1;
    const headerBytes = number > 1 ? 8 : 0;
    const start = (fragments.offsets[from] ?? 0) - headerBytes;
    offsets[frameIndex] = start;
    lengths[frameIndex] = (fragments.offsets[last] ?? 0) + (fragments.lengths[last] ?? 0) - start;
    pieces[frameIndex] = number;
  }
  return FrameIndex.ofEncapsulated(offsets, lengths, pieces);
}

/** The fragments that a table of offsets names; undefined as soon as one entry points anywhere else. */
function fragmentsAt(
  fragments: FragmentList,
  count: number,
  offsetAt: (frameIndex: number) => number,
): Uint32Array | undefined {
  const base = (fragments.offsets[0] ?? 0) - 8;
  const firsts = new Uint32Array(count);
  let fragment = 0;
  for (let frameIndex = 0; frameIndex < count; frameIndex += 1) {
    const offset = base + offsetAt(frameIndex) + 8;
    while (fragment < fragments.count && (fragments.offsets[fragment] ?? 0) < offset) {
      fragment += 1;
    }
    if (fragment >= fragments.count || fragments.offsets[fragment] !== offset) {
      return undefined;
    }
    if (frameIndex === 0 ? fragment !== 0 : fragment === firsts[frameIndex - 1]) {
      return undefined;
    }
    firsts[frameIndex] = fragment;
  }
  return firsts;
}

/** True of bytes that begin a JPEG, JPEG-LS, JPEG 2000 or JPEG XL codestream or file. */
function isCodestreamStart(start: number): boolean {
  const marker = start >>> 16;
  return marker === 0xffd8 || marker === 0xff0a || start === 0xff4fff51 || start === 0x0000000c;
}

function fromExtendedTable(
  fragments: FragmentList,
  table: Uint8Array,
  lengths: Uint8Array | undefined,
  count: number,
): FrameIndex | undefined {
  if (table.length !== count * 8) {
    return undefined;
  }
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const firsts = fragmentsAt(fragments, count, (frameIndex) =>
    Number(view.getBigUint64(frameIndex * 8, true)),
  );
  if (firsts === undefined) {
    return undefined;
  }
  if (lengths?.length !== table.length || fragments.count !== count) {
    return framesFrom(fragments, firsts);
  }
  // The table of lengths tells the padding of an odd fragment from its codestream. It is believed that far only.
  const lengthView = new DataView(lengths.buffer, lengths.byteOffset, lengths.byteLength);
  const exact = Float64Array.from(fragments.lengths.subarray(0, count), (padded, frameIndex) => {
    const stated = Number(lengthView.getBigUint64(frameIndex * 8, true));
    return stated === padded - 1 ? stated : padded;
  });
  return FrameIndex.ofEncapsulated(
    fragments.offsets.slice(0, count),
    exact,
    new Uint32Array(count).fill(1),
  );
}

function fromBasicTable(
  fragments: FragmentList,
  table: Uint8Array,
  count: number,
): FrameIndex | undefined {
  if (table.length !== count * 4) {
    return undefined;
  }
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const firsts = fragmentsAt(fragments, count, (frameIndex) =>
    view.getUint32(frameIndex * 4, true),
  );
  return firsts === undefined ? undefined : framesFrom(fragments, firsts);
}

/**
 * Cuts fragments into frames (PS3.5 §A.4): by the extended offset table, by the basic one, and where they are absent
 * or point anywhere but at fragments, by what is certain: one frame has all fragments, as many fragments as frames
 * have one each, and a codestream begins with its marker.
 *
 * A video is one frame with all fragments, whatever Number of Frames says: nobody can cut it. When nothing fits, no
 * frame is given and an issue says why.
 */
export function indexEncapsulatedFrames(
  dataset: Dataset,
  transferSyntax: TransferSyntax,
  fragments: FragmentList,
  tables: OffsetTables,
): IndexedFrames {
  const none = framesFrom(fragments, []);
  if (fragments.count === 0) {
    return { frames: none, issue: "Pixel Data has no fragment." };
  }
  if (transferSyntax.isVideo) {
    return { frames: framesFrom(fragments, [0]), issue: undefined };
  }
  const count = numberOfFrames(dataset);
  if (count === undefined) {
    return { frames: none, issue: "Number of Frames is not a positive integer." };
  }
  if (count > fragments.count) {
    // Fewer fragments than frames: what is there is given out one by one.
    const firsts = Uint32Array.from({ length: fragments.count }, (_, at) => at);
    return {
      frames: framesFrom(fragments, firsts),
      issue: "Pixel Data has fewer fragments than Number of Frames.",
    };
  }
  const { basic, extended, extendedLengths } = tables;
  if (extended !== undefined) {
    const frames = fromExtendedTable(fragments, extended, extendedLengths, count);
    if (frames !== undefined) {
      return { frames, issue: undefined };
    }
  }
  if (basic !== undefined && basic.length > 0) {
    const frames = fromBasicTable(fragments, basic, count);
    if (frames !== undefined) {
      return { frames, issue: undefined };
    }
  }
  if (count === 1) {
    return { frames: framesFrom(fragments, [0]), issue: undefined };
  }
  if (count === fragments.count) {
    const firsts = Uint32Array.from({ length: count }, (_, at) => at);
    return { frames: framesFrom(fragments, firsts), issue: undefined };
  }
  const isUnmarked =
    transferSyntax.uid === transferSyntaxUIDs.rleLossless ||
    transferSyntax.uid === transferSyntaxUIDs.encapsulatedUncompressedExplicitVRLittleEndian;
  if (!isUnmarked) {
    const firsts: number[] = [];
    for (let at = 0; at < fragments.count; at += 1) {
      if (isCodestreamStart(fragments.starts[at] ?? 0)) {
        firsts.push(at);
      }
    }
    if (firsts.length === count && firsts[0] === 0) {
      return { frames: framesFrom(fragments, firsts), issue: undefined };
    }
  }
  return {
    frames: none,
    issue: "Pixel Data has more fragments than frames and no valid offset table.",
  };
}
