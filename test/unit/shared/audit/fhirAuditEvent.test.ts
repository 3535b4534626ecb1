// What IHE BALP 1.1 demands of the AuditEvent of each kind of access, checked as its profiles write it down.
import { expect, test } from "vitest";
import type { AuditEvent, EventAction } from "../../../../shared/audit/auditEvent.ts";
import { encodeFhirAuditEvents } from "../../../../shared/audit/fhirAuditEvent.ts";

interface Coding {
  readonly system: string;
  readonly code: string;
}

interface FhirAuditEvent {
  readonly resourceType: string;
  readonly id: string;
  readonly meta?: { readonly profile: readonly string[] };
  readonly type: Coding;
  readonly subtype: readonly Coding[];
  readonly action: string;
  readonly recorded: string;
  readonly outcome: string;
  readonly agent: readonly {
    readonly type: { readonly coding: readonly Coding[] };
    readonly who?: unknown;
    readonly requestor: boolean;
    readonly network?: { readonly address: string; readonly type: string };
    readonly policy?: readonly string[];
    readonly media?: unknown;
  }[];
  readonly source: { readonly observer: unknown };
  readonly entity: readonly {
    readonly type: Coding;
    readonly role?: Coding;
    readonly what?: { readonly identifier?: { readonly value: string } };
    readonly query?: string;
    readonly detail?: unknown;
  }[];
}

const serviceURL = "https://strata.example/v2";
const prefix = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";

function event(action: EventAction, changes: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id: "01M8087T6QPTSEDWY84TAKJ1HX",
    at: "2026-03-01T12:00:00.000Z",
    tenant: "hospital",
    correlationId: "0af7651916cd43dd8448eb211c80319c",
    event: { code: "110103", meaning: "DICOM Instances Accessed" },
    types: [],
    action,
    outcome: 0,
    status: 200,
    name: "retrieveStudy",
    dataAction: "read",
    user: { issuer: "https://issuer.example", subject: "u-1", clientId: "app-1" },
    address: "192.0.2.7",
    object: {
      studyInstanceUIDs: ["1.2.3"],
      patientIDs: [],
      ...(action === "E" ? { query: "/v2/studies?PatientID=1&x=ü" } : {}),
    },
    ...changes,
  };
}

function encode(one: AuditEvent): readonly FhirAuditEvent[] {
  return encodeFhirAuditEvents(one, serviceURL) as readonly object[] as readonly FhirAuditEvent[];
}

/** What the profile of each action fixes: FHIR's name of it, and the types of the agents. */
const profiles: Readonly<
  Record<EventAction, { profile: string; subtype: string; client: string; server: string }>
> = {
  C: { profile: "Create", subtype: "create", client: "110153", server: "110152" },
  R: { profile: "Read", subtype: "read", client: "110152", server: "110153" },
  U: { profile: "Update", subtype: "update", client: "110153", server: "110152" },
  D: { profile: "Delete", subtype: "delete", client: "110150", server: "custodian" },
  E: { profile: "Query", subtype: "search", client: "110153", server: "110152" },
};

function typeOf({ type }: FhirAuditEvent["agent"][number]): string | undefined {
  return type.coding[0]?.code;
}

