import type { PluginConfig } from "@azure/cosmos";

/**
 * Spares the request for a query plan that the SDK sends beside each query.
 *
 * The plan is for queries that span partition keys without naming one; the SDK itself then merges what the partitions
 * answer. Ours all name a tenant's key or a longer one and are served whole by the server, so that the plan would be
 * thrown away. A query that needed one would fail, which is what should happen: it would read across tenants.
 */
export const withoutQueryPlans: PluginConfig = {
  on: "request",
  plugin: async (context, _, next) =>
    context.headers?.["x-ms-cosmos-is-query-plan-request"] === undefined
      ? await next(context)
      : { result: undefined, headers: {}, code: 200 },
};
