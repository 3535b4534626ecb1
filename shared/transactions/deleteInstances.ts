import type { InstanceIndex, Target } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { noInstance } from "./retrieveInstances.ts";

/**
 * Deletes all instances under a target. When it returns, nobody finds or retrieves them any more; their bytes are removed
 * a little later. `reason` stands in the events of both feeds. Throws `notFound` when nothing is there.
 */
export async function deleteInstances(
  index: InstanceIndex,
  scope: TenantScope,
  target: Target,
  reason?: string,
): Promise<void> {
  if ((await index.remove(scope, target, reason === undefined ? {} : { reason })) === 0) {
    throw noInstance();
  }
}
