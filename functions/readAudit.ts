import type { AuditPage } from "../shared/audit/auditLog.ts";
import { parseAuditQuery } from "../shared/audit/auditQuery.ts";
import { encodeFhirAuditEvents } from "../shared/audit/fhirAuditEvent.ts";
import { acceptOf } from "../shared/http/acceptOf.ts";
import type { DicomwebRequest } from "../shared/http/dicomwebRequest.ts";
import { jsonAnswer } from "../shared/http/jsonAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { Problem } from "../shared/problem/problem.ts";
import { runtime } from "../shared/runtime.ts";

const json = "application/json";
const fhir = "application/fhir+json";

// The tenant's audit; for who administers the platform, the platform's own. That it was read is in it too.
registerTransaction({ name: "readAudit", method: "GET", template: "audit" }, runtime, {
  permission: "tenant.admin",
  partitionUse: "none",
  run: async (request, scope) => {
    const mediaType = mediaTypeOf(request);
    const page = await runtime().auditLog.query(scope, parseAuditQuery(request.query));
    const next = nextURL(request, page);
    const headers = {
      "Cache-Control": "no-store",
      Vary: "Accept",
      ...(next === undefined ? {} : { Link: `<${next}>; rel="next"` }),
    };
    return mediaType === fhir
      ? jsonAnswer(200, bundleOf(page, next, request), { ...headers, "Content-Type": fhir })
      : jsonAnswer(200, page, headers);
  },
});

function mediaTypeOf(request: DicomwebRequest): string {
  for (const { type, quality } of acceptOf(request)) {
    if (quality > 0) {
      if (type === fhir) {
        return fhir;
      }
      if ([json, "application/*", "*/*"].includes(type)) {
        return json;
      }
    }
  }
  throw new Problem("notAcceptable", `What can be provided: ${json}, ${fhir}.`);
}

// FHIR R4 §3.1.1.3: a page of a search.
function bundleOf(
  { events }: AuditPage,
  next: string | undefined,
  { serviceURL, query }: DicomwebRequest,
): object {
  const parameters = query.toString();
  return {
    resourceType: "Bundle",
    type: "searchset",
    link: [
      { relation: "self", url: `${serviceURL}/audit${parameters === "" ? "" : `?${parameters}`}` },
      ...(next === undefined ? [] : [{ relation: "next", url: next }]),
    ],
    entry: events
      .flatMap((event) => encodeFhirAuditEvents(event, serviceURL))
      // R4 demands the resource's identity of each entry, which need not be a place where it can be read.
      .map((resource) => ({
        fullUrl: `${serviceURL}/AuditEvent/${resource.id}`,
        resource,
        search: { mode: "match" },
      })),
  };
}

function nextURL(
  { serviceURL, query }: DicomwebRequest,
  { continuation }: AuditPage,
): string | undefined {
  if (continuation === undefined) {
    return undefined;
  }
  const next = new URLSearchParams([...query].filter(([name]) => name !== "continuation"));
  next.set("continuation", continuation);
  return `${serviceURL}/audit?${next.toString()}`;
}
