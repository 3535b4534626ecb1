import assert from "node:assert";
import { Problem } from "../problem/problem.ts";
import { Dataset, type DicomElement, getString } from "./dataset.ts";
import { implicitVR } from "./dictionary.ts";
import { Inflater } from "./inflater.ts";
import { FragmentRecorder } from "./fragmentRecorder.ts";
import { indexEncapsulatedFrames, indexNativeFrames, type PixelData } from "./pixelData.ts";
import { formatTagForComment, type Tag } from "./tag.ts";
import { type TransferSyntax, transferSyntaxOf } from "./transferSyntax.ts";
import { isUID } from "./uid.ts";
import { lookupVR, lookupVRByCode, type ValueRepresentation } from "./valueRepresentation.ts";

/** What a file may cost us. A file over a limit is refused as `malformed`, at the byte that crosses it. */
export interface Part10ReaderLimits {
  /** Sequences within sequences; 64. PS3.5 sets no limit, and a level costs a sender 20 bytes. */
  readonly sequenceDepthMax: number;
  /** Elements and items of the whole file; 500,000. Each costs a sender 8 bytes and us about 250. */
  readonly elementsMax: number;
  /** Elements of one data set or item; 20,000. PS3.6 has a quarter of that, and objects of that many keys are slow. */
  readonly datasetElementsMax: number;
  /** Fragments of encapsulated pixel data; 1,048,576. Each costs us 20 bytes. */
  readonly fragmentsMax: number;
  /** Bytes of all values kept in memory; 32 MiB. */
  readonly headerBytesMax: number;
  /** A value of a byte-string VR (OB, OW, UN, …) longer than this is bulk data: located, not kept; 1 KiB. */
  readonly byteValueBytesMax: number;
  /** A value of LT, ST, UC, UR or UT longer than this is bulk data; 16 KiB. */
  readonly textValueBytesMax: number;
  /** A value of any other VR longer than this is bulk data; 1 MiB. */
  readonly valueBytesMax: number;
  /** A deflated data set may inflate to this in any case; 256 MiB. */
  readonly inflatedBytesMin: number;
  /** Above that, it may inflate to this many times its compressed size; 100. DEFLATE itself could do 1,032. */
  readonly inflationRatioMax: number;
}

/** The limits that hold unless a reader is given others. */
const part10ReaderLimits: Part10ReaderLimits = {
  sequenceDepthMax: 64,
  elementsMax: 500_000,
  datasetElementsMax: 20_000,
  fragmentsMax: 1_048_576,
  headerBytesMax: 32 * 1024 * 1024,
  byteValueBytesMax: 1024,
  textValueBytesMax: 16 * 1024,
  valueBytesMax: 1024 * 1024,
  inflatedBytesMin: 256 * 1024 * 1024,
  inflationRatioMax: 100,
};

/** A DICOM Part 10 file, read: everything but its bulk data. */
export interface Part10Instance {
  readonly transferSyntax: TransferSyntax;
  readonly fileMeta: Dataset;
  readonly dataset: Dataset;
  /** The bytes of the file, preamble included, as written to the reader. */
  readonly totalBytes: number;
  /** Where the data set begins in the file; a deflated one is a DEFLATE stream from there on. */
  readonly datasetOffset: number;
  /** Undefined for an instance without pixels. */
  readonly pixelData: PixelData | undefined;
  /** From the File Meta Information; undefined when absent or empty. The data set's own identifiers are what counts. */
  readonly mediaStorageSOPClassUID: string | undefined;
  readonly mediaStorageSOPInstanceUID: string | undefined;
}

const preambleBytes = 128;
const blockBytes = 8 * 1024;
const noBytes = new Uint8Array(0);
const undefinedLength = 0xffffffff;
const itemTag: Tag = 0xfffee000;
const itemDelimitationTag: Tag = 0xfffee00d;
const sequenceDelimitationTag: Tag = 0xfffee0dd;
const transferSyntaxUIDTag: Tag = 0x00020010;
const extendedOffsetTableTag: Tag = 0x7fe00001;
const extendedOffsetTableLengthsTag: Tag = 0x7fe00002;
const pixelDataTag: Tag = 0x7fe00010;

