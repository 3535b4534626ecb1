import type { Operation } from "./operation.ts";

/**
 * An operation as the Azure service shows it, with URLs below `serviceURL`. Version 1 calls success `completed`, version 2
 * `succeeded`.
 */
export function shownOperation(
  serviceURL: string,
  version: "v1" | "v2",
  operation: Operation,
): object {
  const { id, type, createdTime, lastUpdatedTime, status, percentComplete, resources } = operation;
  return {
    operationId: id,
    type,
    createdTime,
    lastUpdatedTime,
    status: status === "succeeded" && version === "v1" ? "completed" : status,
    percentComplete,
    ...(resources.length === 0
      ? {}
      : { resources: resources.map((path) => `${serviceURL}/${path}`) }),
  };
}
