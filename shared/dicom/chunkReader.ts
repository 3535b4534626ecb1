import { Problem } from "../problem/problem.ts";

/**
 * Reads a stream of chunks by length, and counts where it is.
 *
 * Holds the chunk at hand and what was asked for together. Throws Problem `notAcceptable` when the stream ends before what
 * is asked for.
 */
export class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #buffer: Uint8Array = new Uint8Array(0);
  #position: number;

  /** The first byte of `chunks` counts as `position`. */
  constructor(chunks: AsyncIterable<Uint8Array>, position: number) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#position = position;
  }

  /** Of the next byte. */
  get position(): number {
    return this.#position;
  }

  /** Whether `count` bytes are at hand without waiting. */
  has(count: number): boolean {
    return this.#buffer.length >= count;
  }

  /** The next bytes, up to `count` of them, which stay unread; fewer only at the end. */
  async peek(count: number): Promise<Uint8Array> {
    while (this.#buffer.length < count) {
      const next = await this.#chunks.next();
      if (next.done === true) {
        break;
      }
      this.#buffer =
        this.#buffer.length === 0 ? next.value : Buffer.concat([this.#buffer, next.value]);
    }
    return this.#buffer.subarray(0, count);
  }

  /** Passes over bytes that {@link ChunkReader.peek} gave. */
  drop(count: number): void {
    this.#buffer = this.#buffer.subarray(count);
    this.#position += count;
  }

  /** The next `count` bytes together. For what is known to be small. */
  async read(count: number): Promise<Uint8Array> {
    const bytes = await this.peek(count);
    if (bytes.length < count) {
      throw this.#ended();
    }
    this.drop(count);
    return bytes;
  }

  /** The next `count` bytes as they come, to be read before anything else is. */
  async *stream(count: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = count; left > 0;) {
      const bytes = await this.peek(Math.min(left, Math.max(this.#buffer.length, 1)));
      if (bytes.length === 0) {
        throw this.#ended();
      }
      this.drop(bytes.length);
      left -= bytes.length;
      yield bytes;
    }
  }

  /** Passes over bytes. */
  async skip(count: number): Promise<void> {
    for await (const chunk of this.stream(count)) {
      void chunk;
    }
  }

  /** Ends the reading. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #ended(): Problem {
    return new Problem(
      "notAcceptable",
      `The instance ends at offset ${this.#position + this.#buffer.length}, before its last element does.`,
    );
  }
}
