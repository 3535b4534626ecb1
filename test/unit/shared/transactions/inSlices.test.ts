import { expect, test } from "vitest";
import { inSlices } from "../../../../shared/transactions/inSlices.ts";

test("work in steps gives others their turn between them, and its result at the end", async () => {
  const order: string[] = [];
  const others = setInterval(() => order.push("other"), 0);
  try {
    const result = await inSlices(
      (function* work(): Generator<void, string, undefined> {
        // Until somebody else has had a turn, however long that takes to come due.
        while (!order.includes("other")) {
          yield;
        }
        return "done";
      })(),
    );
    expect([result, order.includes("other")]).toEqual(["done", true]);
  } finally {
    clearInterval(others);
  }
});

test("work of one step is done at once, and a failure is thrown", async () => {
  let isDone = false;
  const working = inSlices(
    // oxlint-disable-next-line require-yield -- of one step.
    (function* work(): Generator<void, number, undefined> {
      isDone = true;
      return 1;
    })(),
  );
  expect(isDone).toBe(true);
  expect(await working).toBe(1);
  await expect(
    inSlices(
      // oxlint-disable-next-line require-yield -- it fails before it could.
      (function* work(): Generator<void, number, undefined> {
        throw new Error("no");
      })(),
    ),
  ).rejects.toThrow("no");
});
