import assert from "node:assert";
import { Problem } from "../problem/problem.ts";

/** One part of a multipart body. */
export interface MultipartPart {
  /** Header fields by lower-case name. A field that is repeated has its values joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  /**
   * The content, to be read at most once and before the next part is asked for. What is left unread is skipped. The
   * chunks are views of the chunks that the body was given in, and belong to the reader of the part.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/** What a multipart body may hold before it is refused. */
export interface MultipartLimits {
  /** Parts in one body. */
  readonly partsMax: number;
  /** Bytes in the header block of one part. */
  readonly headerBytesMax: number;
  /** Header fields of one part. */
  readonly headerFieldsMax: number;
}

/** How to read a multipart body. */
export interface MultipartOptions {
  /** The `boundary` parameter of the Content-Type. Without one, the first line of the body that starts with `--` gives it. */
  readonly boundary?: string;
  /** Replaces some of {@link defaultMultipartLimits}. */
  readonly limits?: Partial<MultipartLimits>;
}

/** The limits that hold unless a caller states others. */
export const defaultMultipartLimits: MultipartLimits = {
  partsMax: 10_000,
  headerBytesMax: 16 * 1024,
  headerFieldsMax: 64,
};

// RFC 2046 §5.1.1 allows 70 characters. Some toolkits write a little more, and nothing but our memory depends on it.
const boundaryLengthMax = 200;

// Without a boundary in the header the body is searched for one, line by line, and a line is held in memory.
const preambleBytesMax = 16 * 1024;

// RFC 2046 lets a gateway pad a delimiter line with white space and sets no limit, so we set one: it is held in memory.
const paddingBytesMax = 64;

const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;
const SPACE = 0x20;
const TAB = 0x09;

/**
 * Reads a multipart body (RFC 2046 §5.1, RFC 2387) as a stream of parts, for the Store transaction (PS3.18 §10.5).
 *
 * Holds one chunk, one header block and one boundary in memory however large a part is: a part may be a whole-slide
 * image of several gigabytes, and a worker is not. In return each part must be read, or is skipped, before the next.
 *
 * Tolerated: a preamble, a leading line break, white space after a boundary, line breaks that are all bare LF, folded
 * header fields, an epilogue, no line break at the end, and a boundary that the header does not tell. Bytes like a
 * boundary are data unless they start a line and are followed by nothing else on it.
 *
 * Throws Problem `malformed` for a body without its boundary, one that ends before its closing boundary, and header
 * fields that are none or too many, and `tooLarge` for too many parts. Errors of `body` itself pass through. When a
 * reader stops early or the body is refused, `body` is closed as any `for await` would do.
 */
export async function* readMultipart(
  body: AsyncIterable<Uint8Array>,
  options: MultipartOptions = {},
): AsyncGenerator<MultipartPart, void, undefined> {
  const limits = { ...defaultMultipartLimits, ...options.limits };
  const source = new ByteSource(body[Symbol.asyncIterator]());
  let isAtEnd = false;
  try {
    const delimiters =
      options.boundary === undefined
        ? await discoverBoundary(source)
        : await skipPreamble(source, checkBoundary(options.boundary));
    if (delimiters !== undefined) {
      yield* readParts(source, delimiters, limits);
    }
    await source.drain();
    isAtEnd = true;
  } finally {
    if (!isAtEnd) {
      await source.close();
    }
  }
}

/** The bytes that end a part, and the line break that the sender uses. */
interface Delimiters {
  readonly dashBoundary: Buffer;
  readonly delimiter: Buffer;
  readonly lineBreak: "\r\n" | "\n";
}

/** What follows bytes that look like a boundary. */
type Tail =
  | { readonly kind: "part"; readonly end: number; readonly lineBreak: "\r\n" | "\n" }
  | { readonly kind: "close"; readonly end: number }
  | { readonly kind: "data" }
  | { readonly kind: "undecided" };

/**
 * The bytes of a body that have been received and not consumed, and a way to ask for more.
 *
 * A chunk is copied only when something that began in the chunk before may go on in it, and then only its beginning.
 */
class ByteSource {
  buffer: Buffer = Buffer.alloc(0);
  isEnded = false;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #waiting: Buffer | undefined;

  constructor(iterator: AsyncIterator<Uint8Array>) {
    this.#iterator = iterator;
  }

  /** Appends at least one byte to `buffer`, or tells that there is none. */
  async more(): Promise<boolean> {
    const chunk = await this.#next();
    if (chunk === undefined) {
      return false;
    }
    if (this.buffer.length === 0) {
      this.buffer = chunk;
      return true;
    }
    const copiedMax = 1024;
    if (chunk.length > copiedMax) {
      this.#waiting = chunk.subarray(copiedMax);
    }
    this.buffer = Buffer.concat([this.buffer, chunk.subarray(0, copiedMax)]);
    return true;
  }

