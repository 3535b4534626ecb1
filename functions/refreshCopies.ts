import { app } from "@azure/functions";
import { runtime } from "../shared/runtime.ts";
import { refreshCopies } from "../shared/transactions/refreshCopies.ts";

// Series and instances carry copies of their parents' attributes, so that every search is one query. When a parent's
// change, the copies follow from here, and whatever a store that was cut short left old.
app.cosmosDB("refreshCopies", {
  connection: "COSMOS",
  databaseName: "%COSMOS_DATABASE%",
  containerName: "dicom",
  leaseContainerName: "leases",
  leaseContainerPrefix: "refreshCopies",
  startFromBeginning: true,
  feedPollDelay: 1_000,
  maxItemsPerInvocation: 100,
  retry: {
    strategy: "exponentialBackoff",
    maxRetryCount: -1,
    minimumInterval: { seconds: 1 },
    maximumInterval: { minutes: 1 },
  },
  handler: async (items: unknown[]) => {
    await refreshCopies(runtime().index, items);
  },
});
