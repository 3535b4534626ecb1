import { app } from "@azure/functions";
import { runtime } from "../shared/runtime.ts";
import { sequenceChanges } from "../shared/transactions/sequenceChanges.ts";

// Gives every event its number in the sequenced feed. A batch that fails comes again for as long as it takes: one that
// was given up would be a gap that no reader could know of.
app.cosmosDB("sequenceChanges", {
  connection: "COSMOS",
  databaseName: "%COSMOS_DATABASE%",
  containerName: "dicom",
  leaseContainerName: "leases",
  leaseContainerPrefix: "sequenceChanges",
  startFromBeginning: true,
  feedPollDelay: 500,
  maxItemsPerInvocation: 500,
  retry: {
    strategy: "exponentialBackoff",
    maxRetryCount: -1,
    minimumInterval: { seconds: 1 },
    maximumInterval: { minutes: 1 },
  },
  handler: async (items: unknown[]) => {
    await sequenceChanges(runtime().sequencer, items);
  },
});
