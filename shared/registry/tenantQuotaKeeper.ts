import type { FeedLog, StoredAmount } from "../feed/feedLog.ts";
import { Problem } from "../problem/problem.ts";
import type { RetryClock } from "../store/cosmosRetry.ts";
import type { TenantQuotas } from "../tenancy/tenant.ts";
import { defaultPartition, maintenanceScope, type TenantScope } from "../tenancy/tenantScope.ts";
import type { Tenants } from "../tenancy/tenants.ts";

/** How much a tenant has. */
export interface TenantUsage {
  readonly storedBytes: number;
  readonly storedInstances: number;
}

/** How long a reading serves the stores of one process. */
const validMilliseconds = 2_000;
const rememberedMax = 1_000;

/**
 * Measures tenants against their quotas.
 *
 * What a tenant has is added up where its events get their numbers, once for each, so that it is exact for all that is
 * numbered: a store counts some seconds after it was answered. What is stored meanwhile, by however many at once, may
 * take a tenant beyond its quota; from then on nothing more is stored.
 */
export class TenantQuotaKeeper {
  readonly #log: FeedLog;
  readonly #tenants: Tenants;
  readonly #clock: Pick<RetryClock, "now">;
  readonly #readings = new Map<
    string,
    { readonly at: number; readonly usage: Promise<TenantUsage> }
  >();

  constructor(log: FeedLog, tenants: Tenants, clock: Pick<RetryClock, "now">) {
    this.#log = log;
    this.#tenants = tenants;
    this.#clock = clock;
  }

  /** How much a tenant has. `tenant` is the name of one. */
  async read(tenant: string): Promise<TenantUsage> {
    const { instances, bytes }: StoredAmount = await this.#log.stored(
      maintenanceScope(tenant, defaultPartition),
    );
    return { storedInstances: instances, storedBytes: bytes };
  }

  /** Throws `quotaExceeded`, naming the quota, when the tenant has as much as it may have. */
  async requireRoom(scope: TenantScope): Promise<void> {
    const quotas: TenantQuotas = (await this.#tenants.find(scope.tenant))?.quotas ?? {};
    const names = quotaNames.filter((name) => quotas[name] !== undefined);
    if (names.length === 0) {
      return;
    }
    const usage = await this.#recent(scope.tenant);
    const used = names.find((name) => usage[name] >= Number(quotas[name]));
    if (used !== undefined) {
      throw new Problem("quotaExceeded", `The tenant's quota "${used}" is used up.`);
    }
  }

  async #recent(tenant: string): Promise<TenantUsage> {
    const now = this.#clock.now();
    const known = this.#readings.get(tenant);
    if (known !== undefined && now - known.at <= validMilliseconds) {
      return await known.usage;
    }
    if (this.#readings.size >= rememberedMax) {
      this.#readings.clear();
    }
    const usage = this.read(tenant);
    this.#readings.set(tenant, { at: now, usage });
    // A reading that failed serves nobody else.
    usage.catch(() => this.#readings.delete(tenant));
    return await usage;
  }
}

const quotaNames = [
  "storedBytes",
  "storedInstances",
] as const satisfies readonly (keyof TenantQuotas & keyof TenantUsage)[];
