import type { DataAction, TenantName } from "./tenantScope.ts";

/** Whether a tenant's callers are let in. One that is being deleted lets nobody in, and may still be resumed. */
export type TenantState = "active" | "suspended" | "deleting";

/** The signature algorithms that an issuer may be trusted with (RFC 7518 §3.1, RFC 8037). */
export const issuerAlgorithms = ["RS256", "PS256", "ES256", "EdDSA"] as const;

/** One of {@link issuerAlgorithms}. */
export type IssuerAlgorithm = (typeof issuerAlgorithms)[number];

/** Which tokens of an issuer belong to a tenant: those in which a claim has this value. */
export interface TokenSubjects {
  readonly claim: string;
  readonly value: string;
}

/** Who issues the tokens of a tenant's callers, and what its tokens mean. */
export interface TenantIssuer {
  /** `iss` as it stands in the tokens; may hold `{tenantid}`, which stands for the token's own directory id. */
  readonly issuer: string;
  /** Where the issuer's public keys are (RFC 7517): an https URL. */
  readonly jwksUri: string;
  /** The values of `aud`, one of which a token has to have. */
  readonly audiences: readonly string[];
  /** All that the service knows when absent. */
  readonly algorithms?: readonly IssuerAlgorithm[];
  /** All tokens of the issuer when absent. */
  readonly subjects?: TokenSubjects;
  /** The claim that lists the roles of a caller. */
  readonly rolesClaim?: string;
  /** What the issuer's own roles allow, besides those that the service knows. */
  readonly roles?: Readonly<Record<string, readonly DataAction[]>>;
  /** Whether scopes count, and not only roles. */
  readonly scopesAllowed?: boolean;
  /** The claim that lists the data partitions to which a token is restricted. */
  readonly partitionsClaim?: string;
  /** The claim that holds the PatientID to which a token is restricted. */
  readonly patientClaim?: string;
  /** The claim that holds the Study Instance UID to which a token is restricted. */
  readonly studyClaim?: string;
}

/** How much a tenant may have and ask for. What is absent is not limited, but for what protects the process. */
export interface TenantQuotas {
  /** Bytes of the stored instances. */
  readonly storedBytes?: number;
  readonly storedInstances?: number;
  /** Of one process, on average. */
  readonly requestsPerSecond?: number;
  /** Request units of Cosmos DB, of one process, on average. */
  readonly requestChargePerSecond?: number;
}

/** What can be said about a tenant when it is taken on, and changed later. */
export interface TenantSettings {
  /** For people. */
  readonly displayName?: string;
  readonly issuers: readonly TenantIssuer[];
  /** Whether the paths of the tenant's data name a data partition. */
  readonly partitionsEnabled: boolean;
  /** The origins whose scripts may read answers, as browsers send them; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** Where this tenant's callers find the service, without a slash at the end. */
  readonly publicBaseURL?: string;
  readonly quotas: TenantQuotas;
  /** Studies are deleted this many days after the last instance of them was stored. */
  readonly retentionDays?: number;
}

/** A tenant: the boundary of authorization and of data. */
export interface Tenant extends TenantSettings {
  readonly name: TenantName;
  readonly state: TenantState;
  /** With quotation marks. Changes whenever the tenant does. */
  readonly etag: string;
  /** In ISO 8601 with milliseconds and `Z`. */
  readonly createdAt: string;
}
