import { app } from "@azure/functions";
import { AccessNotes } from "../shared/audit/accessNotes.ts";
import { maintenanceEvent } from "../shared/audit/maintenanceEvent.ts";
import { runtime } from "../shared/runtime.ts";
import { platformTenant } from "../shared/tenancy/tenantScope.ts";
import { purgeTenants } from "../shared/transactions/purgeTenants.ts";

// The second half of a tenant's deletion. A run that is cut short is taken up by the next.
const runMilliseconds = 4 * 60 * 1_000;

app.timer("purgeTenants", {
  schedule: "30 * * * * *",
  handler: async (_, context) => {
    const { registry, purge, auditLog, ago, milliseconds } = runtime();
    const end = milliseconds() + runMilliseconds;
    const ended = await purgeTenants({ registry, purge, ago }, () => milliseconds() >= end);
    for (const tenant of ended) {
      await auditLog.record(
        maintenanceEvent({
          tenant: platformTenant,
          name: "purgeTenants",
          correlationId: context.invocationId,
          path: ["tenants", tenant],
          notes: new AccessNotes(),
        }),
      );
    }
    if (ended.length > 0) {
      context.log(`purged ${ended.length} tenants`);
    }
  },
});
