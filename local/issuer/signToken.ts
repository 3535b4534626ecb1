import { sign, type KeyObject } from "node:crypto";

/** What a token says, as JSON. */
export type TokenClaims = Readonly<Record<string, unknown>>;

/**
 * Signs claims as a JSON Web Token with ES256 (RFC 7515, RFC 7518 §3.4). `key` is a private key on the curve P-256; the
 * header is that of an access token (RFC 9068 §2.1) with `kid`, and what `header` says besides.
 */
export function signToken(
  key: KeyObject,
  kid: string,
  claims: TokenClaims,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const signed = [{ alg: "ES256", typ: "at+jwt", kid, ...header }, claims]
    .map((part) => Buffer.from(JSON.stringify(part), "utf8").toString("base64url"))
    .join(".");
  const signature = sign("sha256", Buffer.from(signed, "ascii"), {
    key,
    dsaEncoding: "ieee-p1363",
  });
  return `${signed}.${signature.toString("base64url")}`;
}
