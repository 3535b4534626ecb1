// The audit as callers see it: each access is in it, granted or refused, and nobody but the tenant's own administrators
// and the platform's read it.
import { randomUUID } from "node:crypto";
import { CosmosClient } from "@azure/cosmos";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import {
  anyDicomMultipart,
  DicomwebService,
  dicomJson,
  instancePath,
  problemKind,
} from "../support/dicomwebService.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";
import { askPlatform, bearer, makeToken, TestTenant } from "../support/testTenant.ts";

interface ReadEvent {
  readonly id: string;
  readonly at: string;
  readonly tenant: string;
  readonly partition?: string;
  readonly correlationId: string;
  readonly event: { readonly code: string };
  readonly types: readonly { readonly code: string }[];
  readonly action: string;
  readonly outcome: number;
  readonly status: number;
  readonly name: string;
  readonly user?: { readonly issuer: string; readonly subject: string; readonly tokenId?: string };
  readonly address?: string;
  readonly object: {
    readonly studyInstanceUIDs: readonly string[];
    readonly patientIDs: readonly string[];
    readonly seriesInstanceUID?: string;
    readonly sopInstanceUID?: string;
    readonly sopInstanceUIDs?: readonly string[];
    readonly query?: string;
    readonly resource?: string;
  };
  readonly added?: Readonly<Record<string, string>>;
}

const { baseUrl } = inject("tokenRuntime");
let tenant: TestTenant;
let owner: DicomwebService;
let auditor: DicomwebService;

beforeAll(async () => {
  tenant = await TestTenant.register();
  owner = tenant.service(["DICOM Data Owner"], { sub: "doctor-1" });
  auditor = tenant.service(["Strata Tenant Admin"], { sub: "auditor-1" });
});

async function readEvents(query = "", as: DicomwebService = auditor): Promise<ReadEvent[]> {
  const answer = await as.get(`audit${query}`);
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/json"]);
  return (answer.json() as { events: ReadEvent[] }).events;
}

/** The one event of an answer, by its correlation id. */
async function eventOf(answer: ReceivedAnswer, as: DicomwebService = auditor): Promise<ReadEvent> {
  const id = String(answer.headers["x-correlation-id"]);
  const events = await readEvents(`?correlationId=${id}`, as);
  const [event] = events;
  if (event === undefined || events.length > 1) {
    throw new Error(`${events.length} events of one answer`);
  }
  return event;
}

