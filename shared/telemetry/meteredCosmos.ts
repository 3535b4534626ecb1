import type { PluginConfig } from "@azure/cosmos";
import { currentMeter } from "./meter.ts";

/** Puts each request of a Cosmos DB client on the account of the request that it is made for. */
export const meteredCosmos: PluginConfig = {
  on: "request",
  plugin: async (context, _, next) => {
    const end = currentMeter()?.begin("cosmos");
    let charge: number | undefined;
    try {
      const response = await next(context);
      charge = chargeOf(response);
      return response;
    } catch (error) {
      charge = chargeOf(error);
      throw error;
    } finally {
      end?.(charge);
    }
  },
};

// A request that is refused is charged too.
function chargeOf(answer: unknown): number {
  const { headers } = answer as { headers?: Readonly<Record<string, unknown>> };
  const charge = Number(headers?.["x-ms-request-charge"]);
  return Number.isFinite(charge) ? charge : 0;
}
