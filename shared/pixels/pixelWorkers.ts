import { Worker } from "node:worker_threads";
import { Problem } from "../problem/problem.ts";
import type { PixelOperations } from "./pixelOperations.ts";
import type { WorkerAnswer, WorkerTask } from "./workerProtocol.ts";

/** What the workers may take. */
export interface PixelWorkersLimits {
  /** Threads at once. */
  readonly workersMax: number;
  /** Tasks that wait for a thread; one more is refused. */
  readonly waitingMax: number;
  /** How long a task may run. */
  readonly taskMilliseconds: number;
  /** The heap of a thread; what codecs take outside of it has a limit of its own. */
  readonly heapMegabytes: number;
  /** A thread that has had nothing to do for so long is ended, and its memory with it. */
  readonly idleMilliseconds: number;
}

const defaultLimits: PixelWorkersLimits = {
  workersMax: 2,
  waitingMax: 64,
  taskMilliseconds: 20_000,
  heapMegabytes: 256,
  idleMilliseconds: 60_000,
};

type Input<O extends keyof PixelOperations> = Parameters<PixelOperations[O]>[0];
type Output<O extends keyof PixelOperations> = Awaited<ReturnType<PixelOperations[O]>>;

interface WaitingTask {
  readonly task: WorkerTask;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  /** What it is doing; undefined while it waits. */
  running: WaitingTask | undefined;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Threads for work on pixels, so that no frame keeps a request of others waiting and none takes the process with it.
 *
 * Started when there is something to do and ended when there is not. A task that takes too long, or breaks its thread, is
 * refused with a Problem `notAcceptable`; its thread is replaced, and no other task notices. When too many wait, the next
 * is refused as `unavailable`, with when to try again.
 */
export class PixelWorkers {
  readonly #file: string;
  readonly #limits: PixelWorkersLimits;
  readonly #threads = new Set<Thread>();
  readonly #waiting: WaitingTask[] = [];

  /** `file` is the entry of a thread. */
  constructor(file: string, limits: Partial<PixelWorkersLimits> = {}) {
    this.#file = file;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** How many threads there are now. */
  get threadCount(): number {
    return this.#threads.size;
  }

  /**
   * Runs an operation in a thread. The input is copied. Rejects with the Problem that the operation threw, or with the
   * reason of `signal`, when that comes before a thread is free.
   *
   * With `isUnderWay` it waits however many do: an answer that has begun cannot be refused any more, and asks for no more
   * than a few frames at once.
   */
  async run<O extends keyof PixelOperations>(
    operation: O,
    input: Input<O>,
    signal?: AbortSignal,
    isUnderWay: boolean = false,
  ): Promise<Output<O>> {
    signal?.throwIfAborted();
    if (!isUnderWay && this.#waiting.length >= this.#limits.waitingMax) {
      throw new Problem("unavailable", "Too many frames are being converted.", {
        retryAfterSeconds: 1,
      });
    }
    const output = await new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ task: { operation, input }, signal, resolve, reject });
      this.#assign();
    });
    // The table's types tie the output to the operation.
    return output as Output<O>;
  }

  /** Ends all threads. What waits or runs is refused as `unavailable`. */
  async close(): Promise<void> {
    const closing = new Problem("unavailable", "The service is ending.", { retryAfterSeconds: 1 });
    for (const { reject } of this.#waiting.splice(0)) {
      reject(closing);
    }
    await Promise.all([...this.#threads].map(async (thread) => await this.#end(thread, closing)));
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#freeThread();
      if (thread === undefined) {
        return;
      }
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#rest(thread);
        return;
      }
      if (next.signal?.aborted === true) {
        next.reject(asError(next.signal.reason));
        this.#rest(thread);
        continue;
      }
      this.#start(thread, next);
    }
  }

  #freeThread(): Thread | undefined {
    for (const thread of this.#threads) {
      if (thread.running === undefined) {
        return thread;
      }
    }
    return this.#threads.size < this.#limits.workersMax ? this.#newThread() : undefined;
  }

  #newThread(): Thread {
    const worker = new Worker(this.#file, {
      // Nothing of the process is any business of a thread that reads strangers' bytes.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.heapMegabytes },
    });
    const thread: Thread = { worker, running: undefined, timer: undefined };
    this.#threads.add(thread);
    worker.on("message", (answer: WorkerAnswer) => {
      const { running } = thread;
      this.#rest(thread);
      if (running !== undefined) {
        settle(running, answer);
      }
      this.#assign();
    });
    // `exit` follows, and says so when the thread breaks without an error of its own.
    worker.on("error", (cause) => {
      this.#drop(thread, failure("it breaks the codec", cause));
    });
    worker.on("exit", () => {
      this.#drop(thread, failure("it breaks the codec"));
    });
    return thread;
  }

  #start(thread: Thread, next: WaitingTask): void {
    clearTimeout(thread.timer);
    thread.running = next;
    thread.worker.ref();
    thread.timer = setTimeout(() => {
      void this.#end(thread, failure("it takes too long"));
    }, this.#limits.taskMilliseconds);
    thread.worker.postMessage(next.task);
  }

  /** Nothing to do: such a thread keeps no process alive, and ends by itself after a while. */
  #rest(thread: Thread): void {
    clearTimeout(thread.timer);
    thread.running = undefined;
    thread.worker.unref();
    thread.timer = setTimeout(() => {
      void this.#end(thread, failure("it was ended"));
    }, this.#limits.idleMilliseconds).unref();
  }

  async #end(thread: Thread, why: Problem): Promise<void> {
    this.#drop(thread, why);
    await thread.worker.terminate();
  }

  #drop(thread: Thread, why: Problem): void {
    clearTimeout(thread.timer);
    if (!this.#threads.delete(thread)) {
      return;
    }
    thread.running?.reject(why);
    thread.running = undefined;
    this.#assign();
  }
}

function settle({ resolve, reject }: WaitingTask, answer: WorkerAnswer): void {
  if ("output" in answer) {
    resolve(answer.output);
  } else if ("problem" in answer) {
    reject(new Problem(answer.problem.kind, answer.problem.detail));
  } else {
    reject(new Error("A pixel operation failed.", { cause: answer.failure }));
  }
}

function failure(why: string, cause?: unknown): Problem {
  return new Problem(
    "notAcceptable",
    `A frame cannot be converted, because ${why}. It can be had as it is stored, with transfer-syntax=*.`,
    { cause },
  );
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error("aborted", { cause: reason });
}
