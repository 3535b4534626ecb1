import assert from "node:assert";
import { createInflateRaw, type InflateRaw } from "node:zlib";
import { Problem } from "../problem/problem.ts";

/** What inflating may cost. */
export interface InflaterLimits {
  /** A stream may inflate to this many bytes in any case. */
  readonly inflatedBytesMin: number;
  /** Above that, it may inflate to this many times the bytes written. */
  readonly inflationRatioMax: number;
}

/**
 * Inflates a raw DEFLATE stream (RFC 1951), as a deflated data set is (PS3.5 §A.5), and hands the bytes to `consume` as
 * they come.
 *
 * Throws Problem `malformed` for a stream that is damaged, cut, or inflates beyond the limits; what `consume` throws
 * ends the inflating and is thrown on. Bytes after the end of the stream are padding and are dropped.
 */
export class Inflater {
  readonly #consume: (inflated: Uint8Array) => void;
  readonly #limits: InflaterLimits;
  readonly #stream: InflateRaw = createInflateRaw({ chunkSize: 64 * 1024 });
  readonly #finished: Promise<void>;
  #settleWrite: (() => void) | undefined;
  #failure: Error | undefined;
  #writtenBytes = 0;
  #inflatedBytes = 0;

  constructor(consume: (inflated: Uint8Array) => void, limits: InflaterLimits) {
    this.#consume = consume;
    this.#limits = limits;
    this.#finished = this.#listen();
    // Whoever writes or ends learns of a failure; nobody may be waiting when it happens.
    this.#finished.catch(() => undefined);
  }

  #listen(): Promise<void> {
    const stream = this.#stream;
    return new Promise((resolve, reject) => {
      stream.on("data", (inflated: Uint8Array) => {
        if (this.#failure !== undefined) {
          return;
        }
        try {
          this.#count(inflated.length);
          this.#consume(inflated);
        } catch (error) {
          this.#failure =
            error instanceof Error ? error : new Error("not an error", { cause: error });
          stream.destroy();
          reject(this.#failure);
        }
      });
      stream.on("error", (cause) => {
        this.#failure ??= new Problem(
          "malformed",
          "The deflated data set is damaged or truncated: it is not a complete DEFLATE stream.",
          { cause },
        );
        reject(this.#failure);
      });
      const finish = (): void => {
        resolve();
        this.#settleWrite?.();
      };
      stream.on("end", finish);
      stream.on("close", finish);
    });
  }

  #count(bytes: number): void {
    this.#inflatedBytes += bytes;
    const { inflatedBytesMin, inflationRatioMax } = this.#limits;
    const bytesMax = Math.max(inflatedBytesMin, this.#writtenBytes * inflationRatioMax);
    if (this.#inflatedBytes > bytesMax) {
      throw new Problem(
        "malformed",
        `The deflated data set inflates to more than ${inflationRatioMax} times its size.`,
      );
    }
  }

  /** Done when the chunk is inflated and consumed; it is the caller's again then. One at a time. */
  write(chunk: Uint8Array): Promise<void> {
    this.#writtenBytes += chunk.length;
    return new Promise((resolve, reject) => {
      const settle = (error?: Error | null): void => {
        const failure = this.#failure ?? error ?? undefined;
        if (failure === undefined) {
          resolve();
        } else {
          reject(failure);
        }
      };
      if (this.#stream.destroyed || this.#stream.readableEnded) {
        settle();
        return;
      }
      // A write that zlib fails on, or that reaches behind the end of its stream, may never call back: the end or
      // the closing of the stream settles it too.
      this.#settleWrite = settle;
      this.#stream.write(chunk, settle);
    });
  }

  /** Done when the stream has come to its own end. */
  async end(): Promise<void> {
    this.#stream.end();
    await this.#finished;
    assert(this.#stream.readableEnded, "a DEFLATE stream fails or is read to its end");
    this.#stream.destroy();
  }

  /** Releases the memory outside the heap, at any time, and settles a `write` that is under way. */
  close(): void {
    this.#stream.destroy();
  }
}
