import { Problem } from "../problem/problem.ts";
import type { CurrentInstanceItem } from "../store/studyItems.ts";
import { maintenanceScope, type TenantScope } from "../tenancy/tenantScope.ts";
import { keepErrors, type TagStores } from "./reindexWorker.ts";
import { indexedTags, type TagList } from "./tagList.ts";
import type { ExtendedQueryTag } from "./extendedQueryTag.ts";

/** By how much the clocks of two hosts differ at most. What was stored longer before a tag than this, its operation indexes. */
const clockSkewMilliseconds = 5 * 60 * 1000;

/**
 * Indexes instances that were stored by a list of extended query tags that was out of date.
 *
 * It is called with items from the change feed of the container `dicom`, at least once for each and in any number. The
 * list that it compares them with is read after they were committed: an instance that a tag's operation did not see, because
 * it was committed later, is seen here with the tag in the list. Returns the number of studies that it went through, and
 * throws when the database is busy, so that the items come again. A study that fails for another reason is told to `report`
 * and passed over: it must not hold up all others.
 */
export async function indexLateInstances(
  stores: TagStores,
  items: readonly unknown[],
  report: (error: unknown) => void,
): Promise<number> {
  const lists = new Map<string, TagList>();
  const studies = new Map<
    string,
    { readonly scope: TenantScope; readonly study: string; readonly tags: Set<ExtendedQueryTag> }
  >();
  for (const item of items) {
    if (!isInstance(item)) {
      continue;
    }
    const { tenant, partition, study } = item;
    const scope = maintenanceScope(tenant, partition);
    const list = lists.get(tenant) ?? (await stores.registry.latest(scope));
    lists.set(tenant, list);
    const missing = indexedTags(list).filter((tag) => mayLack(item, tag));
    if (missing.length > 0) {
      const key = JSON.stringify([tenant, partition, study]);
      const known = studies.get(key) ?? { scope, study, tags: new Set() };
      studies.set(key, known);
      for (const tag of missing) {
        known.tags.add(tag);
      }
    }
  }
  for (const { scope, study, tags } of studies.values()) {
    try {
      await keepErrors(stores, scope, await stores.tagIndex.indexStudy(scope, study, [...tags]));
    } catch (error) {
      if (error instanceof Problem && error.kind === "unavailable") {
        throw error;
      }
      report(error);
    }
  }
  return studies.size;
}

function mayLack(item: CurrentInstanceItem, tag: ExtendedQueryTag): boolean {
  return (
    (item.registrations ?? 0) < tag.registration &&
    Date.parse(item.stamp.at) >= Date.parse(tag.registeredAt) - clockSkewMilliseconds
  );
}

function isInstance(item: unknown): item is CurrentInstanceItem {
  const { kind, state } = item as Partial<CurrentInstanceItem>;
  return kind === "instance" && state === "current";
}
