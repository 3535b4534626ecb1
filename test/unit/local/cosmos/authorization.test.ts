import { createHmac, createSecretKey, generateKeyPairSync, sign } from "node:crypto";

import { describe, expect, test } from "vitest";

import { requireAuthorized } from "../../../../local/cosmos/authorization.ts";

const key = createSecretKey(Buffer.from("the master key of this test"));
const identity = generateKeyPairSync("ec", { namedCurve: "P-256" });
const now = Date.parse("Sat, 21 Nov 2026 18:05:55 GMT");

function signature(text: string, date = now): { date: string; authorization: string } {
  const dateText = new Date(date).toUTCString();
  const payload = `${text}\n${dateText.toLowerCase()}\n\n`;
  const sig = createHmac("sha256", key).update(payload).digest("base64");
  return { date: dateText, authorization: encodeURIComponent(`type=master&ver=1.0&sig=${sig}`) };
}

function check(
  method: string,
  path: string,
  signed: { date: string; authorization: string },
): void {
  requireAuthorized(
    { method, segments: path === "" ? [] : path.split("/"), ...signed },
    { master: key, identity: identity.publicKey },
    now,
  );
}

describe("a signature of the master key", () => {
  test.each([
    ["GET", "", "get\n\n"],
    ["POST", "dbs", "post\ndbs\n"],
    ["GET", "dbs/DB", "get\ndbs\ndbs/DB"],
    ["POST", "dbs/d/colls/C/docs", "post\ndocs\ndbs/d/colls/C"],
    ["PATCH", "dbs/d/colls/c/docs/é a", "patch\ndocs\ndbs/d/colls/c/docs/é a"],
    ["GET", "dbs/d/colls/c/pkranges", "get\npkranges\ndbs/d/colls/c"],
    ["POST", "offers", "post\noffers\n"],
    ["GET", "offers/AbCd", "get\noffers\nabcd"],
    ["POST", "dbs/d/colls/c/operations/partitionkeydelete", "post\ncolls\ndbs/d/colls/c"],
  ])("%s /%s is signed as %j", (method, path, text) => {
    expect(() => {
      check(method, path, signature(text));
    }).not.toThrow();
  });

  test("the signature of another method, path or date is refused with 401", () => {
    const signed = signature("get\ndbs\ndbs/d");
    const refused = expect.objectContaining({ status: 401 }) as unknown;
    expect(() => {
      check("PUT", "dbs/d", signed);
    }).toThrow(refused as Error);
    expect(() => {
      check("GET", "dbs/D", signed);
    }).toThrow(refused as Error);
    expect(() => {
      check("GET", "dbs/d", { ...signed, date: new Date(now + 1000).toUTCString() });
    }).toThrow(refused as Error);
  });

  test.each([14, -14])("a date %i minutes off is accepted", (minutes) => {
    expect(() => {
      check("GET", "dbs", signature("get\ndbs\n", now + minutes * 60_000));
    }).not.toThrow();
  });

  test.each([16, -16])("a date %i minutes off is refused with 403", (minutes) => {
    expect(() => {
      check("GET", "dbs", signature("get\ndbs\n", now + minutes * 60_000));
    }).toThrow(expect.objectContaining({ status: 403 }) as Error);
  });

  test.each([
    "",
    "%",
    "type%3Daad%26ver%3D1.0%26sig%3Dx",
    "type%3Dmaster%26ver%3D2.0%26sig%3Dx",
    "type%3Dmaster%26ver%3D1.0",
    "type%3Dmaster%26ver%3D1.0%26sig%3D",
  ])("the token %j is refused with 401", (authorization) => {
    expect(() => {
      check("GET", "dbs", { date: new Date(now).toUTCString(), authorization });
    }).toThrow(expect.objectContaining({ status: 401 }) as Error);
  });
});

describe("a token of an identity", () => {
  const good = {
    aud: "https://cosmos.azure.com",
    nbf: now / 1000 - 60,
    exp: now / 1000 + 60,
  };

  function token(
    claims: object,
    { privateKey } = identity,
  ): { date: string; authorization: string } {
    const encode = (part: object): string =>
      Buffer.from(JSON.stringify(part)).toString("base64url");
    const text = `${encode({ alg: "ES256" })}.${encode(claims)}`;
    const signed = sign("sha256", Buffer.from(text), {
      key: privateKey,
      dsaEncoding: "ieee-p1363",
    }).toString("base64url");
    return {
      date: "",
      authorization: encodeURIComponent(`type=aad&ver=1.0&sig=${text}.${signed}`),
    };
  }

  test.each([
    ["GET", ""],
    ["GET", "dbs/d/colls/c"],
    ["POST", "dbs/d/colls/c/docs"],
    ["DELETE", "dbs/d/colls/c/docs/x"],
  ])("lets %s /%s through", (method, path) => {
    expect(() => {
      check(method, path, token(good));
    }).not.toThrow();
  });

  test.each([
    ["POST", "dbs"],
    ["POST", "dbs/d/colls"],
    ["DELETE", "dbs/d/colls/c"],
    ["PUT", "offers/x"],
  ])("is refused with 403 for %s /%s, which is the control plane's", (method, path) => {
    expect(() => {
      check(method, path, token(good));
    }).toThrow(expect.objectContaining({ status: 403 }) as Error);
  });

  test.each([
    ["for another service", { ...good, aud: "https://storage.azure.com" }],
    ["that has expired", { ...good, exp: now / 1000 - 1 }],
    ["that is not valid yet", { ...good, nbf: now / 1000 + 60 }],
    ["without a time", { aud: good.aud }],
  ])("%s is refused with 401", (_claim, claims) => {
    expect(() => {
      check("GET", "", token(claims));
    }).toThrow(expect.objectContaining({ status: 401 }) as Error);
  });

  test("of another issuer is refused with 401", () => {
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
    expect(() => {
      check("GET", "", token(good, other));
    }).toThrow(expect.objectContaining({ status: 401 }) as Error);
  });
});
