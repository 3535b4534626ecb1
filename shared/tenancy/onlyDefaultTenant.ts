import type { Tenant } from "./tenant.ts";
import type { Tenants } from "./tenants.ts";
import { parseTenantName } from "./tenantScope.ts";

const defaultTenant: Tenant = {
  name: parseTenantName("default"),
  displayName: "The one tenant of a service without authentication",
  state: "active",
  issuers: [],
  partitionsEnabled: false,
  corsOrigins: [],
  quotas: {},
  etag: '"default"',
  createdAt: "2020-01-01T00:00:00.000Z",
};

/** The tenants of a service without authentication: `default`, without limits, and no other. */
export const onlyDefaultTenant: Tenants = {
  find: async (name) =>
    await Promise.resolve(name === defaultTenant.name ? defaultTenant : undefined),
  withIssuer: async () => await Promise.resolve([]),
  isPurged: async () => await Promise.resolve(false),
  list: async () => await Promise.resolve([defaultTenant]),
};
