/** The claims of a verified token, as JSON. */
export type Claims = Readonly<Record<string, unknown>>;

/**
 * A claim by its name, or by a path with dots where no claim has that name (`realm_access.roles`); `undefined` when there
 * is none.
 */
export function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) {
    return claims[name];
  }
  let value: unknown = claims;
  for (const step of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) {
      return undefined;
    }
    value = (value as Claims)[step];
  }
  return value;
}

/** The values of a claim that is a list, or a text with spaces between them; `undefined` when it is neither. */
export function listedValues(claim: unknown): readonly string[] | undefined {
  if (typeof claim === "string") {
    return claim.split(" ").filter((value) => value !== "");
  }
  return Array.isArray(claim) && claim.every((value) => typeof value === "string")
    ? (claim as string[])
    : undefined;
}
