import type { AuditEvent, EventAction } from "./auditEvent.ts";

const dcm = "http://dicom.nema.org/resources/ontology/DCM";
const participation = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const entityType = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const objectRole = "http://terminology.hl7.org/CodeSystem/object-role";
const balp = "https://profiles.ihe.net/ITI/BALP";

interface Coding {
  readonly system: string;
  readonly code: string;
  readonly display?: string;
}

/** An AuditEvent of FHIR R4. */
export interface FhirAuditEvent {
  readonly resourceType: "AuditEvent";
  readonly id: string;
  readonly [element: string]: unknown;
}

/** How IHE BALP has an action: its profile, FHIR's name of it, and the parts that client, server and user play. */
interface ActionPattern {
  readonly profile: string;
  readonly interaction: string;
  readonly client: Coding;
  readonly server: Coding;
  readonly user: Coding;
}

const source = { system: dcm, code: "110153", display: "Source Role ID" };
const destination = { system: dcm, code: "110152", display: "Destination Role ID" };
const application = { system: dcm, code: "110150", display: "Application" };
const recipient = { system: participation, code: "IRCP", display: "information recipient" };
const author = { system: participation, code: "AUT", display: "author (originator)" };
const custodian = {
  system: "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
  code: "custodian",
  display: "Custodian",
};

const patterns: Readonly<Record<EventAction, ActionPattern>> = {
  C: {
    profile: "Create",
    interaction: "create",
    client: source,
    server: destination,
    user: author,
  },
  R: { profile: "Read", interaction: "read", client: destination, server: source, user: recipient },
  U: {
    profile: "Update",
    interaction: "update",
    client: source,
    server: destination,
    user: author,
  },
  D: {
    profile: "Delete",
    interaction: "delete",
    client: application,
    server: custodian,
    user: author,
  },
  E: {
    profile: "Query",
    interaction: "search",
    client: source,
    server: destination,
    user: recipient,
  },
};

/**
 * An event as FHIR R4 AuditEvents, by the Basic Audit Log Patterns of IHE (BALP 1.1): one for each patient that it is
 * about, or a single one.
 *
 * One that succeeded names the profile that it conforms to; BALP has none for failures. What was accessed is identified by
 * its URL below `serviceURL`, and the caller by what its token says; no name of a person is in it.
 */
export function encodeFhirAuditEvents(
  event: AuditEvent,
  serviceURL: string,
): readonly FhirAuditEvent[] {
  const patients = event.object.patientIDs;
  return patients.length === 0
    ? [auditEvent(event, serviceURL, undefined, event.id)]
    : patients.map((patientID, at) =>
        auditEvent(event, serviceURL, patientID, at === 0 ? event.id : `${event.id}-${at}`),
      );
}

function auditEvent(
  event: AuditEvent,
  serviceURL: string,
  patientID: string | undefined,
  id: string,
): FhirAuditEvent {
  const pattern = patterns[event.action];
  const profiles = [
    ...profileOf(event, pattern, patientID),
    ...(event.user?.tokenId === undefined ? [] : ["OAUTHaccessTokenUse.Minimal"]),
  ].map((name) => `${balp}/StructureDefinition/IHE.BasicAudit.${name}`);
  return {
    resourceType: "AuditEvent",
    id,
    ...(profiles.length === 0 ? {} : { meta: { profile: profiles } }),
    type: {
      system: "http://terminology.hl7.org/CodeSystem/audit-event-type",
      code: "rest",
      display: "Restful Operation",
    },
    subtype: [
      { system: "http://hl7.org/fhir/restful-interaction", code: pattern.interaction },
      ...(isDelete(event)
        ? []
        : [event.event, ...event.types].map(({ code, meaning }) => ({
            system: dcm,
            code,
            display: meaning,
          }))),
    ],
    action: event.action,
    recorded: event.at,
    outcome: String(event.outcome),
    ...(event.outcome === 0 ? {} : { outcomeDesc: `HTTP status ${event.status}` }),
    agent: agents(event, pattern, serviceURL),
    source: {
      site: event.tenant,
      observer: { display: serviceURL },
      type: [
        {
          system: "http://terminology.hl7.org/CodeSystem/security-source-type",
          code: "4",
          display: "Application Server",
        },
      ],
    },
    entity: entities(event, serviceURL, patientID),
  };
}

