import { Problem } from "../problem/problem.ts";
import type { Tenant } from "../tenancy/tenant.ts";
import type { Tenants } from "../tenancy/tenants.ts";

/**
 * The tenant of that name, if its callers are let in now.
 *
 * Throws `unauthenticated` when there is none (any more), and `forbidden` when it is suspended or being deleted.
 */
export async function requireTenant(tenants: Tenants, name: string): Promise<Tenant> {
  const tenant = await tenants.find(name);
  if (tenant === undefined) {
    throw new Problem("unauthenticated", "The token is of no tenant of this service.");
  }
  if (tenant.state !== "active") {
    throw new Problem("forbidden", `The tenant is ${state(tenant)}.`);
  }
  return tenant;
}

function state({ state: current }: Tenant): string {
  return current === "deleting" ? "being deleted" : current;
}
