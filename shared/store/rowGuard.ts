import assert from "node:assert/strict";
import type { Container, PartitionKey, SqlQuerySpec } from "@azure/cosmos";
import type { TenantScope } from "../tenancy/tenantScope.ts";

/** The full partition key of a study. */
export function studyPartitionKey(scope: TenantScope, study: string): PartitionKey {
  return [scope.tenant, scope.partition, study];
}

/**
 * Asserts that a row is of the scope, and of `study` when that is given. A row of somebody else is a bug, and never an answer.
 *
 * It is the second guard of two. The first is the partition key of the request; the SDK has a mode in which that is ignored.
 */
export function assertRow(
  scope: { readonly tenant: string; readonly partition: string },
  study: string | undefined,
  row: object,
): void {
  const item = row as { tenant?: unknown; partition?: unknown; study?: unknown };
  assert(item.tenant === scope.tenant, "A row of another tenant.");
  assert(
    item.partition === undefined || item.partition === scope.partition,
    "A row of another data partition.",
  );
  assert(study === undefined || item.study === study, "A row of another study.");
}

/**
 * Reads all the rows of a query on one study, or on the scope's data partition, page by page. A page holds at most four
 * megabytes, and may be empty. Every row is checked.
 */
export async function* queryPages<T extends object>(
  container: Container,
  scope: TenantScope,
  study: string | undefined,
  spec: SqlQuerySpec,
  partitionKey: PartitionKey = study === undefined
    ? [scope.tenant, scope.partition]
    : studyPartitionKey(scope, study),
): AsyncGenerator<T[], void, undefined> {
  const iterator = container.items.query<T>(spec, { partitionKey });
  while (iterator.hasMoreResults()) {
    const { resources } = await iterator.fetchNext();
    for (const row of resources) {
      assertRow(scope, study, row);
    }
    yield resources;
  }
}
