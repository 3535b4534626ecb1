import type { InstanceIndex } from "../store/instanceIndex.ts";
import { maintenanceScope, type TenantScope } from "../tenancy/tenantScope.ts";

/** How many studies are deleted at once. */
const studiesAtOnce = 4;

/** When studies go. */
export interface ExpiryTimes {
  /** Those that were to be deleted by then, in milliseconds since 1970. */
  readonly now: number;
  /** Those to which nothing has been stored since then, in ISO 8601; none when absent. */
  readonly storedBefore?: string;
}

/**
 * Deletes the studies of the scope's tenant, in all of its data partitions, whose time has come. Says how many instances
 * that were.
 *
 * A study that a store keeps for longer meanwhile stays. Deletions have events like any other, with the reason `expired`
 * or `retention`. It may end at any point and run any number of times, also at once: what is left is found again. A study
 * that cannot be deleted is told to `report`, and the others are.
 */
export async function expireStudies(
  index: Pick<InstanceIndex, "expired" | "remove">,
  scope: TenantScope,
  { now, storedBefore }: ExpiryTimes,
  report: (error: unknown) => void,
): Promise<number> {
  let removed = 0;
  const due = index.expired(scope, now, storedBefore)[Symbol.asyncIterator]();
  const worker = async (): Promise<void> => {
    for (let next = await due.next(); next.done !== true; next = await due.next()) {
      const { dataPartition, study, terms } = next.value;
      try {
        const instances = await index.remove(
          maintenanceScope(scope.tenant, dataPartition),
          { studyInstanceUID: study },
          terms,
        );
        // After the wait: another worker may have counted meanwhile.
        removed += instances;
      } catch (error) {
        report(error);
      }
    }
  };
  await Promise.all(Array.from({ length: studiesAtOnce }, worker));
  return removed;
}
