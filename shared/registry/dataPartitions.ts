import assert from "node:assert/strict";
import type { Container, JSONObject } from "@azure/cosmos";
import { Problem } from "../problem/problem.ts";
import { RetryBudget } from "../store/cosmosRetry.ts";
import { tryBatch } from "../store/tryBatch.ts";
import { defaultPartition, type TenantScope } from "../tenancy/tenantScope.ts";
import type { RegistrySurroundings } from "./tenantRegistry.ts";

/** A data partition of a tenant. */
export interface DataPartition {
  /** 1 for `Microsoft.Default`, then counting within the tenant. */
  readonly number: number;
  readonly name: string;
  /** In ISO 8601 with milliseconds and `Z`; `undefined` of `Microsoft.Default`, which is as old as its tenant. */
  readonly createdAt: string | undefined;
}

interface PartitionItem {
  readonly id: string;
  readonly tenant: string;
  readonly kind: "partition";
  readonly name: string;
  readonly number: number;
  readonly createdAt: string;
}

/** Counts the data partitions that were made, so that their numbers are different. */
interface HeadItem {
  readonly id: typeof headId;
  readonly tenant: string;
  readonly kind: "partitions";
  readonly last: number;
}

const headId = "partitions";
const defaultNumber = 1;
/** More than anybody has; a client that makes them by mistake is stopped. */
const partitionsMax = 10_000;
/** A data partition is never removed but together with its tenant, whose name is never given again. */
const rememberedMax = 20_000;

/**
 * The data partitions of the tenants, in the Cosmos container `control`.
 *
 * `Microsoft.Default` is always there; each other one is made by the first store that names it, and stays.
 */
export class DataPartitions {
  readonly #container: Container;
  readonly #surroundings: RegistrySurroundings;
  readonly #known = new Set<string>();

  constructor(container: Container, surroundings: RegistrySurroundings) {
    this.#container = container;
    this.#surroundings = surroundings;
  }

  /** Whether the data partition of `scope` is there. */
  async has(scope: TenantScope): Promise<boolean> {
    if (scope.partition === defaultPartition || this.#known.has(keyOf(scope))) {
      return true;
    }
    const { resource } = await this.#repeat(
      async () =>
        await this.#container.item(idOf(scope.partition), scope.tenant).read<PartitionItem>(),
    );
    if (resource === undefined) {
      return false;
    }
    assert(resource.tenant === scope.tenant, "A row of another tenant.");
    this.#remember(scope);
    return true;
  }

  /** All data partitions of the tenant, by their numbers. */
  async list(scope: TenantScope): Promise<DataPartition[]> {
    const { resources } = await this.#repeat(
      async () =>
        await this.#container.items
          .query<PartitionItem>(
            {
              query: 'SELECT * FROM c WHERE c.tenant = @tenant AND c.kind = "partition"',
              parameters: [{ name: "@tenant", value: scope.tenant }],
            },
            { partitionKey: scope.tenant },
          )
          .fetchAll(),
    );
    const made = resources.map(({ tenant, number, name, createdAt }) => {
      assert(tenant === scope.tenant, "A row of another tenant.");
      return { number, name, createdAt };
    });
    return [
      { number: defaultNumber, name: defaultPartition, createdAt: undefined },
      ...made.toSorted((a, b) => a.number - b.number),
    ];
  }

  /**
   * Makes the data partition of `scope` if it is not there.
   *
   * Throws `conflict` when the tenant has as many as it may have, and `unavailable` when the database stays busy.
   */
  async make(scope: TenantScope): Promise<void> {
    const budget = new RetryBudget(this.#surroundings);
    while (!(await this.has(scope))) {
      scope.require("write");
      const { resource: head } = await budget.repeat(
        async () =>
          await this.#container
            .item(headId, scope.tenant)
            .read<HeadItem & { readonly _etag: string }>(),
      );
      const number = (head?.last ?? defaultNumber) + 1;
      if (number > partitionsMax) {
        throw new Problem("conflict", `A tenant has at most ${partitionsMax} data partitions.`);
      }
      const keys = { tenant: scope.tenant };
      const newHead: HeadItem = { id: headId, ...keys, kind: "partitions", last: number };
      const partition: PartitionItem = {
        id: idOf(scope.partition),
        ...keys,
        kind: "partition",
        name: scope.partition,
        number,
        createdAt: this.#surroundings.timestamp(),
      };
      const failure = await tryBatch(this.#container, scope.tenant, [
        head === undefined
          ? { operationType: "Create", resourceBody: asJson(newHead) }
          : {
              operationType: "Replace",
              id: headId,
              ifMatch: head._etag,
              resourceBody: asJson(newHead),
            },
        { operationType: "Create", resourceBody: asJson(partition) },
      ]);
      if (failure === undefined) {
        this.#remember(scope);
      } else {
        await budget.pause(failure);
      }
    }
  }

  #remember(scope: TenantScope): void {
    if (this.#known.size >= rememberedMax) {
      this.#known.clear();
    }
    this.#known.add(keyOf(scope));
  }

  async #repeat<T>(call: () => Promise<T>): Promise<T> {
    return await new RetryBudget(this.#surroundings).repeat(call);
  }
}

function idOf(name: string): string {
  return `partition:${name}`;
}

function keyOf({ tenant, partition }: TenantScope): string {
  return JSON.stringify([tenant, partition]);
}

function asJson(item: object): JSONObject {
  return item as unknown as JSONObject;
}
