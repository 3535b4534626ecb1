import assert from "node:assert/strict";
import type { Container, JSONObject, OperationInput } from "@azure/cosmos";
import { Problem } from "../problem/problem.ts";
import { RetryBudget, type RetryClock } from "../store/cosmosRetry.ts";
import { tryBatch } from "../store/tryBatch.ts";
import type { Tenant } from "../tenancy/tenant.ts";
import type { Tenants } from "../tenancy/tenants.ts";
import { parseTenantName, platformTenant, type TenantScope } from "../tenancy/tenantScope.ts";
import { tenantItemId, type StoredTenant, type TenantItem } from "./tenantItem.ts";

/** What the registry needs from its surroundings besides the database. */
export interface RegistrySurroundings extends RetryClock {
  /** The wall clock, in ISO 8601 with milliseconds and `Z`. */
  timestamp(): string;
  /** A name that sorts by time and never repeats (a ULID). */
  newVersion(): string;
}

/** What a write makes of a tenant, given what it is now and all that there are. Throws to refuse. */
export type TenantChange = (
  known: StoredTenant | undefined,
  all: readonly StoredTenant[],
) => Omit<TenantItem, "id" | "tenant" | "kind" | "name" | "updatedAt" | "version">;

/** Every write changes it, so that writers notice one another, and readers that nothing has changed. */
interface HeadItem {
  readonly id: typeof headId;
  readonly tenant: string;
  readonly kind: "registry";
  readonly version: string;
}

interface Snapshot {
  /** Of the head, before the tenants were read; `undefined` when nothing was ever written. */
  readonly version: string | undefined;
  readonly byName: ReadonlyMap<string, Tenant>;
  /** The names of those whose deletion is confirmed, or done. */
  readonly purged: ReadonlySet<string>;
}

const headId = "registry";
/** From this age on, what is known is compared with the registry, while it still serves. */
const freshMilliseconds = 10_000;
/** What is older than this is not relied on. */
export const registryAgeMillisecondsMax = 30_000;
/** How often the registry is asked about names that it does not have. */
const missMilliseconds = 1_000;

/**
 * The tenants, in the Cosmos container `control` under the platform's own key.
 *
 * Reading goes through a snapshot of all of them, at most {@link registryAgeMillisecondsMax} old: that is how long a
 * change, as a suspension, takes to reach every process. Comparing it with the registry costs one point read. Writes are
 * one after the other, across processes, so that what is checked of all tenants together holds when it is written.
 */
export class TenantRegistry implements Tenants {
  readonly #container: Container;
  readonly #surroundings: RegistrySurroundings;
  #snapshot: Snapshot | undefined;
  /** When the comparison began that `#snapshot` is known to have passed. */
  #checkedAt = -Infinity;
  #refreshing: { readonly writes: number; readonly snapshot: Promise<Snapshot> } | undefined;
  /** How many writes of this process have succeeded: what was read before one of them does not count after it. */
  #writes = 0;

  constructor(container: Container, surroundings: RegistrySurroundings) {
    this.#container = container;
    this.#surroundings = surroundings;
  }

