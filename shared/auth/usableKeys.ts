import type { JSONWebKeySet, JWK } from "jose";

const keysMax = 100;
const modulusBitsMin = 2048;

/**
 * The keys of a fetched set that may verify a signature (RFC 7517): public ones, of the kinds that the service knows, and
 * strong enough. The others are left out, and with them whatever somebody signs with them.
 *
 * Throws an error when `json` is no key set, or one of an absurd size.
 */
export function usableKeys(json: unknown): JSONWebKeySet {
  const { keys } = (typeof json === "object" && json !== null ? json : {}) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length > keysMax) {
    throw new Error("What was fetched is no key set.");
  }
  return {
    keys: (keys as unknown[]).filter(
      (key): key is JWK => typeof key === "object" && key !== null && isUsable(key as JWK),
    ),
  };
}

function isUsable({ kty, n, crv, use, d, k, kid }: JWK): boolean {
  // Who publishes a private or a shared key lets everybody sign.
  if (d !== undefined || k !== undefined || (use !== undefined && use !== "sig")) {
    return false;
  }
  if (kid !== undefined && typeof kid !== "string") {
    return false;
  }
  switch (kty) {
    case "RSA":
      return typeof n === "string" && bitLength(n) >= modulusBitsMin;
    case "EC":
      return crv === "P-256";
    case "OKP":
      return crv === "Ed25519";
    default:
      return false;
  }
}

function bitLength(base64url: string): number {
  const hex = Buffer.from(base64url, "base64url").toString("hex").replace(/^0+/, "");
  const leading = hex === "" ? 0 : Number.parseInt(hex.charAt(0), 16).toString(2).length;
  return hex === "" ? 0 : (hex.length - 1) * 4 + leading;
}
