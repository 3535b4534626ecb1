// The registry of tenants over HTTP, and what follows from it for their callers.
import { randomBytes } from "node:crypto";
import { CosmosClient } from "@azure/cosmos";
import { describe, expect, inject, test } from "vitest";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import { nameOf, problemKind, sorted, type InstanceName } from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";
import { askPlatform, bearer, platformToken, TestTenant } from "../support/testTenant.ts";

function newName(): string {
  return `r-${randomBytes(8).toString("hex")}`;
}

async function ask(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: object,
): Promise<ReceivedAnswer> {
  return await send(`${inject("tokenRuntime").baseUrl}/v2/${path}`, {
    method,
    headers: {
      ...bearer(platformToken()),
      ...headers,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

describe("taking a tenant on", () => {
  test("it is answered with where it is, and read back as it was said", async () => {
    const name = newName();
    const settings = { displayName: "North", corsOrigins: ["https://viewer.example"] };
    const stored = await askPlatform("PUT", `tenants/${name}`, settings);
    expect(stored.status).toBe(201);
    expect(stored.headers["location"]).toMatch(new RegExp(`/v2/tenants/${name}$`));
    const read = await askPlatform("GET", `tenants/${name}`);
    expect(read.headers["etag"]).toBe(stored.headers["etag"]);
    expect(read.json()).toMatchObject({ name, state: "active", ...settings, quotas: {} });
    const { tenants } = (await askPlatform("GET", "tenants")).json() as {
      tenants: { name: string }[];
    };
    expect(tenants.map((tenant) => tenant.name)).toContain(name);
  });

  test("doing so again replaces what was said, and nothing is left of it", async () => {
    const name = newName();
    await askPlatform("PUT", `tenants/${name}`, { displayName: "A", retentionDays: 5 });
    const again = await askPlatform("PUT", `tenants/${name}`, { displayName: "B" });
    expect(again.status).toBe(200);
    expect(again.json()).toMatchObject({ displayName: "B" });
    expect(again.json()).not.toHaveProperty("retentionDays");
  });

  test("an amendment changes what it names, and removes what it says is null", async () => {
    const name = newName();
    await askPlatform("PUT", `tenants/${name}`, {
      displayName: "A",
      retentionDays: 5,
      quotas: { storedBytes: 10, requestsPerSecond: 3 },
    });
    const amended = await askPlatform("PATCH", `tenants/${name}`, {
      retentionDays: null,
      quotas: { storedBytes: 20 },
    });
    expect(amended.json()).toMatchObject({
      displayName: "A",
      quotas: { storedBytes: 20, requestsPerSecond: 3 },
    });
    expect(amended.json()).not.toHaveProperty("retentionDays");
  });

  test("data partitions that are in use are not turned off", async () => {
    const tenant = await TestTenant.register({ partitionsEnabled: true });
    const path = `tenants/${tenant.name}`;
    const turned = async (partitionsEnabled: boolean): Promise<number> =>
      (await askPlatform("PATCH", path, { partitionsEnabled })).status;
    expect(await turned(false)).toBe(200);
    expect(await turned(true)).toBe(200);
    const stored = await tenant.service().request("partitions/One/studies", {
      method: "POST",
      headers: { "Content-Type": "application/dicom" },
      body: makeInstance().bytes,
    });
    expect(stored.status).toBe(200);
    expect(await turned(false)).toBe(409);
    const replaced = await askPlatform("PUT", path, {});
    expect([replaced.status, problemKind(replaced)]).toEqual([409, "conflict"]);
    expect((await askPlatform("GET", path)).json()).toMatchObject({ partitionsEnabled: true });
  });

  test("a condition that does not hold changes nothing", async () => {
    const name = newName();
    const { headers } = await askPlatform("PUT", `tenants/${name}`, { displayName: "A" });
    const etag = String(headers["etag"]);
    await askPlatform("PATCH", `tenants/${name}`, { displayName: "B" });
    for (const [method, condition] of [
      ["PUT", { "If-Match": etag }],
      ["PATCH", { "If-Match": etag }],
      ["DELETE", { "If-Match": etag }],
      ["PUT", { "If-None-Match": "*" }],
    ] as const) {
      const answer = await ask(
        method,
        `tenants/${name}`,
        condition,
        method === "DELETE" ? undefined : { displayName: "C" },
      );
      expect([method, answer.status]).toEqual([method, 412]);
    }
    expect((await askPlatform("GET", `tenants/${name}`)).json()).toMatchObject({
      displayName: "B",
      state: "active",
    });
  });

  test.each<readonly [string, string, object, number]>([
    ["an unknown setting", newName(), { colour: "red" }, 400],
    ["an issuer without TLS", newName(), issuing("http://login.example"), 400],
    ["a name in capitals", "North", {}, 400],
    ["a name that is too long", "n".repeat(41), {}, 400],
    ["a name with two hyphens", "a--b", {}, 400],
  ])("%s is refused and leaves nothing", async (_, name, settings, status) => {
    const answer = await askPlatform("PUT", `tenants/${name}`, settings);
    expect([answer.status, problemKind(answer)]).toEqual([status, "malformed"]);
    expect((await askPlatform("GET", `tenants/${name}`)).status).not.toBe(200);
  });

  test("an issuer whose tokens could be another tenant's is refused, also when two ask at once", async () => {
    const issuer = issuing(`https://login.example/${newName()}`);
    const names = [newName(), newName(), newName()];
    const answers = await Promise.all(
      names.map(async (name) => await askPlatform("PUT", `tenants/${name}`, issuer)),
    );
    expect(sorted(answers.map(({ status }) => status))).toEqual(["201", "409", "409"]);
    const there = await Promise.all(
      names.map(async (name) => (await askPlatform("GET", `tenants/${name}`)).status),
    );
    expect(sorted(there)).toEqual(["200", "404", "404"]);
  });
});

function issuing(issuer: string): object {
  return { issuers: [{ issuer, jwksUri: `${issuer}/keys`, audiences: ["dicom"] }] };
}

describe("a tenant that is suspended", () => {
  test("is refused everything by name of its state, and served again when it is resumed", async () => {
    const tenant = await TestTenant.register();
    const service = tenant.service();
    const instance = makeInstance();
    await service.mustStore([instance.bytes]);
    const suspended = await askPlatform("POST", `tenants/${tenant.name}/suspend`);
    expect(suspended.json()).toMatchObject({ state: "suspended" });
    const path = `studies/${instance.studyInstanceUID}`;
    for (const answer of [
      await service.get(path),
      await service.get("studies"),
      await service.get("feed/ranges"),
      await service.request(path, { method: "DELETE" }),
      await service.store([makeInstance().bytes]),
    ]) {
      expect([answer.status, problemKind(answer)]).toEqual([403, "forbidden"]);
    }
    await askPlatform("POST", `tenants/${tenant.name}/resume`);
    expect((await service.get(path)).status).toBe(200);
  });

  test("is not suspended twice as hard: both ways are idempotent", async () => {
    const { name } = await TestTenant.register();
    for (const [action, state] of [
      ["suspend", "suspended"],
      ["suspend", "suspended"],
      ["resume", "active"],
      ["resume", "active"],
    ] as const) {
      const answer = await askPlatform("POST", `tenants/${name}/${action}`);
      expect([answer.status, answer.json()]).toMatchObject([200, { state }]);
    }
  });
});

describe("deleting a tenant", () => {
  test("takes two steps, and the first can be taken back", async () => {
    const tenant = await TestTenant.register();
    const service = tenant.service();
    const instance = makeInstance();
    await service.mustStore([instance.bytes]);
    const early = await askPlatform("POST", `tenants/${tenant.name}/purge`, { confirmation: "x" });
    expect(early.status).toBe(409);
    const deleted = await askPlatform("DELETE", `tenants/${tenant.name}`);
    expect(deleted.status).toBe(202);
    expect(deleted.json()).toMatchObject({ state: "deleting" });
    expect((await service.get("studies")).status).toBe(403);
    expect((await askPlatform("POST", `tenants/${tenant.name}/suspend`)).status).toBe(409);
    expect((await askPlatform("PUT", `tenants/${tenant.name}`, {})).status).toBe(409);
    expect((await askPlatform("POST", `tenants/${tenant.name}/resume`)).status).toBe(200);
    expect((await service.get(`studies/${instance.studyInstanceUID}`)).status).toBe(200);
    const { confirmation } = deleted.json() as { confirmation: string };
    const late = await askPlatform("POST", `tenants/${tenant.name}/purge`, { confirmation });
    expect(late.status).toBe(409);
  });

  test("goes through only with what the last DELETE gave, and cannot be taken back then", async () => {
    const { name } = await TestTenant.register();
    const first = (await askPlatform("DELETE", `tenants/${name}`)).json() as Confirmed;
    const second = (await askPlatform("DELETE", `tenants/${name}`)).json() as Confirmed;
    const confirm = async (confirmation: string): Promise<ReceivedAnswer> =>
      await askPlatform("POST", `tenants/${name}/purge`, { confirmation });
    expect((await confirm(first.confirmation)).status).toBe(400);
    expect((await confirm("")).status).toBe(400);
    const confirmed = await confirm(second.confirmation);
    expect(confirmed.status).toBe(202);
    expect(confirmed.text).not.toContain(second.confirmation);
    expect(confirmed.json()).toMatchObject({ state: "deleting", deletion: { removed: {} } });
    expect((await confirm(second.confirmation)).status).toBe(202);
    expect((await askPlatform("POST", `tenants/${name}/resume`)).status).toBe(409);
    expect((await askPlatform("DELETE", `tenants/${name}`)).status).toBe(409);
  });

  test("ends with proof that nothing is left, and with a name that nobody can have again", async () => {
    const tenant = await TestTenant.register({ partitionsEnabled: true });
    const service = tenant.service();
    for (const partition of ["One", "Two"]) {
      const stored = await service.request(`partitions/${partition}/studies`, {
        method: "POST",
        headers: { "Content-Type": "application/dicom" },
        body: makeInstance().bytes,
      });
      expect(stored.status).toBe(200);
    }
    const path = `tenants/${tenant.name}`;
    const { confirmation } = (await askPlatform("DELETE", path)).json() as Confirmed;
    await askPlatform("POST", `${path}/purge`, { confirmation });
    await confirmLongAgo(tenant.name);
    const read = async (): Promise<ShownTenant> =>
      (await askPlatform("GET", path)).json() as ShownTenant;
    const purged = await eventually(
      async () => {
        await runTimer("purgeTenants");
        return await read();
      },
      ({ state }) => state === "deleted",
    );
    expect(purged).not.toHaveProperty("issuers");
    expect(purged.deletion.left).toEqual({ dicom: 0, feedlog: 0, control: 0, blobs: 0 });
    expect(purged.deletion.removed).toMatchObject({ blobs: 1 });
    expect(purged.deletion.removed["dicom"]).toBeGreaterThanOrEqual(8);
    const refused = await service.get("partitions");
    expect([refused.status, refused.headers["www-authenticate"]]).toEqual([
      401,
      expect.stringContaining("Bearer"),
    ]);
    const again = await askPlatform("PUT", path, {});
    expect([again.status, problemKind(again)]).toEqual([409, "conflict"]);
  });

  test("of a tenant that is not there is 404", async () => {
    const name = newName();
    for (const [method, path, body] of [
      ["GET", `tenants/${name}`],
      ["DELETE", `tenants/${name}`],
      ["PATCH", `tenants/${name}`, {}],
      ["POST", `tenants/${name}/suspend`],
      ["POST", `tenants/${name}/resume`],
      ["POST", `tenants/${name}/purge`, { confirmation: "x" }],
      ["GET", `tenants/${name}/usage`],
    ] as const) {
      const answer = await askPlatform(method, path, body);
      expect([path, answer.status, problemKind(answer)]).toEqual([path, 404, "notFound"]);
    }
  });
});

interface Confirmed {
  readonly confirmation: string;
}

interface ShownTenant {
  readonly state: string;
  readonly deletion: {
    readonly removed: Readonly<Record<string, number>>;
    readonly left?: Readonly<Record<string, number>>;
  };
}

/** Lets a tenant's deletion look confirmed long ago, so that its grace has passed. */
async function confirmLongAgo(name: string): Promise<void> {
  const cosmos = new CosmosClient(inject("runtime").cosmosConnectionString);
  await cosmos
    .database(inject("tokenRuntime").database)
    .container("control")
    .item(`tenant:${name}`, "$platform")
    .patch([{ op: "set", path: "/deletion/confirmedAt", value: "2026-01-01T00:00:00.000Z" }]);
  cosmos.dispose();
}

async function runTimer(name: string): Promise<void> {
  const { status } = await send(`${inject("tokenRuntime").baseUrl}/admin/functions/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  expect(status).toBe(202);
}

interface Usage {
  readonly storedBytes: number;
  readonly storedInstances: number;
}

describe("quotas", () => {
  test("usage follows what is stored, replaced and deleted, and a tenant reads its own", async () => {
    const tenant = await TestTenant.register();
    const service = tenant.service();
    const admin = tenant.service(["Strata Tenant Admin"]);
    const usage = async (): Promise<Usage> =>
      (await admin.get(`tenants/${tenant.name}/usage`)).json() as Usage;
    expect(await usage()).toMatchObject({ storedBytes: 0, storedInstances: 0 });
    const one = makeInstance();
    const two = makeInstance();
    const larger = makeInstance({ ...nameOf(one), patientName: "A^Much^Longer^Name^Than^Before" });
    await service.mustStore([one.bytes, two.bytes]);
    await eventually(
      usage,
      ({ storedBytes, storedInstances }) =>
        storedInstances === 2 && storedBytes === one.bytes.length + two.bytes.length,
    );
    expect(larger.bytes.length).not.toBe(one.bytes.length);
    await service.store([larger.bytes], { method: "PUT" });
    await eventually(
      usage,
      ({ storedBytes, storedInstances }) =>
        storedInstances === 2 && storedBytes === larger.bytes.length + two.bytes.length,
    );
    for (const { studyInstanceUID } of [one, two]) {
      await service.request(`studies/${studyInstanceUID}`, { method: "DELETE" });
    }
    await eventually(
      usage,
      ({ storedBytes, storedInstances }) => storedInstances === 0 && storedBytes === 0,
    );
  });

  test("the usage of another tenant is forbidden, whether it is there or not", async () => {
    const [one, two] = await Promise.all([TestTenant.register(), TestTenant.register()]);
    const admin = one.service(["Strata Tenant Admin"]);
    const foreign = await admin.get(`tenants/${two.name}/usage`);
    const missing = await admin.get(`tenants/${newName()}/usage`);
    expect([foreign.status, foreign.text]).toEqual([403, missing.text]);
    expect((await askPlatform("GET", `tenants/${two.name}/usage`)).status).toBe(200);
  });

  test.each(["storedBytes", "storedInstances"])(
    "a tenant that has used up %s stores nothing more, and reads and deletes as before",
    async (quota) => {
      const tenant = await TestTenant.register({ quotas: { [quota]: 1 } });
      const service = tenant.service();
      const instance = makeInstance();
      await service.mustStore([instance.bytes]);
      const refused = await eventually(
        async () => await service.store([makeInstance().bytes]),
        ({ status }) => status === 403,
      );
      expect([problemKind(refused), refused.text]).toEqual([
        "quotaExceeded",
        expect.stringContaining(quota),
      ]);
      const path = `studies/${instance.studyInstanceUID}`;
      expect((await service.get(path)).status).toBe(200);
      expect((await service.request(path, { method: "DELETE" })).status).toBe(204);
    },
  );

  test("a tenant beyond its requests per second hears when to come back, and others do not notice", async () => {
    const [limited, other] = await Promise.all([
      TestTenant.register({ quotas: { requestsPerSecond: 0.01 } }),
      TestTenant.register(),
    ]);
    const service = limited.service();
    expect((await service.get("studies")).status).toBeLessThan(300);
    const refused = await service.get("studies");
    expect([refused.status, problemKind(refused)]).toEqual([429, "throttled"]);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(Number(refused.headers["retry-after"])).toBeLessThanOrEqual(100);
    expect((await other.service().get("studies")).status).toBeLessThan(300);
  });

  test("a tenant beyond its request charge per second is refused after what it owes", async () => {
    const tenant = await TestTenant.register({ quotas: { requestChargePerSecond: 0.01 } });
    const service = tenant.service();
    const first = await service.store([makeInstance().bytes]);
    expect(first.status).toBe(200);
    const refused = await eventually(
      async () => await service.get("studies"),
      ({ status }) => status === 429,
    );
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
  });
});

test("a study goes when its tenant's retention is over, with an event that says why", async () => {
  const [tenant, other] = await Promise.all([
    TestTenant.register({ retentionDays: 30 }),
    TestTenant.register(),
  ]);
  const [old, recent] = [makeInstance(), makeInstance()];
  await tenant.service().mustStore([old.bytes, recent.bytes]);
  await other.service().mustStore([old.bytes]);
  for (const { name } of [tenant, other]) {
    await storeLongAgo(name, old.studyInstanceUID);
  }
  const status = async ({ studyInstanceUID }: InstanceName, of = tenant): Promise<number> =>
    (await of.service().get(`studies/${studyInstanceUID}`)).status;
  await eventually(
    async () => {
      await runTimer("expireStudies");
      return await status(old);
    },
    (found) => found === 404,
  );
  expect([await status(recent), await status(old, other)]).toEqual([200, 200]);
  const { entries } = (await tenant.service().get("feed?mode=all&action=delete")).json() as {
    entries: object[];
  };
  expect(entries).toMatchObject([{ studyInstanceUid: old.studyInstanceUID, reason: "retention" }]);
});

/** Lets a study look as if nothing had been stored to it for long. */
async function storeLongAgo(tenant: string, study: string): Promise<void> {
  const cosmos = new CosmosClient(inject("runtime").cosmosConnectionString);
  await cosmos
    .database(inject("tokenRuntime").database)
    .container("dicom")
    .item("study", [tenant, "Microsoft.Default", study])
    .patch([{ op: "set", path: "/storedAt", value: "2020-01-01T00:00:00.000Z" }]);
  cosmos.dispose();
}

test("a body that is refused before its end does not disturb who comes next", async () => {
  for (let round = 0; round < 5; round += 1) {
    const tooLong = await askPlatform("PUT", `tenants/${newName()}`, {
      displayName: "x".repeat(3_000_000),
    });
    expect(tooLong.status).toBe(413);
    const next = await askPlatform("PUT", "tenants/-", {});
    expect(next.status).toBe(400);
  }
});
