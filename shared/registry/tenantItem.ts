import type { TenantSettings, TenantState } from "../tenancy/tenant.ts";

/** Items by the container of Cosmos DB that holds them, and blob containers as `blobs`. */
export type TenantCounts = Readonly<Record<string, number>>;

/** How far a tenant's deletion is. Each moment is in ISO 8601 with milliseconds and `Z`. */
export interface TenantDeletion {
  readonly requestedAt: string;
  /** What has to be repeated to begin the purge, as a SHA-256 hash in hexadecimal. */
  readonly confirmationHash: string;
  /** From when on it cannot be undone. */
  readonly confirmedAt?: string;
  /** What has been removed so far. */
  readonly removed: TenantCounts;
  /** What was counted after all was removed, the last time: nothing but zeros. */
  readonly left?: TenantCounts;
  /** When that was counted first. */
  readonly endedAt?: string;
  /** When that was counted last. */
  readonly checkedAt?: string;
}

/** A tenant, or what is kept of one that was deleted, in the Cosmos container `control`. */
export interface TenantItem {
  /** As {@link tenantItemId} makes it. */
  readonly id: string;
  /** The platform's own partition key, which no tenant's name can be. */
  readonly tenant: string;
  readonly kind: "tenant";
  readonly name: string;
  /** A name that is `deleted` is never given again: what outlives a purge, as backups and the audit do, carries it. */
  readonly state: TenantState | "deleted";
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Of the write that made the item what it is; never repeats. */
  readonly version: string;
  readonly settings: TenantSettings;
  readonly deletion?: TenantDeletion;
}

/** A tenant's item as it was read. */
export type StoredTenant = TenantItem & { readonly _etag: string };

/** The id of a tenant's item. */
export function tenantItemId(name: string): string {
  return `tenant:${name}`;
}
