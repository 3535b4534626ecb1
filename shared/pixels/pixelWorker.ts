import { parentPort } from "node:worker_threads";
import { Problem } from "../problem/problem.ts";
import { pixelOperations } from "./pixelOperations.ts";
import type { WorkerAnswer, WorkerTask } from "./workerProtocol.ts";

// The entry of a worker: one task at a time, as it is posted. It ends with the thread that started it.

const port = parentPort;

port?.on("message", (task: WorkerTask) => {
  void run(task).then((answer) => {
    port.postMessage(answer, buffersOf(answer));
  });
});

async function run({ operation, input }: WorkerTask): Promise<WorkerAnswer> {
  try {
    // The table's types tie each operation to its input; what is posted was typed by the same table.
    const perform = pixelOperations[operation] as (given: unknown) => Promise<unknown>;
    return { output: await perform(input) };
  } catch (error) {
    return error instanceof Problem
      ? { problem: { kind: error.kind, detail: error.detail } }
      : { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

// Moved to the other thread instead of copied: nobody here needs them any more.
function buffersOf(answer: WorkerAnswer): ArrayBuffer[] {
  const output = "output" in answer ? answer.output : undefined;
  const values: unknown[] =
    output instanceof Uint8Array
      ? [output]
      : typeof output === "object" && output !== null
        ? Object.values(output)
        : [];
  const buffers = values
    .filter((value) => value instanceof Uint8Array)
    .map(({ buffer }) => buffer)
    .filter((buffer) => buffer instanceof ArrayBuffer);
  return [...new Set(buffers)];
}
