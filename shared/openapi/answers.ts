import { imageMediaTypes, renderedMediaTypes } from "../dicomweb/renderedMediaType.ts";

/** A Response Object of OpenAPI 3.1. */
export interface AnswerObject {
  readonly description: string;
  readonly headers?: Readonly<Record<string, object>>;
  /** By media type; parameters of one are part of its name. */
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}

/** The answers that descriptions refer to. */
export type AnswerName =
  | "noContent"
  | "notModified"
  | "storeResponse"
  | "instances"
  | "instance"
  | "part"
  | "metadata"
  | "frames"
  | "bulkdata"
  | "rendered"
  | "renderedInstance"
  | "thumbnail"
  | "searchResults"
  | "noResults"
  | "count"
  | "changeFeedPage"
  | "changeFeedEntry"
  | "feedPage"
  | "feedRanges"
  | "feedCursor"
  | "feedCursors"
  | "operationReference"
  | "operationUnderWay"
  | "operation"
  | "extendedQueryTag"
  | "extendedQueryTags"
  | "extendedQueryTagErrors"
  | "partitions"
  | "auditPage"
  | "tenant"
  | "tenantDeletion"
  | "tenants"
  | "usage"
  | "health"
  | "capabilities"
  | "openAPI"
  | "openAPIText";

const dicomJson = "application/dicom+json";
const dicomXML = "application/dicom+xml";

function header(description: string): object {
  return { description, schema: { type: "string" } };
}

const imageParts = imageMediaTypes.map((mediaType) => `multipart/related; type="${mediaType}"`);
const entityTag = header("Changes whenever the answer would (RFC 9110 §8.8.3).");
const warning = header("What the caller should know all the same (PS3.18 §10.6.3.1).");

function json(schema: string, description: string, mediaType = "application/json"): AnswerObject {
  return {
    description,
    content: { [mediaType]: { schema: { $ref: `#/components/schemas/${schema}` } } },
  };
}

function bytes(description: string, ...mediaTypes: readonly string[]): AnswerObject {
  return {
    description,
    content: Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, {}])),
  };
}

/** Data sets as JSON, or in the Native DICOM Model as XML. */
function datasets(schema: string, description: string): AnswerObject {
  const asJson = json(schema, description, dicomJson);
  return {
    ...asJson,
    content: {
      ...asJson.content,
      [`multipart/related; type="${dicomXML}"`]: {},
    },
  };
}

/** {@link AnswerName}, with what each is. */
export const answers: Readonly<Record<AnswerName, AnswerObject>> = {
  noContent: { description: "It is done." },
  notModified: { description: "The caller has it already." },
  storeResponse: {
    description:
      "What became of each instance: ReferencedSOPSequence has those that were stored, FailedSOPSequence the others.",
    content: { ...json("Dataset", "", dicomJson).content, [dicomXML]: {} },
    headers: { Warning: warning },
  },
  instances: bytes("The instances, each a part.", 'multipart/related; type="application/dicom"'),
  instance: {
    ...bytes(
      "The instance.",
      "application/dicom; transfer-syntax=*",
      'multipart/related; type="application/dicom"',
    ),
    headers: { ETag: entityTag },
  },
  part: { description: "The bytes that were asked for (RFC 9110 §14)." },
  metadata: {
    ...datasets("Datasets", "The metadata of each instance."),
    headers: { ETag: entityTag },
  },
  frames: bytes(
    "The frames in the order of the request, each a part, or one as the body. A codestream can also be had in its own media type.",
    'multipart/related; type="application/octet-stream"',
    "application/octet-stream",
  ),
  bulkdata: bytes(
    "The value.",
    "application/octet-stream",
    'multipart/related; type="application/octet-stream"',
  ),
  rendered: {
    ...bytes("A picture, or one of each frame.", ...imageMediaTypes, ...imageParts),
    headers: { ETag: entityTag },
  },
  renderedInstance: {
    ...bytes(
      "A picture; of a video, an encapsulated document or a structured report what it holds.",
      ...renderedMediaTypes,
      ...imageParts,
    ),
    headers: { ETag: entityTag },
  },
  thumbnail: {
    ...bytes("A small picture.", ...imageMediaTypes),
    headers: { ETag: entityTag },
  },
  searchResults: {
    ...datasets("Datasets", "What matches."),
    headers: {
      Warning: warning,
      Link: header("Where the next page is (RFC 8288)."),
      "erroneous-dicom-attributes": header(
        "Attributes of the query by which not every instance could be indexed.",
      ),
    },
  },
  noResults: { description: "Nothing matches." },
  count: json("Count", "How many match."),
  changeFeedPage: json("ChangeFeedPage", "Entries in the order of their numbers."),
  changeFeedEntry: json("ChangeFeedEntry", "The last entry."),
  feedPage: { ...json("FeedPage", "Entries, and where to go on."), headers: { ETag: entityTag } },
  feedRanges: json("FeedRanges", "Ranges that together are all of the feed."),
  feedCursor: {
    ...json("FeedCursor", "The cursor."),
    headers: { ETag: entityTag },
  },
  feedCursors: json("FeedCursors", "The cursors by name."),
  operationReference: {
    ...json("OperationReference", "The operation that has begun."),
    headers: { Location: header("Where the operation is.") },
  },
  operationUnderWay: {
    ...json("Operation", "The operation goes on."),
    headers: { Location: header("Where to ask again.") },
  },
  operation: json("Operation", "The operation has ended."),
  extendedQueryTag: json("ExtendedQueryTag", "The tag."),
  extendedQueryTags: json("ExtendedQueryTags", "The tags in the order of their registration."),
  extendedQueryTagErrors: json(
    "ExtendedQueryTagErrors",
    "Instances whose value cannot be indexed, the oldest error first.",
  ),
  partitions: json("Partitions", "The data partitions of the tenant."),
  auditPage: {
    description: "Events, the newest first.",
    content: {
      ...json("AuditPage", "").content,
      "application/fhir+json": {},
    },
    headers: { Link: header("Where the next page is (RFC 8288).") },
  },
  tenant: json("Tenant", "The tenant."),
  tenantDeletion: json("TenantDeletion", "The tenant, and what confirms its deletion."),
  tenants: json("Tenants", "All tenants by name."),
  usage: json("Usage", "How much the tenant has stored."),
  health: json("Health", "Whether what the service needs works."),
  capabilities: json("Capabilities", "What this version of the service can do."),
  openAPI: json("OpenAPI", "This document."),
  openAPIText: bytes("This document, as YAML.", "application/yaml"),
};
