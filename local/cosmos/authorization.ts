import { createHmac, timingSafeEqual, type KeyObject } from "node:crypto";

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

/**
 * Verifies the master key signature of a request.
 *
 * Throws 401 when there is none, when it is of another kind, or when it was not made with `key`; 403 when its date is
 * further than 15 minutes from `now`.
 */
export function requireMasterKey(request: SignedRequest, key: KeyObject, now: number): void {
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
  if (token.get("type") !== "master" || token.get("ver") !== "1.0") {
    throw new GatewayError(
      401,
      "This server knows tokens of the type 'master' and version '1.0' only.",
    );
  }
  const date = request.date ?? "";
  const { type, link } = signedResource(request.segments);
  const text = `${request.method.toLowerCase()}\n${type.toLowerCase()}\n${link}\n${date.toLowerCase()}\n\n`;
  const expected = createHmac("sha256", key).update(text, "utf8").digest();
  const given = Buffer.from(token.get("sig") ?? "", "base64");
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