  consume(bytes: number): void {
    this.buffer = this.buffer.subarray(bytes);
  }

  async drain(): Promise<void> {
    this.buffer = Buffer.alloc(0);
    while ((await this.#next()) !== undefined) {
      // What follows the closing boundary says nothing, and is read so that the connection can serve another request.
    }
  }

  async close(): Promise<void> {
    this.isEnded = true;
    await this.#iterator.return?.();
  }

  async #next(): Promise<Buffer | undefined> {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      return waiting;
    }
    while (!this.isEnded) {
      const result = await this.#iterator.next();
      if (result.done === true) {
        this.isEnded = true;
      } else if (result.value.length > 0) {
        const { buffer, byteOffset, byteLength } = result.value;
        return Buffer.from(buffer, byteOffset, byteLength);
      }
    }
    return undefined;
  }
}

async function* readParts(
  source: ByteSource,
  delimiters: Delimiters,
  limits: MultipartLimits,
): AsyncGenerator<MultipartPart, void, undefined> {
  let partCount = 0;
  for (;;) {
    const { headers, next } = await readHeaders(source, delimiters, limits);
    // A part without a header field and without so much as an empty line of content is what .NET writes for no parts.
    if (next === undefined || headers.size > 0) {
      partCount += 1;
      if (partCount > limits.partsMax) {
        throw new Problem("tooLarge", `A request holds at most ${limits.partsMax} parts.`);
      }
      const content = new PartContent(source, delimiters, next);
      yield { headers, body: content };
      if (await content.skip()) {
        return;
      }
    } else if (next === "close") {
      return;
    }
  }
}

/** The content of the part that is being read. */
class PartContent implements AsyncIterable<Uint8Array> {
  readonly #source: ByteSource;
  readonly #delimiters: Delimiters;
  /** What ended the part, once that has been read. */
  #ending: "part" | "close" | undefined;
  #isTaken = false;
  #isOver = false;

