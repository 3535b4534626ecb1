import type { Tenant } from "./tenant.ts";

/**
 * The tenants there are, as a request needs them: what it says may be as old as the registry's bounded age.
 *
 * A call throws `unavailable` when nothing recent enough is known and the database cannot be reached.
 */
export interface Tenants {
  /** The tenant of that name, whatever its state; `undefined` when there is none, or it has been deleted for good. */
  find(name: string): Promise<Tenant | undefined>;
  /** The tenants that trust an issuer of exactly this name, as it is configured. */
  withIssuer(issuer: string): Promise<readonly Tenant[]>;
  /**
   * Whether the deletion of the tenant is confirmed, or done: nothing of it may be made any more. Of a name that nobody
   * knows it is not: the tenant may be newer than what is known.
   */
  isPurged(name: string): Promise<boolean>;
  /** All tenants, by name. */
  list(): Promise<readonly Tenant[]>;
}