describe("each access is one event", () => {
  const patientID = `P-${randomUUID()}`;
  const instance = makeInstance({ patientID });
  const other = makeInstance({ patientID });
  const study = instance.studyInstanceUID;
  const path = instancePath(instance);

  beforeAll(async () => {
    await owner.mustStore([instance.bytes]);
  });

  const of = (more: object = {}): object => ({
    studyInstanceUIDs: [study],
    patientIDs: [patientID],
    ...more,
  });
  const series = { seriesInstanceUID: instance.seriesInstanceUID };
  const whole = { ...series, sopInstanceUID: instance.sopInstanceUID };

  test.each([
    ["GET", `studies/${study}`, 200, "110104", "R", of()],
    [
      "GET",
      `studies/${study}/series/${instance.seriesInstanceUID}`,
      200,
      "110104",
      "R",
      of(series),
    ],
    ["GET", path, 200, "110104", "R", of(whole)],
    ["GET", `${path}/frames/1`, 200, "110104", "R", of(whole)],
    ["GET", `${path}/bulkdata/7FE00010`, 200, "110104", "R", of(whole)],
    ["GET", `studies/${study}/metadata`, 200, "110103", "R", of()],
    ["GET", `${path}/metadata`, 200, "110103", "R", of(whole)],
    [
      "GET",
      `studies?PatientID=${patientID}`,
      200,
      "110112",
      "E",
      {
        studyInstanceUIDs: [],
        patientIDs: [patientID],
        query: `/v2/studies?PatientID=${patientID}`,
      },
    ],
    [
      "GET",
      `instances?StudyInstanceUID=${study}`,
      200,
      "110112",
      "E",
      {
        studyInstanceUIDs: [study],
        patientIDs: [],
        query: `/v2/instances?StudyInstanceUID=${study}`,
      },
    ],
    [
      "GET",
      "feed/ranges",
      200,
      "110112",
      "E",
      { studyInstanceUIDs: [], patientIDs: [], query: "/v2/feed/ranges", resource: "feed/ranges" },
    ],
    ["GET", `studies/${other.studyInstanceUID}`, 404, "110104", "R", undefined],
    ["GET", "studies/abc", 400, "110104", "R", { studyInstanceUIDs: [], patientIDs: [] }],
    ["DELETE", instancePath(other), 404, "110103", "D", undefined],
  ] as const)(
    "%s %s is answered %i and event %s, action %s",
    async (method, target, status, code, action, object) => {
      const accept = target.includes("metadata") || target.includes("?") ? dicomJson : "*/*";
      const answer = await owner.request(target, {
        method,
        headers: { Accept: target === `studies/${study}` ? anyDicomMultipart : accept },
      });
      expect(answer.status).toBe(status);
      const event = await eventOf(answer);
      expect(event).toMatchObject({
        tenant: tenant.name,
        event: { code },
        action,
        outcome: status < 400 ? 0 : 4,
        status,
        user: { subject: "doctor-1", issuer: inject("tokenRuntime").issuer.url },
        address: "127.0.0.1",
      });
      expect(event.user?.tokenId).toMatch(/^[0-9a-f-]{36}$/);
      if (object !== undefined) {
        expect(event.object).toEqual(object);
      }
      expect(Math.abs(Date.now() - Date.parse(event.at))).toBeLessThan(60 * 60 * 1000);
    },
  );

  test("a store names the instances, studies and patients of its body, and so does one that is refused", async () => {
    const [one, two] = [makeInstance({ patientID: "A" }), makeInstance({ patientID: "B" })];
    for (const [status, outcome] of [
      [200, 0],
      [409, 4],
    ] as const) {
      const answer = await owner.store([one.bytes, two.bytes]);
      expect(answer.status).toBe(status);
      const { event, action, object, ...rest } = await eventOf(answer);
      expect([event.code, action, rest.outcome]).toEqual(["110104", "C", outcome]);
      expect(object.studyInstanceUIDs.toSorted()).toEqual(
        [one.studyInstanceUID, two.studyInstanceUID].toSorted(),
      );
      expect(object.sopInstanceUIDs?.toSorted()).toEqual(
        [one.sopInstanceUID, two.sopInstanceUID].toSorted(),
      );
      expect(object.patientIDs.toSorted()).toEqual(["A", "B"]);
    }
  });

  test("a deletion names the patient whose study it was", async () => {
    const removed = makeInstance({ patientID: "C" });
    await owner.mustStore([removed.bytes]);
    const answer = await owner.request(`studies/${removed.studyInstanceUID}`, { method: "DELETE" });
    expect(await eventOf(answer)).toMatchObject({
      event: { code: "110105" },
      action: "D",
      status: 204,
      object: { studyInstanceUIDs: [removed.studyInstanceUID], patientIDs: ["C"] },
    });
  });

  test("a search that is sent as a form is on record with what the form asked", async () => {
    const answer = await owner.request("studies/_search", {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded", Accept: dicomJson },
      body: `PatientID=${patientID}`,
    });
    expect(await eventOf(answer)).toMatchObject({
      event: { code: "110112" },
      object: {
        patientIDs: [patientID],
        query: `/v2/studies/_search?PatientID=${patientID}`,
      },
    });
  });

  test("found again by patient, study, user, action and time", async () => {
    const answer = await owner.get(`studies/${study}/metadata`, dicomJson);
    const { id, at } = await eventOf(answer);
    for (const query of [
      `?patient=${patientID}`,
      `?study=${study}`,
      "?user=doctor-1&action=R",
      `?from=${at}`,
    ]) {
      expect((await readEvents(`${query}&limit=200`)).map((event) => event.id)).toContain(id);
    }
    for (const query of [
      "?patient=nobody",
      `?study=${makeUID()}`,
      "?user=doctor-2",
      "?user=doctor-1&action=D",
      `?to=${at}`,
    ]) {
      expect((await readEvents(`${query}&limit=200`)).map((event) => event.id)).not.toContain(id);
    }
  });
});