const bulkTextVRs = new Set(["LT", "ST", "UC", "UR", "UT"]);

/** An element while its value is being read; complete, it is handed out as the read-only {@link DicomElement}. */
interface OpenElement {
  tag: Tag;
  vr: string;
  offset: number;
  length: number;
  bytes: Uint8Array | undefined;
  items: Dataset[] | undefined;
  hasFragments: boolean;
}

/** What the next header belongs to: the elements of a data set or item, the items of a sequence, or fragments. */
interface Level {
  readonly kind: "elements" | "items" | "fragments";
  /** The data set that elements and the items' elements belong to. */
  readonly dataset: Dataset;
  /** The sequence or pixel data itself; undefined for the elements of a data set. */
  readonly element: OpenElement | undefined;
  readonly isImplicitVR: boolean;
  readonly isBigEndian: boolean;
  /** The offset after its last byte; Infinity where a delimiter ends it. */
  readonly end: number;
  /** Of the innermost level around it that has an end. */
  readonly outerEnd: number;
}

/**
 * Reads a DICOM Part 10 file (PS3.10 §7) as it arrives, in chunks of any size, in any transfer syntax.
 *
 * Keeps header values and the places of everything else: memory does not grow with the pixels, and skipping them
 * costs nothing per byte. However the file is cut, the result is the same. What a file may cost is bounded by the
 * limits. A file that is not well-formed throws Problem `malformed` from `write` or `end`, naming an offset and a
 * tag and never a value; after that the reader is of no further use.
 *
 * Beyond the standard it lets pass what is in archives and does no harm: a File Meta Information group length that
 * is wrong or absent, tags out of order or repeated, VRs that nobody defined, odd lengths, zeros after the last element.
 */
export class Part10Reader {
  readonly #limits: Part10ReaderLimits;
  readonly #fileMeta = new Dataset(false);
  #dataset: Dataset | undefined;
  #transferSyntax: TransferSyntax | undefined;
  #fileBytes = 0;
  #datasetOffset = 0;

