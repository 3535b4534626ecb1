import { generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from "node:crypto";
import { jwtVerify } from "jose";
import { expect, test } from "vitest";
import { KeySets } from "../../../../shared/auth/keySets.ts";
import { usableKeys } from "../../../../shared/auth/usableKeys.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

const uri = "https://issuer.example/jwks";
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

function newKey(kid: string): {
  readonly kid: string;
  readonly key: KeyObject;
  readonly jwk: JsonWebKey;
} {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { kid, key: privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid } };
}

function tokenOf({ kid, key }: { readonly kid: string; readonly key: KeyObject }): string {
  const signed = [{ alg: "ES256", kid }, {}]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

interface TestIssuer {
  keys: readonly JsonWebKey[];
  isDown: boolean;
  fetches: number;
  /** In milliseconds. */
  time: number;
  verify(token: string): Promise<string>;
}

/** An issuer whose answers, and a clock that the test moves. */
function newIssuer(keys: readonly JsonWebKey[]): TestIssuer {
  const sets = new KeySets({
    fetch: async () => {
      issuer.fetches += 1;
      await Promise.resolve();
      if (issuer.isDown) {
        throw new Error("down");
      }
      return { keys: issuer.keys };
    },
    now: () => issuer.time,
  });
  const issuer: TestIssuer = {
    keys,
    isDown: false,
    fetches: 0,
    time: 0,
    verify: async (token) => {
      try {
        await jwtVerify(token, sets.keysAt(uri), { algorithms: ["ES256"] });
        return "good";
      } catch (error) {
        return error instanceof Problem ? error.kind : "bad";
      }
    },
  };
  return issuer;
}

const one = newKey("one");
const two = newKey("two");

test("a set is fetched once for many callers, and kept", async () => {
  const issuer = newIssuer([one.jwk]);
  const results = await Promise.all(
    Array.from({ length: 20 }, async () => await issuer.verify(tokenOf(one))),
  );
  expect(new Set(results)).toEqual(new Set(["good"]));
  issuer.time += 9 * minute;
  expect(await issuer.verify(tokenOf(one))).toBe("good");
  expect(issuer.fetches).toBe(1);
});

test("a key that is new is fetched, but a key that nobody has makes no more than one fetch in half a minute", async () => {
  const issuer = newIssuer([one.jwk]);
  expect(await issuer.verify(tokenOf(one))).toBe("good");
  issuer.keys = [one.jwk, two.jwk];
  issuer.time += 30 * second;
  expect(await issuer.verify(tokenOf(two))).toBe("good");
  expect(issuer.fetches).toBe(2);
  const stranger = newKey("three");
  for (let i = 0; i < 50; i += 1) {
    expect(await issuer.verify(tokenOf(stranger))).toBe("bad");
  }
  expect(issuer.fetches).toBe(2);
  issuer.time += 30 * second;
  expect(await issuer.verify(tokenOf(stranger))).toBe("bad");
  expect(await issuer.verify(tokenOf(one))).toBe("good");
  expect(issuer.fetches).toBe(3);
});

test("callers that come while a new key is being fetched wait for it", async () => {
  const issuer = newIssuer([one.jwk]);
  await issuer.verify(tokenOf(one));
  issuer.keys = [two.jwk];
  issuer.time += minute;
  const results = await Promise.all(
    Array.from({ length: 5 }, async () => await issuer.verify(tokenOf(two))),
  );
  expect(new Set(results)).toEqual(new Set(["good"]));
  expect(issuer.fetches).toBe(2);
});

test("the last good set survives an outage for a day, and no longer", async () => {
  const issuer = newIssuer([one.jwk]);
  expect(await issuer.verify(tokenOf(one))).toBe("good");
  issuer.isDown = true;
  for (const time of [11 * minute, 2 * hour, 23 * hour]) {
    issuer.time = time;
    expect(await issuer.verify(tokenOf(one))).toBe("good");
  }
  issuer.time = 25 * hour;
  expect(await issuer.verify(tokenOf(one))).toBe("unavailable");
  issuer.isDown = false;
  expect(await issuer.verify(tokenOf(one))).toBe("unavailable");
  issuer.time += 30 * second;
  expect(await issuer.verify(tokenOf(one))).toBe("good");
});

test("a key that was withdrawn is not good for longer than an hour", async () => {
  const issuer = newIssuer([one.jwk, two.jwk]);
  expect(await issuer.verify(tokenOf(two))).toBe("good");
  issuer.keys = [one.jwk];
  issuer.time = hour + 1;
  expect(await issuer.verify(tokenOf(two))).toBe("bad");
});

test("an issuer that was never reached makes its tokens unavailable and not malformed", async () => {
  const issuer = newIssuer([one.jwk]);
  issuer.isDown = true;
  expect(await issuer.verify(tokenOf(one))).toBe("unavailable");
  expect(await issuer.verify(tokenOf(one))).toBe("unavailable");
  expect(issuer.fetches).toBe(1);
});

test("a fetched set that is none takes nobody's place", async () => {
  const issuer = newIssuer([one.jwk]);
  expect(await issuer.verify(tokenOf(one))).toBe("good");
  issuer.keys = "nonsense" as unknown as JsonWebKey[];
  issuer.time = 2 * hour;
  expect(await issuer.verify(tokenOf(one))).toBe("good");
});

test("only public keys that are strong enough and of a known kind are used", () => {
  const jwkOf = (pair: { publicKey: KeyObject }): JsonWebKey =>
    pair.publicKey.export({ format: "jwk" });
  const good = [
    { ...jwkOf(generateKeyPairSync("rsa", { modulusLength: 2048 })), kid: "rsa", use: "sig" },
    { ...jwkOf(generateKeyPairSync("ed25519")), kid: "ed" },
    { ...one.jwk },
  ];
  const bad = [
    { ...jwkOf(generateKeyPairSync("rsa", { modulusLength: 1024 })), kid: "short" },
    { ...jwkOf(generateKeyPairSync("ec", { namedCurve: "secp256k1" })), kid: "curve" },
    { ...jwkOf(generateKeyPairSync("x25519")), kid: "exchange" },
    { ...one.jwk, use: "enc" },
    { ...one.key.export({ format: "jwk" }), kid: "private" },
    { kty: "oct", k: "AAAA", kid: "shared" },
    { kty: "RSA", kid: "empty" },
    { ...one.jwk, kid: 1 },
    null,
    "key",
  ];
  expect(usableKeys({ keys: [...bad, ...good] }).keys).toEqual(good);
});

test.each([
  undefined,
  null,
  [],
  {},
  { keys: {} },
  { keys: Array.from({ length: 101 }, () => one.jwk) },
])("%j is no key set", (json) => {
  expect(() => usableKeys(json)).toThrow("key set");
});
