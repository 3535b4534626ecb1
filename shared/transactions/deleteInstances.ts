import type { InstanceIndex, Target } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { noInstance } from "./retrieveInstances.ts";

/**
 * Deletes all instances under a target. When it returns, nobody finds or retrieves them any more; their bytes are removed
 * a little later. Throws `notFound` when nothing is there.
 */
export async function deleteInstances(
  index: InstanceIndex,
  scope: TenantScope,
  target: Target,
): Promise<void> {
  if ((await index.remove(scope, target)) === 0) {
    throw noInstance();
  }
}
