import { Problem } from "../problem/problem.ts";

/** What a caller may do with a tenant's data; the data actions of the Azure service's roles. */
export type Permission = "read" | "write" | "delete";

/** The name of a tenant: 1 to 40 of `a-z 0-9 -`, neither first nor last a hyphen, no two hyphens in a row. */
export type TenantName = string & { readonly [tenantName]: true };
declare const tenantName: unique symbol;

/** The name of a data partition inside a tenant: 1 to 64 of `A-Z a-z 0-9 . _ -`. */
export type PartitionName = string & { readonly [partitionName]: true };
declare const partitionName: unique symbol;

/** The data partition of everything that was stored without naming one. */
const defaultPartition: PartitionName = parsePartitionName("Microsoft.Default");

const tenantNamePattern = /^(?=.{1,40}$)[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** Checks the name of a tenant. The alphabet is that of a blob container, because each tenant has one of that name. */
function parseTenantName(text: string): TenantName {
  if (!tenantNamePattern.test(text)) {
    throw new Problem("malformed", "The name of the tenant is not valid.");
  }
  return text as TenantName;
}

/** Checks the name of a data partition. */
function parsePartitionName(text: string): PartitionName {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(text)) {
    throw new Problem("malformed", "The name of the data partition is not valid.");
  }
  return text as PartitionName;
}

/**
 * The authority to work on one data partition of one tenant.
 *
 * Every call of the store and the feed takes one as its first argument, and only this file makes one, from a verified
 * identity: a query across tenants cannot be written by forgetting something.
 */
class Scope {
  readonly tenant: TenantName;
  readonly partition: PartitionName;
  readonly #permissions: ReadonlySet<Permission>;

  constructor(tenant: TenantName, partition: PartitionName, permissions: ReadonlySet<Permission>) {
    this.tenant = tenant;
    this.partition = partition;
    this.#permissions = permissions;
  }

  /** The blob container that holds this tenant's content, and nobody else's. */
  get contentContainer(): string {
    return `dicom-${this.tenant}`;
  }

  /** Throws a `forbidden` problem that names the action when the caller lacks it. */
  require(permission: Permission): void {
    if (!this.#permissions.has(permission)) {
      throw new Problem("forbidden", `The caller lacks the data action "${permission}".`);
    }
  }
}

export type TenantScope = Scope;

/** The tenant of every caller where authentication is off, which is only ever so on a developer's own machine. */
const unauthenticatedTenant: TenantName = parseTenantName("default");

/** The scope of a caller where authentication is off: all of the tenant `default`. */
export function unauthenticatedScope(): TenantScope {
  return new Scope(unauthenticatedTenant, defaultPartition, new Set(["read", "write", "delete"]));
}

/**
 * The scope in which the service itself looks after a tenant's data: the work that follows from the change feed, and the
 * sweeps. `tenant` and `partition` come from an item of the store or from the list of tenants, never from a request.
 */
export function maintenanceScope(tenant: string, partition: string): TenantScope {
  return new Scope(
    parseTenantName(tenant),
    parsePartitionName(partition),
    new Set(["read", "write", "delete"]),
  );
}
