import type { InstanceIndex } from "../store/instanceIndex.ts";
import type { SeriesItem, StudyItem } from "../store/studyItems.ts";
import { maintenanceScope } from "../tenancy/tenantScope.ts";

/**
 * Lets series and instances follow their study and series when attributes of those have changed.
 *
 * It is called with items from the change feed of the container `dicom`, at least once for each and in any number, and
 * repairs what a store that was cut short left behind. It throws when the index does, so that the batch comes again.
 */
export async function refreshCopies(
  index: InstanceIndex,
  items: readonly unknown[],
): Promise<number> {
  const studies = new Map<string, StudyItem | SeriesItem>();
  for (const item of items) {
    const parent = item as Partial<StudyItem> | Partial<SeriesItem>;
    if ((parent.kind === "study" || parent.kind === "series") && parent.amended === true) {
      const { tenant, partition, study } = parent;
      studies.set(JSON.stringify([tenant, partition, study]), item as StudyItem | SeriesItem);
    }
  }
  let refreshed = 0;
  for (const { tenant, partition, study } of studies.values()) {
    refreshed += await index.refreshCopies(maintenanceScope(tenant, partition), study);
  }
  return refreshed;
}
