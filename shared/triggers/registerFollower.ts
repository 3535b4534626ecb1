import { app } from "@azure/functions";

/** How a function follows the changes of the container `dicom`. */
export interface Follower {
  /** Also the prefix of its leases: each follower has its own position. */
  readonly name: string;
  readonly pollMilliseconds: number;
  /** How many items one call is given, about: the items of one transaction come together. */
  readonly itemsPerCall: number;
  /** Called at least once with each item. What it throws brings the same items again. */
  follow(items: readonly unknown[]): Promise<void>;
}

/**
 * Registers a function that is called with everything that changes in the container `dicom`, from its beginning.
 *
 * A call that fails is repeated for as long as it takes: without a retry policy the host would count the items as done,
 * and what follows from them would never happen.
 */
export function registerFollower(follower: Follower): void {
  app.cosmosDB(follower.name, {
    connection: "COSMOS",
    databaseName: "%COSMOS_DATABASE%",
    containerName: "dicom",
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
    handler: async (items: unknown[]) => {
      await follower.follow(items);
    },
  });
}
