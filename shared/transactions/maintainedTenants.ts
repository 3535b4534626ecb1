import { defaultPartition, maintenanceScope, type TenantScope } from "../tenancy/tenantScope.ts";
import type { Tenants } from "../tenancy/tenants.ts";

/** A tenant whose data the service looks after by itself. */
export interface MaintainedTenant {
  /** For what goes through all data partitions of the tenant. */
  readonly scope: TenantScope;
  /** Studies are deleted this many days after the last store; never when absent. */
  readonly retentionDays: number | undefined;
}

/**
 * The tenants whose data are looked after: also of those that are suspended, whose blobs go on to be swept and whose
 * studies go on to expire; not of those that are being deleted.
 */
export async function maintainedTenants(
  tenants: Pick<Tenants, "list">,
): Promise<readonly MaintainedTenant[]> {
  return (await tenants.list())
    .filter(({ state }) => state !== "deleting")
    .map(({ name, retentionDays }) => ({
      scope: maintenanceScope(name, defaultPartition),
      retentionDays,
    }));
}