describe("refusals", () => {
  test("for want of a data action are on record with who was refused", async () => {
    const reader = tenant.service(["DICOM Data Reader"], { sub: "reader-1" });
    const answer = await reader.request(`studies/${makeUID()}`, { method: "DELETE" });
    expect(answer.status).toBe(403);
    expect(await eventOf(answer)).toMatchObject({
      event: { code: "110105" },
      types: [{ code: "110132" }],
      outcome: 8,
      user: { subject: "reader-1" },
    });
  });

  test("of callers that are not known are in the audit of the platform", async () => {
    const expired = makeToken({ tenant: tenant.name, exp: 1_000, nbf: 0, iat: 0 });
    for (const headers of [{}, bearer("not-a-token"), bearer(expired)]) {
      const answer = await send(`${baseUrl}/v2/studies/1.2.3`, { headers });
      expect(answer.status).toBe(401);
      const id = String(answer.headers["x-correlation-id"]);
      const listed = await askPlatform("GET", `audit?correlationId=${id}`);
      const { events } = listed.json() as { events: ReadEvent[] };
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({
        tenant: "$platform",
        event: { code: "110114" },
        types: [{ code: "110122" }],
        outcome: 8,
        status: 401,
        address: "127.0.0.1",
        object: { studyInstanceUIDs: ["1.2.3"] },
      });
      expect(events[0]?.user).toBeUndefined();
      expect(await readEvents(`?correlationId=${id}`)).toEqual([]);
    }
  });

  test("of a suspended tenant's callers are in the audit of the tenant", async () => {
    const suspended = await TestTenant.register();
    const admin = suspended.service(["Strata Tenant Admin"]);
    expect((await askPlatform("POST", `tenants/${suspended.name}/suspend`)).status).toBe(200);
    const answer = await admin.get("studies");
    expect(answer.status).toBe(403);
    expect((await askPlatform("POST", `tenants/${suspended.name}/resume`)).status).toBe(200);
    expect((await eventOf(answer, admin)).status).toBe(403);
  });
});

