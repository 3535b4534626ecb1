import type { Tenants } from "../tenancy/tenants.ts";

/**
 * Those of the items of a change feed whose tenant is not being purged: what follows from the others would outlive them.
 */
export async function ofLivingTenants(
  tenants: Pick<Tenants, "isPurged">,
  items: readonly unknown[],
): Promise<readonly unknown[]> {
  const living: unknown[] = [];
  for (const item of items) {
    const { tenant } = item as { readonly tenant?: unknown };
    if (typeof tenant !== "string" || !(await tenants.isPurged(tenant))) {
      living.push(item);
    }
  }
  return living;
}
