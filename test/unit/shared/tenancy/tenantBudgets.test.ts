import { describe, expect, test } from "vitest";
import { Problem } from "../../../../shared/problem/problem.ts";
import type { TenantQuotas } from "../../../../shared/tenancy/tenant.ts";
import { TenantBudgets } from "../../../../shared/tenancy/tenantBudgets.ts";
import { parseTenantName } from "../../../../shared/tenancy/tenantScope.ts";

const never = new AbortController().signal;

/** Budgets whose clock is turned by hand. */
function budgets(): {
  readonly pass: (milliseconds: number) => void;
  /** How long refusals were kept back. */
  readonly paused: () => number;
  /** Makes one request; the seconds after which to come back when it is refused. */
  readonly ask: (
    name: string,
    quotas: TenantQuotas,
    requestCharge?: number,
  ) => Promise<number | undefined>;
} {
  let now = 0;
  let paused = 0;
  const made = new TenantBudgets({
    now: () => now,
    // Nobody waits here.
    sleep: async (milliseconds) => {
      paused += milliseconds;
      await Promise.resolve();
    },
  });
  return {
    paused: () => paused,
    pass: (milliseconds) => {
      now += milliseconds;
    },
    ask: async (name, quotas, requestCharge = 0) => {
      try {
        const pass = await made.enter({ name: parseTenantName(name), quotas }, "short", never);
        pass.leave();
        pass.settle(requestCharge);
        return undefined;
      } catch (error) {
        expect(error).toBeInstanceOf(Problem);
        return error instanceof Problem && error.kind === "throttled"
          ? error.retryAfterSeconds
          : Number.NaN;
      }
    },
  };
}

describe("requests per second", () => {
  test("are allowed on average, and two seconds' worth at once", async () => {
    const { ask, pass } = budgets();
    const quotas = { requestsPerSecond: 5 };
    for (let i = 0; i < 10; i += 1) {
      expect(await ask("a", quotas)).toBeUndefined();
    }
    expect(await ask("a", quotas)).toBe(1);
    pass(200);
    expect(await ask("a", quotas)).toBeUndefined();
    expect(await ask("a", quotas)).toBe(1);
    pass(3_600_000);
    for (let i = 0; i < 10; i += 1) {
      expect(await ask("a", quotas)).toBeUndefined();
    }
    expect(await ask("a", quotas)).toBe(1);
  });

  test("below one a second allow one at a time, and say how long it is until the next", async () => {
    const { ask, pass } = budgets();
    const quotas = { requestsPerSecond: 0.1 };
    expect(await ask("a", quotas)).toBeUndefined();
    expect(await ask("a", quotas)).toBe(10);
    pass(4_000);
    expect(await ask("a", quotas)).toBe(6);
    pass(6_000);
    expect(await ask("a", quotas)).toBeUndefined();
  });

  test("of one tenant are not those of another", async () => {
    const { ask } = budgets();
    const quotas = { requestsPerSecond: 0.1 };
    expect(await ask("a", quotas)).toBeUndefined();
    expect(await ask("a", quotas)).toBe(10);
    expect(await ask("b", quotas)).toBeUndefined();
  });

  test("that are changed count from then on", async () => {
    const { ask } = budgets();
    expect(await ask("a", { requestsPerSecond: 0.1 })).toBeUndefined();
    expect(await ask("a", { requestsPerSecond: 0.1 })).toBe(10);
    expect(await ask("a", { requestsPerSecond: 100 })).toBeUndefined();
    expect(await ask("a", {})).toBeUndefined();
  });
});

test("a request charge is owed after the answer, and nothing is let in until it is paid", async () => {
  const { ask, pass } = budgets();
  const quotas = { requestChargePerSecond: 10 };
  expect(await ask("a", quotas, 120)).toBeUndefined();
  // Twenty were saved up, a hundred are owed.
  expect(await ask("a", quotas)).toBe(10);
  pass(9_900);
  expect(await ask("a", quotas)).toBe(1);
  pass(100);
  expect(await ask("a", quotas)).toBeUndefined();
});

test("a tenant without quotas is let in for ever", async () => {
  const { ask } = budgets();
  for (let i = 0; i < 1_000; i += 1) {
    expect(await ask("a", {}, 1_000)).toBeUndefined();
  }
});

test("a refusal is kept back for a second, and what is let in is not", async () => {
  const { ask, paused } = budgets();
  const quotas = { requestsPerSecond: 0.1 };
  await ask("a", quotas);
  expect(paused()).toBe(0);
  await ask("a", quotas);
  expect(paused()).toBe(1_000);
});
