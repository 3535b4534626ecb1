import { Problem } from "../problem/problem.ts";
import type { WriteGuard } from "../store/writeGuard.ts";
import { defaultPartition } from "../tenancy/tenantScope.ts";
import type { Tenants } from "../tenancy/tenants.ts";
import type { DataPartitions } from "./dataPartitions.ts";

/**
 * Lets things be made only of tenants that are not being purged, and makes the data partition that they are made in.
 *
 * What it knows of tenants may be as old as the registry's bounded age; a purge waits for longer than that.
 */
export function tenantGuard(
  tenants: Pick<Tenants, "isPurged">,
  partitions: DataPartitions,
): WriteGuard {
  return {
    require: async (scope) => {
      if (await tenants.isPurged(scope.tenant)) {
        throw new Problem("forbidden", "The tenant is being deleted.");
      }
      if (scope.partition !== defaultPartition) {
        await partitions.make(scope);
      }
    },
  };
}
