import type {
  HttpOperationResponse,
  RequestPolicy,
  RequestPolicyFactory,
  WebResource,
} from "@azure/storage-blob";
import { currentMeter } from "./meter.ts";

/**
 * Puts each request of a Blob Storage client on the account of the request that it is made for, until the first byte of
 * its answer.
 */
export const meteredBlobs: RequestPolicyFactory = {
  create: (next: RequestPolicy): RequestPolicy => ({
    sendRequest: async (request: WebResource): Promise<HttpOperationResponse> => {
      const end = currentMeter()?.begin("blob");
      try {
        return await next.sendRequest(request);
      } finally {
        end?.();
      }
    },
  }),
};
