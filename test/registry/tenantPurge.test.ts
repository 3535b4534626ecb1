import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PluginConfig } from "@azure/cosmos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Problem } from "../../shared/problem/problem.ts";
import type { StoredTenant, TenantCounts } from "../../shared/registry/tenantItem.ts";
import { keptContainers, purgedContainers } from "../../shared/registry/tenantPurge.ts";
import { registryAgeMillisecondsMax } from "../../shared/registry/tenantRegistry.ts";
import {
  maintenanceScope,
  platformScope,
  type TenantScope,
} from "../../shared/tenancy/tenantScope.ts";
import {
  confirmDeletion,
  requestDeletion,
  storeTenant,
} from "../../shared/transactions/administerTenants.ts";
import { ofLivingTenants } from "../../shared/transactions/ofLivingTenants.ts";
import { purgeGraceMilliseconds, purgeTenants } from "../../shared/transactions/purgeTenants.ts";
import { sequenceChanges } from "../../shared/transactions/sequenceChanges.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";
import { indexedInstance } from "../support/indexedInstance.ts";
import {
  startRegistryFixture,
  type RegistryClient,
  type RegistryFixture,
} from "./registryFixture.ts";

let fixture: RegistryFixture;

beforeAll(async () => {
  fixture = await startRegistryFixture();
});

afterAll(async () => {
  await fixture.close();
});

const settings = { issuers: [], partitionsEnabled: true, corsOrigins: [], quotas: {} };
const now = "2026-01-01T00:00:00.000Z";
const condition = { kind: "none" } as const;

function newName(): string {
  return `t${randomBytes(8).toString("hex")}`;
}

/** Stores instances of a study, with their content and what follows from them. */
async function store(client: RegistryClient, scope: TenantScope, count: number): Promise<void> {
  const study = makeUID();
  const instances = await Promise.all(
    Array.from({ length: count }, async () => {
      const uids = { studyInstanceUID: study, seriesInstanceUID: "1.2", sopInstanceUID: makeUID() };
      const writer = client.content.openWriter(scope);
      await writer.write(Buffer.from("content"));
      return { ...indexedInstance(uids), content: await writer.commit() };
    }),
  );
  const outcomes = await client.index.put(scope, study, instances, "create");
  const failed = outcomes.find(({ result }) => result === "unavailable");
  if (failed?.result === "unavailable") {
    throw failed.cause;
  }
}

/** All that a tenant can have, in every container. */
async function fill(client: RegistryClient, tenant: string): Promise<void> {
  for (const partition of ["Microsoft.Default", "Clinic"]) {
    const scope = maintenanceScope(tenant, partition);
    await store(client, scope, 3);
    await store(client, scope, 2);
  }
  const scope = maintenanceScope(tenant, "Microsoft.Default");
  const { resources } = await client
    .container("dicom")
    .items.query<object>(`SELECT * FROM c WHERE c.kind = "change"`, { partitionKey: [tenant] })
    .fetchAll();
  await sequenceChanges(
    { log: client.log, deadLetters: client.deadLetters, tenants: client.registry },
    resources,
  );
  expect(await client.log.stored(scope)).toEqual({ instances: 10, bytes: 70 });
  await client.deadLetters.put({
    changeId: "x",
    tenant,
    partition: "Clinic",
    study: "1.2.3",
    reason: "It is broken.",
  });
}

async function take(client: RegistryClient, name: string): Promise<void> {
  await storeTenant(client, platformScope(), name, settings, condition, now);
}

async function confirm(client: RegistryClient, name: string, at: string): Promise<void> {
  await requestDeletion(client, platformScope(), name, "yes", condition, at);
  await confirmDeletion(client, platformScope(), name, "yes", at);
}

/** Runs the timer's work once, as if `milliseconds` had passed since the deletion was confirmed. */
async function purge(
  client: RegistryClient,
  milliseconds: number,
  isOver = (): boolean => false,
): Promise<readonly string[]> {
  const { registry, purge: tenantPurge } = client;
  const ago = (before: number): string =>
    new Date(Date.parse(now) + milliseconds - before).toISOString();
  return await purgeTenants({ registry, purge: tenantPurge, ago }, isOver);
}

async function record(client: RegistryClient, name: string): Promise<StoredTenant | undefined> {
  return await client.registry.read(platformScope(), name);
}

const nothing: TenantCounts = { dicom: 0, feedlog: 0, control: 0, blobs: 0 };

test("every container of the database is purged, or kept for a reason that is given", () => {
  const file = join(import.meta.dirname, "..", "..", "infra", "cosmos.json");
  const { containers } = JSON.parse(readFileSync(file, "utf8")) as {
    containers: { id: string; partitionKey: { paths: string[] } }[];
  };
  expect([...Object.keys(purgedContainers), ...Object.keys(keptContainers)].toSorted()).toEqual(
    containers.map(({ id }) => id).toSorted(),
  );
  for (const { id, partitionKey } of containers) {
    const fields = purgedContainers[id]?.map((field) => `/${field}`);
    expect(fields ?? partitionKey.paths).toEqual(partitionKey.paths);
  }
});

