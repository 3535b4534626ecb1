import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { compress, negotiateContentCoding } from "../../../../shared/http/contentCoding.ts";

test.each([
  [[], "identity"],
  [[""], "identity"],
  [["gzip"], "gzip"],
  [["x-gzip"], "gzip"],
  [["GZIP"], "gzip"],
  [["br"], "br"],
  [["gzip, deflate, br, zstd"], "br"],
  [["gzip", "br"], "br"],
  [["br;q=0.5, gzip"], "gzip"],
  [["br; q=0.5, gzip;q=0.4"], "br"],
  [["br;q=0, gzip;q=0"], "identity"],
  [["*"], "br"],
  [["*;q=0.1, gzip;q=0"], "br"],
  [["identity, gzip;q=0.5"], "identity"],
  [["identity;q=0, deflate"], "identity"],
  [["deflate"], "identity"],
  [["gzip;q=what"], "gzip"],
  [[";;;,,,=q"], "identity"],
])("Accept-Encoding: %j is answered with %s", (headers, expected) => {
  expect(negotiateContentCoding(headers)).toBe(expected);
});

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) {
    all.push(chunk);
  }
  return Buffer.concat(all);
}

test.each([
  ["br", brotliDecompressSync],
  ["gzip", gunzipSync],
] as const)("what %s makes of a body is read back, an empty one too", async (coding, expand) => {
  for (const pieces of [[], ["one"], ["one", "x".repeat(300_000), "", "end"]]) {
    const body = (async function* body() {
      for (const piece of pieces) {
        yield await Promise.resolve(Buffer.from(piece));
      }
    })();
    expect(expand(await collect(compress(body, coding))).toString()).toBe(pieces.join(""));
  }
});

test.each(["br", "gzip"] as const)(
  "%s sends the first piece before there is a second one",
  async (coding) => {
    let releaseRest: (() => void) | undefined;
    const rest = new Promise<void>((resolve) => {
      releaseRest = resolve;
    });
    const body = (async function* body() {
      yield Buffer.from("first");
      await rest;
      yield Buffer.from("second");
    })();
    const iterator = compress(body, coding);
    const first = await iterator.next();
    expect(first.done).toBe(false);
    releaseRest?.();
    expect((await collect(iterator)).length).toBeGreaterThan(0);
  },
);

test.each(["br", "gzip"] as const)("a body that fails makes %s fail", async (coding) => {
  const body = (async function* body() {
    yield await Promise.resolve(Buffer.from("first"));
    throw new Error("gone");
  })();
  await expect(collect(compress(body, coding))).rejects.toThrow("gone");
});

test.each(["br", "gzip"] as const)("a reader of %s that stops ends the body", async (coding) => {
  let hasEnded = false;
  const body = (async function* body() {
    try {
      for (;;) {
        yield await Promise.resolve(Buffer.from(`${Math.random()}`));
      }
    } finally {
      hasEnded = true;
    }
  })();
  for await (const chunk of compress(body, coding)) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  await expect.poll(() => hasEnded).toBe(true);
});
