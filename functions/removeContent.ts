import { app } from "@azure/functions";
import { runtime } from "../shared/runtime.ts";
import { removeContent } from "../shared/transactions/removeContent.ts";

// Deletes are answered once the index has forgotten the instance; its bytes go here. A batch that fails comes again for
// as long as it takes: without a retry policy the host would count it as done.
app.cosmosDB("removeContent", {
  connection: "COSMOS",
  databaseName: "%COSMOS_DATABASE%",
  containerName: "dicom",
  leaseContainerName: "leases",
  leaseContainerPrefix: "removeContent",
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
    await removeContent(runtime().content, items);
  },
});
