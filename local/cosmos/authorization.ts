import { createHmac, timingSafeEqual, verify, type KeyObject } from "node:crypto";

import { GatewayError } from "./gatewayError.ts";

/** The master key that the emulators of the service have always had; it is public and protects nothing. */
export const emulatorKey =
  "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==";

const clockSkewMax = 15 * 60 * 1000;

/** The parts of a request that its signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** The path, decoded once, split at its slashes. */
  readonly segments: readonly string[];
  readonly date: string | undefined;
  readonly authorization: string | undefined;
}

/** The resource type and link that the path stands for in a signature. */
function signedResource(segments: readonly string[]): { type: string; link: string } {
  // Deleting by partition key is signed as an operation on the container.
  if (segments.at(-2) === "operations") {
    return { type: "colls", link: segments.slice(0, -2).join("/") };
  }
  if (segments.length % 2 === 0) {
    const link = segments.join("/");
    const type = segments.at(-2) ?? "";
    return { type, link: type === "offers" ? (segments.at(-1) ?? "").toLowerCase() : link };
  }
  return { type: segments.at(-1) ?? "", link: segments.slice(0, -1).join("/") };
}

/** What requests are measured against. */
export interface AuthorizationKeys {
  /** The master key. */
  readonly master: KeyObject;
  /** The public key (P-256) of whoever issues identity tokens; absent: none are taken. */
  readonly identity?: KeyObject;
}

/**
 * Verifies the authorization of a request: the signature of the master key, or a token of an identity.
 *
 * Throws 401 when there is neither, or one that is not good; 403 when a signature's date is further than 15 minutes from
 * `now`, and when an identity asks for what only the control plane may: identities work with items.
 */
export function requireAuthorized(
  request: SignedRequest,
  keys: AuthorizationKeys,
  now: number,
): void {
  const { authorization } = request;
  if (authorization === undefined || authorization === "") {
    throw new GatewayError(
      401,
      "Required Header authorization is missing. Ensure a valid Authorization token is passed.",
    );
  }
  let token: URLSearchParams;
  try {
    token = new URLSearchParams(decodeURIComponent(authorization).replaceAll("+", "%2B"));
  } catch {
    throw new GatewayError(401, "The authorization token is not well formed.");
  }
  if (token.get("ver") === "1.0" && token.get("type") === "aad" && keys.identity !== undefined) {
    requireIdentity(token.get("sig") ?? "", keys.identity, now);
    requireDataPlane(request);
    return;
  }
  if (token.get("type") !== "master" || token.get("ver") !== "1.0") {
    throw new GatewayError(
      401,
      "This server knows tokens of the type 'master' and version '1.0' only.",
    );
  }
  requireMasterKey(request, token.get("sig") ?? "", keys.master, now);
}

function requireMasterKey(
  request: SignedRequest,
  signature: string,
  key: KeyObject,
  now: number,
): void {
  const date = request.date ?? "";
  const { type, link } = signedResource(request.segments);
  const text = `${request.method.toLowerCase()}\n${type.toLowerCase()}\n${link}\n${date.toLowerCase()}\n\n`;
  const expected = createHmac("sha256", key).update(text, "utf8").digest();
  const given = Buffer.from(signature, "base64");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new GatewayError(
      401,
      "The input authorization token can't serve the request. The wrong key is being used or the expected payload is not built as per the protocol.",
    );
  }
  const time = Date.parse(date);
  if (!(Math.abs(time - now) <= clockSkewMax)) {
    throw new GatewayError(
      403,
      "The authorization token is not valid at the current time. Please provide a new token.",
    );
  }
}

/** Verifies a JSON Web Token (ES256) that is made out to the service and valid now. */
function requireIdentity(token: string, key: KeyObject, now: number): void {
  const [header = "", claims = "", signature = ""] = token.split(".");
  const isSigned = verify(
    "sha256",
    Buffer.from(`${header}.${claims}`),
    { key, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"),
  );
  const { aud, nbf, exp } = isSigned ? readClaims(claims) : {};
  const isValid =
    typeof aud === "string" &&
    /^https:\/\/(?:cosmos\.azure\.com|127\.0\.0\.1|localhost)(?::\d+)?\/?$/u.test(aud) &&
    typeof nbf === "number" &&
    typeof exp === "number" &&
    nbf * 1000 <= now &&
    now < exp * 1000;
  if (!isValid) {
    throw new GatewayError(401, "The identity's token is not valid here.");
  }
}

function readClaims(text: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as Record<string, unknown>;
}

/** An identity reads the account, databases and containers, and does anything with items. */
function requireDataPlane({ method, segments }: SignedRequest): void {
  const isItems = segments[4] === "docs" || segments[4] === "operations";
  if (method !== "GET" && !isItems) {
    throw new GatewayError(
      403,
      "Request blocked by Auth: an identity works with items; databases and containers are made by templates.",
    );
  }
}
