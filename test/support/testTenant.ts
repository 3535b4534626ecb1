import { createPrivateKey, randomBytes, randomUUID } from "node:crypto";
import { inject } from "vitest";
import { audiences } from "../../local/issuer/developmentCallers.ts";
import { signToken, type TokenClaims } from "../../local/issuer/signToken.ts";
import { DicomwebService } from "./dicomwebService.ts";
import { send, type ReceivedAnswer } from "./send.ts";

/** Claims of a token besides those that every good one has, or instead of them; `undefined` leaves one out. */
export type ClaimChanges = Readonly<Record<string, unknown>>;

/** Signs a token of the suite's issuer with the claims of a good access token for the platform, and `changes`. */
export function makeToken(changes: ClaimChanges, header: TokenClaims = {}): string {
  const { issuer } = inject("tokenRuntime");
  const seconds = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer.url,
    sub: "somebody",
    client_id: "suite",
    aud: audiences.service,
    jti: randomUUID(),
    iat: seconds,
    nbf: seconds,
    exp: seconds + 3_600,
    ...changes,
  };
  const key = createPrivateKey({ key: issuer.privateKey, format: "jwk" });
  return signToken(key, issuer.kid, claims, header);
}

/** The header that sends a token. */
export function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** A token of who administers the platform. */
export function platformToken(): string {
  return makeToken({ aud: audiences.platform, roles: ["Strata Platform Admin"] });
}

/** Makes a request to the service that needs tokens, as who administers its platform. */
export async function askPlatform(
  method: string,
  path: string,
  body?: object,
): Promise<ReceivedAnswer> {
  return await send(`${inject("tokenRuntime").baseUrl}/v2/${path}`, {
    method,
    headers: {
      ...bearer(platformToken()),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** A tenant of one suite, registered with the service that needs tokens. */
export class TestTenant {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Registers a tenant of a new name, whose tokens are those of the suite's issuer that name it. */
  static async register(
    settings: object = {},
    issuer: object = {},
    name: string = `t-${randomBytes(8).toString("hex")}`,
  ): Promise<TestTenant> {
    const { url, jwksUri } = inject("tokenRuntime").issuer;
    const answer = await askPlatform("PUT", `tenants/${name}`, {
      issuers: [
        {
          issuer: url,
          jwksUri,
          audiences: [audiences.service],
          subjects: { claim: "tenant", value: name },
          ...issuer,
        },
      ],
      ...settings,
    });
    if (answer.status !== 201) {
      throw new Error(`not registered: ${answer.status} ${answer.text}`);
    }
    return new TestTenant(name);
  }

  /** A token of a caller with these roles. */
  token(roles: readonly string[] = ["DICOM Data Owner"], changes: ClaimChanges = {}): string {
    return makeToken({ tenant: this.name, roles, ...changes });
  }

  /** The service as a caller with these roles has it. */
  service(roles?: readonly string[], changes?: ClaimChanges): DicomwebService {
    return new DicomwebService(
      "v2",
      inject("tokenRuntime").baseUrl,
      bearer(this.token(roles, changes)),
    );
  }
}
