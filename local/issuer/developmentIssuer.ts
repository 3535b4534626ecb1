import { generateKeyPairSync, randomUUID, type JsonWebKey } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { developmentCallers } from "./developmentCallers.ts";
import { signToken, type TokenClaims } from "./signToken.ts";

/** An issuer of tokens on this machine, for development alone: whoever asks gets one. */
export interface DevelopmentIssuer {
  /** `iss` of its tokens; its metadata is below (OpenID Connect Discovery §4). */
  readonly url: string;
  readonly jwksUri: string;
  /** The key that it signs with, for those that sign in its place, as tests do. */
  readonly privateKey: JsonWebKey;
  readonly kid: string;
  /** A token for one of {@link developmentCallers}, by its name. Throws when there is none. */
  tokenOf(name: string): string;
  close(): Promise<void>;
}

/** As long as a working day: nobody who develops wants to fetch tokens all the time. */
const tokenSeconds = 12 * 60 * 60;
const bodyBytesMax = 8 * 1024;

/**
 * Starts the issuer on a free port of the loopback interface, with a key of its own that ends with it.
 *
 * It answers `/.well-known/openid-configuration`, `/jwks`, and `POST /token` with `grant_type=client_credentials` and one
 * of the names as `client_id` (RFC 6749 §4.4). There is no secret: it is to be reached from this machine alone.
 */
export async function startDevelopmentIssuer(): Promise<DevelopmentIssuer> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const kid = randomUUID();
  const keys = {
    keys: [{ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" }],
  };
  let url = "";
  const tokenOf = (name: string): string => {
    const claims = claimsOf(name, url);
    if (claims === undefined) {
      throw new RangeError("There is no such caller.");
    }
    return signToken(privateKey, kid, claims);
  };
  const server = createServer((request, response) => {
    void answer(request, response, {
      "/.well-known/openid-configuration": () => metadata(url),
      "/jwks": () => keys,
      "/token": tokenOf,
    });
  });
  await new Promise<void>((done, fail) => {
    server.once("error", fail).listen(0, "127.0.0.1", done);
  });
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url,
    jwksUri: `${url}/jwks`,
    privateKey: privateKey.export({ format: "jwk" }),
    kid,
    tokenOf,
    close: async () => {
      await new Promise<void>((done) => {
        server.close(() => {
          done();
        });
        server.closeAllConnections();
      });
    },
  };
}

function claimsOf(name: string, issuer: string): TokenClaims | undefined {
  const caller = developmentCallers.find((candidate) => candidate.name === name);
  const seconds = Math.floor(Date.now() / 1000);
  return (
    caller && {
      iss: issuer,
      sub: name,
      aud: caller.audience,
      client_id: name,
      ...(caller.tenant === undefined ? {} : { tenant: caller.tenant }),
      roles: caller.roles,
      jti: randomUUID(),
      iat: seconds,
      nbf: seconds,
      exp: seconds + tokenSeconds,
    }
  );
}

function metadata(issuer: string): object {
  return {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    token_endpoint: `${issuer}/token`,
    grant_types_supported: ["client_credentials"],
    token_endpoint_auth_methods_supported: ["none"],
    response_types_supported: [],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256"],
  };
}

interface Resources {
  readonly "/.well-known/openid-configuration": () => object;
  readonly "/jwks": () => object;
  readonly "/token": (name: string) => string;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  resources: Resources,
): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0];
  if (path === "/token" && request.method === "POST") {
    await answerTokenRequest(request, response, resources["/token"]);
  } else if (path === "/.well-known/openid-configuration" || path === "/jwks") {
    writeJson(response, 200, resources[path]());
  } else {
    writeJson(response, 404, { error: "not_found" });
  }
}

async function answerTokenRequest(
  request: IncomingMessage,
  response: ServerResponse,
  tokenOf: (name: string) => string,
): Promise<void> {
  let form: URLSearchParams;
  try {
    form = new URLSearchParams(await readText(request));
  } catch {
    writeJson(response, 400, { error: "invalid_request" });
    return;
  }
  if (form.get("grant_type") !== "client_credentials") {
    writeJson(response, 400, { error: "unsupported_grant_type" });
    return;
  }
  try {
    const token = tokenOf(form.get("client_id") ?? "");
    writeJson(response, 200, {
      access_token: token,
      token_type: "Bearer",
      expires_in: tokenSeconds,
    });
  } catch {
    writeJson(response, 401, { error: "invalid_client" });
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) {
      throw new RangeError("The body is too large.");
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function writeJson(response: ServerResponse, status: number, json: object): void {
  const headers = { "Content-Type": "application/json", "Cache-Control": "no-store" };
  response.writeHead(status, headers).end(JSON.stringify(json));
}
