import type { Challenges } from "./challenges.ts";

/** The longest token that is looked at, in characters: half of what all headers of a request may have. */
const tokenLengthMax = 8 * 1024;

/**
 * Takes the token from the values of the `Authorization` header (RFC 6750 §2.1), which is the only place where one may be:
 * a token in a URL ends up in logs and histories.
 *
 * Throws what `challenges` makes of a header that is missing, of another scheme, repeated or too long.
 */
export function readBearerToken(values: readonly string[], challenges: Challenges): string {
  const [value] = values;
  if (value === undefined) {
    throw challenges.refuse("missing");
  }
  // Two headers, one of which somebody on the way may have looked at, and not the one that counts.
  const [, token] = values.length === 1 ? (/^bearer +([\w.~+/-]+=*)$/i.exec(value) ?? []) : [];
  if (token === undefined || token.length > tokenLengthMax) {
    throw challenges.refuse("malformed");
  }
  return token;
}
