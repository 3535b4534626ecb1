// Every HTTP function of the service that needs tokens, with tokens that are no good, or good for something else.
import { createHmac, createPublicKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { CosmosClient, type ItemDefinition } from "@azure/cosmos";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { audiences } from "../../local/issuer/developmentCallers.ts";
import { signToken } from "../../local/issuer/signToken.ts";
import { dataActions } from "../../shared/tenancy/tenantScope.ts";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import {
  instancePath,
  nameOf,
  problemKind,
  type InstanceName,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";
import {
  askPlatform,
  bearer,
  makeToken,
  platformToken,
  TestTenant,
} from "../support/testTenant.ts";
import { attacks, type Attack } from "./attacks.ts";
import { comparable, sendAttack } from "./sendAttack.ts";

const { baseUrl, database, issuer } = inject("tokenRuntime");
const cosmos = new CosmosClient(inject("runtime").cosmosConnectionString);

/** What anybody may ask, and what answers when nothing else does. */
const anonymous: ReadonlySet<string> = new Set([
  "answerInPartition",
  "checkHealth",
  "describeAsJson",
  "describeAsYAML",
  "describeCapabilities",
  "zAnswerUnmatched",
]);

const protectedAttacks = Object.entries(attacks).filter(([name]) => !anonymous.has(name));
const everyRole = ["DICOM Data Owner", "Strata Tenant Admin"];

/** A role of the suite's tenants for each set of data actions that a test needs. */
const tenantActions = dataActions.filter((action) => action !== "platform.admin");
const suiteRoles = {
  ...Object.fromEntries(tenantActions.map((action) => [`only ${action}`, [action]])),
  ...Object.fromEntries(
    tenantActions.map((action) => [
      `all but ${action}`,
      // Who may read may follow the feeds.
      tenantActions.filter((other) => other !== action && !(action === "feed" && other === "read")),
    ]),
  ),
};

let victim: TestTenant;
let intruder: TestTenant;
let suspended: TestTenant;
/** An instance of the victim. */
let foreign: InstanceName;
let before: ItemDefinition[];

beforeAll(async () => {
  const roles = { roles: suiteRoles };
  [victim, intruder, suspended] = await Promise.all([
    TestTenant.register({}, roles),
    TestTenant.register({}, roles),
    TestTenant.register({}, roles),
  ]);
  const file = makeInstance({ patientID: "FOREIGN-1", patientName: "Foreign^Patient" });
  foreign = nameOf(file);
  await victim.service().mustStore([file.bytes]);
  // Something of its own, in the feeds too, so that nothing of the other's is told from nothing at all.
  await intruder.service().mustStore([makeInstance().bytes]);
  await eventually(
    async () => (await intruder.service().get("changefeed/latest")).status,
    (status) => status === 200,
  );
  before = await itemsOf(victim.name);
  expect(before.length).toBeGreaterThanOrEqual(4);
  expect((await askPlatform("POST", `tenants/${suspended.name}/suspend`)).status).toBe(200);
});

afterAll(() => {
  cosmos.dispose();
});

/** All that a tenant has in the container `dicom`, but for what changes by itself. */
async function itemsOf(tenant: string): Promise<ItemDefinition[]> {
  const { resources } = await cosmos
    .database(database)
    .container("dicom")
    .items.query<ItemDefinition>(
      { query: "SELECT * FROM c ORDER BY c.id", parameters: [] },
      { partitionKey: [tenant] },
    )
    .fetchAll();
  return resources;
}

function newName(): InstanceName {
  return { studyInstanceUID: makeUID(), seriesInstanceUID: makeUID(), sopInstanceUID: makeUID() };
}

async function attack(
  row: Attack,
  name: InstanceName,
  headers: Readonly<Record<string, string>>,
  query?: string,
): Promise<ReceivedAnswer> {
  const file = makeInstance(row.sends === "an instance of the study" ? name : {});
  return await sendAttack(row, name, file.bytes, {
    baseUrl,
    headers,
    ...(query === undefined ? {} : { query }),
  });
}

test("every HTTP function that is registered is attacked here too", async () => {
  const answer = await send(`${baseUrl}/admin/functions`);
  const functions = answer.json() as { name: string; type: string }[];
  const registered = functions.filter(({ type }) => type === "httpTrigger").map(({ name }) => name);
  expect(registered.length).toBeGreaterThan(0);
  expect(Object.keys(attacks).toSorted()).toEqual(registered.toSorted());
});

describe("a token that is no good", () => {
  const seconds = Math.floor(Date.now() / 1000);
  const { privateKey: strangersKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const good = (): string => intruder.token(everyRole);
  const claims = (): object =>
    JSON.parse(Buffer.from(good().split(".")[1] ?? "", "base64url").toString("utf8")) as object;
  const signedBy = (alg: string, secret: string | undefined): string => {
    const signed = [{ alg, typ: "at+jwt", kid: issuer.kid }, claims()]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const signature =
      secret === undefined ? "" : createHmac("sha256", secret).update(signed).digest("base64url");
    return `${signed}.${signature}`;
  };
  const publicKey = (): string =>
    createPublicKey({ key: issuer.privateKey, format: "jwk" })
      .export({ type: "spki", format: "pem" })
      .toString();
  const spoofed = (): Record<string, string> => ({
    "X-MS-Client-Principal": Buffer.from(
      JSON.stringify({ auth_typ: "aad", claims: [{ typ: "roles", val: "DICOM Data Owner" }] }),
    ).toString("base64"),
    "X-MS-Client-Principal-Id": "root",
    "X-MS-Client-Principal-Name": "root",
    "X-MS-Client-Principal-IdP": "aad",
    "X-MS-Token-Aad-Access-Token": good(),
    "X-MS-Token-Aad-Id-Token": good(),
    "X-Forwarded-Authorization": bearer(good())["Authorization"] ?? "",
    "X-Forwarded-User": "root",
    "X-Forwarded-Host": "127.0.0.1",
    "X-Forwarded-For": "127.0.0.1",
    "X-Original-URL": "/health/check",
    "X-Rewrite-URL": "/health/check",
    "X-Functions-Key": "master",
    "X-Tenant": victim.name,
    Cookie: `AppServiceAuthSession=${good()}; token=${good()}`,
  });

  type Case = readonly [
    name: string,
    fault: "missing" | "malformed" | "expired",
    request: () => { readonly headers: Record<string, string>; readonly query?: string },
  ];
  const cases: readonly Case[] = [
    ["no token", "missing", () => ({ headers: {} })],
    ["a token in the query", "missing", () => ({ headers: {}, query: `access_token=${good()}` })],
    ["headers that only a platform sets", "missing", () => ({ headers: spoofed() })],
    [
      "a parameter named Headers with a good token",
      "missing",
      () => ({
        headers: {},
        query: `Headers=${encodeURIComponent(JSON.stringify({ authorization: `Bearer ${good()}`, ...spoofed() }))}`,
      }),
    ],
    ["a text that is no token", "malformed", () => ({ headers: bearer("x") })],
    [
      "another scheme",
      "malformed",
      () => ({
        headers: { Authorization: `Basic ${Buffer.from("root:root").toString("base64")}` },
      }),
    ],
    [
      "a token that has expired",
      "expired",
      () => ({ headers: bearer(intruder.token(everyRole, { exp: seconds - 3_600 })) }),
    ],
    [
      "a token for another audience",
      "malformed",
      () => ({ headers: bearer(intruder.token(everyRole, { aud: "https://graph.example" })) }),
    ],
    [
      "a token of another issuer",
      "malformed",
      () => ({ headers: bearer(intruder.token(everyRole, { iss: "https://issuer.example/" })) }),
    ],
    [
      "a token of no tenant",
      "malformed",
      () => ({ headers: bearer(intruder.token(everyRole, { tenant: "nobody" })) }),
    ],
    [
      "a token without a signature",
      "malformed",
      () => ({ headers: bearer(signedBy("none", undefined)) }),
    ],
    [
      "a token signed with the public key as a secret",
      "malformed",
      () => ({ headers: bearer(signedBy("HS256", publicKey())) }),
    ],
    [
      "a token signed by somebody else",
      "malformed",
      () => ({ headers: bearer(signToken(strangersKey, issuer.kid, { ...claims() })) }),
    ],
    [
      "a token signed by a key that it brings",
      "malformed",
      () => ({
        headers: bearer(
          signToken(
            strangersKey,
            "mine",
            { ...claims() },
            {
              jwk: createPublicKey(strangersKey).export({ format: "jwk" }),
            },
          ),
        ),
      }),
    ],
  ];

  test.each(protectedAttacks)("%s lets nobody in", async (_, row) => {
    const asked = await Promise.all(
      cases.map(async ([name, fault, request]) => {
        const { headers, query } = request();
        const answers = await Promise.all(
          [foreign, newName()].map(async (about) => await attack(row, about, headers, query)),
        );
        return { name, fault, answers };
      }),
    );
    for (const { name, fault, answers } of asked) {
      for (const answer of answers) {
        expect([name, answer.status]).toEqual([name, 401]);
        expect(problemKind(answer)).toBe("unauthenticated");
        const error = fault === "missing" ? "" : ', error="invalid_token"';
        expect([name, answer.headers["www-authenticate"]]).toEqual([
          name,
          `Bearer realm="strata"${error}, error_description="The token is ${fault}."`,
        ]);
        // Nothing about whose token it might be, or what is at the path.
        expect(answer.json()).toEqual({
          type: "urn:strata:problem:unauthenticated",
          title: "The caller is not known",
          status: 401,
          detail: `The token is ${fault}.`,
        });
      }
      const [existing, missing] = answers.map((answer) => comparable(answer, newName(), newName()));
      expect(existing).toEqual(missing);
    }
  });
});

describe("a good token of another tenant", () => {
  /** The request charge: what the database was asked, and hence how long it takes, apart from the noise of a clock. */
  const chargeOf = (answer: ReceivedAnswer): string | undefined =>
    /desc="([^"]+)"/.exec(String(answer.headers["server-timing"]))?.[1];

  /** Whatever names the other tenant besides the token changes nothing. */
  const namingVictim = (): {
    readonly headers: Record<string, string>;
    readonly query: string;
  } => ({
    headers: {
      "X-Tenant": victim.name,
      "X-Tenant-Id": victim.name,
      "X-MS-Client-Principal-Id": victim.name,
      "X-MS-Client-Principal": Buffer.from(
        JSON.stringify({ claims: [{ typ: "tenant", val: victim.name }] }),
      ).toString("base64"),
      "X-Forwarded-Host": `${victim.name}.example`,
      "X-Original-URL": `/v2/tenants/${victim.name}`,
      Cookie: `tenant=${victim.name}`,
    },
    query: `tenant=${victim.name}&Headers=${encodeURIComponent(JSON.stringify({ "x-tenant": victim.name }))}`,
  });

  const disguises = ["plainly", "naming the other tenant"] as const;
  const requests = protectedAttacks.flatMap(([name, row]) =>
    disguises.map((disguise) => [name, disguise, row] as const),
  );

  test.each(requests)(
    "%s, asked %s, tells nothing of what it does not own",
    async (_, disguise, row) => {
      const answers: unknown[] = [];
      for (const name of [foreign, newName()]) {
        const isSameStudy = row.sends === "an instance of the study";
        const file = makeInstance(isSameStudy ? name : {});
        const { headers, query } = namingVictim();
        const token = bearer(intruder.token(everyRole));
        const answer = await sendAttack(
          row,
          name,
          file.bytes,
          disguise === "plainly"
            ? { baseUrl, headers: token }
            : { baseUrl, headers: { ...headers, ...token }, query },
        );
        if (disguise === "plainly") {
          // A parameter that a resource does not know may be refused.
          expect(answer.status).toBe(row.status);
        }
        for (const uid of Object.values(foreign)) {
          expect(row.isListing === true && answer.text.includes(String(uid))).toBe(false);
        }
        answers.push(row.isListing === true ? undefined : comparable(answer, name, nameOf(file)));
        if (isSameStudy) {
          // The intruder's own instance of that name is another instance.
          const removed = await intruder
            .service()
            .request(`studies/${name.studyInstanceUID}`, { method: "DELETE" });
          expect(removed.status).toBe(answer.status < 300 ? 204 : 404);
        }
      }
      expect(answers[0]).toEqual(answers[1]);
    },
  );

  const readings = protectedAttacks.filter(
    ([, row]) => row.method === "GET" && row.isListing !== true,
  );

  test.each(readings)("%s costs the same whether it is there or not", async (_, row) => {
    // What is remembered of the tenant for a while is read again now and then, by whichever request comes first.
    await eventually(
      async () =>
        await Promise.all(
          [foreign, newName()].map(async (name) =>
            chargeOf(await attack(row, name, bearer(intruder.token(everyRole)))),
          ),
        ),
      ([existing, missing]) => existing !== undefined && existing === missing,
    );
  });

  test("and all of it leaves the other tenant's data as it was", async () => {
    expect(await itemsOf(victim.name)).toEqual(before);
    const whole = await victim.service().get(instancePath(foreign), "application/dicom");
    expect(whole.status).toBe(200);
  });
});

describe("a good token of a tenant that is suspended", () => {
  test.each(protectedAttacks)("%s answers 403", async (_, row) => {
    const headers = bearer(suspended.token(everyRole));
    const answer = await attack(row, foreign, headers);
    expect([answer.status, problemKind(answer)]).toEqual([403, "forbidden"]);
    expect(answer.text).toContain("suspended");
  });

  test("is let in again once the tenant is resumed, and deletion keeps it out too", async () => {
    const passing = await TestTenant.register();
    const status = async (): Promise<number> => (await passing.service().get("studies")).status;
    expect(await status()).toBe(204);
    await askPlatform("POST", `tenants/${passing.name}/suspend`);
    expect(await status()).toBe(403);
    await askPlatform("POST", `tenants/${passing.name}/resume`);
    expect(await status()).toBe(204);
    expect((await askPlatform("DELETE", `tenants/${passing.name}`)).status).toBe(202);
    expect(await status()).toBe(403);
  });
});

describe("a good token without the data action", () => {
  const lacking = /^The caller lacks the data action "([\w.]+)"\.$/;
  const documented = new Map(
    readFileSync("docs/authentication.md", "utf8")
      .split("\n")
      .flatMap((line) => {
        const [, action, names = ""] = /^\| `([\w.]+)` +\| [^|]+\| (`[^|]+) \|$/.exec(line) ?? [];
        return action === undefined
          ? []
          : Array.from(names.matchAll(/`(\w+)`/g), ([, name = ""]) => [name, action] as const);
      }),
  );

  test("the documents name the data action of every function", () => {
    expect([...documented.keys()].toSorted()).toEqual(
      protectedAttacks.map(([name]) => name).toSorted(),
    );
  });

  test.each(protectedAttacks)("%s answers 403 and names it", async (name, row) => {
    const action = documented.get(name) ?? "";
    const roles = action === "platform.admin" ? everyRole : [`all but ${action}`];
    for (const held of [[], roles]) {
      const answer = await attack(row, foreign, bearer(intruder.token(held)));
      expect([answer.status, problemKind(answer)]).toEqual([403, "forbidden"]);
      const { detail } = answer.json() as { detail: string };
      expect(lacking.exec(detail)?.[1]).toBe(action);
    }
  });

  // What is about metadata needs more than the feed, and says so.
  const sufficient = protectedAttacks.filter(
    ([name]) => !["platform.admin", "feed"].includes(documented.get(name) ?? ""),
  );

  test.each(sufficient)("%s needs no other", async (name, row) => {
    const held = [`only ${documented.get(name) ?? ""}`];
    const own = newName();
    const answer = await attack(row, own, bearer(intruder.token(held)));
    expect(answer.status).toBe(row.status);
    if (row.sends === "an instance of the study") {
      await intruder.service().request(`studies/${own.studyInstanceUID}`, { method: "DELETE" });
    }
  });
});

test("who may follow the feeds and not read gets them without metadata", async () => {
  const service = intruder.service(["Strata Feed Reader"]);
  for (const path of ["feed?startFrom=beginning", "changefeed", "changefeed/latest"]) {
    const separator = path.includes("?") ? "&" : "?";
    const [without, withMetadata] = [
      await service.get(`${path}${separator}includeMetadata=false`),
      await service.get(`${path}${separator}includeMetadata=true`),
    ];
    expect([path, without.status]).toEqual([path, 200]);
    expect(without.text).toContain("studyInstanceUid");
    expect([path, withMetadata.status]).toEqual([path, 403]);
    expect(withMetadata.text).toContain('lacks the data action \\"read\\"');
  }
});

describe("a token of who administers the platform", () => {
  test.each(
    protectedAttacks.filter(
      ([name]) => !name.toLowerCase().includes("tenant") && name !== "readAudit",
    ),
  )("%s shows no tenant's data to it", async (_, row) => {
    const answer = await attack(row, foreign, bearer(platformToken()));
    expect([answer.status, problemKind(answer)]).toEqual([403, "forbidden"]);
  });

  test("is no token of a tenant, and that of a tenant is none of it", async () => {
    const forTenant = makeToken({
      aud: audiences.service,
      roles: ["Strata Platform Admin", ...everyRole],
      tenant: intruder.name,
    });
    expect((await send(`${baseUrl}/v2/tenants`, { headers: bearer(forTenant) })).status).toBe(403);
    const withoutRole = makeToken({ aud: audiences.platform, roles: everyRole });
    expect((await send(`${baseUrl}/v2/tenants`, { headers: bearer(withoutRole) })).status).toBe(
      403,
    );
    expect((await askPlatform("GET", "tenants")).status).toBe(200);
  });
});