  async find(name: string): Promise<Tenant | undefined> {
    const found = (await this.#recent()).byName.get(name);
    return found ?? (await this.#afterMiss())?.byName.get(name);
  }

  async withIssuer(issuer: string): Promise<readonly Tenant[]> {
    const trusting = ({ byName }: Snapshot): Tenant[] =>
      [...byName.values()].filter(({ issuers }) =>
        issuers.some((trusted) => trusted.issuer === issuer),
      );
    const found = trusting(await this.#recent());
    if (found.length > 0) {
      return found;
    }
    const later = await this.#afterMiss();
    return later === undefined ? [] : trusting(later);
  }

  async isPurged(name: string): Promise<boolean> {
    return (await this.#recent()).purged.has(name);
  }

  async list(): Promise<readonly Tenant[]> {
    return [...(await this.#recent()).byName.values()];
  }

  /** A tenant as it is now, or what is kept of a deleted one. Only for who administers the platform, and its timers. */
  async read(scope: TenantScope, name: string): Promise<StoredTenant | undefined> {
    scope.require("platform.admin");
    const { resource } = await this.#repeat(
      async () =>
        await this.#container.item(tenantItemId(name), platformTenant).read<StoredTenant>(),
    );
    return resource && checked(resource);
  }

  /** All tenants as they are now, deleted ones included, by name. */
  async readAll(scope: TenantScope): Promise<StoredTenant[]> {
    scope.require("platform.admin");
    return await this.#readAll();
  }

  /**
   * Writes a tenant as `change` says, which is called again when somebody else wrote meanwhile.
   *
   * Throws what `change` throws, and `unavailable` when the database stays busy; the change may then still have happened.
   */
  async write(scope: TenantScope, name: string, change: TenantChange): Promise<StoredTenant> {
    scope.require("platform.admin");
    parseTenantName(name);
    const version = this.#surroundings.newVersion();
    const budget = new RetryBudget(this.#surroundings);
    for (;;) {
      const head = await budget.repeat(async () => await this.#readHead());
      const all = await this.#readAll();
      const known = all.find((item) => item.name === name);
      if (known?.version === version) {
        // Only the answer was lost.
        return this.#written(known);
      }
      const item: TenantItem = {
        id: tenantItemId(name),
        tenant: platformTenant,
        kind: "tenant",
        name,
        ...change(known, all),
        updatedAt: this.#surroundings.timestamp(),
        version,
      };
      const failure = await tryBatch(this.#container, platformTenant, [
        put({ id: headId, tenant: platformTenant, kind: "registry", version }, head?._etag),
        put(item, known?._etag),
      ]);
      if (failure !== undefined) {
        await budget.pause(failure);
        continue;
      }
      const written = await this.read(scope, name);
      assert(written !== undefined, "A tenant's item is never removed.");
      return this.#written(written);
    }
  }

  #written(item: StoredTenant): StoredTenant {
    // This process does not wait for the snapshot to age.
    this.#writes += 1;
    this.#checkedAt = -Infinity;
    return item;
  }

  /** A snapshot that is not too old. */
  async #recent(): Promise<Snapshot> {
    const age = this.#surroundings.now() - this.#checkedAt;
    if (this.#snapshot === undefined || age > registryAgeMillisecondsMax) {
      return await this.#refresh();
    }
    if (age > freshMilliseconds) {
      // Requests do not wait for it; when it fails, the next one tries again, until what is known is too old.
      this.#refresh().catch(() => undefined);
    }
    return this.#snapshot;
  }

  /** A newer snapshot, unless the last one is too recent for whoever asks for names that there are not. */
  async #afterMiss(): Promise<Snapshot | undefined> {
    return this.#surroundings.now() - this.#checkedAt > missMilliseconds
      ? await this.#refresh()
      : undefined;
  }

  async #refresh(): Promise<Snapshot> {
    if (this.#refreshing?.writes !== this.#writes) {
      const refreshing = { writes: this.#writes, snapshot: this.#load(this.#writes) };
      this.#refreshing = refreshing;
      const end = (): void => {
        if (this.#refreshing === refreshing) {
          this.#refreshing = undefined;
        }
      };
      refreshing.snapshot.then(end, end);
    }
    return await this.#refreshing.snapshot;
  }

  async #load(writes: number): Promise<Snapshot> {
    const begin = this.#surroundings.now();
    const known = this.#snapshot;
    const head = await this.#repeat(async () => await this.#readHead());
    // The head is read first: when somebody writes meanwhile, the tenants are read once more than they had to be.
    const snapshot =
      known !== undefined && known.version === head?.version
        ? known
        : snapshotOf(head?.version, head === undefined ? [] : await this.#readAll());
    if (writes === this.#writes) {
      this.#snapshot = snapshot;
      this.#checkedAt = begin;
    }
    return snapshot;
  }

  async #readHead(): Promise<(HeadItem & { readonly _etag: string }) | undefined> {
    const { resource } = await this.#container
      .item(headId, platformTenant)
      .read<HeadItem & { readonly _etag: string }>();
    return resource;
  }

  async #readAll(): Promise<StoredTenant[]> {
    const { resources } = await this.#repeat(
      async () =>
        await this.#container.items
          .query<StoredTenant>(
            {
              query:
                'SELECT * FROM c WHERE c.tenant = @tenant AND c.kind = "tenant" ORDER BY c.name ASC',
              parameters: [{ name: "@tenant", value: platformTenant }],
            },
            { partitionKey: platformTenant },
          )
          .fetchAll(),
    );
    return resources.map(checked);
  }

  async #repeat<T>(call: () => Promise<T>): Promise<T> {
    return await new RetryBudget(this.#surroundings).repeat(call);
  }
}

function snapshotOf(version: string | undefined, items: readonly StoredTenant[]): Snapshot {
  const tenants = items.map((item) => tenantOf(item)).filter((tenant) => tenant !== undefined);
  return {
    version,
    byName: new Map(tenants.map((tenant) => [tenant.name, tenant])),
    purged: new Set(
      items.filter(({ deletion }) => deletion?.confirmedAt !== undefined).map(({ name }) => name),
    ),
  };
}

/** A tenant as requests see it; `undefined` when it has been deleted for good. */
function tenantOf(item: StoredTenant): Tenant | undefined {
  const { name, state, settings, createdAt, _etag: etag } = item;
  return state === "deleted"
    ? undefined
    : { ...settings, name: parseTenantName(name), state, etag, createdAt };
}

/** The answer about a tenant that is not there. */
export function noTenant(): Problem {
  return new Problem("notFound", "There is no such tenant.");
}

function put(item: HeadItem | TenantItem, etag: string | undefined): OperationInput {
  const resourceBody = item as unknown as JSONObject;
  return etag === undefined
    ? { operationType: "Create", resourceBody }
    : { operationType: "Replace", id: item.id, ifMatch: etag, resourceBody };
}

// The second guard of two: the SDK has a mode in which the partition key is ignored.
function checked(item: StoredTenant): StoredTenant {
  assert(item.tenant === platformTenant && item.kind === "tenant", "An item of the registry.");
  return item;
}
