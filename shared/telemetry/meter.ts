import { AsyncLocalStorage } from "node:async_hooks";

/** A dependency whose share of a request is measured. */
export type MeteredDependency = "cosmos" | "blob";

/**
 * What one request takes of the services behind it.
 *
 * Time is that during which at least one call was under way, so that calls beside each other do not add up to more than
 * the request itself took.
 */
export class RequestMeter {
  readonly #now: () => number;
  readonly #busy: Record<MeteredDependency, { active: number; since: number; total: number }> = {
    cosmos: { active: 0, since: 0, total: 0 },
    blob: { active: 0, since: 0, total: 0 },
  };
  readonly #calls: Record<MeteredDependency, number> = { cosmos: 0, blob: 0 };
  #requestCharge = 0;
  #bodyBytes = 0;

  /** `now` is in milliseconds and never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Begins one call. What is returned is to be called once, when the call has ended, with its charge in RU if any. */
  begin(dependency: MeteredDependency): (requestCharge?: number) => void {
    const busy = this.#busy[dependency];
    this.#calls[dependency] += 1;
    if (busy.active === 0) {
      busy.since = this.#now();
    }
    busy.active += 1;
    return (requestCharge = 0) => {
      this.#requestCharge += requestCharge;
      busy.active -= 1;
      if (busy.active === 0) {
        busy.total += this.#now() - busy.since;
      }
    };
  }

  /** Milliseconds that calls have taken so far. */
  milliseconds(dependency: MeteredDependency): number {
    const { active, since, total } = this.#busy[dependency];
    return active === 0 ? total : total + this.#now() - since;
  }

  /** How many calls have begun. */
  calls(dependency: MeteredDependency): number {
    return this.#calls[dependency];
  }

  /** Counts bytes of the answer's body. */
  send(bytes: number): void {
    this.#bodyBytes += bytes;
  }

  /** The bytes of the answer's body so far. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** The request units of Cosmos DB so far. */
  get requestCharge(): number {
    return Math.round(this.#requestCharge * 100) / 100;
  }
}

const current = new AsyncLocalStorage<RequestMeter>();

/** Runs `work`, and all that it starts, on the account of `meter`. */
export function metered<T>(meter: RequestMeter, work: () => T): T {
  return current.run(meter, work);
}

/** Runs `work` on nobody's account: it is done for several requests at once. */
export function unmetered<T>(work: () => T): T {
  return current.exit(work);
}

/** The meter of the request that the caller works for; none outside of a request. */
export function currentMeter(): RequestMeter | undefined {
  return current.getStore();
}

/**
 * Reads a body on the account of `meter`: it is read by whoever sends it, long after the work that made it has returned.
 */
export async function* meteredBody(
  meter: RequestMeter,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await metered(meter, async () => await chunks.next());
      if (next.done === true) {
        return;
      }
      meter.send(next.value.length);
      yield next.value;
    }
  } finally {
    await metered(meter, async () => await chunks.return?.());
  }
}

/**
 * What a request took so far, as the answer's `Server-Timing` (W3C Server Timing §3): time of Cosmos DB, with its charge,
 * and of Blob Storage. Of a stream it is what it took until the first byte.
 */
export function serverTiming(meter: RequestMeter): string {
  const duration = (dependency: MeteredDependency): string =>
    meter.milliseconds(dependency).toFixed(1);
  return `cosmos;dur=${duration("cosmos")};desc="${meter.requestCharge} RU", blob;dur=${duration("blob")}`;
}