// Goal: whatever a purge had done when it ended, the next one ends it, and nothing but the tenant is gone.
// Method: end it before and after its nth request to the database, for n = 1 until it completes.
test.each(["before", "after"] as const)(
  "a purge that is killed %s any of its requests is ended by the next, with proof on record",
  async (moment) => {
    const keeper = fixture.connect();
    const neighbour = newName();
    await take(keeper, neighbour);
    await fill(keeper, neighbour);
    const kept = await keeper.purge.count(maintenanceScope(neighbour, "Microsoft.Default"));
    expect(Object.values(kept).every((count) => count > 0)).toBe(true);
    const name = newName();
    const scope = maintenanceScope(name, "Microsoft.Default");
    await take(keeper, name);
    await fill(keeper, name);
    const had = await keeper.purge.count(scope);
    await confirm(keeper, name, now);
    let runs = 0;
    for (let nth = 1; ; nth += 1) {
      // Each of them goes some way, so that what is left becomes less.
      const doomed = fixture.connect(killer(nth, moment));
      try {
        await purge(doomed, purgeGraceMilliseconds);
      } catch (error) {
        expect(String(error)).toContain("killed");
        runs += 1;
        continue;
      }
      break;
    }
    expect(runs).toBeGreaterThan(5);
    const { state, deletion, settings: left } = (await record(keeper, name)) ?? {};
    expect([state, deletion?.left, left?.partitionsEnabled]).toEqual(["deleted", nothing, false]);
    expect(await keeper.purge.count(scope)).toEqual(nothing);
    // What a killed run removed last is not counted; nothing is counted that was not there.
    for (const [id, count] of Object.entries(had)) {
      expect(deletion?.removed[id] ?? 0).toBeLessThanOrEqual(count);
    }
    expect(await keeper.purge.count(maintenanceScope(neighbour, "Microsoft.Default"))).toEqual(
      kept,
    );
  },
);

function killer(nth: number, moment: "before" | "after"): PluginConfig {
  let requests = 0;
  return {
    on: "request",
    plugin: async (context, _, next) => {
      if (context.path?.includes("/docs") !== true) {
        return await next(context);
      }
      requests += 1;
      if (requests > nth || (requests === nth && moment === "before")) {
        throw new Error("killed");
      }
      const response = await next(context);
      if (requests === nth) {
        throw new Error("killed");
      }
      return response;
    },
  };
}

test("a purge that nothing interrupts counts exactly what it removes", async () => {
  const client = fixture.connect();
  const name = newName();
  await take(client, name);
  await fill(client, name);
  const had = await client.purge.count(maintenanceScope(name, "Microsoft.Default"));
  await confirm(client, name, now);
  expect(await purge(client, purgeGraceMilliseconds)).toContain(name);
  expect((await record(client, name))?.deletion).toMatchObject({ removed: had, left: nothing });
});

test("a tenant with more than one step of items is purged to the last", async () => {
  const client = fixture.connect();
  const name = newName();
  await take(client, name);
  const key = { tenant: name, partition: "Microsoft.Default", study: "1.2.3" };
  for (let from = 0; from < 900; from += 100) {
    await client.container("dicom").items.batch(
      Array.from({ length: 100 }, (_, i) => ({
        operationType: "Create" as const,
        resourceBody: { id: `change:${from + i}`, kind: "change", ...key },
      })),
      [key.tenant, key.partition, key.study],
    );
  }
  await confirm(client, name, now);
  expect(await purge(client, purgeGraceMilliseconds)).toContain(name);
  expect((await record(client, name))?.deletion).toMatchObject({
    removed: { dicom: 900 },
    left: nothing,
  });
});

test("a tenant of which something is counted is not deleted, though nothing was found to remove", async () => {
  const client = fixture.connect();
  const name = newName();
  await take(client, name);
  await confirm(client, name, now);
  const ended = await purgeTenants(
    {
      registry: client.registry,
      purge: {
        removeSome: async () => await Promise.resolve({}),
        count: async () => await Promise.resolve({ ...nothing, dicom: 1 }),
      },
      ago: () => now,
    },
    () => false,
  );
  expect(ended).not.toContain(name);
  expect((await record(client, name))?.state).toBe("deleting");
});

