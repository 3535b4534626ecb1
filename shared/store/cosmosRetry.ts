import { Problem } from "../problem/problem.ts";

/** Time and chance, as the store needs them. Given by the composition root. */
export interface RetryClock {
  /** Milliseconds since some moment in the past. Never goes back. */
  now(): number;
  /** Waits. */
  sleep(milliseconds: number): Promise<void>;
  /** At least 0 and below 1. */
  random(): number;
}

/** How long one call of a transaction keeps trying before it gives up with `unavailable`. */
const deadlineMilliseconds = 15_000;
const firstDelayMilliseconds = 25;
const longestDelayMilliseconds = 1_000;
const retryAfterSeconds = 2;

// The SDK retries 429 itself. It throws these at once: 408 and 503 on writes, 449 (two writers met), 410 (a partition
// moved), 500.
const transientStatuses = new Set([408, 410, 429, 449, 500, 502, 503]);

const networkCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_SOCKET",
  "TimeoutError",
  "REQUEST_SEND_ERROR",
  // An answer that broke off: it could not be read to its end.
  "PARSE_ERROR",
]);

/**
 * The HTTP status of an SDK's error, or its code where it has none.
 *
 * What went wrong with a batch is the cause of an error that itself says nothing.
 */
export function statusOf(error: unknown): number | string | undefined {
  if (typeof error !== "object" || error === null) {
    return undefined;
  }
  const { statusCode, code, name, cause } = error as {
    statusCode?: unknown;
    code?: unknown;
    name?: unknown;
    cause?: unknown;
  };
  for (const candidate of [statusCode, code, name]) {
    if (typeof candidate === "number") {
      return candidate;
    }
    if (typeof candidate === "string" && candidate !== "" && candidate !== "Error") {
      return /^\d{3}$/.test(candidate) ? Number(candidate) : candidate;
    }
  }
  return statusOf(cause);
}

/** Whether the same call may succeed a little later. Its effect may have happened all the same. */
export function isTransient(error: unknown): boolean {
  const status = statusOf(error);
  return typeof status === "number"
    ? transientStatuses.has(status)
    : status !== undefined && networkCodes.has(status);
}

/**
 * One deadline for all the attempts of one transaction at a busy or restarting database.
 *
 * Waits grow and are random, so that writers who met once do not meet again.
 */
export class RetryBudget {
  readonly #clock: RetryClock;
  readonly #end: number;
  #attempts = 0;

  constructor(clock: RetryClock, milliseconds: number = deadlineMilliseconds) {
    this.#clock = clock;
    this.#end = clock.now() + milliseconds;
  }

  /** Waits before the next attempt. Throws an `unavailable` problem once the deadline has passed. */
  async pause(cause: unknown): Promise<void> {
    this.#attempts += 1;
    const most = Math.min(
      longestDelayMilliseconds,
      firstDelayMilliseconds * 2 ** Math.min(this.#attempts - 1, 10),
    );
    const delay = most / 2 + (this.#clock.random() * most) / 2;
    if (this.#clock.now() + delay > this.#end) {
      throw new Problem("unavailable", "The store is busy or cannot be reached.", {
        cause,
        retryAfterSeconds,
      });
    }
    await this.#clock.sleep(delay);
  }

  /** Repeats a call that has no effect, or the same effect however often it happens, while it fails for a while. */
  async repeat<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!isTransient(error)) {
          throw error;
        }
        await this.pause(error);
      }
    }
  }
}
