import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CosmosClient, type Container } from "@azure/cosmos";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startCosmosServer, type CosmosServer } from "../../local/cosmos/server.ts";
import { provisionCosmos } from "../../local/provisionCosmos.ts";
import type { AuditEvent } from "../../shared/audit/auditEvent.ts";
import { AuditLog, type NewAuditEvent } from "../../shared/audit/auditLog.ts";
import { parseAuditQuery } from "../../shared/audit/auditQuery.ts";
import { Problem } from "../../shared/problem/problem.ts";
import { metered, RequestMeter } from "../../shared/telemetry/meter.ts";
import { verifiedScope, type TenantScope } from "../../shared/tenancy/tenantScope.ts";
import {
  startFaultyProxy,
  type Fault,
  type FaultyProxy,
  type ProxiedRequest,
} from "../support/faultyProxy.ts";
import { testSurroundings } from "../support/testStores.ts";
import { newScope } from "../support/testTransactions.ts";

const seed = 20_261_122;

const retentionDays = 2192;
const dataDir = mkdtempSync(join(tmpdir(), "strata-audit-"));
let server: CosmosServer;
let proxy: FaultyProxy;
let container: Container;
let log: AuditLog;
let skipped = 0;

beforeAll(async () => {
  server = await startCosmosServer({ dataDir });
  proxy = await startFaultyProxy(server.endpoint);
  const client = new CosmosClient({
    endpoint: `${proxy.url}/`,
    key: server.key,
    connectionPolicy: {
      enableEndpointDiscovery: false,
      retryOptions: {
        maxRetryAttemptCount: 0,
        fixedRetryIntervalInMilliseconds: 1,
        maxWaitTimeInSeconds: 1,
      },
    },
  });
  const file = join(import.meta.dirname, "..", "..", "infra", "cosmos.json");
  await provisionCosmos(client, file, "audit-test");
  container = client.database("audit-test").container("audit");
  // Its waits take no time: its clock jumps over them.
  log = new AuditLog(
    container,
    {
      ...testSurroundings(),
      now: () => performance.now() + skipped,
      sleep: async (milliseconds) => {
        skipped += milliseconds;
        await Promise.resolve();
      },
    },
    retentionDays,
  );
});

beforeEach(() => {
  proxy.reset();
});

