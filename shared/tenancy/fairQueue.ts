import { Problem } from "../problem/problem.ts";

/** How much goes on at once. */
export interface FairQueueLimits {
  /** Of all tenants together. */
  readonly total: number;
  /** Of one tenant, so that there is always room for another one. */
  readonly perTenant: number;
  /** Of one tenant while others are served too: what is under way of one slows the others. */
  readonly perTenantShared: number;
  /** How many of one tenant may wait. */
  readonly waitingMax: number;
}

/** How long a tenant that was served counts as one that others share with. */
const sharedMilliseconds = 1_000;

interface Line {
  /** What waits, first come first. */
  readonly waiting: (() => void)[];
  active: number;
}

/**
 * Gives places to tenants in turn, however many of one wait.
 *
 * A tenant that asks for more than its share waits behind itself: a place that becomes free goes to the tenant that has
 * the fewest.
 */
export class FairQueue {
  readonly #limits: FairQueueLimits;
  readonly #now: () => number;
  /** By tenant; those whose turn comes first are first. Only tenants that have or want a place are here. */
  readonly #lines = new Map<string, Line>();
  #active = 0;
  /** Who came last, and when somebody else did. */
  #last: string | undefined;
  #othersAt = -Infinity;

  /** `now` is in milliseconds and never goes back. */
  constructor(limits: FairQueueLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * Waits for a place. What is returned gives it back, and has to be called once.
   *
   * Throws `throttled` when too many of the tenant wait already, and when `signal` is aborted meanwhile: nobody waits then.
   */
  async enter(tenant: string, signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) {
      throw hasLeft();
    }
    if (this.#last !== undefined && this.#last !== tenant) {
      this.#othersAt = this.#now();
    }
    this.#last = tenant;
    const line = this.#lineOf(tenant);
    if (this.#hasPlaceFor(line)) {
      this.#take(tenant, line);
    } else {
      if (line.waiting.length >= this.#limits.waitingMax) {
        throw new Problem("throttled", "Too many requests of the tenant are waiting.", {
          retryAfterSeconds: 1,
        });
      }
      await this.#wait(tenant, line, signal);
    }
    return () => {
      this.#leave(tenant, line);
    };
  }

  async #wait(tenant: string, line: Line, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        line.waiting.splice(line.waiting.indexOf(begin), 1);
        if (line.active === 0 && line.waiting.length === 0) {
          this.#lines.delete(tenant);
        }
        reject(hasLeft());
      };
      line.waiting.push(begin);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  #lineOf(tenant: string): Line {
    const known = this.#lines.get(tenant);
    if (known !== undefined) {
      return known;
    }
    const line: Line = { waiting: [], active: 0 };
    this.#lines.set(tenant, line);
    return line;
  }

  #hasPlaceFor(line: Line): boolean {
    const { total, perTenant, perTenantShared } = this.#limits;
    const isShared = this.#now() - this.#othersAt < sharedMilliseconds;
    return this.#active < total && line.active < (isShared ? perTenantShared : perTenant);
  }

  /** A tenant that is given a place, or gives one back, is last in turn from then on. */
  #take(tenant: string, line: Line): void {
    line.active += 1;
    this.#active += 1;
    this.#lines.delete(tenant);
    this.#lines.set(tenant, line);
  }

  #leave(tenant: string, line: Line): void {
    line.active -= 1;
    this.#active -= 1;
    this.#lines.delete(tenant);
    if (line.active > 0 || line.waiting.length > 0) {
      this.#lines.set(tenant, line);
    }
    // More than one where a tenant has the process to itself again.
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const begin = next.line.waiting.shift();
      this.#take(next.tenant, next.line);
      begin?.();
    }
  }

  /** Of the tenants that wait, the one with the fewest places; of those, the one that had its last turn longest ago. */
  #next(): { readonly tenant: string; readonly line: Line } | undefined {
    let next: { readonly tenant: string; readonly line: Line } | undefined;
    for (const [tenant, line] of this.#lines) {
      const isWaiting = line.waiting.length > 0 && this.#hasPlaceFor(line);
      if (isWaiting && line.active < (next?.line.active ?? Infinity)) {
        next = { tenant, line };
      }
    }
    return next;
  }
}

function hasLeft(): Problem {
  return new Problem("throttled", "The caller has left before its turn.", { retryAfterSeconds: 1 });
}
