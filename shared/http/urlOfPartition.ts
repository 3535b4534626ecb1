import type { Tenant } from "../tenancy/tenant.ts";
import type { DicomwebRequest } from "./dicomwebRequest.ts";

/**
 * Where the resources of each data partition of a tenant are, for what a request about the whole tenant is answered with:
 * `https://host/v2/partitions/{name}`, or as for everything else where the tenant has no data partitions.
 */
export function urlOfPartition(
  { serviceURL }: Pick<DicomwebRequest, "serviceURL">,
  tenant: Pick<Tenant, "partitionsEnabled"> | undefined,
): (partition: string) => string {
  return tenant?.partitionsEnabled === true
    ? (partition) => `${serviceURL}/partitions/${encodeURIComponent(partition)}`
    : () => serviceURL;
}
