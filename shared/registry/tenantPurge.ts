import assert from "node:assert/strict";
import type { Container, OperationInput } from "@azure/cosmos";
import { deadLetterKey } from "../feed/deadLetters.ts";
import { RetryBudget, type RetryClock } from "../store/cosmosRetry.ts";
import type { TenantContent } from "../store/tenantContent.ts";
import { tryBatch } from "../store/tryBatch.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { TenantCounts } from "./tenantItem.ts";

/** The containers that hold what is a tenant's, by id, and the fields of their partition keys. */
export const purgedContainers: Readonly<Record<string, readonly string[]>> = {
  dicom: ["tenant", "partition", "study"],
  feedlog: ["tenant", "segment"],
  control: ["tenant"],
};

/** The containers that a purge leaves alone, and why. */
export const keptContainers: Readonly<Record<string, string>> = {
  audit:
    "Who did what to a tenant's data, its deletion included, is kept for as long as the law says.",
  leases: "The positions of the followers of the change feed: no tenant's data.",
};

/** What {@link TenantPurge} works on. */
export interface PurgeStores {
  /** A container of Cosmos DB. */
  container(id: string): Container;
  readonly content: TenantContent;
}

interface Row {
  readonly id: string;
  readonly tenant: string;
}

const rowsPerQuery = 400;
const operationsPerBatch = 100;

/** Removes all that is a tenant's, and proves that nothing is left. */
export class TenantPurge {
  readonly #stores: PurgeStores;
  readonly #clock: RetryClock;

  constructor(stores: PurgeStores, clock: RetryClock) {
    this.#stores = stores;
    this.#clock = clock;
  }

  /**
   * Removes some of what is left, about {@link rowsPerQuery} items at most, and says how much; nothing when all is gone.
   *
   * What is removed is no longer found, so that a purge that was cut short goes on where it was.
   */
  async removeSome(scope: TenantScope): Promise<TenantCounts> {
    scope.require("delete");
    // Nobody reads the bytes any more, and they are the largest part of what is stored.
    if (await this.#stores.content.remove(scope)) {
      return { blobs: 1 };
    }
    for (const [id, key] of Object.entries(purgedContainers)) {
      const removed = await this.#removeRows(scope, id, key);
      if (removed > 0) {
        return { [id]: removed };
      }
    }
    const removed = await this.#removeDeadLetters(scope);
    return removed > 0 ? { control: removed } : {};
  }

  /** Counts what is left. */
  async count(scope: TenantScope): Promise<TenantCounts> {
    const counts: Record<string, number> = {};
    for (const id of Object.keys(purgedContainers)) {
      counts[id] = await this.#countRows(id, scope.tenant, "c.tenant = @tenant", scope.tenant);
    }
    const deadLetters = await this.#countRows(
      "control",
      deadLetterKey,
      "c.tenant = @key AND c.source.tenant = @tenant",
      scope.tenant,
    );
    return {
      ...counts,
      control: (counts["control"] ?? 0) + deadLetters,
      blobs: (await this.#stores.content.exists(scope)) ? 1 : 0,
    };
  }

  async #removeRows(scope: TenantScope, id: string, key: readonly string[]): Promise<number> {
    const rows = await this.#query<Row & Readonly<Record<string, unknown>>>(id, scope.tenant, {
      query: `SELECT TOP ${rowsPerQuery} c.id, ${key.map((field) => `c.${field}`).join(", ")} FROM c WHERE c.tenant = @tenant`,
      tenant: scope.tenant,
    });
    for (const { tenant } of rows) {
      assert(tenant === scope.tenant, "A row of another tenant.");
    }
    const groups = Map.groupBy(rows, (row) => JSON.stringify(key.map((field) => row[field])));
    let removed = 0;
    for (const [values, group] of groups) {
      removed += await this.#removeGroup(id, JSON.parse(values) as string[], group);
    }
    return removed;
  }

  async #removeDeadLetters(scope: TenantScope): Promise<number> {
    const rows = await this.#query<Row & { readonly source: { readonly tenant: string } }>(
      "control",
      deadLetterKey,
      {
        query: `SELECT TOP ${rowsPerQuery} c.id, c.tenant, c.source FROM c WHERE c.tenant = @key AND c.source.tenant = @tenant`,
        tenant: scope.tenant,
      },
    );
    for (const { source } of rows) {
      assert(source.tenant === scope.tenant, "An event of another tenant.");
    }
    return await this.#removeGroup("control", [deadLetterKey], rows);
  }

  async #removeGroup(id: string, key: string[], rows: readonly Row[]): Promise<number> {
    let removed = 0;
    const budget = new RetryBudget(this.#clock);
    for (let from = 0; from < rows.length; from += operationsPerBatch) {
      const operations = rows
        .slice(from, from + operationsPerBatch)
        .map((row): OperationInput => ({ operationType: "Delete", id: row.id }));
      const failure = await tryBatch(this.#stores.container(id), key, operations);
      if (failure !== undefined) {
        // Busy, or some of them are gone: what is left is found by the next query.
        await budget.pause(failure);
        return removed;
      }
      removed += operations.length;
    }
    return removed;
  }

  async #countRows(id: string, key: string, where: string, tenant: string): Promise<number> {
    const counts = await this.#query<number>(id, key, {
      query: `SELECT VALUE COUNT(1) FROM c WHERE ${where}`,
      tenant,
    });
    // One for each physical partition that the key lies in.
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async #query<T>(
    id: string,
    key: string,
    { query, tenant }: { readonly query: string; readonly tenant: string },
  ): Promise<T[]> {
    const isPrefixed = (purgedContainers[id]?.length ?? 1) > 1;
    const { resources } = await new RetryBudget(this.#clock).repeat(
      async () =>
        await this.#stores
          .container(id)
          .items.query<T>(
            {
              query,
              parameters: [
                { name: "@tenant", value: tenant },
                { name: "@key", value: key },
              ],
            },
            { partitionKey: isPrefixed ? [key] : key },
          )
          .fetchAll(),
    );
    return resources;
  }
}