describe("reading the audit", () => {
  test("is itself on record", async () => {
    const answer = await auditor.get("audit?patient=X");
    expect(await eventOf(answer)).toMatchObject({
      event: { code: "110101" },
      action: "R",
      user: { subject: "auditor-1" },
      object: { patientIDs: ["X"], query: "/v2/audit?patient=X", resource: "audit" },
    });
  });

  test("takes the data action tenant.admin, and is of the own tenant alone", async () => {
    const refused = await owner.get("audit");
    expect([refused.status, problemKind(refused)]).toEqual([403, "forbidden"]);
    const another = await TestTenant.register();
    await another.service().get("studies?PatientID=SECRET", dicomJson);
    const events = await readEvents("?limit=200");
    expect(events.length).toBeGreaterThan(0);
    expect(events.filter((event) => event.tenant !== tenant.name)).toEqual([]);
    const theirs = await readEvents("", another.service(["Strata Tenant Admin"]));
    expect(theirs.map((event) => event.object.patientIDs)).toEqual([["SECRET"]]);
  });

  test("who administers the platform reads the platform's audit, and no tenant's", async () => {
    const id = String((await owner.get("studies?limit=1", dicomJson)).headers["x-correlation-id"]);
    const registered = await askPlatform("GET", `tenants/${tenant.name}`);
    const answer = await askPlatform("GET", "audit?limit=200");
    const { events } = answer.json() as { events: ReadEvent[] };
    expect(events.filter((event) => event.tenant !== "$platform")).toEqual([]);
    expect(events.map((event) => event.correlationId)).not.toContain(id);
    expect(events.map((event) => event.correlationId)).toContain(
      registered.headers["x-correlation-id"],
    );
  });

  test("goes page by page, by the link or the continuation", async () => {
    const mine = await TestTenant.register();
    const admin = mine.service(["Strata Tenant Admin"]);
    const queries = ["?a=1", "?a=2", "?a=3", "?a=4", "?a=5"];
    for (const query of queries) {
      await mine.service().get(`studies${query}`, dicomJson);
    }
    const seen: (string | undefined)[] = [];
    let url: string | undefined = admin.url("audit?limit=2&action=E");
    while (url !== undefined) {
      const answer = await send(url, { headers: bearer(mine.token(["Strata Tenant Admin"])) });
      const { events, continuation } = answer.json() as {
        events: ReadEvent[];
        continuation?: string;
      };
      seen.push(...events.map(({ object }) => object.query));
      url = /^<(.+)>; rel="next"$/.exec(String(answer.headers["link"]))?.[1];
      expect(url?.includes(`continuation=${continuation ?? ""}`)).toBe(
        continuation === undefined ? undefined : true,
      );
    }
    expect(seen).toEqual(queries.toReversed().map((query) => `/v2/studies${query}`));
  });

  test("answers with FHIR AuditEvents when asked to, and else with JSON", async () => {
    await owner.get(`studies/${makeUID()}`);
    const answer = await auditor.get("audit?limit=3", "application/fhir+json");
    expect([
      answer.status,
      answer.headers["content-type"],
      answer.headers["cache-control"],
    ]).toEqual([200, "application/fhir+json", "no-store"]);
    const bundle = answer.json() as {
      resourceType: string;
      type: string;
      link: { relation: string; url: string }[];
      entry: {
        fullUrl: string;
        resource: { resourceType: string; id: string; source: { site: string } };
      }[];
    };
    expect(bundle.entry.length).toBeGreaterThanOrEqual(3);
    expect(new Set(bundle.entry.map(({ fullUrl }) => fullUrl)).size).toBe(bundle.entry.length);
    for (const { fullUrl, resource } of bundle.entry) {
      expect(fullUrl).toMatch(/^https?:\/\/[^?#]+$/);
      expect(fullUrl.split("/").slice(-2)).toEqual(["AuditEvent", resource.id]);
    }
    expect([bundle.resourceType, bundle.type]).toEqual(["Bundle", "searchset"]);
    expect(bundle.link.map(({ relation }) => relation)).toEqual(["self", "next"]);
    expect(new Set(bundle.entry.map(({ resource }) => resource.resourceType))).toEqual(
      new Set(["AuditEvent"]),
    );
    expect(new Set(bundle.entry.map(({ resource }) => resource.source.site))).toEqual(
      new Set([tenant.name]),
    );
    expect((await auditor.get("audit", "application/*;q=0.5")).headers["content-type"]).toBe(
      "application/json",
    );
    const refused = await auditor.get("audit", "text/html");
    expect([refused.status, problemKind(refused)]).toEqual([406, "notAcceptable"]);
  });

  test.each(["?from=yesterday", "?limit=0", "?tenant=other", "?continuation=1"])(
    "with %s is 400",
    async (query) => {
      const answer = await auditor.get(`audit${query}`);
      expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
    },
  );
});

describe("what a caller adds", () => {
  const name = (index: number): string => `X-MS-AZUREDICOM-AUDIT-H${index}`;
  const headersOf = (count: number, length: number): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [name(index), "x".repeat(length)]),
    );

  test("in audit headers is kept with the event", async () => {
    const answer = await owner.request("studies?limit=1", {
      headers: { ...headersOf(10, 10), "x-ms-azuredicom-audit-Purpose": "Ward round" },
    });
    expect(answer.status).toBe(400);
    const kept = await owner.request("studies?limit=1", {
      headers: { ...headersOf(4, 2048), "x-ms-azuredicom-audit-Purpose": "Ward round" },
    });
    expect((await eventOf(kept)).added).toEqual({
      ...Object.fromEntries([0, 1, 2, 3].map((index) => [`h${index}`, "x".repeat(2048)])),
      purpose: "Ward round",
    });
  });

  test.each([
    [10, 20, 200],
    [11, 20, 400],
    [1, 2048, 200],
    [1, 2049, 400],
  ])("%i headers of %i characters are answered %i", async (count, length, status) => {
    const answer = await owner.request("studies?limit=1", { headers: headersOf(count, length) });
    expect(answer.status).toBe(status);
    expect((await eventOf(answer)).status).toBe(status);
  });

  test("as its address is not believed", async () => {
    const answer = await owner.request("studies?limit=1", {
      headers: { "X-Forwarded-For": "203.0.113.9", Forwarded: "for=203.0.113.9" },
    });
    expect((await eventOf(answer)).address).toBe("127.0.0.1");
  });

  test("as correlation id is repeated when it is one, and found in the audit", async () => {
    const id = randomUUID();
    const answer = await owner.request("studies?limit=1", { headers: { "X-Correlation-Id": id } });
    expect(answer.headers["x-correlation-id"]).toBe(id);
    expect((await eventOf(answer)).correlationId).toBe(id);
  });
});

