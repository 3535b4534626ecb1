import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Container, JSONObject, OperationInput, SqlParameter } from "@azure/cosmos";
import { batchOperationsMax } from "../store/batchOperations.ts";
import { RetryBudget, statusOf, type RetryClock } from "../store/cosmosRetry.ts";
import { tryBatch } from "../store/tryBatch.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { ExtendedQueryTag } from "./extendedQueryTag.ts";

/** An instance whose value of an extended query tag cannot be indexed. */
export interface TagError {
  readonly partition: string;
  readonly study: string;
  readonly series: string;
  readonly sop: string;
  /** In ISO 8601 with milliseconds and `Z`. */
  readonly createdTime: string;
  /** What is wrong, without the value. */
  readonly message: string;
}

/** An error that is to be kept, and of which tag. */
export interface NewTagError extends Omit<TagError, "createdTime"> {
  readonly registration: number;
}

interface TagErrorItem extends TagError {
  readonly id: string;
  readonly tenant: string;
  readonly kind: "extendedQueryTagError";
  /** The registration of the tag, under a name that is indexed. */
  readonly name: string;
}

/** What tag errors need from their surroundings besides the database. */
export interface TagErrorSurroundings extends RetryClock {
  /** The wall clock, in ISO 8601 with milliseconds and `Z`. */
  timestamp(): string;
}

type Registered = Pick<ExtendedQueryTag, "registration">;

/** The errors of the tenants' extended query tags, in the Cosmos container `control`. One for each tag and instance. */
export class TagErrors {
  readonly #container: Container;
  readonly #surroundings: TagErrorSurroundings;

  constructor(container: Container, surroundings: TagErrorSurroundings) {
    this.#container = container;
    this.#surroundings = surroundings;
  }

  /** Keeps errors. Doing so again changes nothing but their time. */
  async put(scope: TenantScope, errors: readonly NewTagError[]): Promise<void> {
    const createdTime = this.#surroundings.timestamp();
    await this.#writeAll(
      scope,
      errors.map(({ registration, partition, study, series, sop, message }) => {
        const digest = createHash("sha256").update([partition, study, series, sop].join("/"));
        const item: TagErrorItem = {
          id: `tagError:${registration}:${digest.digest("hex")}`,
          tenant: scope.tenant,
          kind: "extendedQueryTagError",
          name: nameOf({ registration }),
          partition,
          study,
          series,
          sop,
          createdTime,
          message,
        };
        return { operationType: "Upsert", resourceBody: item as unknown as JSONObject };
      }),
    );
  }

  /** How many errors of a tag the caller may see. */
  async count(scope: TenantScope, tag: Registered): Promise<number> {
    const { conditions, parameters } = visible(scope, tag);
    const [count = 0] = await this.#query<number>(
      scope,
      `SELECT VALUE COUNT(1) FROM c WHERE ${conditions}`,
      parameters,
    );
    return count;
  }

  /** Errors of a tag that the caller may see, the oldest first. */
  async list(
    scope: TenantScope,
    tag: Registered,
    limit: number,
    offset: number,
  ): Promise<readonly TagError[]> {
    const { conditions, parameters } = visible(scope, tag);
    const items = await this.#query<TagErrorItem>(
      scope,
      `SELECT * FROM c WHERE ${conditions} ORDER BY c.createdTime ASC OFFSET ${offset} LIMIT ${limit}`,
      parameters,
    );
    return items.map((item) => {
      assert(item.tenant === scope.tenant, "A row of the tenant.");
      const { partition, study, series, sop, createdTime, message } = item;
      return { partition, study, series, sop, createdTime, message };
    });
  }

  /** Removes errors of a tag, as many as one batch holds, and says whether there are more. */
  async removeSome(scope: TenantScope, tag: Registered): Promise<boolean> {
    const ids = await this.#query<string>(
      scope,
      `SELECT TOP ${batchOperationsMax} VALUE c.id FROM c` +
        " WHERE c.tenant = @tenant AND c.kind = @kind AND c.name = @name",
      [
        { name: "@tenant", value: scope.tenant },
        { name: "@kind", value: "extendedQueryTagError" },
        { name: "@name", value: nameOf(tag) },
      ],
    );
    await this.#writeAll(
      scope,
      ids.map((id) => ({ operationType: "Delete", id })),
    );
    return ids.length === batchOperationsMax;
  }

  async #writeAll(scope: TenantScope, operations: readonly OperationInput[]): Promise<void> {
    scope.require("write");
    for (let start = 0; start < operations.length; start += batchOperationsMax) {
      const some = operations.slice(start, start + batchOperationsMax);
      const budget = new RetryBudget(this.#surroundings);
      for (;;) {
        const failure = await tryBatch(this.#container, scope.tenant, some);
        // What is to be deleted and is not there has been deleted: a batch whose answer was lost is tried again.
        if (failure === undefined || statusOf(failure) === 404) {
          break;
        }
        await budget.pause(failure);
      }
    }
  }

  async #query<T>(scope: TenantScope, query: string, parameters: SqlParameter[]): Promise<T[]> {
    scope.require("read");
    const { resources } = await new RetryBudget(this.#surroundings).repeat(
      async () =>
        await this.#container.items
          .query<T>({ query, parameters }, { partitionKey: scope.tenant })
          .fetchAll(),
    );
    return resources;
  }
}

function nameOf({ registration }: Registered): string {
  return `x${registration}`;
}

/** The rows of a tag that lie within what the caller is kept to. Whose patient an instance is of, a row does not tell. */
function visible(
  scope: TenantScope,
  tag: Registered,
): { readonly conditions: string; readonly parameters: SqlParameter[] } {
  const { partitions, patientID, studyInstanceUID } = scope.restriction;
  const parameters: SqlParameter[] = [
    { name: "@tenant", value: scope.tenant },
    { name: "@kind", value: "extendedQueryTagError" },
    { name: "@name", value: nameOf(tag) },
    ...(partitions === undefined ? [] : [{ name: "@partitions", value: [...partitions] }]),
    ...(studyInstanceUID === undefined ? [] : [{ name: "@study", value: studyInstanceUID }]),
  ];
  return {
    conditions: [
      "c.tenant = @tenant AND c.kind = @kind AND c.name = @name",
      ...(partitions === undefined ? [] : ["ARRAY_CONTAINS(@partitions, c.partition)"]),
      ...(studyInstanceUID === undefined ? [] : ["c.study = @study"]),
      ...(patientID === undefined ? [] : ["false"]),
    ].join(" AND "),
    parameters,
  };
}
