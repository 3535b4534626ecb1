import type { InstanceContent } from "../store/instanceContent.ts";
import type { ChangeItem } from "../store/studyItems.ts";
import { maintenanceScope } from "../tenancy/tenantScope.ts";

/**
 * Removes the content that events say nothing refers to any longer.
 *
 * It is called with items from the change feed of the container `dicom`, at least once for each and in any number. What
 * it does is the same however often it is done. It throws when the content store does, so that the batch comes again.
 */
export async function removeContent(
  content: InstanceContent,
  items: readonly unknown[],
): Promise<number> {
  let removed = 0;
  for (const item of items) {
    if (!isChange(item)) {
      continue;
    }
    const scope = maintenanceScope(item.tenant, item.partition);
    // One after the other: whoever reads and stores meanwhile comes first.
    for (const name of item.remove) {
      await content.remove(scope, name);
      removed += 1;
    }
  }
  return removed;
}

function isChange(item: unknown): item is ChangeItem {
  const { kind, remove } = item as Partial<ChangeItem>;
  return kind === "change" && Array.isArray(remove);
}