test("a run ends when its time is over, and the next one goes on", async () => {
  const client = fixture.connect();
  const name = newName();
  await take(client, name);
  await fill(client, name);
  await confirm(client, name, now);
  let runs = 0;
  for (; !(await purge(client, purgeGraceMilliseconds, () => true)).includes(name); runs += 1) {
    expect(runs).toBeLessThan(20);
  }
  expect(runs).toBeGreaterThan(2);
  expect((await record(client, name))?.state).toBe("deleted");
});

test("nothing is removed before the deletion is confirmed and the grace has passed", async () => {
  const client = fixture.connect();
  const name = newName();
  await take(client, name);
  await fill(client, name);
  const scope = maintenanceScope(name, "Microsoft.Default");
  const had = await client.purge.count(scope);
  await requestDeletion(client, platformScope(), name, "yes", condition, now);
  expect(await purge(client, 10 * purgeGraceMilliseconds)).not.toContain(name);
  await confirmDeletion(client, platformScope(), name, "yes", now);
  expect(await purge(client, purgeGraceMilliseconds - 1)).not.toContain(name);
  expect(await client.purge.count(scope)).toEqual(had);
});

test("the name of a deleted tenant is never given again", async () => {
  const client = fixture.connect();
  const name = newName();
  await take(client, name);
  await confirm(client, name, now);
  await purge(client, purgeGraceMilliseconds);
  await expect(take(client, name)).rejects.toThrow(Problem);
  expect(await client.registry.find(name)).toBeUndefined();
});

describe("what began before the deletion was confirmed", () => {
  test("stores nothing any more: no item, no partition, no container", async () => {
    const [client, late] = [fixture.connect(), fixture.connect()];
    const name = newName();
    await take(client, name);
    const scope = maintenanceScope(name, "Late");
    // It knows the tenant as active, as a request does that was let in.
    expect((await late.registry.find(name))?.state).toBe("active");
    await confirm(client, name, now);
    expect(await purge(client, purgeGraceMilliseconds)).toContain(name);
    late.passTime(registryAgeMillisecondsMax + 1);
    await expect(store(late, scope, 1)).rejects.toThrow(/being deleted/);
    // As when the content was uploaded before the container was gone.
    const uids = { studyInstanceUID: "1.2", seriesInstanceUID: "1.3", sopInstanceUID: "1.4" };
    const outcomes = await late.index.put(scope, "1.2", [indexedInstance(uids)], "create");
    expect(outcomes).toMatchObject([{ result: "unavailable", cause: { kind: "forbidden" } }]);
    expect(await client.purge.count(scope)).toEqual(nothing);
  });

  test("is not sequenced either, and other tenants' events are", async () => {
    const client = fixture.connect();
    const [name, other] = [newName(), newName()];
    await take(client, name);
    await take(client, other);
    await store(client, maintenanceScope(name, "Microsoft.Default"), 1);
    await store(client, maintenanceScope(other, "Microsoft.Default"), 1);
    const changes = await Promise.all(
      [name, other].map(async (tenant) => {
        const { resources } = await client
          .container("dicom")
          .items.query<object>(`SELECT * FROM c WHERE c.kind = "change"`, {
            partitionKey: [tenant],
          })
          .fetchAll();
        return resources;
      }),
    );
    await confirm(client, name, now);
    const { log, deadLetters, registry } = client;
    const stores = { log, deadLetters, tenants: registry };
    expect(await sequenceChanges(stores, changes.flat())).toBe(1);
    expect(await log.stored(maintenanceScope(name, "Microsoft.Default"))).toMatchObject({
      instances: 0,
    });
  });

  test("is dropped by what else follows from changes, and items of others are not", async () => {
    const client = fixture.connect();
    const [name, other] = [newName(), newName()];
    await take(client, name);
    await take(client, other);
    await confirm(client, name, now);
    const items = [{ tenant: name }, { tenant: other }, { tenant: "$platform" }, {}];
    expect(await ofLivingTenants(client.registry, items)).toEqual(items.slice(1));
  });

  test("and came after the purge all the same is removed by a second look, a day later", async () => {
    const client = fixture.connect();
    const name = newName();
    await take(client, name);
    await confirm(client, name, now);
    await purge(client, purgeGraceMilliseconds);
    // As a process does that stood still between asking and writing.
    await client.container("dicom").items.create({
      id: "study",
      tenant: name,
      partition: "Microsoft.Default",
      study: "1.2.3",
      kind: "study",
    });
    const day = 24 * 60 * 60 * 1_000;
    expect(await purge(client, purgeGraceMilliseconds + day - 1)).not.toContain(name);
    expect(await purge(client, purgeGraceMilliseconds + day)).toContain(name);
    const scope = maintenanceScope(name, "Microsoft.Default");
    expect(await client.purge.count(scope)).toEqual(nothing);
    expect((await record(client, name))?.deletion?.removed["dicom"]).toBe(1);
    expect(await purge(client, purgeGraceMilliseconds + 3 * day)).not.toContain(name);
  });
});
