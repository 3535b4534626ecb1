import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { PixelWorkers, type PixelWorkersLimits } from "../../../../shared/pixels/pixelWorkers.ts";
import { Problem } from "../../../../shared/problem/problem.ts";
import { eventually } from "../../../support/eventually.ts";

// A thread that does what it is told instead of working on pixels.
const folder = mkdtempSync(join(tmpdir(), "strata-workers-"));
const file = join(folder, "worker.mjs");
writeFileSync(
  file,
  `import { parentPort, threadId } from "node:worker_threads";
   const kept = [];
   parentPort.on("message", ({ input }) => {
     switch (input.what) {
       case "spin": for (;;) kept.length = 0;
       case "exit": process.exit(3);
       case "throw": throw new Error("broken");
       case "grow": for (;;) kept.push({ at: kept.length, text: String(kept.length) });
       case "refuse": parentPort.postMessage({ problem: { kind: "notAcceptable", detail: "No." } }); break;
       case "fail": parentPort.postMessage({ failure: "a bug" }); break;
       case "wait": Atomics.wait(input.flag, 0, 0); parentPort.postMessage({ output: threadId }); break;
       default: parentPort.postMessage({ output: threadId });
     }
   });`,
);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const open: PixelWorkers[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(async (workers) => await workers.close()));
});

function workersWith(limits: Partial<PixelWorkersLimits> = {}): PixelWorkers {
  const workers = new PixelWorkers(file, limits);
  open.push(workers);
  return workers;
}

interface Order {
  readonly what: string;
  readonly flag?: Int32Array;
}

async function tell(
  workers: PixelWorkers,
  order: Order,
  signal?: AbortSignal,
  isUnderWay = false,
): Promise<unknown> {
  return await workers.run("decode", order as never, signal, isUnderWay);
}

async function kindOf(running: Promise<unknown>): Promise<string> {
  const error = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof Problem ? error.kind : String(error);
}

/** Something that threads wait for. */
function gate(): { readonly flag: Int32Array; readonly open: () => void } {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  return {
    flag,
    open: () => {
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
    },
  };
}

test("no thread is started before there is something to do, and no more than are allowed", async () => {
  const workers = workersWith({ workersMax: 2 });
  expect(workers.threadCount).toBe(0);
  const threads = await Promise.all(
    Array.from({ length: 12 }, async () => await tell(workers, { what: "work" })),
  );
  expect(threads).toHaveLength(12);
  expect(new Set(threads).size).toBeLessThanOrEqual(2);
  expect(workers.threadCount).toBeLessThanOrEqual(2);
});

test.each([
  ["takes too long", "spin", { taskMilliseconds: 2_000 }],
  ["ends its thread", "exit", {}],
  ["throws outside of its operation", "throw", {}],
  ["takes too much memory", "grow", { heapMegabytes: 16 }],
])("a task that %s fails alone, and the next one has a new thread", async (_, what, limits) => {
  const workers = workersWith({ workersMax: 1, ...limits });
  const first = await tell(workers, { what: "work" });
  const failing = kindOf(tell(workers, { what }));
  const waiting = tell(workers, { what: "work" });
  expect(await failing).toBe("notAcceptable");
  expect(await waiting).not.toBe(first);
  expect(workers.threadCount).toBe(1);
});

test("what the operation refuses is its Problem, and its bug is a bug", async () => {
  const workers = workersWith({ workersMax: 1 });
  expect(await kindOf(tell(workers, { what: "refuse" }))).toBe("notAcceptable");
  expect(await kindOf(tell(workers, { what: "fail" }))).toBe("Error: A pixel operation failed.");
  expect(workers.threadCount).toBe(1);
});

test("when too many wait, one more is refused with when to come back, unless its answer has begun", async () => {
  const workers = workersWith({ workersMax: 1, waitingMax: 2 });
  const { flag, open: letGo } = gate();
  const running = tell(workers, { what: "wait", flag });
  const waiting = [1, 2].map(async () => await tell(workers, { what: "work" }));
  const refused = await tell(workers, { what: "work" }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ kind: "unavailable", retryAfterSeconds: 1 });
  const begun = tell(workers, { what: "work" }, undefined, true);
  letGo();
  expect(await Promise.all([running, ...waiting, begun])).toHaveLength(4);
});

test("a task whose caller has gone is not started", async () => {
  const workers = workersWith({ workersMax: 1 });
  const { flag, open: letGo } = gate();
  const running = tell(workers, { what: "wait", flag });
  const gone = new AbortController();
  const waiting = kindOf(tell(workers, { what: "spin" }, gone.signal));
  gone.abort(new Error("gone"));
  letGo();
  await running;
  expect(await waiting).toBe("Error: gone");
  // The thread is free: what was not started does not keep it.
  expect(await tell(workers, { what: "work" })).toBeTypeOf("number");
});

test("a thread that has nothing to do is ended", async () => {
  const workers = workersWith({ workersMax: 1, idleMilliseconds: 1 });
  await tell(workers, { what: "work" });
  await eventually(
    async () => await Promise.resolve(workers.threadCount),
    (count) => count === 0,
  );
  expect(await tell(workers, { what: "work" })).toBeTypeOf("number");
});

test("closing refuses what runs and what waits", async () => {
  const workers = workersWith({ workersMax: 1 });
  const both = [1, 2].map(async () => await kindOf(tell(workers, { what: "spin" })));
  await workers.close();
  expect(await Promise.all(both)).toEqual(["unavailable", "unavailable"]);
  expect(workers.threadCount).toBe(0);
});