function profileOf(
  { action, outcome, object, address }: AuditEvent,
  { profile }: ActionPattern,
  patientID: string | undefined,
): readonly string[] {
  // A profile demands success, the client's network address, and of a query its text.
  if (outcome !== 0 || address === undefined || (action === "E" && object.query === undefined)) {
    return [];
  }
  return [patientID === undefined ? profile : `Patient${profile}`];
}

// The profile of a deletion allows no other subtype than FHIR's own.
function isDelete({ action }: AuditEvent): boolean {
  return action === "D";
}

function agents(event: AuditEvent, pattern: ActionPattern, serviceURL: string): readonly object[] {
  const { user, address } = event;
  const concept = (coding: Coding): object => ({ coding: [coding] });
  return [
    {
      type: concept(pattern.client),
      who: identified(user?.issuer, user?.clientId ?? address ?? "unknown"),
      requestor: user === undefined,
      ...(address === undefined ? {} : { network: { address, type: "2" } }),
    },
    {
      type: concept(pattern.server),
      who: { display: serviceURL },
      requestor: false,
      network: { address: serviceURL, type: "5" },
    },
    ...(user === undefined
      ? []
      : [
          {
            type: concept(pattern.user),
            who: identified(user.issuer, user.subject),
            requestor: true,
          },
        ]),
    ...(user?.tokenId === undefined
      ? []
      : [
          {
            type: concept({
              system: `${balp}/CodeSystem/UserAgentTypes`,
              code: "UserOauthAgent",
              display: "User OAuth Agent participant",
            }),
            who: identified(user.issuer, user.subject),
            requestor: true,
            // The id of the token, and nothing else of it.
            policy: [`urn:ietf:params:oauth:jti:${encodeURIComponent(user.tokenId)}`],
          },
        ]),
  ];
}

function identified(system: string | undefined, value: string): object {
  const isURI = system !== undefined && /^[a-z][a-z0-9+.-]*:\S+$/i.test(system);
  return { identifier: isURI ? { system, value } : { value } };
}

function entities(
  event: AuditEvent,
  serviceURL: string,
  patientID: string | undefined,
): readonly object[] {
  return [
    {
      type: { system: `${balp}/CodeSystem/BasicAuditEntityType`, code: "XrequestId" },
      what: { identifier: { value: event.correlationId } },
    },
    dataEntity(event, serviceURL),
    ...(patientID === undefined
      ? []
      : [
          {
            type: { system: entityType, code: "1", display: "Person" },
            role: { system: objectRole, code: "1", display: "Patient" },
            what: { type: "Patient", identifier: { value: patientID } },
          },
        ]),
  ];
}

function dataEntity(event: AuditEvent, serviceURL: string): object {
  const { object } = event;
  const type = { system: entityType, code: "2", display: "System Object" };
  if (event.action === "E" && object.query !== undefined) {
    return {
      type,
      role: { system: objectRole, code: "24", display: "Query" },
      query: Buffer.from(object.query, "utf8").toString("base64"),
    };
  }
  const added = Object.entries(event.added ?? {}).map(([name, value]) => ({
    type: name,
    valueString: value,
  }));
  return {
    type,
    role: { system: objectRole, code: "4", display: "Domain Resource" },
    what: { identifier: { value: `${serviceURL}/${pathOf(event)}` } },
    ...(added.length === 0 || isDelete(event) ? {} : { detail: added }),
  };
}

/** The path of what was accessed below the service's URL: the most particular that all of it has in common. */
function pathOf({ object, partition }: AuditEvent): string {
  const prefix = partition === undefined ? "" : `partitions/${encodeURIComponent(partition)}/`;
  const [study, ...more] = object.studyInstanceUIDs;
  if (object.resource !== undefined || study === undefined || more.length > 0) {
    return prefix + (object.resource ?? "studies");
  }
  const series =
    object.seriesInstanceUID === undefined ? "" : `/series/${object.seriesInstanceUID}`;
  const instance = object.sopInstanceUID === undefined ? "" : `/instances/${object.sopInstanceUID}`;
  return `${prefix}studies/${study}${series}${instance}`;
}
