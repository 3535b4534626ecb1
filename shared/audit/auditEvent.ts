/** A code of DICOM PS3.16, context groups 400 and 401: what kind of event it is, in general and in particular. */
export interface EventCode {
  readonly code: string;
  readonly meaning: string;
}

/** EventActionCode (PS3.15 §A.5.2): create, read, update, delete, execute. */
export type EventAction = "C" | "R" | "U" | "D" | "E";

/**
 * EventOutcomeIndicator (PS3.15 §A.5.2): success; what the caller can mend; what the caller may not do, or the service could
 * not; a failure that nobody expected.
 */
export type EventOutcome = 0 | 4 | 8 | 12;

/** Who caused an event. Names of people are not kept: `subject` is how the issuer calls them. */
export interface AuditUser {
  readonly issuer: string;
  readonly subject: string;
  /** The program that acted. */
  readonly clientId?: string;
  /** The id of the token (`jti`) by which the caller was let in. */
  readonly tokenId?: string;
}

/** What was accessed. */
export interface AuditObject {
  readonly studyInstanceUIDs: readonly string[];
  readonly seriesInstanceUID?: string;
  readonly sopInstanceUID?: string;
  /** PatientID, as it stands in the instances or in the query. */
  readonly patientIDs: readonly string[];
  /** The instances that were stored, as far as there are not too many to list. */
  readonly sopInstanceUIDs?: readonly string[];
  /** How many instances there were, when they are not all listed. */
  readonly instanceCount?: number;
  /** Path and query of a search or of another access that names its objects in the query. */
  readonly query?: string;
  /** Any other object, by its path below the version: a workitem, a tenant, an operation. */
  readonly resource?: string;
}

/**
 * One access, granted or refused: the audit message of DICOM PS3.15 §A.5, of which a FHIR AuditEvent can be made.
 *
 * It may name patients. It belongs in the audit and nowhere else.
 */
export interface AuditEvent {
  /** Sorts by time and never repeats (a ULID). */
  readonly id: string;
  /** In ISO 8601 with milliseconds and `Z`. */
  readonly at: string;
  /** Whose audit it is in: a tenant's name, or `$platform`. */
  readonly tenant: string;
  readonly partition?: string;
  readonly correlationId: string;
  readonly event: EventCode;
  readonly types: readonly EventCode[];
  readonly action: EventAction;
  readonly outcome: EventOutcome;
  /** The status of the answer. */
  readonly status: number;
  /** The function that answered. */
  readonly name: string;
  /** The data action that it takes. */
  readonly dataAction: string;
  /** Absent when the caller is not known. */
  readonly user?: AuditUser;
  /** The network address of the caller. */
  readonly address?: string;
  readonly object: AuditObject;
  /** What the caller added in `X-MS-AZUREDICOM-AUDIT-` headers, by the rest of their names. */
  readonly added?: Readonly<Record<string, string>>;
  /** How many events of callers that are not known were left out since the last one. */
  readonly leftOut?: number;
}