afterAll(async () => {
  await proxy.close();
  await server.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function newEvent({ tenant }: TenantScope, changes: Partial<NewAuditEvent> = {}): NewAuditEvent {
  return {
    tenant,
    correlationId: "0af7651916cd43dd8448eb211c80319c",
    event: { code: "110103", meaning: "DICOM Instances Accessed" },
    types: [],
    action: "R",
    outcome: 0,
    status: 200,
    name: "retrieveStudy",
    dataAction: "read",
    user: { issuer: "https://issuer.example", subject: "u-1" },
    object: { studyInstanceUIDs: ["1.2.3"], patientIDs: ["P-1"] },
    ...changes,
  };
}

async function read(scope: TenantScope, parameters = ""): Promise<readonly AuditEvent[]> {
  const query = parseAuditQuery(new URLSearchParams(parameters));
  return (await log.query(scope, query)).events;
}

/** Whether a request writes events, together or alone. */
function isWrite(request: ProxiedRequest): boolean {
  return request.method === "POST" && request.headers["x-ms-documentdb-isquery"] === undefined;
}

function isBatch(request: { readonly headers: Readonly<Record<string, unknown>> }): boolean {
  return request.headers["x-ms-cosmos-is-batch-request"] !== undefined;
}

test("an event is read as it was recorded, with its time and an id, and of its own tenant alone", async () => {
  const [one, other] = [newScope(), newScope()];
  const given = newEvent(one, { partition: "Ward", address: "192.0.2.7", added: { reason: "x" } });
  await log.record(given);
  const [event, ...more] = await read(one);
  expect(more).toEqual([]);
  expect(event).toEqual({ ...given, id: event?.id, at: event?.at });
  expect(event?.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(await read(other)).toEqual([]);
});

test("a query names the tenant twice: as its partition and in its condition", async () => {
  const scope = newScope();
  await read(scope);
  const [request, ...more] = proxy.requests.filter(
    ({ headers }) => headers["x-ms-documentdb-isquery"] !== undefined,
  );
  expect(more).toEqual([]);
  expect(request?.headers["x-ms-documentdb-partitionkey"]).toBe(JSON.stringify([scope.tenant]));
  const { query, parameters } = JSON.parse(request?.body.toString("utf8") ?? "{}") as {
    query: string;
    parameters: unknown[];
  };
  expect(query).toMatch(/WHERE c\.tenant = @tenant AND /);
  expect(parameters).toContainEqual({ name: "@tenant", value: scope.tenant });
});

test("an item says after how long the database removes it", async () => {
  const scope = newScope();
  await log.record(newEvent(scope));
  const { resources } = await container.items
    .query<{ ttl: number }>("SELECT c.ttl FROM c", { partitionKey: [scope.tenant] })
    .fetchAll();
  expect(resources).toEqual([{ ttl: retentionDays * 86_400 }]);
});

describe("a query", () => {
  const scope = newScope();
  const statuses = (events: readonly AuditEvent[]): number[] => events.map(({ status }) => status);

  beforeAll(async () => {
    proxy.reset();
    const none = { studyInstanceUIDs: [], patientIDs: [] };
    for (const changes of [
      { status: 201, action: "C", object: { ...none, patientIDs: ["P-1", "P-2"] } },
      { status: 202, object: { ...none, studyInstanceUIDs: ["1.9", "1.2"] } },
      { status: 203, user: { issuer: "i", subject: "u-2" } },
      { status: 204, correlationId: "2bbeb035-9206-4f28-b2a7-f077192caa89", object: none },
    ] as const) {
      await log.record(newEvent(scope, changes));
    }
  });

  test.each([
    ["", [204, 203, 202, 201]],
    ["patient=P-2", [201]],
    ["patient=P-1", [203, 201]],
    ["patient=P", []],
    ["study=1.2", [202]],
    ["user=u-2", [203]],
    ["action=C", [201]],
    ["action=C&user=u-2", []],
    ["correlationId=2BBEB035-9206-4f28-b2a7-f077192caa89", [204]],
    ["from=2020-01-01T00:00:00Z", [204, 203, 202, 201]],
    ["to=2020-01-01T00:00:00Z", []],
    ["limit=2", [204, 203]],
  ])("with %j finds what it says, newest first", async (parameters, expected) => {
    expect(statuses(await read(scope, parameters))).toEqual(expected);
  });

  test("from the time of an event has it, and to that time has not", async () => {
    const [, , { at } = { at: "" }] = await read(scope);
    const after = await read(scope, `from=${at}`);
    const before = await read(scope, `to=${at}`);
    expect(after.every((event) => event.at >= at) && after.length > 0).toBe(true);
    expect(before.every((event) => event.at < at)).toBe(true);
    expect(after.length + before.length).toBe(4);
  });

  test("in pages has everything once, whatever is added meanwhile", async () => {
    const paged = newScope();
    for (let status = 200; status < 207; status += 1) {
      await log.record(newEvent(paged, { status }));
    }
    const seen: number[] = [];
    let continuation: string | undefined = "";
    while (continuation !== undefined) {
      const next = continuation === "" ? "" : `&continuation=${continuation}`;
      const page = await log.query(paged, parseAuditQuery(new URLSearchParams(`limit=3${next}`)));
      seen.push(...statuses(page.events));
      continuation = page.continuation;
      await log.record(newEvent(paged, { status: 500 }));
    }
    expect(seen).toEqual([206, 205, 204, 203, 202, 201, 200]);
  });

  test("takes the data action tenant.admin", async () => {
    const reader = verifiedScope(newScope().tenant, "Microsoft.Default", new Set(["read"]), {});
    await expect(read(reader)).rejects.toMatchObject({ kind: "forbidden" });
  });
});

describe("many events at once", () => {
  test("go in a few batches, each event once and charged its share", async () => {
    const scope = newScope();
    const meters = Array.from({ length: 250 }, () => new RequestMeter(() => 0));
    await Promise.all(
      meters.map(async (meter, status) => {
        await metered(meter, async () => {
          await log.record(newEvent(scope, { status }));
        });
      }),
    );
    // One alone, which nobody kept waiting; then a hundred each.
    expect([proxy.requests.length, proxy.requests.filter(isBatch).length]).toEqual([4, 3]);
    const first = await read(scope, "limit=200");
    const rest = await read(scope, `limit=200&continuation=${first.at(-1)?.id ?? ""}`);
    const recorded = [...first, ...rest].map(({ status }) => status).toSorted((a, b) => a - b);
    expect(recorded).toEqual(Array.from({ length: 250 }, (_, status) => status));
    expect(meters.every(({ requestCharge }) => requestCharge > 0)).toBe(true);
    expect(meters.every((meter) => meter.calls("cosmos") === 1)).toBe(true);
  });

  test("of two tenants never share a batch", async () => {
    const [one, other] = [newScope(), newScope()];
    await Promise.all(
      [one, other, one, other, one, other].map(async (scope) => {
        await log.record(newEvent(scope));
      }),
    );
    expect(await read(one)).toHaveLength(3);
    expect(await read(other)).toHaveLength(3);
    for (const { body } of proxy.requests.filter(isBatch)) {
      const tenants = new Set(
        [one, other].filter(({ tenant }) => body.toString("utf8").includes(tenant)),
      );
      expect(tenants.size).toBe(1);
    }
  });

  test("of great size are cut into batches that the database takes", async () => {
    const scope = newScope();
    const query = "x".repeat(70_000);
    const object = { studyInstanceUIDs: [], patientIDs: [], query };
    await Promise.all(
      Array.from({ length: 60 }, async (_, status) => {
        await log.record(newEvent(scope, { status, object }));
      }),
    );
    const batches = proxy.requests.filter(isBatch);
    expect(batches.every(({ body }) => body.length < 2_000_000)).toBe(true);
    expect(await read(scope, "limit=200")).toHaveLength(60);
  });
});

test("a role that may not write batches is noticed once, and its events are written one by one", async () => {
  const scope = newScope();
  const limited = new AuditLog(container, testSurroundings(), retentionDays);
  proxy.reset((request) => (isBatch(request) ? { kind: "answer", status: 403 } : undefined));
  for (let round = 0; round < 2; round += 1) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        await limited.record(newEvent(scope, { status: 200 + 20 * round + index }));
      }),
    );
  }
  expect(proxy.requests.filter(isBatch)).toHaveLength(1);
  proxy.reset();
  const statuses = (await read(scope)).map(({ status }) => status).toSorted((a, b) => a - b);
  expect(statuses).toEqual(Array.from({ length: 40 }, (_, index) => 200 + index));
});

