import type { EventAction, EventCode, EventOutcome } from "./auditEvent.ts";

/** What of a request says which kind of access it is. */
export interface AccessTarget {
  readonly method: string;
  /** The segments of the path after the version and the data partition; none when the path could not be read. */
  readonly segments: readonly string[];
}

/** A kind of access, in the terms of DICOM PS3.15 §A.5. */
export interface AuditedAccess {
  readonly event: EventCode;
  readonly types: readonly EventCode[];
  readonly action: EventAction;
  /** Whether the query says what was accessed, so that it belongs in the event. */
  readonly isQuery: boolean;
}

// DICOM PS3.16, context group 400.
const events = {
  applicationActivity: { code: "110100", meaning: "Application Activity" },
  auditLogUsed: { code: "110101", meaning: "Audit Log Used" },
  instancesAccessed: { code: "110103", meaning: "DICOM Instances Accessed" },
  instancesTransferred: { code: "110104", meaning: "DICOM Instances Transferred" },
  studyDeleted: { code: "110105", meaning: "DICOM Study Deleted" },
  export: { code: "110106", meaning: "Export" },
  procedureRecord: { code: "110111", meaning: "Procedure Record" },
  query: { code: "110112", meaning: "Query" },
  securityAlert: { code: "110113", meaning: "Security Alert" },
  userAuthentication: { code: "110114", meaning: "User Authentication" },
} as const satisfies Record<string, EventCode>;

// DICOM PS3.16, context group 401.
const types = {
  login: { code: "110122", meaning: "Login" },
  securityConfiguration: { code: "110129", meaning: "Security Configuration" },
  softwareConfiguration: { code: "110131", meaning: "Software Configuration" },
  restrictedFunction: { code: "110132", meaning: "Use of Restricted Function" },
} as const satisfies Record<string, EventCode>;

/**
 * Says what kind of access a request is.
 *
 * By its path and method alone, so that one that is refused is the same kind as one that is granted. A request of a
 * resource that is none of DICOMweb's reads, creates, changes or deletes a record of the service itself.
 */
export function auditedAccess({ method, segments }: AccessTarget): AuditedAccess {
  const [head = "", ...rest] = segments.map((segment) => segment.toLowerCase());
  switch (head) {
    case "studies":
    case "series":
    case "instances":
      return dicomAccess(method, [head, ...rest]);
    case "workitems":
      return isReading(method) && rest.length === 0
        ? accessOf(events.query, "E", { isQuery: true })
        : accessOf(events.procedureRecord, actionOf(method, rest.length === 0));
    case "audit":
      return accessOf(events.auditLogUsed, "R", { isQuery: true });
    case "export":
      return accessOf(events.export, "R");
    case "tenants":
      return configuration(method, rest, types.securityConfiguration);
    case "extendedquerytags":
    case "partitions":
      return configuration(method, rest, types.softwareConfiguration);
    default:
      return isReading(method)
        ? accessOf(events.query, "E", { isQuery: true })
        : accessOf(events.applicationActivity, actionOf(method, false));
  }
}

/** A caller that was not let in, whatever it asked for (PS3.15 §A.5.3.13). */
export const failedAuthentication: AuditedAccess = accessOf(events.userAuthentication, "E", {
  types: [types.login],
});

/** What an access is besides its kind when the caller may not do it. */
export const restrictedFunction: EventCode = types.restrictedFunction;

/** How an access ended, by the status of its answer. */
export function outcomeOf(status: number): EventOutcome {
  if (status < 400) {
    return 0;
  }
  if (status === 401 || status === 403 || status === 503) {
    return 8;
  }
  return status < 500 ? 4 : 12;
}

function dicomAccess(method: string, segments: readonly string[]): AuditedAccess {
  const last = segments.at(-1) ?? "";
  if (method === "DELETE") {
    return removal(segments);
  }
  if (method === "POST" && segments.at(-2) === "reject") {
    return removal(segments.slice(0, -2));
  }
  if (last === "_search") {
    return accessOf(events.query, "E", { isQuery: true });
  }
  if (!isReading(method)) {
    return last === "$bulkupdate"
      ? accessOf(events.instancesAccessed, "U")
      : accessOf(events.instancesTransferred, method === "POST" ? "C" : "U");
  }
  // The name of a collection stands where another would have a UID: after it, nothing but its count.
  const collection = last === "count" ? segments.slice(0, -1) : segments;
  if (
    collection.length % 2 === 1 &&
    ["studies", "series", "instances"].includes(collection.at(-1) ?? "")
  ) {
    return accessOf(events.query, "E", { isQuery: true });
  }
  return last === "metadata"
    ? accessOf(events.instancesAccessed, "R")
    : accessOf(events.instancesTransferred, "R");
}

function removal(segments: readonly string[]): AuditedAccess {
  return segments.length <= 2
    ? accessOf(events.studyDeleted, "D")
    : accessOf(events.instancesAccessed, "D");
}

function configuration(method: string, rest: readonly string[], type: EventCode): AuditedAccess {
  return isReading(method)
    ? accessOf(events.query, "E", { isQuery: true })
    : accessOf(events.securityAlert, actionOf(method, rest.length === 0), { types: [type] });
}

function isReading(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

function actionOf(method: string, postCreates: boolean): EventAction {
  switch (method) {
    case "POST":
      return postCreates ? "C" : "U";
    case "DELETE":
      return "D";
    case "PUT":
    case "PATCH":
      return "U";
    default:
      return "R";
  }
}

function accessOf(
  event: EventCode,
  action: EventAction,
  more: Partial<Pick<AuditedAccess, "types" | "isQuery">> = {},
): AuditedAccess {
  return { event, action, types: [], isQuery: false, ...more };
}