  /** Offset of the next byte to parse, in the file or in the inflated data set. */
  #position = 0;
  #state: "preamble" | "meta" | "header" | "value" | "fragmentStart" | "skip" | "padding" =
    "preamble";
  /** The bytes of a header that a chunk ended in. */
  #partial = new Uint8Array(0);
  #skipRemaining = 0;
  #skipped: OpenElement | undefined;
  #value: OpenElement | undefined;
  #valueTarget: Uint8Array<ArrayBuffer> = noBytes;
  #valueFilled = 0;
  #block = new ArrayBuffer(0);
  #blockUsed = 0;
  #fileMetaEnd: number | undefined;
  readonly #fileMetaLevel: Level = {
    kind: "elements",
    dataset: this.#fileMeta,
    element: undefined,
    isImplicitVR: false,
    isBigEndian: false,
    end: Number.POSITIVE_INFINITY,
    outerEnd: Number.POSITIVE_INFINITY,
  };

  #level: Level | undefined;
  readonly #outerLevels: Level[] = [];
  #depth = 0;
  #elements = 0;
  #headerBytes = 0;

  #pixelElement: DicomElement | undefined;
  #fragments: FragmentRecorder | undefined;
  #basicOffsetTable: Uint8Array | undefined;
  #extendedOffsetTable: Uint8Array | undefined;
  #extendedOffsetTableLengths: Uint8Array | undefined;
  #hasOffsetTableItem = false;

  #inflater: Inflater | undefined;
  #failure: Error | undefined;
  #isClosed = false;

  constructor(limits: Partial<Part10ReaderLimits> = {}) {
    this.#limits = { ...part10ReaderLimits, ...limits };
  }

  /**
   * Reads the next bytes of the file. What is kept of them is copied: the chunk is the caller's again as soon as the
   * call, or the promise that it returns for a deflated data set, is done; await that before the next call.
   */
  write(chunk: Uint8Array): void | Promise<void> {
    assert(!this.#isClosed, "a closed reader reads no more");
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    this.#fileBytes += chunk.length;
    if (this.#inflater !== undefined || this.#inflaterIsDue()) {
      return this.#inflate(chunk);
    }
    const consumed = this.#parse(chunk);
    if (!this.#inflaterIsDue()) {
      return undefined;
    }
    // A deflated data set begins within this chunk, or within the bytes that were left of the one before.
    const rest = Buffer.concat([this.#partial, chunk.subarray(consumed)]);
    this.#partial = new Uint8Array(0);
    return this.#inflate(rest);
  }

  /** What was read, once all bytes are written. Throws `malformed` for a file that ends too early. */
  async end(): Promise<Part10Instance> {
    assert(!this.#isClosed, "a closed reader reads no more");
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    await this.#inflater?.end();
    // A File Meta Information without a data set after it ends in the middle of nothing.
    if (this.#state === "meta" && this.#partial.length === 0) {
      this.#beginDataset();
    }
    if (this.#inflaterIsDue()) {
      throw this.#truncated();
    }
    const transferSyntax = this.#transferSyntax;
    const dataset = this.#dataset;
    const isAtEnd =
      this.#state === "padding" ||
      (this.#state === "header" && this.#partial.length === 0 && this.#closeLevels());
    if (!isAtEnd || transferSyntax === undefined || dataset === undefined) {
      throw this.#truncated();
    }
    return {
      transferSyntax,
      fileMeta: this.#fileMeta,
      dataset,
      totalBytes: this.#fileBytes,
      datasetOffset: this.#datasetOffset,
      pixelData: this.#indexPixelData(dataset, transferSyntax),
      mediaStorageSOPClassUID: getString(this.#fileMeta, 0x00020002),
      mediaStorageSOPInstanceUID: getString(this.#fileMeta, 0x00020003),
    };
  }

  /**
   * Ends the reading, if it has not ended, and releases what a deflated data set holds outside the heap.
   *
   * May be called at any time, and settles a `write` that is under way; after it there is nothing to write or to end.
   */
  close(): void {
    this.#isClosed = true;
    this.#inflater?.close();
  }

  #truncated(): Problem {
    if (this.#state === "preamble") {
      return new Problem(
        "malformed",
        "The file is not a DICOM Part 10 file: it ends before the DICM prefix at offset 128.",
      );
    }
    const skipped = this.#state === "skip" ? this.#skipped : undefined;
    const open = this.#value ?? skipped ?? this.#level?.element;
    const where = open === undefined ? "" : ` in the value of ${formatTagForComment(open.tag)}`;
    return new Problem(
      "malformed",
      `The file is truncated: it ends at offset ${this.#position + this.#partial.length}${where}.`,
    );
  }

  #malformed(what: string, offset: number, tag?: Tag): Problem {
    const where = tag === undefined ? "" : ` ${formatTagForComment(tag)}`;
    return new Problem("malformed", `${what}${where} at offset ${offset}.`);
  }

  #inflate(chunk: Uint8Array): Promise<void> {
    this.#inflater ??= new Inflater((inflated) => {
      this.#parse(inflated);
    }, this.#limits);
    return this.#inflater.write(chunk);
  }

  /**
   * Consumes a chunk and returns how many bytes of it were read: all, unless a deflated data set begins within it.
   */
  #parse(chunk: Uint8Array): number {
    try {
      let at = 0;
      if (this.#partial.length > 0) {
        at = this.#parsePartial(chunk);
      }
      if (this.#partial.length > 0 || this.#inflaterIsDue()) {
        return at;
      }
      const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      at = this.#parseFrom(chunk, view, at);
      if (at < chunk.length && !this.#inflaterIsDue()) {
        this.#partial = chunk.slice(at);
        at = chunk.length;
      }
      return at;
    } catch (error) {
      this.#failure = asError(error);
      throw error;
    }
  }

  #inflaterIsDue(): boolean {
    return this.#transferSyntax?.isDeflated === true && this.#inflater === undefined;
  }

  /** Completes the header that the chunk before ended in. Returns how many bytes of this chunk that took. */
  #parsePartial(chunk: Uint8Array): number {
    const before = this.#partial.length;
    // Enough for the longest header, whatever its first bytes will turn out to mean.
    const missing = (this.#state === "preamble" ? preambleBytes + 4 : 12) - before;
    const taken = Math.min(chunk.length, Math.max(missing, 0));
    const joined = new Uint8Array(before + taken);
    joined.set(this.#partial);
    joined.set(chunk.subarray(0, taken), before);
    const view = new DataView(joined.buffer);
    this.#partial = new Uint8Array(0);
    const consumed = this.#parseFrom(joined, view, 0, true);
    if (consumed === 0) {
      this.#partial = joined;
      return taken;
    }
    return consumed - before;
  }

  /**
   * Parses `chunk` from `at` on and returns where it stopped: at the end, at a header that the chunk does not hold
   * in full, or at a deflated data set. With `isOnce` it stops after one header.
   */
  #parseFrom(chunk: Uint8Array, view: DataView, at: number, isOnce = false): number {
    let position = at;
    let isDone = false;
    while (!isDone) {
      const available = chunk.length - position;
      let taken: number;
      switch (this.#state) {
        case "skip":
          taken = Math.min(available, this.#skipRemaining);
          this.#skipRemaining -= taken;
          if (this.#skipRemaining === 0) {
            this.#state = this.#dataset === undefined ? "meta" : "header";
          } else {
            isDone = true;
          }
          break;
        case "value":
          taken = this.#fillValue(chunk, position);
          isDone = this.#value !== undefined;
          break;
        case "fragmentStart":
          taken = this.#readFragmentStart(view, position);
          isDone = taken < 0;
          break;
        case "padding":
          taken = available;
          for (let offset = position; offset < chunk.length; offset += 1) {
            if (chunk[offset] !== 0) {
              throw this.#malformed(
                "There is an element with tag",
                this.#position + offset - position,
                0,
              );
            }
          }
          isDone = true;
          break;
        case "preamble":
          taken = this.#readPreamble(view, position);
          isDone = taken < 0;
          break;
        case "meta":
          taken = this.#readMetaHeader(view, position);
          isDone = taken < 0 || this.#inflaterIsDue();
          break;
        default:
          taken = this.#readHeader(view, position);
          isDone = taken < 0;
          break;
      }
      if (taken > 0) {
        position += taken;
        this.#position += taken;
      }
      isDone ||= isOnce && taken > 0;
    }
    return position;
  }

  #readPreamble(view: DataView, at: number): number {
    if (view.byteLength - at < preambleBytes + 4) {
      return -1;
    }
    if (view.getUint32(at + preambleBytes) !== 0x4449434d) {
      throw new Problem(
        "malformed",
        "The file is not a DICOM Part 10 file: it has no DICM prefix at offset 128.",
      );
    }
    this.#state = "meta";
    return preambleBytes + 4;
  }

  /** Reads a header of the File Meta Information, which is explicit VR little endian always (PS3.10 §7.1). */
  #readMetaHeader(view: DataView, at: number): number {
    // What follows a deflated syntax can look like anything, group 0002 included: there the stated length decides.
    const isStatedEnd = this.#fileMetaEnd === this.#position;
    if (isStatedEnd && this.#readTransferSyntax()?.isDeflated === true) {
      this.#beginDataset();
      return 0;
    }
    if (view.byteLength - at < 2) {
      return -1;
    }
    if (view.getUint16(at, true) !== 0x0002) {
      this.#beginDataset();
      return 0;
    }
    return this.#readElementHeader(view, at, this.#fileMetaLevel);
  }

  #readTransferSyntax(): TransferSyntax | undefined {
    const uid = getString(this.#fileMeta, transferSyntaxUIDTag);
    return uid === undefined || !isUID(uid) ? undefined : transferSyntaxOf(uid);
  }

  #beginDataset(): void {
    const transferSyntax = this.#readTransferSyntax();
    if (transferSyntax === undefined) {
      throw this.#malformed(
        "The File Meta Information that ends here has no valid TransferSyntaxUID",
        this.#position,
        transferSyntaxUIDTag,
      );
    }
    this.#transferSyntax = transferSyntax;
    this.#datasetOffset = this.#position;
    if (transferSyntax.isDeflated) {
      this.#position = 0;
    }
    const { isBigEndian, isImplicitVR } = transferSyntax;
    this.#dataset = new Dataset(isBigEndian);
    this.#level = {
      kind: "elements",
      dataset: this.#dataset,
      element: undefined,
      isImplicitVR,
      isBigEndian,
      end: Number.POSITIVE_INFINITY,
      outerEnd: Number.POSITIVE_INFINITY,
    };
    this.#state = "header";
  }

  /** Leaves the levels that end here. True when none but the data set itself is open. */
  #closeLevels(): boolean {
    while (this.#level !== undefined && this.#level.end <= this.#position) {
      this.#leave();
    }
    return this.#outerLevels.length === 0;
  }

  #enter(level: Level): void {
    if (this.#level !== undefined) {
      this.#outerLevels.push(this.#level);
    }
    this.#level = level;
  }

  #leave(): void {
    const left = this.#level;
    this.#level = this.#outerLevels.pop();
    if (left?.kind === "items") {
      this.#depth -= 1;
    }
    if (left?.element !== undefined && left.end === Number.POSITIVE_INFINITY) {
      // The value of undefined length ends after its delimiter, whose eight bytes are about to be counted.
      left.element.length = this.#position + 8 - left.element.offset;
    }
  }

  #readHeader(view: DataView, at: number): number {
    this.#closeLevels();
    const level = this.#level;
    if (level === undefined) {
      throw this.#truncated();
    }
    if (Math.min(level.end, level.outerEnd) - this.#position < 8) {
      throw this.#malformed("An item or sequence ends inside a header", this.#position);
    }
    if (view.byteLength - at < 8) {
      return -1;
    }
    switch (level.kind) {
      case "elements":
        return this.#readElementHeader(view, at, level);
      case "items":
        return this.#readItemHeader(view, at, level);
      default:
        return this.#readFragmentHeader(view, at, level);
    }
  }

  #countElement(): void {
    this.#elements += 1;
    if (this.#elements > this.#limits.elementsMax) {
      throw new Problem(
        "malformed",
        `The file has more than ${this.#limits.elementsMax} elements and items.`,
      );
    }
  }

  #readElementHeader(view: DataView, at: number, level: Level): number {
    const available = view.byteLength - at;
    if (available < 8) {
      return -1;
    }
    const offset = this.#position;
    const isLittle = !level.isBigEndian;
    const tag = view.getUint16(at, isLittle) * 0x10000 + view.getUint16(at + 2, isLittle);
    if (tag >= 0xfffe0000 && tag <= 0xfffeffff) {
      return this.#readDelimiter(tag, offset, level);
    }
    if (tag === 0 && this.#outerLevels.length === 0 && this.#dataset !== undefined) {
      this.#state = "padding";
      return 0;
    }
    let headerBytes = 8;
    let vr: string;
    let length: number;
    let representation: ValueRepresentation | undefined;
    if (level.isImplicitVR) {
      length = view.getUint32(at + 4, isLittle);
      vr = implicitVR(tag);
      if (vr === "US or SS") {
        vr = level.dataset.hasSignedPixels ? "SS" : "US";
      }
      representation = lookupVR(vr);
    } else {
      const known = lookupVRByCode(view.getUint16(at + 4));
      if (known === undefined) {
        throw this.#malformed("The VR is not two upper-case letters in", offset, tag);
      }
      ({ vr, representation } = known);
      if (representation.hasLongLength) {
        if (available < 12) {
          return -1;
        }
        headerBytes = 12;
        length = view.getUint32(at + 8, isLittle);
      } else {
        length = view.getUint16(at + 6, isLittle);
      }
    }
    this.#countElement();
    if (level.dataset.addedCount >= this.#limits.datasetElementsMax) {
      throw new Problem(
        "malformed",
        `A data set has more than ${this.#limits.datasetElementsMax} elements.`,
      );
    }
    const element: OpenElement = {
      tag,
      vr,
      offset: offset + headerBytes,
      length,
      bytes: undefined,
      items: undefined,
      hasFragments: false,
    };
    this.#checkFits(element, offset, level);
    this.#beginValue(element, representation?.kind ?? "bytes", level);
    return headerBytes;
  }

  #checkFits(element: OpenElement, offset: number, level: Level): void {
    if (element.length === undefinedLength) {
      return;
    }
    if (element.offset + element.length > Math.min(level.end, level.outerEnd)) {
      throw this.#malformed(
        "The value is longer than the item or sequence around it in",
        offset,
        element.tag,
      );
    }
  }

  #beginValue(element: OpenElement, kind: ValueRepresentation["kind"], level: Level): void {
    const { tag, length } = element;
    const isTop = this.#dataset !== undefined && this.#outerLevels.length === 0;
    if (this.#dataset === undefined && (kind === "sequence" || length === undefinedLength)) {
      throw this.#malformed("The File Meta Information has a sequence:", element.offset, tag);
    }
    if (length === undefinedLength) {
      this.#beginUndefinedLength(element, kind, level, isTop);
      return;
    }
    if (kind === "sequence") {
      level.dataset.set(element);
      this.#beginSequence(element, level, level.isImplicitVR, element.offset + length);
      return;
    }
    if (isTop && isPixelDataTag(tag)) {
      level.dataset.set(element);
      this.#pixelElement = element;
      this.#skipped = element;
      this.#skip(length);
      return;
    }
    if (this.#isBulk(element, kind)) {
      level.dataset.set(element);
      this.#skipped = element;
      this.#skip(length);
      return;
    }
    this.#keep(element, level.dataset);
  }

  #isBulk({ tag, vr, length }: OpenElement, kind: ValueRepresentation["kind"]): boolean {
    const limits = this.#limits;
    if (kind === "bytes") {
      const isOffsetTable =
        (tag === extendedOffsetTableTag || tag === extendedOffsetTableLengthsTag) &&
        this.#outerLevels.length === 0;
      const bytesMax = isOffsetTable ? limits.fragmentsMax * 8 : limits.byteValueBytesMax;
      return length > bytesMax;
    }
    return length > (bulkTextVRs.has(vr) ? limits.textValueBytesMax : limits.valueBytesMax);
  }

  /** Collects the value of `element` into memory and adds the element to `dataset`. */
  #keep(element: OpenElement, dataset: Dataset): void {
    this.#headerBytes += element.length;
    if (this.#headerBytes > this.#limits.headerBytesMax) {
      throw this.#malformed(
        `The header values exceed ${this.#limits.headerBytesMax} bytes in`,
        element.offset,
        element.tag,
      );
    }
    this.#valueTarget = this.#allocate(element.length);
    this.#valueFilled = 0;
    this.#value = element;
    this.#state = "value";
    if (element.tag !== itemTag) {
      dataset.set(element);
    }
  }

  /** Room for a value: a piece of a block for the small ones, since an ArrayBuffer of its own weighs more than they do. */
  #allocate(length: number): Uint8Array<ArrayBuffer> {
    if (length === 0) {
      return noBytes;
    }
    if (length > blockBytes / 8) {
      return new Uint8Array(length);
    }
    if (this.#blockUsed + length > this.#block.byteLength) {
      this.#block = new ArrayBuffer(blockBytes);
      this.#blockUsed = 0;
    }
    const value = new Uint8Array(this.#block, this.#blockUsed, length);
    this.#blockUsed += length;
    return value;
  }

  #skip(length: number): void {
    this.#skipRemaining = length;
    this.#state = length === 0 ? (this.#dataset === undefined ? "meta" : "header") : "skip";
  }

  #fillValue(chunk: Uint8Array, at: number): number {
    const target = this.#valueTarget;
    const taken = Math.min(chunk.length - at, target.length - this.#valueFilled);
    if (taken <= 24) {
      // A call into the runtime costs more than copying the few bytes of a typical value.
      for (let index = 0; index < taken; index += 1) {
        target[this.#valueFilled + index] = chunk[at + index] ?? 0;
      }
    } else {
      target.set(chunk.subarray(at, at + taken), this.#valueFilled);
    }
    this.#valueFilled += taken;
    if (this.#valueFilled === target.length) {
      this.#completeValue();
    }
    return taken;
  }

  #completeValue(): void {
    const element = this.#value;
    const bytes = this.#valueTarget;
    this.#value = undefined;
    this.#valueTarget = noBytes;
    this.#state = this.#dataset === undefined ? "meta" : "header";
    if (element === undefined) {
      return;
    }
    if (element.tag === itemTag) {
      this.#basicOffsetTable = bytes;
      return;
    }
    if (element.tag === extendedOffsetTableTag && this.#outerLevels.length === 0) {
      this.#extendedOffsetTable = bytes;
    } else if (element.tag === extendedOffsetTableLengthsTag && this.#outerLevels.length === 0) {
      this.#extendedOffsetTableLengths = bytes;
    }
    const isLongTable = element.vr === "OV" && bytes.length > this.#limits.byteValueBytesMax;
    element.bytes = isLongTable ? undefined : bytes;
    if (this.#dataset === undefined && element.tag === 0x00020000 && bytes.length === 4) {
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      this.#fileMetaEnd = element.offset + 4 + length;
    }
  }

  #beginUndefinedLength(
    element: OpenElement,
    kind: ValueRepresentation["kind"],
    level: Level,
    isTop: boolean,
  ): void {
    if (element.tag === pixelDataTag && kind === "bytes") {
      element.hasFragments = true;
      level.dataset.set(element);
      if (isTop) {
        this.#pixelElement = element;
        this.#fragments = new FragmentRecorder();
        this.#basicOffsetTable = undefined;
      }
      this.#hasOffsetTableItem = false;
      this.#skipped = element;
      this.#enter({
        kind: "fragments",
        dataset: level.dataset,
        element,
        isImplicitVR: level.isImplicitVR,
        isBigEndian: level.isBigEndian,
        end: Number.POSITIVE_INFINITY,
        outerEnd: Math.min(level.end, level.outerEnd),
      });
      this.#state = "header";
      return;
    }
    if (kind === "sequence" || element.vr === "UN") {
      // PS3.5 §6.2.2: UN of undefined length is a sequence in implicit VR little endian, whatever is around it.
      const isUnknown = element.vr === "UN" && !level.isImplicitVR;
      element.vr = "SQ";
      level.dataset.set(element);
      this.#beginSequence(
        element,
        level,
        isUnknown || level.isImplicitVR,
        Number.POSITIVE_INFINITY,
        isUnknown ? false : level.isBigEndian,
      );
      return;
    }
    throw this.#malformed(
      "The length is undefined, which only sequences and Pixel Data may have, in",
      element.offset,
      element.tag,
    );
  }

  #beginSequence(
    element: OpenElement,
    level: Level,
    isImplicitVR: boolean,
    end: number,
    isBigEndian: boolean = level.isBigEndian,
  ): void {
    this.#depth += 1;
    if (this.#depth > this.#limits.sequenceDepthMax) {
      throw this.#malformed(
        `Sequences nest deeper than ${this.#limits.sequenceDepthMax} levels in`,
        element.offset,
        element.tag,
      );
    }
    element.items = [];
    this.#enter({
      kind: "items",
      dataset: level.dataset,
      element,
      isImplicitVR,
      isBigEndian,
      end,
      outerEnd: Math.min(level.end, level.outerEnd),
    });
    this.#state = "header";
  }

  #readDelimiter(tag: Tag, offset: number, level: Level): number {
    if (tag === itemDelimitationTag && level.end === Number.POSITIVE_INFINITY) {
      if (this.#outerLevels.length > 0) {
        this.#leave();
        return 8;
      }
    }
    throw this.#malformed("An item or delimiter is out of place:", offset, tag);
  }

  #readItemHeader(view: DataView, at: number, level: Level): number {
    const isLittle = !level.isBigEndian;
    const tag = view.getUint16(at, isLittle) * 0x10000 + view.getUint16(at + 2, isLittle);
    const length = view.getUint32(at + 4, isLittle);
    const offset = this.#position;
    if (tag === sequenceDelimitationTag && level.end === Number.POSITIVE_INFINITY) {
      this.#leave();
      return 8;
    }
    if (tag !== itemTag) {
      throw this.#malformed("A sequence has something that is no item:", offset, tag);
    }
    this.#countElement();
    const outerEnd = Math.min(level.end, level.outerEnd);
    const end = length === undefinedLength ? Number.POSITIVE_INFINITY : offset + 8 + length;
    if (end !== Number.POSITIVE_INFINITY && end > outerEnd) {
      throw this.#malformed("An item is longer than the sequence around it:", offset, tag);
    }
    const item = new Dataset(level.isBigEndian, level.dataset);
    level.element?.items?.push(item);
    this.#enter({
      kind: "elements",
      dataset: item,
      element: undefined,
      isImplicitVR: level.isImplicitVR,
      isBigEndian: level.isBigEndian,
      end,
      outerEnd,
    });
    return 8;
  }

  #readFragmentHeader(view: DataView, at: number, level: Level): number {
    const isLittle = !level.isBigEndian;
    const tag = view.getUint16(at, isLittle) * 0x10000 + view.getUint16(at + 2, isLittle);
    const length = view.getUint32(at + 4, isLittle);
    const offset = this.#position;
    if (tag === sequenceDelimitationTag) {
      this.#leave();
      return 8;
    }
    if (tag !== itemTag || length === undefinedLength) {
      throw this.#malformed("Pixel Data has something that is no fragment:", offset, tag);
    }
    if (offset + 8 + length > level.outerEnd) {
      throw this.#malformed("A fragment is longer than the item around it:", offset, tag);
    }
    const isTop = this.#outerLevels.length === 1;
    const fragments = isTop ? this.#fragments : undefined;
    if (!this.#hasOffsetTableItem) {
      // The first item is the Basic Offset Table, empty or not (PS3.5 §A.4).
      this.#hasOffsetTableItem = true;
      if (fragments === undefined || length === 0) {
        this.#skip(length);
        return 8;
      }
      if (length > this.#limits.fragmentsMax * 4) {
        throw this.#malformed("The Basic Offset Table is too long", offset);
      }
      this.#keep(
        {
          tag: itemTag,
          vr: "OB",
          offset: offset + 8,
          length,
          bytes: undefined,
          items: undefined,
          hasFragments: false,
        },
        level.dataset,
      );
      return 8;
    }
    if (fragments === undefined) {
      this.#countElement();
      this.#skip(length);
      return 8;
    }
    if (fragments.count >= this.#limits.fragmentsMax) {
      throw this.#malformed(
        `Pixel Data has more than ${this.#limits.fragmentsMax} fragments`,
        offset,
      );
    }
    fragments.add(offset + 8, length);
    this.#skipRemaining = length;
    this.#state = length === 0 ? "header" : "fragmentStart";
    return 8;
  }

  /** Notes the first four bytes of a fragment, which may tell whether a codestream begins here. */
  #readFragmentStart(view: DataView, at: number): number {
    const needed = Math.min(4, this.#skipRemaining);
    if (view.byteLength - at < needed) {
      return -1;
    }
    if (needed === 4) {
      this.#fragments?.noteStart(view.getUint32(at));
    }
    this.#skip(this.#skipRemaining - needed);
    return needed;
  }

  #indexPixelData(dataset: Dataset, transferSyntax: TransferSyntax): PixelData | undefined {
    const element = this.#pixelElement;
    if (element === undefined) {
      return undefined;
    }
    const { tag, vr, offset, length, hasFragments } = element;
    const { frames, issue } =
      hasFragments && this.#fragments !== undefined
        ? indexEncapsulatedFrames(dataset, transferSyntax, this.#fragments, {
            basic: this.#basicOffsetTable,
            extended: this.#extendedOffsetTable,
            extendedLengths: this.#extendedOffsetTableLengths,
          })
        : indexNativeFrames(dataset, vr, offset, length);
    return { tag, vr, isEncapsulated: hasFragments, offset, length, frames, issue };
  }
}

/** Pixel Data, Float Pixel Data or Double Float Pixel Data (PS3.3 §C.7.6.24). */
function isPixelDataTag(tag: Tag): boolean {
  return tag === pixelDataTag || tag === 0x7fe00008 || tag === 0x7fe00009;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error
    ? thrown
    : new Error("Something else was thrown.", { cause: thrown });
}
