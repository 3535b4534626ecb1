import fc from "fast-check";
import { expect, test } from "vitest";
import { byteSource } from "../../../../shared/transactions/byteSource.ts";

async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
}

test("what is skipped and taken is the same however the stream is cut", async () => {
  const bytes = Uint8Array.from({ length: 200 }, (_, at) => at);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.record({ skip: fc.nat(9), take: fc.nat(9), read: fc.nat(9) }), { maxLength: 8 }),
      async (sizes, steps) => {
        const source = byteSource(chunked(bytes, sizes));
        let at = 0;
        for (const { skip, take, read } of steps) {
          await source.skip(skip);
          at += skip;
          const taken: number[] = [];
          for await (const chunk of source.take(take)) {
            taken.push(...chunk);
            if (taken.length >= read) {
              break;
            }
          }
          await source.finishTaken();
          expect(taken).toEqual([...bytes.subarray(at, at + taken.length)]);
          expect(taken.length).toBeGreaterThanOrEqual(Math.min(read, take));
          at += take;
        }
      },
    ),
    { seed: 20261121 },
  );
});

test("a stream that ends early is an error", async () => {
  const source = byteSource(chunked(new Uint8Array(10), [3]));
  await expect(source.skip(11)).rejects.toThrow("ends before");
});

test("closing ends the stream", async () => {
  let isOpen = true;
  const source = byteSource(
    (async function* endless() {
      try {
        for (;;) {
          yield await Promise.resolve(new Uint8Array(4));
        }
      } finally {
        isOpen = false;
      }
    })(),
  );
  await source.skip(6);
  await source.close();
  expect(isOpen).toBe(false);
});
