import type { StoredTenant, TenantCounts, TenantDeletion } from "../registry/tenantItem.ts";
import type { TenantPurge } from "../registry/tenantPurge.ts";
import { registryAgeMillisecondsMax, type TenantRegistry } from "../registry/tenantRegistry.ts";
import { defaultPartition, maintenanceScope, platformScope } from "../tenancy/tenantScope.ts";

/** What a purge works with. */
export interface PurgeWork {
  readonly registry: TenantRegistry;
  readonly purge: Pick<TenantPurge, "removeSome" | "count">;
  /** The moment so many milliseconds ago, in ISO 8601 with milliseconds and `Z`. */
  readonly ago: (milliseconds: number) => string;
}

/**
 * How long after its confirmation a deletion begins to remove. Writers ask the registry before each batch; until then one
 * may rely on what it knew of it before, and be at its last batch.
 */
export const purgeGraceMilliseconds: number = registryAgeMillisecondsMax + 90_000;
/** When what was purged is looked at once more, for what a process did that had been stopped in between. */
const recheckMilliseconds = 24 * 60 * 60 * 1_000;

/**
 * Goes on with the purges that are confirmed until `isOver`, and tells which tenants it has done with.
 *
 * After each step what has been removed is on record, and any step may be done again: a purge that was cut short, by
 * whatever, goes on with the next call. It ends by counting what is left, and only when that is nothing the tenant is
 * `deleted`, with the counts on record.
 */
export async function purgeTenants(
  work: PurgeWork,
  isOver: () => boolean,
): Promise<readonly string[]> {
  const ended: string[] = [];
  for (const tenant of await work.registry.readAll(platformScope())) {
    const { deletion } = tenant;
    if (deletion === undefined || !isDue(deletion, work)) {
      continue;
    }
    if (await purgeTenant(work, tenant, deletion, isOver)) {
      ended.push(tenant.name);
    }
    if (isOver()) {
      break;
    }
  }
  return ended;
}

function isDue({ confirmedAt, endedAt, checkedAt }: TenantDeletion, { ago }: PurgeWork): boolean {
  if (confirmedAt === undefined) {
    return false;
  }
  if (endedAt === undefined) {
    return confirmedAt <= ago(purgeGraceMilliseconds);
  }
  return endedAt === checkedAt && endedAt <= ago(recheckMilliseconds);
}

async function purgeTenant(
  work: PurgeWork,
  { name }: StoredTenant,
  deletion: TenantDeletion,
  isOver: () => boolean,
): Promise<boolean> {
  const scope = maintenanceScope(name, defaultPartition);
  let { removed } = deletion;
  for (;;) {
    const some = await work.purge.removeSome(scope);
    if (Object.keys(some).length === 0) {
      break;
    }
    removed = sum(removed, some);
    await record(work, name, { ...deletion, removed });
    if (isOver()) {
      return false;
    }
  }
  const left = await work.purge.count(scope);
  const isEmpty = Object.values(left).every((count) => count === 0);
  if (!isEmpty) {
    return false;
  }
  const at = work.ago(0);
  await record(work, name, {
    ...deletion,
    removed,
    left,
    endedAt: deletion.endedAt ?? at,
    checkedAt: at,
  });
  return true;
}

async function record(work: PurgeWork, name: string, deletion: TenantDeletion): Promise<void> {
  await work.registry.write(platformScope(), name, (known) => {
    const { state = "deleting", createdAt = deletion.requestedAt, settings } = known ?? {};
    return deletion.endedAt === undefined && settings !== undefined
      ? { state, createdAt, settings, deletion }
      : { state: "deleted", createdAt, settings: noSettings, deletion };
  });
}

// What was said about a tenant goes with it: its issuers can be another's from now on.
const noSettings = { issuers: [], partitionsEnabled: false, corsOrigins: [], quotas: {} };

function sum(a: TenantCounts, b: TenantCounts): TenantCounts {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...names].map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)]));
}
