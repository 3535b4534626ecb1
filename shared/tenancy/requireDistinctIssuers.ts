import { Problem } from "../problem/problem.ts";
import type { TenantIssuer } from "./tenant.ts";

/** An issuer, and the tenant that trusts it. */
export interface TrustedIssuer {
  readonly tenant: string;
  readonly issuer: TenantIssuer;
}

/**
 * Checks that every token belongs to at most one entry: two entries for the same issuer have to be told apart by
 * different values of the same claim.
 *
 * Throws a `conflict` problem that names the issuer, and not whose it is besides.
 */
export function requireDistinctIssuers(
  candidates: readonly TrustedIssuer[],
  others: readonly TrustedIssuer[],
): void {
  for (const [i, { issuer }] of candidates.entries()) {
    for (const other of [...candidates.slice(0, i), ...others]) {
      if (mayIssueForBoth(issuer, other.issuer)) {
        throw new Problem(
          "conflict",
          `The issuer "${issuer.issuer}" is trusted already, and no claim tells the tokens of both apart.`,
        );
      }
    }
  }
}

function mayIssueForBoth(a: TenantIssuer, b: TenantIssuer): boolean {
  if (!namesMeet(a.issuer, b.issuer)) {
    return false;
  }
  const areApart =
    a.subjects !== undefined &&
    b.subjects !== undefined &&
    a.subjects.claim === b.subjects.claim &&
    a.subjects.value !== b.subjects.value;
  return !areApart;
}

const placeholder = "{tenantid}";

/** Whether one token can have both names as its issuer. */
function namesMeet(a: string, b: string): boolean {
  return a === b || stands(a, b) || stands(b, a);
}

/** Whether `name` is what `template` becomes with a directory id in it. */
function stands(template: string, name: string): boolean {
  const [before, after, more] = template.split(placeholder);
  return (
    before !== undefined &&
    after !== undefined &&
    more === undefined &&
    name.length > before.length + after.length &&
    name.startsWith(before) &&
    name.endsWith(after)
  );
}
