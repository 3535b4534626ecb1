import { generateKeyPairSync, randomUUID } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { signToken } from "../issuer/signToken.ts";

/** What stands in for the directory of a cloud: the managed identity of an app, and an issuer of tokens for its callers. */
export interface IdentityEndpoint {
  /** What the platform puts into the environment of an app that has an identity. */
  readonly environment: Readonly<Record<"IDENTITY_ENDPOINT" | "IDENTITY_HEADER", string>>;
  /** The public key (PEM) that verifies all of its tokens. */
  readonly publicKey: string;
  /** `iss` of the tokens. */
  readonly issuer: string;
  /** The https URL of the key set. */
  readonly jwksUri: string;
  /** A token with these claims, good for an hour. */
  sign(claims: Readonly<Record<string, unknown>>): string;
  close(): Promise<void>;
}

/** The storage stand-in takes tokens of issuers with this beginning alone. */
const issuer = "https://sts.windows.net/00000000-0000-0000-0000-000000000000/";
const tokenSeconds = 60 * 60;

/**
 * Starts both on free ports of the loopback interface: the identity over plain HTTP, as on Azure's own machines, and the
 * key set over TLS. A token is given only for `clientId` and to who knows the secret of the environment.
 */
export async function startIdentityEndpoint(
  clientId: string,
  tls: { readonly key: string; readonly cert: string },
): Promise<IdentityEndpoint> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const kid = randomUUID();
  const secret = randomUUID();
  const sign = (claims: Readonly<Record<string, unknown>>): string => {
    const seconds = Math.floor(Date.now() / 1000);
    return signToken(privateKey, kid, {
      iss: issuer,
      iat: seconds,
      nbf: seconds,
      exp: seconds + tokenSeconds,
      ...claims,
    });
  };
  const identity = createServer((request, response) => {
    answerIdentity(request, response, { clientId, secret, sign });
  });
  const keys = createTlsServer(tls, ((request, response) => {
    const isKeySet = request.url === "/keys";
    writeJson(response, isKeySet ? 200 : 404, {
      keys: isKeySet ? [{ ...publicKey.export({ format: "jwk" }), kid, alg: "ES256" }] : [],
    });
  }) satisfies RequestListener);
  const identityPort = await listen(identity);
  const keysPort = await listen(keys);
  return {
    environment: {
      IDENTITY_ENDPOINT: `http://127.0.0.1:${String(identityPort)}/msi/token`,
      IDENTITY_HEADER: secret,
    },
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    issuer,
    jwksUri: `https://127.0.0.1:${String(keysPort)}/keys`,
    sign,
    close: async () => {
      await Promise.all([end(identity), end(keys)]);
    },
  };
}

// The protocol of App Service's managed identities, version 2019-08-01.
function answerIdentity(
  request: IncomingMessage,
  response: ServerResponse,
  known: {
    readonly clientId: string;
    readonly secret: string;
    readonly sign: IdentityEndpoint["sign"];
  },
): void {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
  const resource = searchParams.get("resource");
  if (
    pathname !== "/msi/token" ||
    resource === null ||
    searchParams.get("client_id") !== known.clientId ||
    request.headers["x-identity-header"] !== known.secret
  ) {
    writeJson(response, 400, { statusCode: 400, message: "There is no such identity here." });
    return;
  }
  writeJson(response, 200, {
    access_token: known.sign({ aud: resource, sub: known.clientId, appid: known.clientId }),
    expires_on: String(Math.floor(Date.now() / 1000) + tokenSeconds),
    resource,
    token_type: "Bearer",
    client_id: known.clientId,
  });
}

function writeJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((done, fail) => {
    server.once("error", fail).listen(0, "127.0.0.1", done);
  });
  return (server.address() as AddressInfo).port;
}

async function end(server: Server): Promise<void> {
  await new Promise<void>((done) => {
    server.close(() => {
      done();
    });
    server.closeAllConnections();
  });
}
