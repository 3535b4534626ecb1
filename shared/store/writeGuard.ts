import type { TenantScope } from "../tenancy/tenantScope.ts";

/** Asked before anything new is made in a scope, each time that it is. */
export interface WriteGuard {
  /**
   * Sees to what has to be there first. Throws `forbidden` when the tenant is being deleted for good: a store that began
   * before that, however long ago, leaves nothing.
   */
  require(scope: TenantScope): Promise<void>;
}

/** Lets everything be made, for stores of which no tenant is ever deleted. */
export const unguarded: WriteGuard = {
  require: async () => {
    await Promise.resolve();
  },
};
