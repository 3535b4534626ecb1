import { randomInt, randomUUID } from "node:crypto";
import { describeError } from "./describeError.ts";
import type { HostConfiguration } from "./hostConfiguration.ts";
import { invokeFunction } from "./invokeFunction.ts";
import type { LoadedApp, LoadedFunction } from "./loadApp.ts";
import { pause } from "./pause.ts";
import type { Log, RetryOptions, TypedData } from "./workerContract.ts";

/** What a trigger that is not HTTP works with. */
export interface TriggerContext {
  readonly app: LoadedApp;
  readonly target: LoadedFunction;
  /** Of the trigger's binding, settings already put in. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly configuration: HostConfiguration;
  readonly log: Log;
  /** Aborted when the host stops. */
  readonly signal: AbortSignal;
}

/** How an invocation ended: `stopped` when the host stops before it could succeed. */
export type Outcome = "succeeded" | "failed" | "stopped";

/**
 * Invokes the function, again and again as its retry policy says; all tries have the same invocation id.
 *
 * Never rejects: what the function throws is logged. Tries are counted in memory, so that a restart begins anew.
 */
export async function invokeWithRetry(
  context: TriggerContext,
  input: TypedData,
  triggerMetadata: Readonly<Record<string, TypedData>>,
): Promise<Outcome> {
  const { app, target, log, signal } = context;
  const policy = target.metadata.retryOptions;
  const tries = policy?.maxRetryCount ?? 0;
  const invocationId = randomUUID();
  for (let retryCount = 0; ; retryCount++) {
    try {
      await invokeFunction(
        app,
        target,
        {
          invocationId,
          input,
          triggerMetadata,
          ...(policy === undefined ? {} : { retryContext: { retryCount, maxRetryCount: tries } }),
        },
        log,
      );
      return "succeeded";
    } catch (error) {
      log("error", "host", `${target.metadata.name} failed: ${describeError(error)}`);
    }
    if (signal.aborted) {
      return "stopped";
    }
    if (policy === undefined || (tries !== -1 && retryCount >= tries)) {
      return "failed";
    }
    await pause(retryDelayMs(policy, retryCount), signal);
    if (signal.aborted) {
      return "stopped";
    }
  }
}

/**
 * The time before the retry after `retryCount` retries: fixed, or doubling from the minimum to the maximum, give or
 * take a fifth.
 */
export function retryDelayMs(policy: RetryOptions, retryCount: number): number {
  const strategy = (policy.retryStrategy ?? policy.strategy ?? "").toLowerCase();
  if (strategy === "exponentialbackoff") {
    const least = (policy.minimumInterval?.seconds ?? 0) * 1_000;
    const most = (policy.maximumInterval?.seconds ?? 0) * 1_000;
    const doubled = least * 2 ** Math.min(retryCount, 40);
    return Math.min(most, Math.max(least, Math.round((doubled * randomInt(800, 1_201)) / 1_000)));
  }
  return (policy.delayInterval?.seconds ?? 0) * 1_000;
}
