import { app } from "@azure/functions";
import { auditedRemove } from "../shared/audit/auditedRemove.ts";
import { reportError } from "../shared/http/reportError.ts";
import { runtime } from "../shared/runtime.ts";
import type { InstanceIndex } from "../shared/store/instanceIndex.ts";
import { expireStudies } from "../shared/transactions/expireStudies.ts";
import { maintainedTenants } from "../shared/transactions/maintainedTenants.ts";

const dayMilliseconds = 24 * 60 * 60 * 1_000;

// Every five minutes, so that a study is gone some minutes after its time: what stores asked for with the expiry headers
// of the Azure service, and what is older than its tenant keeps studies.
app.timer("expireStudies", {
  schedule: "0 */5 * * * *",
  handler: async (_, context) => {
    const { tenants, index, auditLog, milliseconds, ago } = runtime();
    const by = { name: "expireStudies", correlationId: context.invocationId };
    const audited: Pick<InstanceIndex, "expired" | "remove"> = {
      expired: (...terms) => index.expired(...terms),
      remove: auditedRemove(index, auditLog, by),
    };
    let removed = 0;
    for (const { scope, retentionDays } of await maintainedTenants(tenants)) {
      const times = {
        now: milliseconds(),
        ...(retentionDays === undefined
          ? {}
          : { storedBefore: ago(retentionDays * dayMilliseconds) }),
      };
      removed += await expireStudies(audited, scope, times, (error) => {
        reportError(error, context);
      });
    }
    context.log(`deleted ${removed} instances of studies whose time had come`);
  },
});
