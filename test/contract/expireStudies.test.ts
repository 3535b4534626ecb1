// Studies that are to be deleted at a time, against the embedded Cosmos DB server, with a faulty proxy before it.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCosmosServer, type CosmosServer } from "../../local/cosmos/server.ts";
import type { NewInstance, PutMode } from "../../shared/store/instanceIndex.ts";
import { maintenanceScope, type TenantScope } from "../../shared/tenancy/tenantScope.ts";
import { expireStudies } from "../../shared/transactions/expireStudies.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";
import { eventually } from "../support/eventually.ts";
import { indexedInstance } from "../support/indexedInstance.ts";
import { readStudyState } from "../support/studyState.ts";
import { openTestIndex, type TestIndex } from "../support/testStores.ts";

let server: CosmosServer;
let dataDir: string;
let opened: TestIndex;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "strata-expiry-"));
  server = await startCosmosServer({ dataDir, physicalPartitions: 3 });
  opened = await openTestIndex(server.endpoint, server.key);
});

afterAll(async () => {
  await server.close();
  rmSync(dataDir, { recursive: true, force: true });
});

/** A tenant of its own, one of whose data partitions is used. */
function newScope(partition = "Microsoft.Default"): TenantScope {
  return maintenanceScope(`t${randomBytes(8).toString("hex")}`, partition);
}

function instanceOf(study: string, sha256 = "00", sop = makeUID()): NewInstance {
  const uids = { studyInstanceUID: study, seriesInstanceUID: "1.2", sopInstanceUID: sop };
  return indexedInstance(uids, {}, sha256);
}

async function put(
  scope: TenantScope,
  instances: readonly NewInstance[],
  expiresAt?: number,
  mode: PutMode = "create",
): Promise<void> {
  const study = instances[0]?.studyInstanceUID ?? "";
  await opened.index.put(scope, study, instances, mode, expiresAt);
}

async function expire(scope: TenantScope, time: number): Promise<number> {
  return await expireStudies(opened.index, scope, { now: time }, (error) => {
    throw error;
  });
}

async function countOf(scope: TenantScope, study: string): Promise<number> {
  const found = await opened.index.version(scope, { studyInstanceUID: study });
  return found?.instanceCount ?? 0;
}

test("a study is deleted from its time on, whole, with events that say why, and no other study is", async () => {
  const scope = newScope();
  const [due, later, never] = [makeUID(), makeUID(), makeUID()] as const;
  const instances = Array.from({ length: 60 }, () => instanceOf(due));
  await put(scope, instances, 1_000);
  await put(scope, [instanceOf(later)], 1_001);
  await put(scope, [instanceOf(never)]);
  expect(await expire(scope, 999)).toBe(0);
  expect(await expire(scope, 1_000)).toBe(60);
  expect(await Promise.all([due, later, never].map((study) => countOf(scope, study)))).toEqual([
    0, 1, 1,
  ]);
  const key = { tenant: scope.tenant, partition: scope.partition, study: due };
  const { events, faults } = await readStudyState(opened.container, key, true);
  expect(faults).toEqual([]);
  const deletions = events.filter(({ action }) => action === "delete");
  expect(deletions.map(({ reason }) => reason)).toEqual(Array(60).fill("expired"));
  expect(await expire(scope, 1_000)).toBe(0);
});

test("the latest store decides: later, sooner, or not at all", async () => {
  const scope = newScope();
  const [moved, hastened, cancelled] = [makeUID(), makeUID(), makeUID()] as const;
  for (const study of [moved, hastened, cancelled]) {
    await put(scope, [instanceOf(study)], 1_000);
  }
  await put(scope, [instanceOf(moved)], 2_000);
  await put(scope, [instanceOf(hastened)], 500);
  await put(scope, [instanceOf(cancelled)]);
  expect(await expire(scope, 500)).toBe(2);
  expect(await expire(scope, 1_999)).toBe(0);
  expect(await expire(scope, 2_000)).toBe(2);
  expect(await expire(scope, Number.MAX_SAFE_INTEGER)).toBe(0);
  expect(await countOf(scope, cancelled)).toBe(2);
});

test("a repeated store of the same bytes decides as well, and one that is refused does not", async () => {
  const scope = newScope();
  const [kept, set, refused] = [makeUID(), makeUID(), makeUID()] as const;
  const [one, other, third] = [kept, set, refused].map((study) => instanceOf(study)) as [
    NewInstance,
    NewInstance,
    NewInstance,
  ];
  await put(scope, [one], 1_000);
  await put(scope, [other]);
  await put(scope, [third], 1_000);
  await put(scope, [one], undefined, "upsert");
  await put(scope, [other], 1_000, "upsert");
  await put(scope, [third], undefined, "create");
  expect(await expire(scope, 1_000)).toBe(2);
  expect(await Promise.all([kept, set, refused].map((study) => countOf(scope, study)))).toEqual([
    1, 0, 0,
  ]);
});

