import { createHash } from "node:crypto";
import { Problem } from "../problem/problem.ts";
import type { DataPartitions } from "../registry/dataPartitions.ts";
import type { StoredTenant, TenantItem } from "../registry/tenantItem.ts";
import { noTenant, type TenantChange, type TenantRegistry } from "../registry/tenantRegistry.ts";
import type { TenantContent } from "../store/tenantContent.ts";
import { parseTenantSettings } from "../tenancy/parseTenantSettings.ts";
import { requireDistinctIssuers, type TrustedIssuer } from "../tenancy/requireDistinctIssuers.ts";
import type { TenantSettings } from "../tenancy/tenant.ts";
import { defaultPartition, maintenanceScope, type TenantScope } from "../tenancy/tenantScope.ts";

/** What the administration of tenants works on. */
export interface AdministrationStores {
  readonly registry: TenantRegistry;
  readonly partitions: DataPartitions;
  readonly tenantContent: TenantContent;
}

/** Under which condition a tenant is written: none, that it is the one known, that it is there, that it is not. */
export type TenantCondition =
  | { readonly kind: "none" }
  | { readonly kind: "matches"; readonly entityTag: string }
  | { readonly kind: "exists" }
  | { readonly kind: "isAbsent" };

/**
 * Takes a tenant on, or replaces what was said about it. Says which of the two it was.
 *
 * Throws `conflict` when a token could belong to it and to another tenant, when data partitions are turned off that are
 * in use, when it is being deleted, and when the name was that of a tenant that has been deleted; `preconditionFailed`
 * when the condition does not hold.
 */
export async function storeTenant(
  stores: AdministrationStores,
  scope: TenantScope,
  name: string,
  settings: TenantSettings,
  condition: TenantCondition,
  now: string,
): Promise<{ readonly tenant: StoredTenant; readonly isNew: boolean }> {
  await requirePartitionsUnused(stores, await stores.registry.read(scope, name), settings);
  let isNew = false;
  const tenant = await stores.registry.write(scope, name, (current, all) => {
    requireCondition(current, condition);
    requireAlive(current);
    requireIssuersApart(name, settings, all);
    isNew = current === undefined;
    return current === undefined
      ? { state: "active", createdAt: now, settings }
      : { ...kept(current), settings };
  });
  // Nothing of a tenant that is refused is left. Where this fails, repeating the request makes up for it, and so does the
  // first store.
  await stores.tenantContent.make(maintenanceScope(name, defaultPartition));
  return { tenant, isNew };
}

/** Changes what is said about a tenant by a JSON merge patch (RFC 7396). Throws as {@link storeTenant} does. */
export async function amendTenant(
  stores: AdministrationStores,
  scope: TenantScope,
  name: string,
  patch: Readonly<Record<string, unknown>>,
  condition: TenantCondition,
): Promise<StoredTenant> {
  const known = await stores.registry.read(scope, name);
  if (known === undefined) {
    throw noTenant();
  }
  await requirePartitionsUnused(stores, known, parseTenantSettings(merged(known.settings, patch)));
  return await stores.registry.write(scope, name, (current, all) => {
    const there = requireThere(current);
    requireCondition(there, condition);
    requireAlive(there);
    const settings = parseTenantSettings(merged(there.settings, patch));
    requireIssuersApart(name, settings, all);
    return { ...kept(there), settings };
  });
}

/**
 * Shuts a tenant's callers out, or lets them in again; doing so again changes nothing. A deletion that has not been
 * confirmed is called off by resuming.
 */
export async function setTenantState(
  stores: AdministrationStores,
  scope: TenantScope,
  name: string,
  state: "active" | "suspended",
): Promise<StoredTenant> {
  return await stores.registry.write(scope, name, (current) => {
    const there = requireThere(current);
    const { deletion, ...rest } = kept(there);
    if (deletion !== undefined && (deletion.confirmedAt !== undefined || state === "suspended")) {
      throw beingDeleted();
    }
    return { ...rest, state };
  });
}

/**
 * The first of two steps to delete a tenant: its callers are shut out, and nothing is removed yet.
 *
 * `confirmation` is what {@link confirmDeletion} has to be given. Asking again replaces it.
 */
