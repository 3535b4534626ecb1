/** How fast something went. */
export interface Rate {
  readonly perSecond: number;
  /** Of single calls, in milliseconds. */
  readonly p50: number;
  readonly p95: number;
}

type Call = (index: number) => Promise<unknown>;

interface Measured {
  milliseconds: number;
  readonly durations: number[];
}

/** In how many turns calls that are compared take place. */
const turns = 5;

/** Calls `call` for 0 to `count` - 1, `concurrency` at a time, and measures the whole and each. */
export async function rateOf(count: number, concurrency: number, call: Call): Promise<Rate> {
  const measured: Measured = { milliseconds: 0, durations: [] };
  await measure(measured, 0, count, concurrency, call);
  return asRate(measured);
}

/**
 * Measures several calls as {@link rateOf} does, taking turns, so that whatever else the machine is busy with falls on all
 * of them alike. Resolves with their rates, in the order of `calls`.
 */
export async function compareRates<T extends readonly Call[]>(
  count: number,
  concurrency: number,
  calls: readonly [...T],
): Promise<{ [K in keyof T]: Rate }> {
  const measured = calls.map((): Measured => ({ milliseconds: 0, durations: [] }));
  for (let turn = 0; turn < turns; turn += 1) {
    const from = Math.floor((count * turn) / turns);
    const to = Math.floor((count * (turn + 1)) / turns);
    for (const [at, call] of calls.entries()) {
      const into = measured[at];
      if (into !== undefined) {
        await measure(into, from, to, concurrency, call);
      }
    }
  }
  return measured.map(asRate) as { [K in keyof T]: Rate };
}

async function measure(
  into: Measured,
  from: number,
  to: number,
  concurrency: number,
  call: Call,
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < to; index = next++) {
      const startedAt = performance.now();
      await call(index);
      into.durations.push(performance.now() - startedAt);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  into.milliseconds += performance.now() - startedAt;
}

function asRate({ milliseconds, durations }: Measured): Rate {
  const sorted = durations.toSorted((one, other) => one - other);
  return {
    perSecond: (durations.length * 1_000) / milliseconds,
    p50: sorted[Math.floor(sorted.length * 0.5)] ?? 0,
    p95: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
  };
}