test("health and preflight are not on record", async () => {
  const id = randomUUID();
  const headers = { "X-Correlation-Id": id };
  await send(`${baseUrl}/health/check`, { headers });
  await send(`${baseUrl}/v2/studies`, {
    method: "OPTIONS",
    headers: { ...headers, Origin: "https://x.example", "Access-Control-Request-Method": "GET" },
  });
  const listed = await askPlatform("GET", `audit?correlationId=${id}`);
  expect((listed.json() as { events: unknown[] }).events).toEqual([]);
});

test("without authentication accesses are on record too", async () => {
  const local = new DicomwebService("v2", inject("runtime").baseUrl);
  const answer = await local.get(`studies/${makeUID()}`);
  expect(await eventOf(answer, local)).toMatchObject({
    tenant: "default",
    user: { issuer: "none", subject: "anybody" },
    status: 404,
  });
});

test("who stored and who deleted an instance is in the batch of the change, with the correlation id", async () => {
  const cosmos = new CosmosClient(inject("runtime").cosmosConnectionString);
  const container = cosmos.database(inject("tokenRuntime").database).container("dicom");
  const instance = makeInstance();
  const stored = await owner.store([instance.bytes]);
  const remover = tenant.service(["DICOM Data Owner"], { sub: "doctor-2" });
  const path = `studies/${instance.studyInstanceUID}`;
  const deleted = await remover.request(path, { method: "DELETE" });
  expect([stored.status, deleted.status]).toEqual([200, 204]);
  const { resources } = await container.items
    .query<{ author: unknown }>(
      'SELECT c.author FROM c WHERE c.kind = "change" ORDER BY c.id ASC',
      {
        partitionKey: [tenant.name, "Microsoft.Default", instance.studyInstanceUID],
      },
    )
    .fetchAll();
  cosmos.dispose();
  const issuer = inject("tokenRuntime").issuer.url;
  expect(resources).toEqual([
    { author: { issuer, subject: "doctor-1", correlationId: stored.headers["x-correlation-id"] } },
    { author: { issuer, subject: "doctor-2", correlationId: deleted.headers["x-correlation-id"] } },
  ]);
  // Nobody who reads the feeds is told.
  for (const feed of ["changefeed?limit=200", "feed?mode=all"]) {
    expect((await owner.get(feed)).text).not.toContain("doctor-");
  }
});
