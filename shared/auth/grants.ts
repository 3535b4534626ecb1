import type { TenantIssuer } from "../tenancy/tenant.ts";
import { dataActions, type DataAction, type Restriction } from "../tenancy/tenantScope.ts";
import { claimAt, listedValues, type Claims } from "./claims.ts";
import { parseSmartScope } from "./smartScope.ts";

/** What a token allows, and to what it is kept. */
export interface Grants {
  readonly actions: ReadonlySet<DataAction>;
  readonly restriction: Restriction;
}

/** The app roles that every issuer may use: the first two as in the Azure service. */
export const appRoles: Readonly<Record<string, readonly DataAction[]>> = {
  "DICOM Data Owner": ["read", "write", "delete", "export", "manageExtendedQueryTags", "feed"],
  "DICOM Data Reader": ["read", "feed"],
  "Strata Data Writer": ["write"],
  "Strata Feed Reader": ["feed"],
  "Strata Tenant Admin": ["tenant.admin"],
};

/** What can be kept to a patient, a study or a partition. Everything else is about the tenant as a whole. */
const narrowableActions: ReadonlySet<DataAction> = new Set(["read", "write", "delete", "feed"]);

/** How a scope names a data action: alone, or after the URI of the resource that it is of. */
const actionScope = /^(?:.*\/)?dicom\.([A-Za-z.]+)$/;

/**
 * Says what a verified token of a tenant's issuer grants.
 *
 * Roles grant what they stand for. Scopes do where the issuer's settings let them; beside roles they only narrow: a
 * program that acts for a person can do what both may. Scopes of other services say nothing. `read` includes `feed`,
 * because the Azure service's change feed is a matter of `read`. `platform.admin` is never a tenant's to grant.
 *
 * A claim that restricts and is not what it should be makes the whole token worthless: `undefined`.
 */
export function grantsOf(issuer: TenantIssuer, claims: Claims): Grants | undefined {
  const restriction = restrictionOf(issuer, claims);
  if (restriction === undefined) {
    return undefined;
  }
  const byRoles = actionsOfRoles(issuer, claims);
  const scopes = issuer.scopesAllowed === true ? scopeGrant(claims) : undefined;
  if (scopes?.isOfPatient === true && restriction.patientID === undefined) {
    return undefined;
  }
  const granted = byRoles.size === 0 && scopes !== undefined ? scopes.actions : byRoles;
  const isRestricted = Object.keys(restriction).length > 0;
  const actions = [...granted].filter(
    (action) =>
      action !== "platform.admin" &&
      (scopes === undefined || scopes.actions.has(action)) &&
      (!isRestricted || narrowableActions.has(action)),
  );
  return { actions: new Set(actions), restriction };
}

function actionsOfRoles(issuer: TenantIssuer, claims: Claims): Set<DataAction> {
  const claim = claimAt(claims, issuer.rolesClaim ?? "roles");
  // A role's name may have spaces in it, so a text is one role.
  const roles = typeof claim === "string" ? [claim] : (listedValues(claim) ?? []);
  return withFeed(
    roles.flatMap((role) => [
      ...(Object.hasOwn(appRoles, role) ? (appRoles[role] ?? []) : []),
      ...(issuer.roles !== undefined && Object.hasOwn(issuer.roles, role)
        ? (issuer.roles[role] ?? [])
        : []),
    ]),
  );
}

/** What the scopes of a token grant; `undefined` when none of them is about this service. */
function scopeGrant(
  claims: Claims,
): { readonly actions: ReadonlySet<DataAction>; readonly isOfPatient: boolean } | undefined {
  // Entra ID says scp where RFC 9068 says scope.
  const scopes = listedValues(claims["scope"] ?? claims["scp"]) ?? [];
  const actions: DataAction[] = [];
  let isOfPatient = false;
  let isAny = false;
  for (const scope of scopes) {
    const smart = parseSmartScope(scope);
    const named = actionScope.exec(scope)?.[1];
    const action = dataActions.find((known) => known === named);
    isAny ||= smart !== undefined || action !== undefined;
    isOfPatient ||= smart?.isOfPatient === true;
    actions.push(...(smart?.actions ?? []), ...(action === undefined ? [] : [action]));
  }
  return isAny ? { actions: withFeed(actions), isOfPatient } : undefined;
}

function withFeed(actions: readonly DataAction[]): Set<DataAction> {
  return new Set(actions.includes("read") ? [...actions, "feed"] : actions);
}

function restrictionOf(issuer: TenantIssuer, claims: Claims): Restriction | undefined {
  const { partitionsClaim, patientClaim, studyClaim } = issuer;
  const partitions = partitionsClaim === undefined ? undefined : claimAt(claims, partitionsClaim);
  const patientID = patientClaim === undefined ? undefined : claimAt(claims, patientClaim);
  const studyInstanceUID = studyClaim === undefined ? undefined : claimAt(claims, studyClaim);
  const names = partitions === undefined ? undefined : listedValues(partitions);
  const isWrong = (value: unknown): boolean =>
    value !== undefined && (typeof value !== "string" || value === "");
  if (
    (partitions !== undefined && names === undefined) ||
    isWrong(patientID) ||
    isWrong(studyInstanceUID)
  ) {
    return undefined;
  }
  return {
    ...(names === undefined ? {} : { partitions: names }),
    ...(typeof patientID === "string" ? { patientID } : {}),
    ...(typeof studyInstanceUID === "string" ? { studyInstanceUID } : {}),
  };
}
