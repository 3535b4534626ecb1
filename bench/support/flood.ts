import { Agent, request } from "node:http";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

/** What a flood asks for, again and again. */
export interface FloodOptions {
  readonly urls: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** How many requests are under way at once. */
  readonly concurrency: number;
}

/** What came of a flood. */
export interface FloodResult {
  /** How many answers there were by status. */
  readonly answers: Readonly<Record<number, number>>;
  readonly seconds: number;
}

/** Begins to flood, in a thread of its own, so that whoever measures meanwhile is not slowed down by asking. */
export function startFlood(options: FloodOptions): { stop(): Promise<FloodResult> } {
  const worker = new Worker(import.meta.filename, { workerData: options });
  return {
    stop: async () => {
      const result = new Promise<FloodResult>((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
      });
      worker.postMessage("stop");
      const found = await result;
      await worker.terminate();
      return found;
    },
  };
}

function flood({ urls, headers, concurrency }: FloodOptions): void {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const answers: Record<number, number> = {};
  const startedAt = performance.now();
  const ask = (turn: number): void => {
    request(urls[turn % urls.length] ?? "", { agent, headers }, (response) => {
      const status = response.statusCode ?? 0;
      answers[status] = (answers[status] ?? 0) + 1;
      response.resume();
      response.once("end", () => {
        // One that is told to come back later does so at once all the same, but for the time it takes to notice.
        setTimeout(
          () => {
            ask(turn + 1);
          },
          status === 429 ? 5 : 0,
        );
      });
    })
      .on("error", () => {
        answers[0] = (answers[0] ?? 0) + 1;
        setTimeout(() => {
          ask(turn + 1);
        }, 100);
      })
      .end();
  };
  for (let turn = 0; turn < concurrency; turn += 1) {
    ask(turn);
  }
  parentPort?.once("message", () => {
    parentPort?.postMessage({
      answers,
      seconds: (performance.now() - startedAt) / 1_000,
    } satisfies FloodResult);
  });
}

if (!isMainThread) {
  flood(workerData as FloodOptions);
}