export async function requestDeletion(
  stores: AdministrationStores,
  scope: TenantScope,
  name: string,
  confirmation: string,
  condition: TenantCondition,
  now: string,
): Promise<StoredTenant> {
  return await stores.registry.write(scope, name, (current) => {
    const there = requireThere(current);
    requireCondition(there, condition);
    if (there.deletion?.confirmedAt !== undefined) {
      throw beingDeleted();
    }
    return {
      ...kept(there),
      state: "deleting",
      deletion: {
        requestedAt: there.deletion?.requestedAt ?? now,
        confirmationHash: hashOf(confirmation),
        removed: {},
      },
    };
  });
}

/**
 * The second step: from here on the tenant cannot come back. Its data are removed a little later, by a timer.
 *
 * Throws `conflict` when the deletion has not been requested, and `malformed` when it is not what that was answered with.
 */
export async function confirmDeletion(
  stores: AdministrationStores,
  scope: TenantScope,
  name: string,
  confirmation: string,
  now: string,
): Promise<StoredTenant> {
  return await stores.registry.write(scope, name, (current) => {
    const there = requireThere(current);
    const { deletion } = there;
    if (deletion === undefined) {
      throw new Problem("conflict", "The tenant's deletion has not been requested.");
    }
    if (deletion.confirmationHash !== hashOf(confirmation)) {
      throw new Problem("malformed", "The confirmation is not the one that the last DELETE gave.");
    }
    return { ...kept(there), deletion: { ...deletion, confirmedAt: deletion.confirmedAt ?? now } };
  });
}

function requireThere(current: StoredTenant | undefined): StoredTenant {
  if (current === undefined || current.state === "deleted") {
    throw noTenant();
  }
  return current;
}

function requireAlive(current: StoredTenant | undefined): void {
  if (current?.state === "deleted") {
    throw new Problem("conflict", "The name was that of a tenant that has been deleted.");
  }
  if (current?.state === "deleting") {
    throw beingDeleted();
  }
}

function beingDeleted(): Problem {
  return new Problem("conflict", "The tenant is being deleted.");
}

function requireCondition(current: StoredTenant | undefined, condition: TenantCondition): void {
  const holds =
    condition.kind === "none" ||
    (condition.kind === "isAbsent"
      ? current === undefined
      : current !== undefined &&
        (condition.kind === "exists" || condition.entityTag === current._etag));
  if (!holds) {
    throw new Problem(
      "preconditionFailed",
      "The tenant is not as the condition of the request says.",
    );
  }
}

function requireIssuersApart(
  name: string,
  settings: TenantSettings,
  all: readonly StoredTenant[],
): void {
  const trustedBy = (tenant: string, { issuers }: TenantSettings): TrustedIssuer[] =>
    issuers.map((issuer) => ({ tenant, issuer }));
  requireDistinctIssuers(
    trustedBy(name, settings),
    all
      .filter((other) => other.name !== name && other.state !== "deleted")
      .flatMap((other) => trustedBy(other.name, other.settings)),
  );
}

// Data in another data partition could not be reached any more.
async function requirePartitionsUnused(
  { partitions }: AdministrationStores,
  known: TenantItem | undefined,
  { partitionsEnabled }: TenantSettings,
): Promise<void> {
  if (known === undefined || !known.settings.partitionsEnabled || partitionsEnabled) {
    return;
  }
  const made = await partitions.list(maintenanceScope(known.name, defaultPartition));
  if (made.length > 1) {
    throw new Problem(
      "conflict",
      "The tenant has data partitions besides Microsoft.Default, so they cannot be turned off.",
    );
  }
}

/** What a change leaves as it is. */
function kept({
  state,
  createdAt,
  settings,
  deletion,
}: StoredTenant): ReturnType<TenantChange> & Pick<TenantItem, "deletion"> {
  return { state, createdAt, settings, ...(deletion === undefined ? {} : { deletion }) };
}

/** RFC 7396 §2. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) {
    return patch;
  }
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) {
      // Names come from the request, and a plain object has more than it says.
      Reflect.deleteProperty(result, name);
    } else {
      Object.defineProperty(result, name, {
        value: merged(Object.hasOwn(result, name) ? result[name] : undefined, value),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
  }
  return result;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hashOf(confirmation: string): string {
  return createHash("sha256").update(confirmation).digest("hex");
}
