import { jsonText } from "../shared/http/jsonAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { Problem } from "../shared/problem/problem.ts";
import { runtime } from "../shared/runtime.ts";

// The data partitions of the tenant, as the Azure service lists them. A caller that is kept to some sees those.
registerTransaction({ name: "listPartitions", method: "GET", template: "partitions" }, runtime, {
  permission: "read",
  partitionUse: "none",
  run: async (_, scope) => {
    const { partitions, tenants } = runtime();
    const tenant = await tenants.find(scope.tenant);
    if (tenant?.partitionsEnabled !== true) {
      throw new Problem("malformed", "The tenant has no data partitions.");
    }
    const listed = (await partitions.list(scope)).filter(
      ({ name }) => scope.restriction.partitions?.includes(name) ?? true,
    );
    return jsonText(
      200,
      JSON.stringify(
        listed.map(({ number, name, createdAt }) => ({
          partitionKey: number,
          partitionName: name,
          createdDate: createdAt ?? tenant.createdAt,
        })),
      ),
      { "Cache-Control": "no-store" },
    );
  },
});
