import assert from "node:assert/strict";
import type { Container, OperationInput } from "@azure/cosmos";
import { createItem } from "../store/batchOperations.ts";
import { RetryBudget, statusOf, type RetryClock } from "../store/cosmosRetry.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { isFinal, type Operation, type OperationType } from "./operation.ts";

/** What operations need from their surroundings besides the database. */
export interface OperationSurroundings extends RetryClock {
  /** The wall clock, in ISO 8601 with milliseconds and `Z`. */
  timestamp(): string;
  /** 32 lower-case hexadecimal digits that nobody can guess. */
  newOperationId(): string;
}

/** An operation as it lies in the container `control`. */
export interface OperationItem extends Omit<Operation, "id"> {
  readonly id: string;
  readonly tenant: string;
  readonly kind: "operation";
  /** In seconds; of one that has ended. */
  readonly ttl?: number;
}

/** An operation as it was read, with what a conditional write needs. */
export interface StoredOperation {
  readonly operation: Operation;
  readonly etag: string;
}

/** How long the record of an operation that has ended is kept. */
const keptSeconds = 30 * 24 * 60 * 60;

const idPrefix = "operation:";

/**
 * The operations of the tenants, in the Cosmos container `control`.
 *
 * An operation begins with its item, which is written in one batch with what made it necessary, and goes on because each
 * of its steps changes that item: the change feed brings it to whoever does the next step. Nothing else keeps it going,
 * so nothing is lost when a process ends.
 */
export class Operations {
  readonly #container: Container;
  readonly #surroundings: OperationSurroundings;

  constructor(container: Container, surroundings: OperationSurroundings) {
    this.#container = container;
    this.#surroundings = surroundings;
  }

  /** A new operation, and what creates it in a batch on the tenant's partition of `control`. */
  plan(
    scope: TenantScope,
    type: OperationType,
    resources: readonly string[],
  ): { readonly operation: Operation; readonly creation: OperationInput } {
    const now = this.#surroundings.timestamp();
    const operation: Operation = {
      id: this.#surroundings.newOperationId(),
      type,
      status: "notStarted",
      createdTime: now,
      lastUpdatedTime: now,
      percentComplete: 0,
      resources,
      steps: 0,
      failures: 0,
    };
    return { operation, creation: createItem(itemOf(scope, operation)) };
  }

  /** An operation of the tenant; `undefined` when there is none of that id, or not any more. */
  async get(scope: TenantScope, id: string): Promise<StoredOperation | undefined> {
    scope.require("read");
    const { resource } = await new RetryBudget(this.#surroundings).repeat(
      async () =>
        await this.#container
          .item(idPrefix + id, scope.tenant)
          .read<OperationItem & { readonly _etag: string }>(),
    );
    if (resource === undefined) {
      return undefined;
    }
    assert(
      resource.tenant === scope.tenant && resource.kind === "operation",
      "An operation of the tenant.",
    );
    return { operation: operationOf(resource), etag: resource._etag };
  }

  /**
   * Replaces an operation by what became of it, with the time of now, if nobody else did meanwhile. Says whether it is
   * known to have been replaced: when the answer is lost it may have been all the same. Throws an `unavailable` problem
   * when the database stays busy.
   */
  async replace(
    scope: TenantScope,
    { etag }: StoredOperation,
    operation: Operation,
  ): Promise<boolean> {
    scope.require("read");
    const item = itemOf(scope, {
      ...operation,
      lastUpdatedTime: this.#surroundings.timestamp(),
    });
    return await new RetryBudget(this.#surroundings).repeat(async () => {
      try {
        await this.#container.item(item.id, scope.tenant).replace<OperationItem>(item, {
          accessCondition: { type: "IfMatch", condition: etag },
        });
        return true;
      } catch (error) {
        if ([404, 412].includes(Number(statusOf(error)))) {
          return false;
        }
        throw error;
      }
    });
  }
}

function itemOf(scope: TenantScope, operation: Operation): OperationItem {
  return {
    ...operation,
    id: idPrefix + operation.id,
    tenant: scope.tenant,
    kind: "operation",
    ...(isFinal(operation) ? { ttl: keptSeconds } : {}),
  };
}

function operationOf(item: OperationItem): Operation {
  const { type, status, createdTime, lastUpdatedTime, percentComplete } = item;
  const { resources, steps, failures, position } = item;
  return {
    id: item.id.slice(idPrefix.length),
    type,
    status,
    createdTime,
    lastUpdatedTime,
    percentComplete,
    resources,
    steps,
    failures,
    ...(position === undefined ? {} : { position }),
  };
}
