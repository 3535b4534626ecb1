import { Problem } from "../problem/problem.ts";
import { maintenanceScope, defaultPartition, type TenantScope } from "../tenancy/tenantScope.ts";
import { isFinal, type Operation, type OperationType } from "./operation.ts";
import type { OperationItem, Operations, StoredOperation } from "./operations.ts";

/** How far one step got. */
export type StepResult =
  | { readonly isDone: false; readonly position: string; readonly percentComplete: number }
  | { readonly isDone: true };

/**
 * What does the work of one type of operation, a bounded step at a time.
 *
 * A step may be done more than once, and by two processes at the same time, from the same position: doing it again must
 * change nothing.
 */
export interface OperationWorker {
  step(scope: TenantScope, operation: Operation): Promise<StepResult>;
  /** The operation is given up. To be as idempotent as a step. */
  giveUp(scope: TenantScope, operation: Operation): Promise<void>;
}

/** The work of every type of operation. */
export type OperationWorkers = Readonly<Record<OperationType, OperationWorker>>;

/** How often in a row a step may fail, if it is not for want of the database. */
const failuresMax = 5;

/**
 * Does the next step of each operation among `items`, which come from the change feed of the container `control`, at least
 * once for each and in any number.
 *
 * A step ends with a change of the operation's item, which brings it here again: operations of many tenants take turns,
 * and one goes on in another process when this one ends in the middle of a step. Throws when the database is busy, so
 * that the items come again. A step that fails for another reason is tried again a few times; then the operation has
 * failed, and does not hold up the others.
 *
 * Returns the number of steps that were done. `report` hears of each failure that is not thrown.
 */
export async function runOperations(
  operations: Operations,
  workers: OperationWorkers,
  items: readonly unknown[],
  report: (error: unknown) => void,
): Promise<number> {
  let steps = 0;
  for (const item of items) {
    if (!isOpenOperation(item)) {
      continue;
    }
    const scope = maintenanceScope(item.tenant, defaultPartition);
    const id = item.id.replace(/^operation:/, "");
    const stored = await operations.get(scope, id);
    // Another number of steps: a later change of the item is on its way here, or has been.
    if (stored === undefined || stored.operation.steps !== item.steps) {
      continue;
    }
    if (!isFinal(stored.operation)) {
      await runStep(operations, workers, scope, stored, report);
      steps += 1;
    }
  }
  return steps;
}

async function runStep(
  operations: Operations,
  workers: OperationWorkers,
  scope: TenantScope,
  stored: StoredOperation,
  report: (error: unknown) => void,
): Promise<void> {
  const { operation } = stored;
  const worker = workers[operation.type];
  const steps = operation.steps + 1;
  let next: Operation;
  try {
    const result = await worker.step(scope, operation);
    next = result.isDone
      ? { ...operation, steps, failures: 0, status: "succeeded", percentComplete: 100 }
      : {
          ...operation,
          steps,
          failures: 0,
          status: "running",
          position: result.position,
          percentComplete: result.percentComplete,
        };
  } catch (error) {
    if (error instanceof Problem && error.kind === "unavailable") {
      throw error;
    }
    report(error);
    const failures = operation.failures + 1;
    const isGivenUp = failures >= failuresMax;
    if (isGivenUp) {
      await giveUp(worker, scope, operation, report);
    }
    next = { ...operation, steps, failures, status: isGivenUp ? "failed" : operation.status };
  }
  await operations.replace(scope, stored, next);
}

async function giveUp(
  worker: OperationWorker,
  scope: TenantScope,
  operation: Operation,
  report: (error: unknown) => void,
): Promise<void> {
  try {
    await worker.giveUp(scope, operation);
  } catch (error) {
    if (error instanceof Problem && error.kind === "unavailable") {
      throw error;
    }
    // An operation that cannot even be given up has ended all the same.
    report(error);
  }
}

function isOpenOperation(item: unknown): item is OperationItem {
  const { kind, status, steps, tenant, id } = item as Partial<OperationItem>;
  return (
    kind === "operation" &&
    typeof tenant === "string" &&
    typeof id === "string" &&
    typeof steps === "number" &&
    (status === "notStarted" || status === "running")
  );
}