  constructor(source: ByteSource, delimiters: Delimiters, ending: "part" | "close" | undefined) {
    this.#source = source;
    this.#delimiters = delimiters;
    this.#ending = ending;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    assert(!this.#isTaken && !this.#isOver, "A part is read once, before the next part.");
    this.#isTaken = true;
    return {
      next: async () => {
        const value = this.#isOver ? undefined : await this.#read();
        return value === undefined ? { done: true, value: undefined } : { done: false, value };
      },
      // The rest of the part stays where it is: skip() passes over it.
      return: () => {
        this.#isOver = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** Passes over what has not been read. True when the body has no further part. */
  async skip(): Promise<boolean> {
    this.#isOver = true;
    while ((await this.#read()) !== undefined) {
      // Nobody asked for these bytes.
    }
    return this.#ending === "close";
  }

  async #read(): Promise<Buffer | undefined> {
    const source = this.#source;
    const { delimiter, lineBreak } = this.#delimiters;
    let searchFrom = 0;
    while (this.#ending === undefined) {
      const { buffer } = source;
      const at = buffer.indexOf(delimiter, searchFrom);
      if (at === -1) {
        const sure = buffer.length - partialSuffixLength(buffer, delimiter);
        if (sure > 0) {
          source.consume(sure);
          return buffer.subarray(0, sure);
        }
        searchFrom = 0;
      } else {
        const tail = readTail(buffer, at + delimiter.length, source.isEnded, lineBreak);
        if (tail.kind === "data") {
          searchFrom = at + delimiter.length;
          continue;
        }
        if (tail.kind !== "undecided") {
          this.#ending = tail.kind;
          source.consume(tail.end);
          if (at > 0) {
            return buffer.subarray(0, at);
          }
          break;
        }
        if (at > 0) {
          source.consume(at);
          return buffer.subarray(0, at);
        }
        searchFrom = 0;
      }
      if (!(await source.more()) && !isDecidedByEnd(source.buffer, delimiter)) {
        throw neverCloses();
      }
    }
    return undefined;
  }
}

/** Whether the end of the body makes a closing boundary of what is left of it. */
function isDecidedByEnd(buffer: Buffer, delimiter: Buffer): boolean {
  if (buffer.indexOf(delimiter) !== 0) {
    return false;
  }
  return readTail(buffer, delimiter.length, true, "\r\n").kind === "close";
}

/**
 * Judges what follows `--boundary` at `from`: a line break after optional white space, `--`, or anything else, which
 * makes the whole of it data.
 */
function readTail(
  buffer: Buffer,
  from: number,
  isEnded: boolean,
  lineBreak: "\r\n" | "\n" | undefined,
): Tail {
  const undecided: Tail = isEnded ? { kind: "data" } : { kind: "undecided" };
  const first = buffer[from];
  if (first === undefined) {
    return undecided;
  }
  if (first === DASH) {
    const second = buffer[from + 1];
    if (second !== DASH) {
      return second === undefined ? undecided : { kind: "data" };
    }
    const at = skipPadding(buffer, from + 2);
    const after = buffer[at];
    if (after === undefined) {
      return isEnded ? { kind: "close", end: at } : { kind: "undecided" };
    }
    return after === CR || after === LF ? { kind: "close", end: at } : { kind: "data" };
  }
  const at = skipPadding(buffer, from);
  const after = buffer[at];
  if (after === undefined) {
    return undecided;
  }
  if (after === LF && lineBreak !== "\r\n") {
    return { kind: "part", end: at + 1, lineBreak: "\n" };
  }
  if (after === CR && lineBreak !== "\n") {
    const last = buffer[at + 1];
    if (last === undefined) {
      return undecided;
    }
    return last === LF ? { kind: "part", end: at + 2, lineBreak: "\r\n" } : { kind: "data" };
  }
  return { kind: "data" };
}

function skipPadding(buffer: Buffer, from: number): number {
  let at = from;
  while (at - from < paddingBytesMax && (buffer[at] === SPACE || buffer[at] === TAB)) {
    at += 1;
  }
  return at;
}

/** How many bytes at the end of `buffer` could be the beginning of `needle`. */
function partialSuffixLength(buffer: Buffer, needle: Buffer): number {
  const first = needle[0];
  assert(first !== undefined);
  let at = buffer.indexOf(first, Math.max(0, buffer.length - needle.length + 1));
  while (at !== -1) {
    const length = buffer.length - at;
    if (buffer.compare(needle, 0, length, at) === 0) {
      return length;
    }
    at = buffer.indexOf(first, at + 1);
  }
  return 0;
}

function delimitersOf(boundary: string, lineBreak: "\r\n" | "\n"): Delimiters {
  return {
    dashBoundary: Buffer.from(`--${boundary}`, "latin1"),
    delimiter: Buffer.from(`${lineBreak}--${boundary}`, "latin1"),
    lineBreak,
  };
}

function checkBoundary(boundary: string): string {
  // RFC 2046 §5.1.1: a boundary does not end in white space, so what is there was added on the way.
  const trimmed = boundary.trimEnd();
  if (trimmed.length === 0 || trimmed.length > boundaryLengthMax || /[\r\n]/.test(trimmed)) {
    throw new Problem(
      "malformed",
      `The multipart boundary must have 1 to ${boundaryLengthMax} characters.`,
    );
  }
  return trimmed;
}

/** Passes over everything up to the first delimiter line. Undefined when the body closes without any part. */
async function skipPreamble(source: ByteSource, boundary: string): Promise<Delimiters | undefined> {
  const dashBoundary = Buffer.from(`--${boundary}`, "latin1");
  let isLineStart = true;
  let searchFrom = 0;
  for (;;) {
    const { buffer } = source;
    const at = buffer.indexOf(dashBoundary, searchFrom);
    let keepFrom: number;
    if (at === -1) {
      keepFrom = buffer.length - partialSuffixLength(buffer, dashBoundary);
    } else if (at === 0 ? isLineStart : buffer[at - 1] === LF) {
      const tail = readTail(buffer, at + dashBoundary.length, source.isEnded, undefined);
      if (tail.kind === "data") {
        searchFrom = at + dashBoundary.length;
        continue;
      }
      if (tail.kind !== "undecided") {
        source.consume(tail.end);
        return tail.kind === "close" ? undefined : delimitersOf(boundary, tail.lineBreak);
      }
      keepFrom = at;
    } else {
      searchFrom = at + 1;
      continue;
    }
    if (keepFrom > 0) {
      isLineStart = buffer[keepFrom - 1] === LF;
      source.consume(keepFrom);
    }
    searchFrom = 0;
    if (!(await source.more()) && !(isLineStart && isDecidedByEnd(source.buffer, dashBoundary))) {
      throw new Problem("malformed", "The multipart body does not contain its boundary.");
    }
  }
}

/** Takes the first line that starts with `--` for the boundary. Undefined when the body closes without any part. */
async function discoverBoundary(source: ByteSource): Promise<Delimiters | undefined> {
  let preambleBytes = 0;
  for (;;) {
    const line = await readLine(source, preambleBytesMax - preambleBytes);
    if (line === undefined) {
      throw new Problem(
        "malformed",
        "The Content-Type has no boundary parameter and the multipart body has no line that starts with --.",
      );
    }
    preambleBytes += line.text.length + line.lineBreak.length;
    if (!line.text.startsWith("--")) {
      continue;
    }
    const text = line.text.trimEnd();
    if (text.endsWith("--") && source.buffer.length === 0 && !(await source.more())) {
      return undefined;
    }
    if (line.lineBreak === "") {
      throw neverCloses();
    }
    return delimitersOf(checkBoundary(text.slice(2)), line.lineBreak);
  }
}

interface Line {
  readonly text: string;
  readonly lineBreak: "\r\n" | "\n" | "";
}

/** Consumes one line. Undefined when there is none within `bytesMax` or before the end. The last may lack its break. */
async function readLine(source: ByteSource, bytesMax: number): Promise<Line | undefined> {
  let searchFrom = 0;
  for (;;) {
    const { buffer } = source;
    const at = buffer.indexOf(LF, searchFrom);
    const length = at === -1 ? buffer.length : at + 1;
    if (length > bytesMax) {
      return undefined;
    }
    if (at !== -1) {
      const isCRLF = at > 0 && buffer[at - 1] === CR;
      const text = buffer.toString("latin1", 0, isCRLF ? at - 1 : at);
      source.consume(at + 1);
      return { text, lineBreak: isCRLF ? "\r\n" : "\n" };
    }
    searchFrom = buffer.length;
    if (!(await source.more())) {
      const text = buffer.toString("latin1");
      source.consume(buffer.length);
      return text === "" ? undefined : { text, lineBreak: "" };
    }
  }
}

interface PartHeaders {
  readonly headers: ReadonlyMap<string, string>;
  /** What was found instead of content, when the part has none at all. */
  readonly next: "part" | "close" | undefined;
}

// RFC 9110 §5.1: a field name is a token.
const fieldNamePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

async function readHeaders(
  source: ByteSource,
  delimiters: Delimiters,
  limits: MultipartLimits,
): Promise<PartHeaders> {
  const headers = new Map<string, string>();
  let bytesLeft = limits.headerBytesMax;
  let fieldCount = 0;
  let lastName: string | undefined;
  for (;;) {
    // RFC 2046 §5.1.1: the line break that ends the header block may already be that of the next delimiter.
    const next = await readDelimiterLine(source, delimiters);
    if (next !== undefined) {
      return { headers, next };
    }
    const line = await readLine(source, bytesLeft);
    if (line === undefined || line.lineBreak === "") {
      throw source.isEnded && source.buffer.length === 0
        ? neverCloses()
        : new Problem(
            "malformed",
            `The header of a part has no end within ${limits.headerBytesMax} bytes.`,
          );
    }
    if (line.text === "") {
      const empty = await readDelimiterLine(source, delimiters);
      return { headers, next: empty };
    }
    bytesLeft -= line.text.length + line.lineBreak.length;
    const isFolded = line.text.startsWith(" ") || line.text.startsWith("\t");
    if (isFolded && lastName !== undefined) {
      headers.set(lastName, `${headers.get(lastName) ?? ""} ${line.text.trim()}`);
      continue;
    }
    const colon = line.text.indexOf(":");
    const name = line.text.slice(0, Math.max(0, colon)).trimEnd().toLowerCase();
    if (!fieldNamePattern.test(name)) {
      throw new Problem("malformed", "A part has a header line that is not a header field.");
    }
    fieldCount += 1;
    if (fieldCount > limits.headerFieldsMax) {
      throw new Problem("malformed", `A part has at most ${limits.headerFieldsMax} header fields.`);
    }
    const value = line.text.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
    lastName = name;
  }
}

/** Consumes a delimiter line that starts right here, and tells which sort it is. Consumes nothing else. */
async function readDelimiterLine(
  source: ByteSource,
  { dashBoundary, lineBreak }: Delimiters,
): Promise<"part" | "close" | undefined> {
  for (;;) {
    const { buffer } = source;
    const length = Math.min(buffer.length, dashBoundary.length);
    if (buffer.compare(dashBoundary, 0, length, 0, length) !== 0) {
      return undefined;
    }
    if (buffer.length >= dashBoundary.length) {
      const tail = readTail(buffer, dashBoundary.length, source.isEnded, lineBreak);
      if (tail.kind === "data") {
        return undefined;
      }
      if (tail.kind !== "undecided") {
        source.consume(tail.end);
        return tail.kind;
      }
    }
    if (!(await source.more()) && !isDecidedByEnd(source.buffer, dashBoundary)) {
      return undefined;
    }
  }
}

function neverCloses(): Problem {
  return new Problem("malformed", "The multipart body ends before its closing boundary.");
}
