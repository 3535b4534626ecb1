// A third party's issuer, from discovery to the answers of the service: what is accepted is what others issue, and not
// only what this project's own issuer does.
import { createServer, type Server } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import type { AddressInfo } from "node:net";
import Provider, { type ClientMetadata } from "oidc-provider";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import { DicomwebService, instancePath } from "../support/dicomwebService.ts";
import { bearer, TestTenant } from "../support/testTenant.ts";

const resource = "https://strata.example";
const scopes = "dicom.read dicom.write dicom.delete dicom.feed";
const secret = "a-secret-of-this-suite-alone";

let server: Server;
let issuer: string;
let tokenEndpoint: string;

beforeAll(async () => {
  server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const client = (id: string): ClientMetadata => ({
    client_id: id,
    client_secret: secret,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  });
  const provider = new Provider(issuer, {
    clients: [client("gateway"), client("viewer"), client("stranger")],
    jwks: {
      keys: [{ ...privateKey.export({ format: "jwk" }), kid: "first", use: "sig", alg: "RS256" }],
    },
    scopes: scopes.split(" "),
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: scopes,
          audience: resource,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    extraTokenClaims: (_, token) => ({
      hospital: token.clientId === "stranger" ? "another" : "north",
    }),
  });
  const answer = provider.callback();
  server.on("request", (request, response) => {
    void answer(request, response);
  });
  const metadata = (await (
    await fetch(`${issuer}/.well-known/openid-configuration`)
  ).json()) as Record<string, string>;
  expect(metadata["issuer"]).toBe(issuer);
  tokenEndpoint = metadata["token_endpoint"] ?? "";
  await TestTenant.register(
    {},
    {
      issuer,
      jwksUri: metadata["jwks_uri"],
      audiences: [resource],
      algorithms: ["RS256"],
      subjects: { claim: "hospital", value: "north" },
      scopesAllowed: true,
    },
  );
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

async function serviceFor(clientId: string, scope: string): Promise<DicomwebService> {
  const response = await fetch(tokenEndpoint, {
    method: "POST",
    headers: {
      Authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString("base64")}`,
    },
    body: new URLSearchParams({ grant_type: "client_credentials", scope, resource }),
  });
  const { access_token: token = "" } = (await response.json()) as { access_token?: string };
  expect([response.status, token.split(".")]).toEqual([
    200,
    expect.objectContaining({ length: 3 }),
  ]);
  return new DicomwebService("v2", inject("tokenRuntime").baseUrl, bearer(token));
}

test("a gateway stores with a token of a third party's issuer, and a viewer reads with another", async () => {
  const file = makeInstance();
  const gateway = await serviceFor("gateway", "dicom.write");
  await gateway.mustStore([file.bytes]);
  expect((await gateway.get(instancePath(file))).status).toBe(403);
  const viewer = await serviceFor("viewer", "dicom.read");
  const [found] = await viewer.search(`studies?StudyInstanceUID=${file.studyInstanceUID}`);
  expect(found?.["0020000D"]?.Value).toEqual([file.studyInstanceUID]);
  const whole = await viewer.get(instancePath(file), "application/dicom; transfer-syntax=*");
  expect([whole.status, whole.body.equals(Buffer.from(file.bytes))]).toEqual([200, true]);
  const path = `studies/${file.studyInstanceUID}`;
  expect((await viewer.request(path, { method: "DELETE" })).status).toBe(403);
  const gone = await (
    await serviceFor("gateway", "dicom.delete")
  ).request(path, { method: "DELETE" });
  expect(gone.status).toBe(204);
});

test("who is none of the tenant's, by the claim that tells, is not let in", async () => {
  const stranger = await serviceFor("stranger", "dicom.read");
  expect((await stranger.get("studies")).status).toBe(401);
});

test("a token of the issuer for another resource is not let in", async () => {
  const response = await fetch(tokenEndpoint, {
    method: "POST",
    headers: { Authorization: `Basic ${Buffer.from(`viewer:${secret}`).toString("base64")}` },
    // Without a resource the token is for the issuer itself, and opaque.
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  const { access_token: token = "" } = (await response.json()) as { access_token?: string };
  expect(token).not.toBe("");
  const service = new DicomwebService("v2", inject("tokenRuntime").baseUrl, bearer(token));
  expect((await service.get("studies")).status).toBe(401);
});
