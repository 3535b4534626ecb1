import { app } from "@azure/functions";
import { runtime } from "../shared/runtime.ts";
import { maintainedTenants } from "../shared/transactions/maintainedTenants.ts";
import { shardsOfHour, sweepContent } from "../shared/transactions/sweepContent.ts";

// Once an hour a part of all names, so that a day has gone through all of them: what a store uploaded whose process
// ended before the index knew of it.
app.timer("sweepContent", {
  schedule: "0 17 * * * *",
  handler: async (_, context) => {
    const { tenants, sweepTime } = runtime();
    const { hour, before } = sweepTime();
    let removed = 0;
    for (const { scope } of await maintainedTenants(tenants)) {
      for (const shard of shardsOfHour(hour)) {
        removed += await sweepContent(runtime(), scope, shard, before);
      }
    }
    context.log(`removed ${removed} objects that nothing referred to`);
  },
});
