// Goal: nothing but a good token of a configured issuer makes a caller.
// Method: tokens are signed here with keys of all kinds, by `node:crypto` and by hand, so that what jose would refuse to
// sign is offered to it too.
import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { Challenges } from "../../../../shared/auth/challenges.ts";
import { KeySets } from "../../../../shared/auth/keySets.ts";
import { TokenVerifier } from "../../../../shared/auth/tokenVerifier.ts";
import { Problem } from "../../../../shared/problem/problem.ts";
import type { Tenant, TenantIssuer } from "../../../../shared/tenancy/tenant.ts";
import type { Tenants } from "../../../../shared/tenancy/tenants.ts";
import { parseTenantName } from "../../../../shared/tenancy/tenantScope.ts";

const now = Date.parse("2026-06-01T12:00:00Z");
const seconds = now / 1000;

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const weakRSA = generateKeyPairSync("rsa", { modulusLength: 1024 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ec384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const ed = generateKeyPairSync("ed25519");
const strangers = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ofPlatform = generateKeyPairSync("ec", { namedCurve: "P-256" });

const issuer: TenantIssuer = {
  issuer: "https://issuer.example/",
  jwksUri: "https://issuer.example/jwks",
  audiences: ["strata", "https://dicom.example"],
};

const keySets: Record<string, unknown> = {
  "https://issuer.example/jwks": {
    keys: [
      ["rsa", rsa],
      ["weak", weakRSA],
      ["ec", ec],
      ["ec384", ec384],
      ["ed", ed],
    ].map(([kid, pair]) => ({ ...(pair as Pair).publicKey.export({ format: "jwk" }), kid })),
  },
  "https://platform.example/jwks": {
    keys: [{ ...ofPlatform.publicKey.export({ format: "jwk" }), kid: "platform" }],
  },
  "https://strangers.example/jwks": {
    keys: [{ ...strangers.publicKey.export({ format: "jwk" }), kid: "rsa" }],
  },
};

let tenants: Tenant[];
let fetched: string[];
let verifier: TokenVerifier;

beforeEach(() => {
  fetched = [];
  tenants = [tenantOf("hospital", issuer)];
  const registry: Pick<Tenants, "withIssuer"> = {
    withIssuer: async (name) =>
      await Promise.resolve(
        tenants.filter(({ issuers }) => issuers.some((known) => known.issuer === name)),
      ),
  };
  verifier = new TokenVerifier({
    tenants: registry,
    platform: {
      issuer: "https://platform.example/",
      jwksUri: "https://platform.example/jwks",
      audience: "strata-platform",
      adminRole: "Admin",
    },
    keySets: new KeySets({
      fetch: async (uri) => {
        fetched.push(uri);
        return await Promise.resolve(keySets[uri]);
      },
      now: () => now,
    }),
    challenges: new Challenges({}),
    milliseconds: () => now,
  });
});

function tenantOf(name: string, ...issuers: TenantIssuer[]): Tenant {
  return {
    name: parseTenantName(name),
    state: "active",
    issuers,
    partitionsEnabled: false,
    corsOrigins: [],
    quotas: {},
    etag: '"1"',
    createdAt: "2026-01-01T00:00:00.000Z",
  };
}

const goodClaims = {
  iss: issuer.issuer,
  sub: "somebody",
  aud: "strata",
  exp: seconds + 600,
  nbf: seconds,
  iat: seconds,
  jti: "token-1",
  client_id: "viewer",
  roles: ["DICOM Data Reader"],
};

function encoded(part: object | string): string {
  return Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");
}

/** Signs as the algorithm of the header says, whatever jose thinks of it. */
function tokenOf(
  header: Readonly<Record<string, unknown>>,
  claims: object = goodClaims,
  key: KeyObject = rsa.privateKey,
): string {
  const signed = `${encoded({ typ: "JWT", ...header })}.${encoded(claims)}`;
  const data = Buffer.from(signed);
  const { alg } = header;
  const signature =
    alg === "PS256"
      ? sign("sha256", data, { key, padding: 6, saltLength: 32 })
      : alg === "EdDSA"
        ? sign(null, data, key)
        : sign("sha256", data, { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

async function challengeTo(token: string): Promise<string> {
  try {
    const caller = await verifier.verify(token);
    return `let in: ${caller.subject}`;
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    const { kind, challenge } = error as Problem;
    expect(kind).toBe("unauthenticated");
    return challenge ?? "";
  }
}

const malformed =
  'Bearer realm="strata", error="invalid_token", error_description="The token is malformed."';
const expired =
  'Bearer realm="strata", error="invalid_token", error_description="The token is expired."';

test.each([
  ["RS256", "rsa", rsa],
  ["PS256", "rsa", rsa],
  ["ES256", "ec", ec],
  ["EdDSA", "ed", ed],
] as const)("a good token signed with %s makes a caller", async (alg, kid, pair) => {
  expect(await verifier.verify(tokenOf({ alg, kid }, goodClaims, pair.privateKey))).toEqual({
    issuer: issuer.issuer,
    subject: "somebody",
    clientId: "viewer",
    tokenId: "token-1",
    tenant: "hospital",
    actions: new Set(["read", "feed"]),
    restriction: {},
  });
});

describe("whoever signs", () => {
  const hmac = (key: string | Buffer): string => {
    const signed = `${encoded({ alg: "HS256", typ: "JWT", kid: "rsa" })}.${encoded(goodClaims)}`;
    return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
  };
  const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
  const good = tokenOf({ alg: "RS256", kid: "rsa" });
  const [head = "", body = "", signature = ""] = good.split(".");
  const strangersJWK = strangers.publicKey.export({ format: "jwk" });

  test.each([
    ["no signature", `${encoded({ alg: "none", typ: "JWT" })}.${encoded(goodClaims)}.`],
    ["an algorithm none with a signature", `${encoded({ alg: "none" })}.${body}.${signature}`],
    ["an algorithm nOnE", `${encoded({ alg: "nOnE" })}.${body}.${signature}`],
    ["HS256 with the public key as PEM", hmac(pem)],
    [
      "HS256 with the public key as DER",
      hmac(rsa.publicKey.export({ type: "spki", format: "der" })),
    ],
    [
      "HS256 with the modulus",
      hmac(Buffer.from(String(rsa.publicKey.export({ format: "jwk" }).n), "base64url")),
    ],
    [
      "another key under a known name",
      tokenOf({ alg: "RS256", kid: "rsa" }, goodClaims, strangers.privateKey),
    ],
    [
      "a key that the token brings",
      tokenOf({ alg: "RS256", kid: "x", jwk: strangersJWK }, goodClaims, strangers.privateKey),
    ],
    [
      "a URL that the token brings",
      tokenOf(
        { alg: "RS256", kid: "rsa", jku: "https://strangers.example/jwks" },
        goodClaims,
        strangers.privateKey,
      ),
    ],
    [
      "a certificate URL that the token brings",
      tokenOf(
        { alg: "RS256", kid: "rsa", x5u: "https://strangers.example/x5u" },
        goodClaims,
        strangers.privateKey,
      ),
    ],
    ["a name of a key that nobody has", tokenOf({ alg: "RS256", kid: "../../rsa" })],
    ["a key of 1024 bits", tokenOf({ alg: "RS256", kid: "weak" }, goodClaims, weakRSA.privateKey)],
    [
      "a curve that is not offered",
      tokenOf({ alg: "ES256", kid: "ec384" }, goodClaims, ec384.privateKey),
    ],
    [
      "an algorithm of another kind of key",
      tokenOf({ alg: "ES256", kid: "rsa" }, goodClaims, ec.privateKey),
    ],
    ["an algorithm that is not offered", tokenOf({ alg: "RS512", kid: "rsa" })],
    ["a critical header", tokenOf({ alg: "RS256", kid: "rsa", crit: ["exp"], exp: 1 })],
    ["claims that were changed", `${head}.${encoded({ ...goodClaims, sub: "root" })}.${signature}`],
    ["a signature cut short", good.slice(0, -4)],
    ["no claims", `${head}..${signature}`],
    ["claims that are no JSON", `${head}.${encoded("{")}.${signature}`],
    ["claims that are a list", `${head}.${encoded([1] as unknown as object)}.${signature}`],
    ["two parts", `${head}.${body}`],
    ["an encrypted token", `${head}.${body}.${signature}.${body}.${body}`],
    ["text", "x"],
  ])("%s is refused as malformed", async (_, token) => {
    expect(await challengeTo(token)).toBe(malformed);
    expect(fetched.filter((uri) => uri !== issuer.jwksUri)).toEqual([]);
  });
});

describe("whatever it claims", () => {
  const { iss: _iss, ...withoutIss } = goodClaims;
  const { aud: _aud, ...withoutAud } = goodClaims;
  const { exp: _exp, ...withoutExp } = goodClaims;
  const { sub: _sub, ...withoutSub } = goodClaims;

  test.each([
    ["another issuer", { ...goodClaims, iss: "https://other.example/" }],
    ["an issuer that differs by a slash", { ...goodClaims, iss: "https://issuer.example" }],
    ["an issuer in another case", { ...goodClaims, iss: "https://ISSUER.example/" }],
    ["no issuer", withoutIss],
    ["an issuer that is a number", { ...goodClaims, iss: 1 }],
    ["an issuer that is a list", { ...goodClaims, iss: [issuer.issuer] }],
    [
      "the platform's issuer for a number",
      { ...goodClaims, iss: "https://platform.example/", aud: 1 },
    ],
    [
      "the platform's issuer for an object",
      { ...goodClaims, iss: "https://platform.example/", aud: {} },
    ],
    ["an audience that is an object", { ...goodClaims, aud: { strata: true } }],
    ["a subject that is an object", { ...goodClaims, sub: {} }],
    ["a directory that is a list", { ...goodClaims, iss: "https://x.example/", tid: ["x"] }],
    ["another audience", { ...goodClaims, aud: "https://graph.microsoft.com" }],
    ["an audience that only begins like ours", { ...goodClaims, aud: "strata-other" }],
    ["no audience", withoutAud],
    ["no end", withoutExp],
    ["an end that is text", { ...goodClaims, exp: "never" }],
    ["no subject", withoutSub],
    ["an empty subject", { ...goodClaims, sub: "" }],
    ["a beginning after the skew", { ...goodClaims, nbf: seconds + 61 }],
    ["what only an ID token has", { ...goodClaims, nonce: "n" }],
    ["a hash of an access token", { ...goodClaims, at_hash: "h" }],
  ])("%s is refused as malformed", async (_, claims) => {
    expect(await challengeTo(tokenOf({ alg: "RS256", kid: "rsa" }, claims))).toBe(malformed);
  });

  test.each([
    ["a list of audiences with ours in it", { ...goodClaims, aud: ["x", "https://dicom.example"] }],
    ["an end within the skew", { ...goodClaims, exp: seconds - 59 }],
    ["a beginning within the skew", { ...goodClaims, nbf: seconds + 59 }],
  ])("%s is let in", async (_, claims) => {
    expect(await challengeTo(tokenOf({ alg: "RS256", kid: "rsa" }, claims))).toMatch(/^let in/);
  });

  test("an end before the skew is told, but only of a token that is otherwise good", async () => {
    const claims = { ...goodClaims, exp: seconds - 61 };
    expect(await challengeTo(tokenOf({ alg: "RS256", kid: "rsa" }, claims))).toBe(expired);
    expect(
      await challengeTo(tokenOf({ alg: "RS256", kid: "rsa" }, claims, strangers.privateKey)),
    ).toBe(malformed);
  });

  test.each([
    ["at+jwt", "let in: somebody"],
    ["application/at+JWT", "let in: somebody"],
    [undefined, "let in: somebody"],
    ["id+jwt", malformed],
    ["logout+jwt", malformed],
    ["dpop+jwt", malformed],
  ])("the type %j is answered with %s", async (typ, expected) => {
    expect(await challengeTo(tokenOf({ alg: "RS256", kid: "rsa", typ }))).toBe(expected);
  });
});

describe("whose it is", () => {
  test("the issuer's settings decide which algorithms are good", async () => {
    tenants = [tenantOf("hospital", { ...issuer, algorithms: ["ES256"] })];
    expect(await challengeTo(tokenOf({ alg: "RS256", kid: "rsa" }))).toBe(malformed);
    expect(await challengeTo(tokenOf({ alg: "ES256", kid: "ec" }, goodClaims, ec.privateKey))).toBe(
      "let in: somebody",
    );
  });

  test("two tenants of one issuer are told apart by a claim, and a token for neither is refused", async () => {
    const ofTenant = (value: string): TenantIssuer => ({
      ...issuer,
      subjects: { claim: "org.id", value },
    });
    tenants = [tenantOf("north", ofTenant("n")), tenantOf("south", ofTenant("s"))];
    const tenantFor = async (claims: object): Promise<string> =>
      (await verifier.verify(tokenOf({ alg: "RS256", kid: "rsa" }, { ...goodClaims, ...claims })))
        .tenant;
    expect(await tenantFor({ org: { id: "n" } })).toBe("north");
    expect(await tenantFor({ "org.id": "s" })).toBe("south");
    for (const claims of [{}, { org: { id: "x" } }, { org: "n" }, { org: { id: ["n"] } }]) {
      const token = tokenOf({ alg: "RS256", kid: "rsa" }, { ...goodClaims, ...claims });
      expect(await challengeTo(token)).toBe(malformed);
    }
  });

  test("a token that two tenants could mean is nobody's", async () => {
    tenants = [tenantOf("north", issuer), tenantOf("south", issuer)];
    expect(await challengeTo(tokenOf({ alg: "RS256", kid: "rsa" }))).toBe(malformed);
  });

  test("the issuer of many directories serves the directory that is registered, and no other", async () => {
    const directory = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    const template = "https://login.example/{tenantid}/v2.0";
    tenants = [
      tenantOf("hospital", {
        ...issuer,
        issuer: template,
        subjects: { claim: "tid", value: directory },
      }),
      // Without a directory it would be open to all of them, so it is open to none.
      tenantOf("careless", { ...issuer, issuer: template }),
      // Each directory decides about claims of its own.
      tenantOf("trusting", { ...issuer, issuer: template, subjects: { claim: "org", value: "x" } }),
    ];
    const claimsOf = (tid: string, iss = `https://login.example/${tid}/v2.0`): object => ({
      ...goodClaims,
      iss,
      tid,
    });
    const sent = async (claims: object): Promise<string> =>
      await challengeTo(tokenOf({ alg: "RS256", kid: "rsa" }, claims));
    expect(await sent(claimsOf(directory))).toBe("let in: somebody");
    expect(await sent(claimsOf("11111111-2222-3333-4444-555555555555"))).toBe(malformed);
    expect(await sent(claimsOf(directory, "https://login.example/other/v2.0"))).toBe(malformed);
    expect(await sent(claimsOf(directory, template))).toBe(malformed);
    expect(await sent({ ...claimsOf("11111111-2222-3333-4444-555555555555"), org: "x" })).toBe(
      malformed,
    );
  });

  test("the platform's issuer makes an administrator of the platform, who has no tenant's data", async () => {
    const claims = { ...goodClaims, iss: "https://platform.example/", aud: "strata-platform" };
    const header = { alg: "ES256", kid: "platform" };
    const asAdmin = await verifier.verify(
      tokenOf(header, { ...claims, roles: ["Admin"] }, ofPlatform.privateKey),
    );
    expect(asAdmin).toMatchObject({
      tenant: "$platform",
      actions: new Set(["platform.admin", "tenant.admin"]),
    });
    const asOwner = await verifier.verify(
      tokenOf(header, { ...claims, roles: ["DICOM Data Owner"] }, ofPlatform.privateKey),
    );
    expect(asOwner.actions).toEqual(new Set());
    // A tenant's issuer cannot sign for it.
    expect(
      await challengeTo(tokenOf({ alg: "RS256", kid: "rsa" }, { ...claims, roles: ["Admin"] })),
    ).toBe(malformed);
  });

  test("a tenant's issuer cannot make an administrator of the platform, whatever its settings say", async () => {
    tenants = [tenantOf("hospital", { ...issuer, roles: { Admin: ["platform.admin", "delete"] } })];
    const { actions } = await verifier.verify(
      tokenOf({ alg: "RS256", kid: "rsa" }, { ...goodClaims, roles: ["Admin"] }),
    );
    expect(actions).toEqual(new Set(["delete"]));
  });
});
