import assert from "node:assert";

/** Where one frame is, in bytes of the Part 10 file (of the inflated data set for a deflated one). */
export interface FrameLocation {
  readonly offset: number;
  readonly length: number;
  /**
   * Fragments that the frame is in; 1 for native data. With 1 the bytes are the frame. With more they begin at the
   * header of the first fragment's item, and `stripItemHeaders` makes the codestream of them.
   */
  readonly fragments: number;
  /** The bit of the first byte at which the frame begins; not 0 only for native frames of single bits. */
  readonly firstBit: number;
}

/** The smallest JSON that says where all frames are; see {@link FrameIndex.fromInline}. */
export type InlineFrameIndex =
  | {
      readonly kind: "native";
      readonly offset: number;
      readonly frameBits: number;
      readonly count: number;
    }
  | {
      readonly kind: "encapsulated";
      readonly frames: readonly (readonly [offset: number, length: number, fragments?: number])[];
    };

/** A run of bytes. */
export interface ByteSpan {
  readonly offset: number;
  readonly length: number;
}

const headerBytes = 8;
const recordBytes = 24;
const magic = 0x58494653; // "SFIX", little endian

/**
 * Where each frame of an instance is, made once while the instance is stored, so that the last frame of ten thousand
 * costs what the first one costs.
 *
 * Native frames are an offset and a size. Encapsulated ones are a table, which a small instance carries inline and a
 * large one has in a blob of its own with records of fixed width: one ranged read finds any frame.
 */
export class FrameIndex {
  readonly count: number;
  readonly #locate: (frameIndex: number) => FrameLocation;
  readonly #toInline: () => InlineFrameIndex;

  private constructor(
    count: number,
    locate: (frameIndex: number) => FrameLocation,
    toInline: () => InlineFrameIndex,
  ) {
    this.count = count;
    this.#locate = locate;
    this.#toInline = toInline;
  }

  /** `count` frames of `frameBits` bits that follow each other without padding (PS3.5 §8.1.1, §8.2). */
  static ofNative(offset: number, frameBits: number, count: number): FrameIndex {
    assert(Number.isSafeInteger(frameBits * count), "frame offsets are safe integers");
    return new FrameIndex(
      count,
      (frameIndex) => {
        const bit = frameIndex * frameBits;
        const firstBit = bit % 8;
        return {
          offset: offset + (bit - firstBit) / 8,
          length: Math.ceil((firstBit + frameBits) / 8),
          fragments: 1,
          firstBit,
        };
      },
      () => ({ kind: "native", offset, frameBits, count }),
    );
  }

  /** Frames that have each their own place. The arrays have one entry a frame and belong to the index from now on. */
  static ofEncapsulated(
    offsets: Float64Array,
    lengths: Float64Array,
    fragments: Uint32Array,
  ): FrameIndex {
    assert(offsets.length === lengths.length && offsets.length === fragments.length);
    const locate = (frameIndex: number): FrameLocation => ({
      offset: offsets[frameIndex] ?? 0,
      length: lengths[frameIndex] ?? 0,
      fragments: fragments[frameIndex] ?? 1,
      firstBit: 0,
    });
    return new FrameIndex(offsets.length, locate, () => ({
      kind: "encapsulated",
      frames: Array.from(offsets, (offset, frameIndex) => {
        const { length, fragments: pieces } = locate(frameIndex);
        return pieces === 1 ? [offset, length] : [offset, length, pieces];
      }),
    }));
  }

  /** Undefined for a frame that the instance does not have. */
  locate(frameIndex: number): FrameLocation | undefined {
    return Number.isInteger(frameIndex) && frameIndex >= 0 && frameIndex < this.count
      ? this.#locate(frameIndex)
      : undefined;
  }

  toInline(): InlineFrameIndex {
    return this.#toInline();
  }

