/** What an operation does; the first is the Azure service's name. */
export type OperationType = "reindex" | "removeExtendedQueryTag";

/** How far an operation has come. The last two are final. */
export type OperationStatus = "notStarted" | "running" | "succeeded" | "failed";

/** Work that goes on after its request has been answered, in steps that survive the process that does them. */
export interface Operation {
  /** 32 lower-case hexadecimal digits. */
  readonly id: string;
  readonly type: OperationType;
  readonly status: OperationStatus;
  /** In ISO 8601 with milliseconds and `Z`. */
  readonly createdTime: string;
  readonly lastUpdatedTime: string;
  /** 0 to 100. */
  readonly percentComplete: number;
  /** The resources that it works on, as paths below the service's URL. */
  readonly resources: readonly string[];
  /** How many steps have been done, or have failed. */
  readonly steps: number;
  /** How often in a row a step failed for a reason that the database has no part in. */
  readonly failures: number;
  /** Where to go on; whoever does the work knows what it means. Absent before the first step. */
  readonly position?: string;
}

/** Whether nothing will be done any more. */
export function isFinal({ status }: Pick<Operation, "status">): boolean {
  return status === "succeeded" || status === "failed";
}

/** The id that a path names: 32 hexadecimal digits, or the same with the hyphens of a UUID; undefined for anything else. */
export function parseOperationId(text: string): string | undefined {
  const match =
    /^(?:[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i.test(text);
  return match ? text.replaceAll("-", "").toLowerCase() : undefined;
}
