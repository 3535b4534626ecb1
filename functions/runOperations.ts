import { reportError } from "../shared/http/reportError.ts";
import { runOperations } from "../shared/operations/runOperations.ts";
import { runtime } from "../shared/runtime.ts";
import { ofLivingTenants } from "../shared/transactions/ofLivingTenants.ts";
import { registerFollower } from "../shared/triggers/registerFollower.ts";

// An operation goes on because each of its steps changes its item, which brings it here again.
registerFollower({
  name: "runOperations",
  container: "control",
  pollMilliseconds: 500,
  itemsPerCall: 20,
  follow: async (items, context) => {
    const { operations, operationWorkers, tenants } = runtime();
    const living = await ofLivingTenants(tenants, items);
    await runOperations(operations, operationWorkers, living, (error) => {
      reportError(error, context);
    });
  },
});
