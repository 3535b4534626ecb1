import { expect, test } from "vitest";
import { boundedBody } from "../../../../shared/http/boundedBody.ts";

let isRead = false;

async function* chunks(...lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  isRead = true;
  for (const length of lengths) {
    yield await Promise.resolve(new Uint8Array(length));
  }
}

async function read(body: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
  }
  return bytes;
}

test("a body of as many bytes as it may hold is read, and one of a byte more is too large", async () => {
  expect(await read(boundedBody(chunks(4, 6), [], 10))).toBe(10);
  expect(await read(boundedBody(chunks(10), ["10"], 10))).toBe(10);
  await expect(read(boundedBody(chunks(4, 6, 1), [], 10))).rejects.toMatchObject({
    kind: "tooLarge",
  });
  await expect(read(boundedBody(chunks(11), ["3"], 10))).rejects.toMatchObject({
    kind: "tooLarge",
  });
});

test("one that says beforehand that it is longer is not read at all", async () => {
  isRead = false;
  await expect(read(boundedBody(chunks(1), ["11"], 10))).rejects.toMatchObject({
    kind: "tooLarge",
  });
  expect(isRead).toBe(false);
});