test.each(
  Object.entries(profiles).flatMap(([action, expected]) =>
    [[], ["P-1"], ["P-1", "P-2"]].map(
      (patientIDs) => [action as EventAction, patientIDs, expected] as const,
    ),
  ),
)(
  "an event of action %s about patients %j conforms to its profile",
  (action, patientIDs, expected) => {
    const { object } = event(action);
    const resources = encode(event(action, { object: { ...object, patientIDs } }));
    expect(resources).toHaveLength(Math.max(1, patientIDs.length));
    expect(new Set(resources.map(({ id }) => id)).size).toBe(resources.length);
    for (const [at, resource] of resources.entries()) {
      const patient = patientIDs[at];
      expect(resource.resourceType).toBe("AuditEvent");
      expect(resource.id).toMatch(/^[A-Za-z0-9.-]{1,64}$/);
      expect(resource.meta?.profile).toEqual([
        `${prefix}${patient === undefined ? "" : "Patient"}${expected.profile}`,
      ]);
      expect(resource.type.code).toBe("rest");
      expect(resource.subtype[0]?.code).toBe(expected.subtype);
      // The profile of a deletion has exactly one.
      expect(resource.subtype.length).toBe(action === "D" ? 1 : 2);
      expect(resource.action).toBe(action);
      expect(resource.outcome).toBe("0");
      const client = resource.agent.filter((agent) => typeOf(agent) === expected.client);
      const server = resource.agent.filter((agent) => typeOf(agent) === expected.server);
      expect([client.length, server.length]).toEqual([1, 1]);
      for (const agent of [...client, ...server]) {
        expect(agent.who).toBeDefined();
        expect(agent.network?.address).not.toBe("");
      }
      const requestors = resource.agent.filter(({ requestor }) => requestor);
      expect(requestors).toHaveLength(1);
      expect(requestors[0]?.network).toBeUndefined();
      const transaction = resource.entity.filter(({ type }) => type.code === "XrequestId");
      expect(transaction[0]?.what?.identifier?.value).toBe("0af7651916cd43dd8448eb211c80319c");
      const people = resource.entity.filter(({ type }) => type.code === "1");
      expect(people.map(({ what }) => what?.identifier?.value)).toEqual(
        patient === undefined ? [] : [patient],
      );
      const [data, ...more] = resource.entity.filter(({ type }) => type.code === "2");
      expect(more).toEqual([]);
      if (action === "E") {
        expect([data?.role?.code, data?.what, data?.detail]).toEqual(["24", undefined, undefined]);
        expect(Buffer.from(data?.query ?? "", "base64").toString("utf8")).toBe(
          "/v2/studies?PatientID=1&x=ü",
        );
      } else {
        expect(data?.role?.code).toBe("4");
        expect(data?.what?.identifier?.value).toBe(`${serviceURL}/studies/1.2.3`);
        expect(data?.query).toBeUndefined();
      }
    }
  },
);

test("a failure names no profile, since there is none for it", () => {
  for (const action of Object.keys(profiles) as EventAction[]) {
    const [resource] = encode(event(action, { outcome: 8, status: 403 }));
    expect([resource?.meta, resource?.outcome]).toEqual([undefined, "8"]);
  }
});

test("a query whose text is not known, and an access from nobody knows where, name no profile", () => {
  const object = { studyInstanceUIDs: [], patientIDs: [] };
  expect(encode(event("E", { object }))[0]?.meta).toBeUndefined();
  const { address: _, ...unknown } = event("R");
  expect(encode(unknown)[0]?.meta).toBeUndefined();
});

test("the id of a token is in an agent of its own, and nothing else of the token", () => {
  const user = { issuer: "https://issuer.example", subject: "u-1", tokenId: "a b/c" };
  const [resource] = encode(event("R", { user }));
  expect(resource?.meta?.profile).toEqual([
    `${prefix}Read`,
    `${prefix}OAUTHaccessTokenUse.Minimal`,
  ]);
  const [agent] = (resource?.agent ?? []).filter((one) => typeOf(one) === "UserOauthAgent");
  expect([agent?.requestor, agent?.policy]).toEqual([
    true,
    ["urn:ietf:params:oauth:jti:a%20b%2Fc"],
  ]);
});

test("a caller that is not known is the client alone", () => {
  const { user: _, ...stranger } = event("E", { outcome: 8, status: 401 });
  const [resource] = encode(stranger);
  expect(resource?.agent.map((agent) => [typeOf(agent), agent.requestor])).toEqual([
    ["110153", true],
    ["110152", false],
  ]);
});

test("what was accessed is told by the most particular path that all of it has in common", () => {
  const path = (object: AuditEvent["object"], partition?: string): string | undefined => {
    const given = event("R", { object, ...(partition === undefined ? {} : { partition }) });
    return encode(given)[0]?.entity[1]?.what?.identifier?.value.replace(serviceURL, "");
  };
  const patientIDs: string[] = [];
  expect(path({ studyInstanceUIDs: ["1"], seriesInstanceUID: "2", patientIDs })).toBe(
    "/studies/1/series/2",
  );
  expect(
    path({ studyInstanceUIDs: ["1"], seriesInstanceUID: "2", sopInstanceUID: "3", patientIDs }),
  ).toBe("/studies/1/series/2/instances/3");
  expect(path({ studyInstanceUIDs: ["1", "2"], patientIDs })).toBe("/studies");
  expect(path({ studyInstanceUIDs: [], resource: "workitems/1", patientIDs })).toBe("/workitems/1");
  expect(path({ studyInstanceUIDs: ["1"], patientIDs }, "Ward 1")).toBe(
    "/partitions/Ward%201/studies/1",
  );
});
