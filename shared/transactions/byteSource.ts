import assert from "node:assert/strict";

/** Bytes that are read in order, by length. */
export interface ByteSource {
  /** Passes over bytes. */
  skip(length: number): Promise<void>;
  /** The next bytes, as they come. To be read before anything else is done with the source. */
  take(length: number): AsyncIterable<Uint8Array>;
  /** Passes over what was taken and not read. */
  finishTaken(): Promise<void>;
  /** Ends the reading. */
  close(): Promise<void>;
}

/** Reads `stream` by length. Throws when it ends early: what is stored is shorter than what was stored. */
export function byteSource(stream: AsyncIterable<Uint8Array>): ByteSource {
  const iterator = stream[Symbol.asyncIterator]();
  let buffer: Uint8Array = new Uint8Array(0);
  let taken = 0;
  const next = async (most: number): Promise<Uint8Array> => {
    while (buffer.byteLength === 0) {
      const result = await iterator.next();
      assert(result.done !== true, "The content ends before its index says.");
      buffer = result.value;
    }
    const chunk = buffer.subarray(0, most);
    buffer = buffer.subarray(chunk.byteLength);
    return chunk;
  };
  const skip = async (length: number): Promise<void> => {
    for (let left = length; left > 0;) {
      left -= (await next(left)).byteLength;
    }
  };
  return {
    skip,
    take: (length) => {
      taken = length;
      return (async function* span() {
        while (taken > 0) {
          const chunk = await next(taken);
          taken -= chunk.byteLength;
          yield chunk;
        }
      })();
    },
    finishTaken: async () => {
      const left = taken;
      taken = 0;
      await skip(left);
    },
    close: async () => {
      await iterator.return?.();
    },
  };
}
