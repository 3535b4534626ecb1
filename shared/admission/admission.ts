import type { Caller } from "../auth/caller.ts";
import type { Tenant } from "../tenancy/tenant.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";

/** What of a request decides who is let in. */
export interface AdmissionRequest {
  /** The values of a header, as they came over the wire. */
  header(name: string): readonly string[];
  /** The data partition that the path names. */
  readonly partition: string | undefined;
}

/** Who was let in, and to what. */
export interface Admitted {
  readonly caller: Caller;
  readonly tenant: Tenant;
  readonly scope: TenantScope;
}

/**
 * Lets callers in, in two steps, so that a refusal of the second is recorded with the name of the caller.
 */
export interface Admission {
  /** Says who calls. Throws `unauthenticated` when that cannot be told. */
  identify(request: AdmissionRequest): Promise<Caller>;
  /** Makes the scope of a known caller. Throws `forbidden` when its tenant is suspended, and `malformed` for a partition that it cannot have. */
  admit(caller: Caller, request: AdmissionRequest): Promise<Admitted>;
}
