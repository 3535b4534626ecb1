import { app, type InvocationContext } from "@azure/functions";

/** How a function follows the changes of a container. */
export interface Follower {
  /** Also the prefix of its leases: each follower has its own position. */
  readonly name: string;
  /** `dicom` when absent. */
  readonly container?: "control";
  readonly pollMilliseconds: number;
  /** How many items one call is given, about: the items of one transaction come together. */
  readonly itemsPerCall: number;
  /** Called at least once with each item. What it throws brings the same items again. */
  follow(items: readonly unknown[], context: InvocationContext): Promise<void>;
}

/**
 * Registers a function that is called with everything that changes in its container, from its beginning.
 *
 * A call that fails is repeated for as long as it takes: without a retry policy the host would count the items as done,
 * and what follows from them would never happen.
 */
export function registerFollower(follower: Follower): void {
  app.cosmosDB(follower.name, {
    connection: "COSMOS",
    databaseName: "%COSMOS_DATABASE%",
    containerName: follower.container ?? "dicom",
    leaseContainerName: "leases",
    leaseContainerPrefix: follower.name,
    startFromBeginning: true,
    feedPollDelay: follower.pollMilliseconds,
    maxItemsPerInvocation: follower.itemsPerCall,
    retry: {
      strategy: "exponentialBackoff",
      maxRetryCount: -1,
      minimumInterval: { seconds: 1 },
      maximumInterval: { minutes: 1 },
    },
    handler: async (items: unknown[], context: InvocationContext) => {
      await follower.follow(items, context);
    },
  });
}
