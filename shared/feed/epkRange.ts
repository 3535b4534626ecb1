import type { TenantScope } from "../tenancy/tenantScope.ts";
import { effectivePartitionKey, epkDigitsPerLevel } from "./effectivePartitionKey.ts";

/** A span of effective partition keys: from `epkMin`, included, to `epkMax`, excluded. Compared as texts. */
export interface EpkRange {
  readonly epkMin: string;
  readonly epkMax: string;
}

/** The keys of a tenant: all of its, and nobody else's. */
export function tenantEpkRange(scope: TenantScope): EpkRange {
  const epk = effectivePartitionKey([scope.tenant]);
  return { epkMin: epk, epkMax: `${epk}FF` };
}

/** Whether `inner` lies in `outer`, and is not empty. */
export function isInside(inner: EpkRange, outer: EpkRange): boolean {
  return (
    outer.epkMin <= inner.epkMin && inner.epkMin < inner.epkMax && inner.epkMax <= outer.epkMax
  );
}

/** Cuts a range at those of `bounds` that lie inside it. The pieces, in order, cover the same keys and do not overlap. */
export function cutEpkRange(range: EpkRange, bounds: readonly string[]): EpkRange[] {
  const inside = [...new Set(bounds)]
    .filter((bound) => range.epkMin < bound && bound < range.epkMax)
    .toSorted();
  const starts = [range.epkMin, ...inside];
  return starts.map((epkMin, piece) => ({ epkMin, epkMax: inside[piece] ?? range.epkMax }));
}

/**
 * Bounds that cut what a tenant stores into `count` pieces of about the same size.
 *
 * A tenant's studies lie under few data partitions, most of them under one, and by the hash of their UID in it. So the
 * cut is made among the studies of the scope's data partition; whatever lies under others falls to the first or the last
 * piece. A cut between the keys of the data partitions would leave nearly all to one of the pieces.
 */
export function evenBounds(scope: TenantScope, count: number): string[] {
  const prefix = effectivePartitionKey([scope.tenant, scope.partition]);
  // The two highest bits of a hash are never set.
  const width = 1n << BigInt(epkDigitsPerLevel * 4 - 2);
  return Array.from({ length: count - 1 }, (_, piece) => {
    const start = (width * BigInt(piece + 1)) / BigInt(count);
    return prefix + start.toString(16).toUpperCase().padStart(epkDigitsPerLevel, "0");
  });
}
