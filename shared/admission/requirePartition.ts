import { Problem } from "../problem/problem.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { Admitted } from "./admission.ts";

/**
 * What a transaction has to do with data partitions: it works in the one that the path names (`named`), it does so and
 * makes it when it is new (`made`), or it is about the whole tenant and its path names none (`none`).
 */
export type PartitionUse = "named" | "made" | "none";

/** Tells which data partitions there are. */
export interface KnownPartitions {
  /** Whether the data partition of `scope` is there. */
  has(scope: TenantScope): Promise<boolean>;
}

/**
 * Checks that a request names a data partition exactly where its tenant has them, and one that it may use.
 *
 * Throws a `malformed` problem: the Azure service answers 400 to all of these, and so do we.
 */
export async function requirePartition(
  known: KnownPartitions,
  { tenant, scope }: Admitted,
  named: string | undefined,
  use: PartitionUse,
): Promise<void> {
  if (use === "none") {
    return;
  }
  if (named !== undefined && !tenant.partitionsEnabled) {
    throw new Problem("malformed", "The tenant has no data partitions.");
  }
  if (named === undefined && tenant.partitionsEnabled) {
    throw new Problem(
      "malformed",
      "The path names no data partition: it has to begin with /partitions/{name} after the version.",
    );
  }
  // One that the caller is kept out of is, to the caller, not there.
  const isAllowed = scope.restriction.partitions?.includes(scope.partition) ?? true;
  if (!isAllowed || (use === "named" && !(await known.has(scope)))) {
    throw new Problem("malformed", "The data partition does not exist.");
  }
}
