import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from "jose";
import { Problem } from "../problem/problem.ts";
import { issuerAlgorithms, type TenantIssuer } from "../tenancy/tenant.ts";
import type { Tenants } from "../tenancy/tenants.ts";
import { platformTenant } from "../tenancy/tenantScope.ts";
import type { Caller } from "./caller.ts";
import type { Challenges } from "./challenges.ts";
import { claimAt, type Claims } from "./claims.ts";
import { grantsOf, type Grants } from "./grants.ts";
import type { KeySets } from "./keySets.ts";

/** Who administers the platform: the issuer of their tokens, and the role that makes one. It is in the settings alone. */
export interface PlatformIssuer {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly audience: string;
  readonly adminRole: string;
}

/** What verifying tokens takes. */
export interface VerifierSurroundings {
  readonly tenants: Pick<Tenants, "withIssuer">;
  readonly platform: PlatformIssuer;
  readonly keySets: KeySets;
  readonly challenges: Challenges;
  /** The wall clock, in milliseconds since 1970. */
  readonly milliseconds: () => number;
}

/** An issuer that is trusted with the tokens of a tenant. */
interface Trust {
  readonly tenant: string;
  readonly issuer: TenantIssuer;
}

/** By how much the clocks of issuers may differ from ours. */
const clockToleranceSeconds = 60;

/** The types of token that are an access token (RFC 9068 §2.1) or do not say what they are. */
const accessTokenTypes: readonly string[] = ["jwt", "at+jwt", "application/at+jwt"];

/** What only ID tokens have (OpenID Connect Core §2, §3.1.3.6): they tell a program who signed in, and open no door. */
const idTokenClaims: readonly string[] = ["nonce", "at_hash", "c_hash"];

/** How an issuer that serves many directories writes the place of the directory's id. */
const directoryPlaceholder = "{tenantid}";
/** The claim in which such an issuer puts it. */
const directoryClaim = "tid";

/**
 * Verifies access tokens (RFC 7519, RFC 8725) and says whose they are.
 *
 * The token's own word counts for one thing only: which of the configured issuers is to be asked. That issuer's keys,
 * algorithms, audience and mapping then decide, and a token for which more than one tenant, or none, could be meant is
 * refused.
 */
export class TokenVerifier {
  readonly #surroundings: VerifierSurroundings;

  constructor(surroundings: VerifierSurroundings) {
    this.#surroundings = surroundings;
  }

  /**
   * The caller of a verified token. Throws `unauthenticated`, saying of a token only whether it is malformed or expired,
   * and `unavailable` when the registry or the issuer's keys cannot be had.
   */
  async verify(token: string): Promise<Caller> {
    const { challenges, platform } = this.#surroundings;
    const unverified = await this.#judge(() => readUnverified(token));
    const trust = await this.#trustIn(unverified);
    if (trust === undefined) {
      throw challenges.refuse("malformed");
    }
    const claims = await this.#judge(async () => await this.#verified(token, trust.issuer));
    const caller = claims === undefined ? undefined : callerOf(trust, claims, platform);
    if (caller === undefined) {
      throw challenges.refuse("malformed");
    }
    return caller;
  }

  /** Whatever jose throws is the token's fault; what it throws for says how much of it is told. */
  async #judge<T>(read: () => T | Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof Problem) {
        throw error;
      }
      const fault = error instanceof errors.JWTExpired ? "expired" : "malformed";
      throw this.#surroundings.challenges.refuse(fault, error);
    }
  }

  /** The one issuer of one tenant that the claims, not verified yet, point to. */
  async #trustIn(claims: JWTPayload): Promise<Trust | undefined> {
    // Nothing has looked at these yet: they may be any JSON.
    const iss: unknown = claims.iss;
    const { tenants, platform } = this.#surroundings;
    if (typeof iss !== "string" || iss.includes(directoryPlaceholder)) {
      return undefined;
    }
    if (iss === platform.issuer && audiencesOf(claims).includes(platform.audience)) {
      return { tenant: platformTenant, issuer: tenantIssuerOf(platform) };
    }
    const directory = claims[directoryClaim];
    const template =
      typeof directory === "string" && /^[\w.-]+$/.test(directory)
        ? iss.replace(directory, directoryPlaceholder)
        : iss;
    const trusts: Trust[] = [];
    for (const name of new Set([iss, template])) {
      for (const tenant of await tenants.withIssuer(name)) {
        trusts.push(
          ...tenant.issuers
            .filter((issuer) => issuer.issuer === name && isMeant(issuer, claims))
            .map((issuer) => ({ tenant: tenant.name, issuer })),
        );
      }
    }
    return trusts.length === 1 ? trusts[0] : undefined;
  }

  async #verified(token: string, issuer: TenantIssuer): Promise<Claims | undefined> {
    const { keySets, milliseconds } = this.#surroundings;
    const { payload, protectedHeader } = await jwtVerify(token, keySets.keysAt(issuer.jwksUri), {
      algorithms: [...(issuer.algorithms ?? issuerAlgorithms)],
      audience: [...issuer.audiences],
      clockTolerance: clockToleranceSeconds,
      // oxlint-disable-next-line no-restricted-globals -- a given time and not the present one.
      currentDate: new Date(milliseconds()),
      requiredClaims: ["iss", "sub", "aud", "exp"],
    });
    const isAccessToken =
      accessTokenTypes.includes((protectedHeader.typ ?? "JWT").toLowerCase()) &&
      idTokenClaims.every((claim) => payload[claim] === undefined);
    return isAccessToken ? payload : undefined;
  }
}

function readUnverified(token: string): JWTPayload {
  // Before anything is looked up for it, so that what is no signed token costs nothing.
  decodeProtectedHeader(token);
  return decodeJwt(token);
}

function audiencesOf(claims: JWTPayload): readonly unknown[] {
  const aud: unknown = claims.aud;
  return Array.isArray(aud) ? (aud as unknown[]) : [aud];
}

/** Whether an issuer's settings say that a token with these claims belongs to their tenant. */
function isMeant({ issuer, subjects }: TenantIssuer, claims: JWTPayload): boolean {
  // Each directory of an issuer of many makes the claims of its tokens as it likes, but for its own id.
  if (issuer.includes(directoryPlaceholder) && subjects?.claim !== directoryClaim) {
    return false;
  }
  return subjects === undefined || claimAt(claims, subjects.claim) === subjects.value;
}

function tenantIssuerOf({ issuer, jwksUri, audience }: PlatformIssuer): TenantIssuer {
  return { issuer, jwksUri, audiences: [audience] };
}

function callerOf(trust: Trust, claims: Claims, { adminRole }: PlatformIssuer): Caller | undefined {
  const grants =
    trust.tenant === platformTenant
      ? platformGrants(claims, adminRole)
      : grantsOf(trust.issuer, claims);
  const { iss, sub } = claims;
  return grants === undefined || typeof iss !== "string" || typeof sub !== "string" || sub === ""
    ? undefined
    : {
        issuer: iss,
        subject: sub,
        clientId: textOf(claims["azp"] ?? claims["client_id"] ?? claims["appid"]),
        tokenId: textOf(claims["jti"] ?? claims["uti"]),
        tenant: trust.tenant,
        ...grants,
      };
}

function platformGrants({ roles }: Claims, adminRole: string): Grants {
  const isAdmin = Array.isArray(roles) && roles.includes(adminRole);
  return {
    actions: new Set(isAdmin ? (["platform.admin", "tenant.admin"] as const) : []),
    restriction: {},
  };
}

function textOf(claim: unknown): string | undefined {
  return typeof claim === "string" ? claim : undefined;
}
