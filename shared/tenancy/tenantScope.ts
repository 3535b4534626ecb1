import assert from "node:assert/strict";
import { Problem } from "../problem/problem.ts";

/** What a caller may do. The first five are those of the Azure service's roles. */
export const dataActions = [
  "read",
  "write",
  "delete",
  "export",
  "manageExtendedQueryTags",
  "feed",
  "tenant.admin",
  "platform.admin",
] as const;

/** One of {@link dataActions}. */
export type DataAction = (typeof dataActions)[number];

/** The name of a tenant: 1 to 40 of `a-z 0-9 -`, neither first nor last a hyphen, no two hyphens in a row. */
export type TenantName = string & { readonly [tenantName]: true };
declare const tenantName: unique symbol;

/** The name of a data partition inside a tenant: 1 to 64 of `A-Z a-z 0-9 . _ -`. */
export type PartitionName = string & { readonly [partitionName]: true };
declare const partitionName: unique symbol;

/** The data partition of everything that was stored without naming one. */
export const defaultPartition: PartitionName = parsePartitionName("Microsoft.Default");

const tenantNamePattern = /^(?=.{1,40}$)[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** Checks the name of a tenant. The alphabet is that of a blob container, because each tenant has one of that name. */
export function parseTenantName(text: string): TenantName {
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
 * What a caller is kept to, of all that its tenant has. What lies outside answers like what is not there.
 *
 * Each part that is present narrows: a token for one patient and one study reaches that study if it is that patient's.
 */
export interface Restriction {
  /** The data partitions that the caller may name. */
  readonly partitions?: readonly string[];
  /** PatientID, as it stands in the instances. */
  readonly patientID?: string;
  readonly studyInstanceUID?: string;
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
  readonly restriction: Restriction;
  readonly #actions: ReadonlySet<DataAction>;

  constructor(
    tenant: TenantName,
    partition: PartitionName,
    actions: ReadonlySet<DataAction>,
    restriction: Restriction,
  ) {
    this.tenant = tenant;
    this.partition = partition;
    this.restriction = restriction;
    this.#actions = actions;
  }

  /** The blob container that holds this tenant's content, and nobody else's. */
  get contentContainer(): string {
    assert(this.tenant !== platformTenant, "The platform has no content.");
    return `dicom-${this.tenant}`;
  }

  /** Whether the caller is kept to a part of what the tenant has. */
  get isRestricted(): boolean {
    return Object.keys(this.restriction).length > 0;
  }

  /** Whether the caller has a data action. */
  may(action: DataAction): boolean {
    return this.#actions.has(action);
  }

  /** Throws a `forbidden` problem that names the action when the caller lacks it. */
  require(action: DataAction): void {
    if (!this.may(action)) {
      throw new Problem("forbidden", `The caller lacks the data action "${action}".`);
    }
  }
}

export type TenantScope = Scope;

/** All that can be done to the data of a tenant. */
const tenantActions: ReadonlySet<DataAction> = new Set(
  dataActions.filter((action) => action !== "platform.admin"),
);

/** The tenant of every caller where authentication is off, which is only ever so on a developer's own machine. */
const unauthenticatedTenant: TenantName = parseTenantName("default");

/** What belongs to the platform itself, and to no tenant. It is no name that {@link parseTenantName} accepts. */
export const platformTenant: TenantName = "$platform" as TenantName;

/** The scope of a caller where authentication is off: all of the tenant `default`. */
export function unauthenticatedScope(partition: string = defaultPartition): TenantScope {
  return new Scope(unauthenticatedTenant, parsePartitionName(partition), tenantActions, {});
}

/**
 * The scope of a caller whose token has been verified. To be called by `shared/admission` alone, with the tenant that the
 * token's issuer is registered for.
 */
export function verifiedScope(
  tenant: string,
  partition: string,
  actions: ReadonlySet<DataAction>,
  restriction: Restriction,
): TenantScope {
  assert(!actions.has("platform.admin"), "Who administers the platform has no tenant.");
  return new Scope(parseTenantName(tenant), parsePartitionName(partition), actions, restriction);
}

const platformActions: ReadonlySet<DataAction> = new Set(["platform.admin", "tenant.admin"]);

/**
 * The scope of the platform's records, and of no tenant's data: for a caller whose token is of the platform's own issuer,
 * with the actions of the token; and, with all actions, for the service's own work on the registry.
 */
export function platformScope(actions: ReadonlySet<DataAction> = platformActions): TenantScope {
  return new Scope(platformTenant, defaultPartition, actions, {});
}

/**
 * The scope in which the service itself looks after a tenant's data: the work that follows from the change feed, and the
 * sweeps. `tenant` and `partition` come from an item of the store or from the list of tenants, never from a request.
 */
export function maintenanceScope(tenant: string, partition: string): TenantScope {
  return new Scope(parseTenantName(tenant), parsePartitionName(partition), tenantActions, {});
}
