import { defaultPartition } from "../tenancy/tenantScope.ts";
import type { AccessNotes } from "./accessNotes.ts";
import { auditedAccess } from "./auditedAccess.ts";
import type { NewAuditEvent } from "./auditLog.ts";

/** What the service did by itself. */
export interface Maintenance {
  /** Whose audit it is in. */
  readonly tenant: string;
  readonly partition?: string;
  /** The function that did it. */
  readonly name: string;
  /** Of the function's call. */
  readonly correlationId: string;
  /** What was deleted, as a request would name it: `studies/1.2.3`, `tenants/one`. */
  readonly path: readonly [collection: string, name: string];
  /** What it turned out to be about. */
  readonly notes: AccessNotes;
}

/** The issuer of no token: who acts in an event that no caller caused. */
const ownIssuer = "urn:strata:service";

/** The event of a deletion that no caller asked for at that moment: the end of a study's time, or of a tenant's. */
export function maintenanceEvent(maintenance: Maintenance): NewAuditEvent {
  const { tenant, partition, name, correlationId, path, notes } = maintenance;
  const { event, types, action } = auditedAccess({ method: "DELETE", segments: path });
  return {
    tenant,
    ...(partition === undefined || partition === defaultPartition ? {} : { partition }),
    correlationId,
    event,
    types,
    action,
    outcome: 0,
    status: 204,
    name,
    dataAction: "delete",
    user: { issuer: ownIssuer, subject: name },
    object: {
      studyInstanceUIDs: path[0] === "studies" ? [path[1]] : [],
      patientIDs: notes.patientIDs,
      ...(path[0] === "studies" ? {} : { resource: path.join("/") }),
    },
  };
}
