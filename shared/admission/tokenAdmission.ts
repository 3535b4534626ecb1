import { readBearerToken } from "../auth/bearerToken.ts";
import type { Challenges } from "../auth/challenges.ts";
import type { TokenVerifier } from "../auth/tokenVerifier.ts";
import type { Tenant } from "../tenancy/tenant.ts";
import type { Tenants } from "../tenancy/tenants.ts";
import {
  defaultPartition,
  platformScope,
  platformTenant,
  verifiedScope,
} from "../tenancy/tenantScope.ts";
import type { Admission } from "./admission.ts";
import { requireTenant } from "./requireTenant.ts";

/** What stands in the place of a tenant for who administers the platform. */
const platform: Tenant = {
  name: platformTenant,
  displayName: "The platform itself",
  state: "active",
  issuers: [],
  partitionsEnabled: false,
  corsOrigins: [],
  quotas: {},
  etag: '"platform"',
  createdAt: "2020-01-01T00:00:00.000Z",
};

/** Lets callers in by the token that they send, to the tenant that the token's issuer is registered for. */
export function tokenAdmission(
  tenants: Tenants,
  verifier: TokenVerifier,
  challenges: Challenges,
): Admission {
  return {
    identify: async (request) =>
      await verifier.verify(readBearerToken(request.header("authorization"), challenges)),
    admit: async (caller, { partition = defaultPartition }) => {
      if (caller.tenant === platformTenant) {
        return { caller, tenant: platform, scope: platformScope(caller.actions) };
      }
      const tenant = await requireTenant(tenants, caller.tenant);
      const scope = verifiedScope(tenant.name, partition, caller.actions, caller.restriction);
      return { caller, tenant, scope };
    },
  };
}
