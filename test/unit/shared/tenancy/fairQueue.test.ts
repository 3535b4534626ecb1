import fc from "fast-check";
import { expect, test } from "vitest";
import { Problem } from "../../../../shared/problem/problem.ts";
import { FairQueue, type FairQueueLimits } from "../../../../shared/tenancy/fairQueue.ts";

const never = new AbortController().signal;

/** A queue in which a tenant's share is the same whether others are served or not. */
function newQueue(limits: Omit<FairQueueLimits, "perTenantShared">): FairQueue {
  return new FairQueue({ ...limits, perTenantShared: limits.perTenant }, () => 0);
}

async function settled(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test("a tenant that waits with many is given one place for each that another tenant is given", async () => {
  const queue = newQueue({ total: 1, perTenant: 1, waitingMax: 10 });
  const order: string[] = [];
  const work = async (tenant: string): Promise<void> => {
    const leave = await queue.enter(tenant, never);
    order.push(tenant);
    await settled();
    leave();
  };
  await Promise.all(["a", "a", "a", "a", "b", "b", "c"].map(work));
  expect(order).toEqual(["a", "b", "c", "a", "b", "a", "a"]);
});

test("a tenant never has all the places", async () => {
  const queue = newQueue({ total: 3, perTenant: 2, waitingMax: 10 });
  await queue.enter("a", never);
  await queue.enter("a", never);
  let isIn = false;
  void queue.enter("a", never).then(() => {
    isIn = true;
  });
  await settled();
  expect(isIn).toBe(false);
  await queue.enter("b", never);
  await settled();
  expect(isIn).toBe(false);
});

test("a tenant has fewer places while others are served, and all of its own a second later", async () => {
  let now = 0;
  const queue = new FairQueue(
    { total: 10, perTenant: 4, perTenantShared: 2, waitingMax: 10 },
    () => now,
  );
  const entered: (() => void)[] = [];
  const ask = (): void => {
    void queue.enter("a", never).then((leave) => entered.push(leave));
  };
  const leaveOther = await queue.enter("b", never);
  leaveOther();
  for (let i = 0; i < 6; i += 1) {
    ask();
  }
  await settled();
  expect(entered.length).toBe(2);
  now += 1_000;
  entered[0]?.();
  await settled();
  // The one that has left, and four in its stead and the other's.
  expect(entered.length).toBe(5);
});

test("too many that wait are refused, with when to come back, and others still wait", async () => {
  const queue = newQueue({ total: 1, perTenant: 1, waitingMax: 2 });
  const leave = await queue.enter("a", never);
  const waiting = [queue.enter("a", never), queue.enter("a", never), queue.enter("b", never)];
  const refused: unknown = await queue.enter("a", never).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Problem);
  expect(refused).toMatchObject({ kind: "throttled", retryAfterSeconds: 1 });
  leave();
  const leaveNext = await Promise.race(waiting);
  leaveNext();
});

test("one that leaves while it waits takes no place", async () => {
  const queue = newQueue({ total: 1, perTenant: 1, waitingMax: 2 });
  const leave = await queue.enter("a", never);
  const gone = new AbortController();
  const first = queue.enter("a", gone.signal);
  const second = queue.enter("a", never);
  gone.abort();
  await expect(first).rejects.toThrow(Problem);
  leave();
  (await second)();
  await expect(queue.enter("b", gone.signal)).rejects.toThrow(Problem);
  (await queue.enter("b", never))();
});

// Goal: whatever comes, leaves and gives up in whatever order, no place is lost and none is given twice.
test("places are neither lost nor given twice", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(4), fc.boolean()), {
        minLength: 1,
        maxLength: 60,
      }),
      async (requests) => {
        const limits = { total: 4, perTenant: 2, waitingMax: 5 };
        const queue = newQueue(limits);
        const active = new Map<string, number>();
        let most = 0;
        await Promise.all(
          requests.map(async ([tenant, turns, givesUp]) => {
            const controller = new AbortController();
            const entering = queue.enter(tenant, controller.signal);
            if (givesUp) {
              controller.abort();
            }
            const leave = await entering.catch((error: unknown) => {
              expect(error).toBeInstanceOf(Problem);
            });
            if (leave === undefined) {
              return;
            }
            active.set(tenant, (active.get(tenant) ?? 0) + 1);
            const total = [...active.values()].reduce((sum, count) => sum + count, 0);
            most = Math.max(most, total);
            expect(total).toBeLessThanOrEqual(limits.total);
            expect(active.get(tenant)).toBeLessThanOrEqual(limits.perTenant);
            for (let turn = 0; turn < turns; turn += 1) {
              await settled();
            }
            active.set(tenant, (active.get(tenant) ?? 0) - 1);
            leave();
          }),
        );
        // All places are there again.
        const leaves = await Promise.all(
          ["x", "x", "y", "y"].map(async (tenant) => await queue.enter(tenant, never)),
        );
        expect(leaves).toHaveLength(limits.total);
      },
    ),
    { seed: 20_261_122, numRuns: 200 },
  );
});
