import { Problem } from "../problem/problem.ts";
import { FairQueue, type FairQueueLimits } from "./fairQueue.ts";
import type { Tenant } from "./tenant.ts";
import { TokenBucket } from "./tokenBucket.ts";

/**
 * How long a request keeps its place: until its answer begins (`short`), or for as long as its caller sends, or waits for
 * news (`long`), which says little about the work that it is.
 */
export type RequestLength = "short" | "long";

/** A request that was let in. */
export interface Pass {
  /** The work on it is done, but for sending the answer. To be called once. */
  readonly leave: () => void;
  /** What it cost, in request units. To be called once, when the answer has been sent or its caller has left. */
  readonly settle: (requestCharge: number) => void;
}

/** Time, as budgets need it. */
export interface BudgetClock {
  /** In milliseconds; never goes back. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

interface Buckets {
  readonly requests: TokenBucket | undefined;
  readonly charge: TokenBucket | undefined;
}

/** So many seconds of a rate may be used at once. */
const burstSeconds = 2;
const rememberedMax = 5_000;
/** How long a refusal is kept back; at least a second is what it asks its caller to wait. */
const refusalPauseMilliseconds = 1_000;
const pausedRefusalsMax = 200;

/** What one process works on at once. Its event loop is one: more would make all of it slower, and none of it faster. */
const limits: Readonly<Record<RequestLength, FairQueueLimits>> = {
  short: { total: 24, perTenant: 16, perTenantShared: 8, waitingMax: 200 },
  long: { total: 96, perTenant: 64, perTenantShared: 32, waitingMax: 64 },
};

/**
 * Keeps tenants from taking one another's share of a process and of the database.
 *
 * The rates of a tenant's quotas are those of one process: how many there are is up to the platform, which scales with the
 * load of all. Beyond a rate a request is refused before it costs anything, and not at once; of work at once, each tenant
 * has a share, and what is over waits behind the tenant's own.
 */
export class TenantBudgets {
  readonly #now: () => number;
  readonly #buckets = new Map<string, Buckets>();
  readonly #queues: Readonly<Record<RequestLength, FairQueue>>;
  readonly #sleep: (milliseconds: number) => Promise<void>;
  #pausedRefusals = 0;

  constructor({ now, sleep }: BudgetClock) {
    this.#now = now;
    this.#sleep = sleep;
    this.#queues = {
      short: new FairQueue(limits.short, now),
      long: new FairQueue(limits.long, now),
    };
  }

  /**
   * Lets a request in, when it is its tenant's turn.
   *
   * Throws `throttled`, with the seconds after which there is room, when the tenant has used its share; and when `signal`
   * is aborted because the caller has left meanwhile.
   */
  async enter(
    { name, quotas }: Pick<Tenant, "name" | "quotas">,
    length: RequestLength,
    signal: AbortSignal,
  ): Promise<Pass> {
    const { requests, charge } = this.#bucketsOf(name, quotas);
    const now = this.#now();
    const seconds = Math.max(
      requests?.secondsUntil(1, now) ?? 0,
      // What a request will cost is not known before: it is let in as long as nothing is owed.
      charge?.secondsUntil(0, now) ?? 0,
    );
    if (seconds > 0) {
      await this.#pauseRefusal();
      throw new Problem("throttled", "The tenant has used its share of the service for now.", {
        retryAfterSeconds: Math.ceil(seconds),
      });
    }
    requests?.spend(1, now);
    const leave = await this.#queues[length].enter(name, signal);
    return {
      leave,
      settle: (requestCharge) => {
        charge?.spend(requestCharge, this.#now());
      },
    };
  }

  // Who asks again at once would have the process do nothing but refuse.
  async #pauseRefusal(): Promise<void> {
    if (this.#pausedRefusals >= pausedRefusalsMax) {
      return;
    }
    this.#pausedRefusals += 1;
    try {
      await this.#sleep(refusalPauseMilliseconds);
    } finally {
      this.#pausedRefusals -= 1;
    }
  }

  #bucketsOf(
    name: string,
    { requestsPerSecond, requestChargePerSecond }: Tenant["quotas"],
  ): Buckets {
    const known = this.#buckets.get(name);
    if (
      known !== undefined &&
      known.requests?.perSecond === requestsPerSecond &&
      known.charge?.perSecond === requestChargePerSecond
    ) {
      return known;
    }
    if (this.#buckets.size >= rememberedMax) {
      this.#buckets.clear();
    }
    const bucket = (perSecond: number | undefined): TokenBucket | undefined =>
      perSecond === undefined ? undefined : new TokenBucket(perSecond, burstSeconds, this.#now());
    const buckets = { requests: bucket(requestsPerSecond), charge: bucket(requestChargePerSecond) };
    this.#buckets.set(name, buckets);
    return buckets;
  }
}
