import { expect, test } from "vitest";
import { readAhead } from "../../../../shared/transactions/readAhead.ts";

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number += 1) {
    yield await Promise.resolve(number);
  }
}

test("items come in order although later ones are ready sooner", async () => {
  const seen: number[] = [];
  const opened = readAhead(numbers(10), 3, async (number) => {
    for (let turn = 0; turn < (10 - number) * 3; turn += 1) {
      await Promise.resolve();
    }
    return number;
  });
  for await (const number of opened) {
    seen.push(number);
  }
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("no more is opened ahead than was allowed", async () => {
  let opened = 0;
  let taken = 0;
  for await (const _ of readAhead(numbers(20), 3, async (number) => {
    opened += 1;
    return await Promise.resolve(number);
  })) {
    taken += 1;
    expect(opened - taken).toBeLessThanOrEqual(3);
  }
  expect(opened).toBe(20);
});

test("an item that does not open fails when its turn comes, after those before it", async () => {
  const seen: number[] = [];
  const reading = (async () => {
    for await (const number of readAhead(numbers(5), 4, async (item) =>
      item === 2 ? await Promise.reject(new Error("closed")) : await Promise.resolve(item),
    )) {
      seen.push(number);
    }
  })();
  await expect(reading).rejects.toThrow("closed");
  expect(seen).toEqual([0, 1]);
});

test("a reader that stops leaves the source closed", async () => {
  let isOpen = true;
  const source = (async function* open() {
    try {
      yield* numbers(100);
    } finally {
      isOpen = false;
    }
  })();
  for await (const number of readAhead(source, 2, async (item) => await Promise.resolve(item))) {
    if (number === 1) {
      break;
    }
  }
  expect(isOpen).toBe(false);
});
