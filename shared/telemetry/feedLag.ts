/**
 * How far behind a follower of the change feed is, in seconds: the age of the oldest of the items that it is given, none of
 * which it has dealt with. `milliseconds` is the present time. Cosmos DB tells the time of a change in whole seconds.
 *
 * `undefined` when there is none among `items` that says when it was written.
 */
export function feedLagSeconds(
  items: readonly unknown[],
  milliseconds: number,
): number | undefined {
  const times = items
    .map((item) => (item as { readonly _ts?: unknown })._ts)
    .filter((time) => typeof time === "number");
  return times.length === 0
    ? undefined
    : Math.max(0, Math.floor(milliseconds / 1000) - Math.min(...times));
}
