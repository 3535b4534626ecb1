import { expect, test } from "vitest";
import { Problem } from "../../../../shared/problem/problem.ts";
import { isTransient, RetryBudget, statusOf } from "../../../../shared/store/cosmosRetry.ts";

function manualClock(): { now: number; clock: ConstructorParameters<typeof RetryBudget>[0] } {
  const state = {
    now: 0,
    clock: {
      now: () => state.now,
      sleep: async (milliseconds: number) => {
        state.now += milliseconds;
        await Promise.resolve();
      },
      random: () => 0.5,
    },
  };
  return state;
}

test("statuses are read from the errors of both SDKs", () => {
  expect(statusOf({ statusCode: 404 })).toBe(404);
  expect(statusOf({ code: 449 })).toBe(449);
  expect(statusOf(Object.assign(new Error("x"), { code: "ECONNRESET" }))).toBe("ECONNRESET");
  expect(statusOf({ code: "503" })).toBe(503);
  expect(statusOf(new Error("x"))).toBeUndefined();
  expect(statusOf("x")).toBeUndefined();
});

test.each([408, 410, 429, 449, 500, 503, "ECONNREFUSED", "ECONNRESET"])(
  "%s may pass by itself",
  (code) => {
    expect(isTransient({ code })).toBe(true);
  },
);

test.each([400, 401, 403, 404, 409, 412, 413, "ERR_ASSERTION", undefined])(
  "%s does not pass by itself",
  (code) => {
    expect(isTransient({ code })).toBe(false);
  },
);

test("a call is repeated while it fails for a while", async () => {
  const { clock } = manualClock();
  let calls = 0;
  const result = await new RetryBudget(clock).repeat(async () => {
    calls += 1;
    return await (calls < 4 ? Promise.reject({ code: 449 }) : Promise.resolve("done"));
  });
  expect(result).toBe("done");
  expect(calls).toBe(4);
});

test("an error that does not pass is thrown at once", async () => {
  const { clock } = manualClock();
  let calls = 0;
  const failing = new RetryBudget(clock).repeat(async () => {
    calls += 1;
    return await Promise.reject(Object.assign(new Error("no"), { code: 403 }));
  });
  await expect(failing).rejects.toThrow("no");
  expect(calls).toBe(1);
});

test("after the deadline the store is unavailable, and the caller hears when to come back", async () => {
  const state = manualClock();
  const failing = new RetryBudget(state.clock).repeat(
    async () => await Promise.reject(Object.assign(new Error("busy"), { code: 503 })),
  );
  const problem = await failing.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(problem).toBeInstanceOf(Problem);
  expect(problem).toMatchObject({ kind: "unavailable", retryAfterSeconds: 2 });
  expect(state.now).toBeLessThanOrEqual(15_000);
  expect(state.now).toBeGreaterThan(10_000);
});