  /** The index that {@link FrameIndex.toInline} gave. Takes our own data alone: anything else is a bug. */
  static fromInline(inline: InlineFrameIndex): FrameIndex {
    if (inline.kind === "native") {
      return FrameIndex.ofNative(inline.offset, inline.frameBits, inline.count);
    }
    return FrameIndex.ofEncapsulated(
      Float64Array.from(inline.frames, ([offset]) => offset),
      Float64Array.from(inline.frames, ([, length]) => length),
      Uint32Array.from(inline.frames, ([, , fragments]) => fragments ?? 1),
    );
  }

  /** The whole index as bytes: a header, then one record of fixed width for each frame. */
  encode(): Uint8Array {
    const bytes = new Uint8Array(headerBytes + this.count * recordBytes);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, magic, true);
    view.setUint32(4, this.count, true);
    for (let frameIndex = 0; frameIndex < this.count; frameIndex += 1) {
      const { offset, length, fragments, firstBit } = this.#locate(frameIndex);
      const at = headerBytes + frameIndex * recordBytes;
      view.setFloat64(at, offset, true);
      view.setFloat64(at + 8, length, true);
      view.setUint32(at + 16, fragments, true);
      view.setUint32(at + 20, firstBit, true);
    }
    return bytes;
  }

  /** Which bytes of the encoded index hold the record of a frame. */
  static recordRange(frameIndex: number): ByteSpan {
    return { offset: headerBytes + frameIndex * recordBytes, length: recordBytes };
  }

  /** The frame that the bytes of {@link FrameIndex.recordRange} describe. */
  static decodeRecord(bytes: Uint8Array): FrameLocation {
    assert(bytes.length === recordBytes, "a record of a frame index has its fixed width");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return {
      offset: view.getFloat64(0, true),
      length: view.getFloat64(8, true),
      fragments: view.getUint32(16, true),
      firstBit: view.getUint32(20, true),
    };
  }

  /** The index that {@link FrameIndex.encode} wrote. */
  static decode(bytes: Uint8Array): FrameIndex {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    assert(bytes.length >= headerBytes && view.getUint32(0, true) === magic, "a frame index");
    const count = view.getUint32(4, true);
    assert(bytes.length === headerBytes + count * recordBytes, "a whole frame index");
    const locate = (frameIndex: number): FrameLocation => {
      const { offset, length } = FrameIndex.recordRange(frameIndex);
      return FrameIndex.decodeRecord(bytes.subarray(offset, offset + length));
    };
    return new FrameIndex(count, locate, () => ({
      kind: "encapsulated",
      frames: Array.from({ length: count }, (_, frameIndex) => {
        const { offset, length, fragments } = locate(frameIndex);
        return [offset, length, fragments] as const;
      }),
    }));
  }
}

/**
 * The codestream of a frame that lies in several fragments: the bytes of its location without the item headers
 * (PS3.5 §A.4), as they come. Holds no more than the chunk at hand.
 *
 * The bytes are those that the index was made from, so that a header which is none means damaged storage: a bug.
 */
export async function* stripItemHeaders(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const header = new Uint8Array(8);
  const view = new DataView(header.buffer);
  let headerFilled = 0;
  let fragmentRemaining = 0;
  for await (const chunk of source) {
    let at = 0;
    while (at < chunk.length) {
      if (fragmentRemaining > 0) {
        const end = Math.min(chunk.length, at + fragmentRemaining);
        yield chunk.subarray(at, end);
        fragmentRemaining -= end - at;
        at = end;
        continue;
      }
      const taken = Math.min(8 - headerFilled, chunk.length - at);
      header.set(chunk.subarray(at, at + taken), headerFilled);
      headerFilled += taken;
      at += taken;
      if (headerFilled === 8) {
        assert(view.getUint32(0, true) === 0xe000fffe, "a fragment begins with an item tag");
        fragmentRemaining = view.getUint32(4, true);
        headerFilled = 0;
      }
    }
  }
  assert(fragmentRemaining === 0 && headerFilled === 0, "a frame ends with a fragment");
}