test("a store between finding a study and deleting it keeps the study", async () => {
  const scope = newScope();
  const study = makeUID();
  await put(scope, [instanceOf(study)], 1_000);
  const { index } = opened;
  const removed = await expireStudies(
    {
      expired: async function* expired(...parameters: Parameters<typeof index.expired>) {
        for await (const found of index.expired(...parameters)) {
          await put(scope, [instanceOf(study)]);
          yield found;
        }
      },
      remove: async (...parameters) => await index.remove(...parameters),
    },
    scope,
    { now: 1_000 },
    (error) => {
      throw error;
    },
  );
  expect([removed, await countOf(scope, study)]).toEqual([0, 2]);
});

test("studies of every data partition of the tenant are deleted, and none of another tenant", async () => {
  const scope = newScope();
  const elsewhere = maintenanceScope(scope.tenant, "Elsewhere");
  const other = newScope();
  const study = makeUID();
  for (const one of [scope, elsewhere, other]) {
    await put(one, [instanceOf(study)], 1_000);
  }
  expect(await expire(scope, 1_000)).toBe(2);
  expect(await Promise.all([scope, elsewhere, other].map((one) => countOf(one, study)))).toEqual([
    0, 0, 1,
  ]);
});

test("one study that cannot be deleted is reported, and the others are deleted", async () => {
  const scope = newScope();
  const studies = Array.from({ length: 12 }, () => makeUID());
  for (const study of studies) {
    await put(scope, [instanceOf(study)], 1_000);
  }
  const reported: unknown[] = [];
  const removed = await expireStudies(
    {
      expired: (...parameters) => opened.index.expired(...parameters),
      remove: async (...parameters) => {
        if (parameters[1].studyInstanceUID === studies[3]) {
          throw new Error("busy");
        }
        return await opened.index.remove(...parameters);
      },
    },
    scope,
    { now: 1_000 },
    (error) => reported.push(error),
  );
  expect([removed, reported.length]).toEqual([11, 1]);
  // What is left is found by the next run.
  expect(await expire(scope, 1_000)).toBe(1);
});

describe("a tenant's retention", () => {
  async function retain(scope: TenantScope, storedBefore: string): Promise<number> {
    return await expireStudies(opened.index, scope, { now: 0, storedBefore }, (error) => {
      throw error;
    });
  }

  async function storedAt(scope: TenantScope, study: string): Promise<string> {
    const { resource } = await opened.container
      .item("study", [scope.tenant, scope.partition, study])
      .read<{ storedAt: string }>();
    return resource?.storedAt ?? "";
  }

  test("a study goes when nothing has been stored to it for long enough, whatever was deleted since", async () => {
    const scope = newScope();
    const [old, kept] = [makeUID(), makeUID()];
    const [gone, left] = [instanceOf(old), instanceOf(old)];
    await put(scope, [gone, left]);
    const before = await storedAt(scope, old);
    await put(scope, [instanceOf(kept)]);
    await opened.index.remove(scope, gone);
    expect(await storedAt(scope, old)).toBe(before);
    expect(await retain(scope, before)).toBe(0);
    const after = new Date(Date.parse(before) + 1).toISOString();
    await eventually(
      async () => {
        await put(scope, [instanceOf(kept)]);
        return await storedAt(scope, kept);
      },
      (time) => time >= after,
    );
    expect(await retain(scope, after)).toBe(1);
    expect([await countOf(scope, old), (await countOf(scope, kept)) > 0]).toEqual([0, true]);
  });

  test("a store between finding a study and deleting it keeps the study", async () => {
    const scope = newScope();
    const study = makeUID();
    await put(scope, [instanceOf(study)]);
    const first = await storedAt(scope, study);
    const { index } = opened;
    const removed = await expireStudies(
      {
        expired: async function* expired(...parameters: Parameters<typeof index.expired>) {
          for await (const found of index.expired(...parameters)) {
            await eventually(
              async () => {
                await put(scope, [instanceOf(study)]);
                return await storedAt(scope, study);
              },
              (time) => time > first,
            );
            yield found;
          }
        },
        remove: async (...parameters) => await index.remove(...parameters),
      },
      scope,
      { now: 0, storedBefore: "9999" },
      (error) => {
        throw error;
      },
    );
    expect(removed).toBe(0);
    expect(await countOf(scope, study)).toBeGreaterThan(1);
  });

  test("of a tenant leaves the studies of others alone", async () => {
    const [scope, other] = [newScope(), newScope()];
    const study = makeUID();
    await put(scope, [instanceOf(study)]);
    await put(other, [instanceOf(study)]);
    expect(await retain(scope, "9999")).toBe(1);
    expect(await countOf(other, study)).toBe(1);
  });
});
