import type { Container, OperationInput, PartitionKey } from "@azure/cosmos";
import { isTransient, statusOf } from "./cosmosRetry.ts";

/**
 * Executes a transactional batch under one full partition key.
 *
 * Returns `undefined` when it succeeded, and what went wrong when reading again and trying again makes sense: the database
 * was busy, the answer was lost, or somebody else wrote (404, 409, 412). Throws anything else.
 */
export async function tryBatch(
  container: Container,
  partitionKey: PartitionKey,
  operations: OperationInput[],
): Promise<unknown> {
  let failure: unknown;
  try {
    const { code = 200, result } = await container.items.batch(operations, partitionKey, {
      contentResponseOnWriteEnabled: false,
    });
    const failed = result?.find(({ statusCode }) => statusCode >= 400 && statusCode !== 424);
    if (failed === undefined && code < 300 && code !== 207) {
      return undefined;
    }
    failure = Object.assign(new Error("A batch was refused"), { code: failed?.statusCode ?? code });
  } catch (error) {
    failure = error;
  }
  if (isTransient(failure) || [404, 409, 412].includes(Number(statusOf(failure)))) {
    return failure;
  }
  throw failure;
}