describe("when the database fails", () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ["the connection breaks before", { kind: "resetBefore" }],
    ["the answer is lost", { kind: "resetAfter" }],
    ["it is busy", { kind: "answer", status: 503 }],
    ["it is throttled", { kind: "answer", status: 429 }],
    ["it answers 503 and writes all the same", { kind: "answer", status: 503, hasEffect: true }],
  ];

  test.each(faults)("and %s, an event is recorded once", async (_, fault) => {
    const scope = newScope();
    proxy.reset((request, index) => (index < 2 && isWrite(request) ? fault : undefined));
    await log.record(newEvent(scope));
    expect(await read(scope)).toHaveLength(1);
    expect(proxy.requests.filter(isWrite).length).toBeGreaterThan(1);
  });

  // Goal: what was promised to be on record is, once; what failed is at most once.
  // Method: bursts of events, and for each request to the database a fault or none, drawn from the seed.
  test(`in any way and order, what was recorded is there once, and nothing is there twice (seed ${seed})`, async () => {
    const fault = fc.option(fc.constantFrom(...faults.map(([, one]) => one)), { freq: 3 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
        fc.array(fault, { maxLength: 12 }),
        async (bursts, drawn) => {
          const scope = newScope();
          let writes = 0;
          proxy.reset((request) => (isWrite(request) ? (drawn[writes++] ?? undefined) : undefined));
          const promised: number[] = [];
          let status = 200;
          for (const burst of bursts) {
            await Promise.all(
              Array.from({ length: burst }, async () => {
                status += 1;
                const mine = status;
                await log.record(newEvent(scope, { status: mine })).then(
                  () => promised.push(mine),
                  () => undefined,
                );
              }),
            );
          }
          proxy.reset();
          const there = (await read(scope, "limit=200")).map((event) => event.status);
          expect(new Set(there).size).toBe(there.length);
          expect(promised.filter((one) => !there.includes(one))).toEqual([]);
        },
      ),
      { seed, numRuns: 40 },
    );
  });

  test("for longer than a few seconds, recording fails as unavailable, and the next event is recorded", async () => {
    const scope = newScope();
    proxy.reset((request) => (isWrite(request) ? { kind: "answer", status: 503 } : undefined));
    const before = performance.now() + skipped;
    const refused = await log.record(newEvent(scope)).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Problem);
    expect(refused).toMatchObject({ kind: "unavailable", retryAfterSeconds: 2 });
    expect(performance.now() + skipped - before).toBeLessThan(15_000);
    proxy.reset();
    await log.record(newEvent(scope, { status: 202 }));
    expect((await read(scope)).map(({ status }) => status)).toEqual([202]);
  });

  test("and does not keep up, what waits is bounded and more is refused at once", async () => {
    const scope = newScope();
    proxy.reset((request) => (isWrite(request) ? { kind: "answer", status: 503 } : undefined));
    const object = { studyInstanceUIDs: [], patientIDs: [], query: "x".repeat(80_000) };
    const results = await Promise.allSettled(
      Array.from({ length: 450 }, async () => {
        await log.record(newEvent(scope, { object }));
      }),
    );
    expect(results.every(({ status }) => status === "rejected")).toBe(true);
    proxy.reset();
    await log.record(newEvent(scope));
    expect(await read(scope)).toHaveLength(1);
  });

  test("those who wait behind the failing one are refused with it, and not one after another", async () => {
    const scope = newScope();
    proxy.reset((request) => (isWrite(request) ? { kind: "answer", status: 503 } : undefined));
    const before = performance.now() + skipped;
    const results = await Promise.allSettled(
      Array.from({ length: 1_000 }, async () => {
        await log.record(newEvent(scope));
      }),
    );
    expect(results.every(({ status }) => status === "rejected")).toBe(true);
    // The first, and those that came while it was tried.
    expect(performance.now() + skipped - before).toBeLessThan(15_000);
  });
});
