import type { DeadLetters } from "../feed/deadLetters.ts";
import type { FeedLog } from "../feed/feedLog.ts";
import { statusOf } from "../store/cosmosRetry.ts";
import type { ChangeItem } from "../store/studyItems.ts";
import type { Tenants } from "../tenancy/tenants.ts";
import { maintenanceScope, type TenantScope } from "../tenancy/tenantScope.ts";

/** What sequencing takes. */
export interface SequencerStores {
  readonly log: FeedLog;
  readonly deadLetters: DeadLetters;
  /** Tells of which tenants nothing is kept any more. */
  readonly tenants: Pick<Tenants, "isPurged">;
}

// What the database answers to an entry that it will never take. Anything else that goes wrong may come right.
const refusals: ReadonlySet<number> = new Set([400, 413]);

/**
 * Gives events their numbers in the total order of their tenant.
 *
 * It is called with items from the change feed of the container `dicom`, at least once for each, in the order of their
 * commits for each study; an event that has a number already keeps it. It throws when the database is busy, so that the
 * batch comes again. An event that can never be sequenced is set aside, and the others go on. Those of a tenant that is
 * being purged are dropped.
 */
export async function sequenceChanges(
  { log, deadLetters, tenants: registry }: SequencerStores,
  items: readonly unknown[],
): Promise<number> {
  const tenants = new Map<
    string,
    { readonly scope: TenantScope; readonly changes: ChangeItem[] }
  >();
  for (const item of items) {
    if ((item as Partial<ChangeItem>).kind !== "change") {
      continue;
    }
    const change = item as ChangeItem;
    const scope = scopeOf(change);
    if (scope === undefined) {
      await setAside(deadLetters, change, "The item does not have the form of a change.");
      continue;
    }
    const group = tenants.get(change.tenant) ?? { scope, changes: [] };
    group.changes.push(change);
    tenants.set(change.tenant, group);
  }
  let sequenced = 0;
  for (const { scope, changes } of tenants.values()) {
    if (await registry.isPurged(scope.tenant)) {
      continue;
    }
    sequenced += await appendOrSetAside(log, deadLetters, scope, changes);
  }
  return sequenced;
}

async function appendOrSetAside(
  log: FeedLog,
  deadLetters: DeadLetters,
  scope: TenantScope,
  changes: readonly ChangeItem[],
): Promise<number> {
  try {
    return await log.append(scope, changes);
  } catch (error) {
    const [change, ...others] = changes;
    if (!refusals.has(Number(statusOf(error))) || change === undefined) {
      throw error;
    }
    if (others.length > 0) {
      // One of them is refused and takes the rest of its batch with it. Each is tried by itself, in their order.
      let appended = 0;
      for (const single of changes) {
        appended += await appendOrSetAside(log, deadLetters, scope, [single]);
      }
      return appended;
    }
    await setAside(deadLetters, change, "The database refuses the entry.");
    return 0;
  }
}

async function setAside(
  deadLetters: DeadLetters,
  { id, tenant, partition, study }: ChangeItem,
  reason: string,
): Promise<void> {
  await deadLetters.put({
    changeId: String(id),
    tenant: String(tenant),
    partition: String(partition),
    study: String(study),
    reason,
  });
}

/** The scope of a change's tenant; `undefined` when the item is not a change as the store writes it. */
function scopeOf(change: Partial<ChangeItem>): TenantScope | undefined {
  const { id, tenant, partition, study, series, sop, action, revision, bytes } = change;
  if (
    ![id, tenant, partition, study, series, sop].every((text) => typeof text === "string") ||
    !["create", "update", "delete"].includes(String(action)) ||
    !Number.isSafeInteger(revision) ||
    !Number.isSafeInteger(bytes)
  ) {
    return undefined;
  }
  try {
    return maintenanceScope(String(tenant), String(partition));
  } catch {
    return undefined;
  }
}
