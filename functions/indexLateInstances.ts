import { reportError } from "../shared/http/reportError.ts";
import { runtime } from "../shared/runtime.ts";
import { indexLateInstances } from "../shared/tags/indexLateInstances.ts";
import { ofLivingTenants } from "../shared/transactions/ofLivingTenants.ts";
import { registerFollower } from "../shared/triggers/registerFollower.ts";

// A store goes by a list of extended query tags that may be out of date when it commits. What it lacks follows from here.
registerFollower({
  name: "indexLateInstances",
  pollMilliseconds: 1_000,
  itemsPerCall: 100,
  follow: async (items, context) => {
    const { tags, tenants } = runtime();
    const living = await ofLivingTenants(tenants, items);
    await indexLateInstances(tags, living, (error) => {
      reportError(error, context);
    });
  },
});
