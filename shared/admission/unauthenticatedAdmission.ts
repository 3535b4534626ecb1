import { unauthenticatedCaller } from "../auth/caller.ts";
import { Problem } from "../problem/problem.ts";
import type { Tenants } from "../tenancy/tenants.ts";
import { unauthenticatedScope } from "../tenancy/tenantScope.ts";
import type { Admission } from "./admission.ts";
import { requireTenant } from "./requireTenant.ts";

// What was called, as the host hands it on. On loopback, but under a name of somebody else's, it is a page in a browser
// on this machine whose name was made to point here (DNS rebinding).
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/** Lets everybody in to the tenant `default` who calls the service by a name of this machine: a developer's own. */
export function unauthenticatedAdmission(tenants: Tenants): Admission {
  return {
    identify: async (request) => {
      const host = request.header("x-forwarded-host")[0] ?? request.header("host")[0] ?? "";
      if (!loopbackHost.test(host)) {
        throw new Problem(
          "forbidden",
          "Without authentication the service answers only to names of its own machine, as localhost.",
        );
      }
      return await Promise.resolve(unauthenticatedCaller);
    },
    admit: async (caller, { partition }) => ({
      caller,
      tenant: await requireTenant(tenants, caller.tenant),
      scope: unauthenticatedScope(partition),
    }),
  };
}
