const text = { type: "string" } as const;
const integer = { type: "integer" } as const;
const time = { type: "string", format: "date-time" } as const;

function reference(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

function list(items: object): object {
  return { type: "array", items };
}

function object(required: Readonly<Record<string, object>>, optional: object = {}): object {
  return {
    type: "object",
    required: Object.keys(required),
    properties: { ...required, ...optional },
  };
}

const link = object({ id: text, href: text });
const uids = { studyInstanceUid: text, seriesInstanceUid: text, sopInstanceUid: text };

const tenantSettings = {
  displayName: text,
  issuers: list(object({ issuer: text })),
  partitionsEnabled: { type: "boolean" },
  corsOrigins: list(text),
  quotas: { type: "object" },
};

/** The schemas of bodies (JSON Schema 2020-12), by the names under which others refer to them. */
export const schemas: Readonly<Record<string, object>> = {
  Problem: {
    description: "Why a request was not met (RFC 9457).",
    ...object({
      type: { type: "string", description: "`urn:strata:problem:` and the kind of the problem." },
      title: text,
      status: integer,
      detail: text,
    }),
  },
  Dataset: {
    description: "A data set in the DICOM JSON Model (PS3.18 Annex F), its elements by tag.",
    type: "object",
    patternProperties: { "^[0-9A-F]{8}$": reference("Element") },
    additionalProperties: false,
  },
  Element: object(
    { vr: { type: "string", pattern: "^[A-Z]{2}$" } },
    {
      Value: { type: "array" },
      InlineBinary: { type: "string", contentEncoding: "base64" },
      BulkDataURI: { type: "string", format: "uri" },
    },
  ),
  Datasets: list(reference("Dataset")),
  Count: object({ count: { type: "integer", minimum: 0 } }),
  ChangeFeedEntry: object(
    {
      sequence: integer,
      partitionName: text,
      ...uids,
      action: { enum: ["Create", "Update", "Delete"] },
      timestamp: time,
      state: { enum: ["Current", "Replaced", "Deleted"] },
    },
    { metadata: reference("Dataset") },
  ),
  ChangeFeedPage: list(reference("ChangeFeedEntry")),
  FeedEntry: object(
    {
      id: text,
      action: { enum: ["create", "update", "delete"] },
      state: { enum: ["current", "replaced", "deleted"] },
      timestamp: time,
      partitionName: text,
      ...uids,
      sopClassUid: text,
      revision: { type: "integer", minimum: 1 },
    },
    { modality: text, reason: text, metadata: reference("Dataset") },
  ),
  FeedPage: object({
    entries: list(reference("FeedEntry")),
    continuation: text,
    hasMore: { type: "boolean" },
  }),
  FeedRanges: object({ ranges: list(text) }),
  FeedCursor: object({ name: text, continuation: text, updatedAt: time }),
  FeedCursors: object({ cursors: list(reference("FeedCursor")) }),
  NewFeedCursor: object({ continuation: text }),
  NewExtendedQueryTags: {
    type: "array",
    minItems: 1,
    maxItems: 128,
    items: object(
      { path: text, level: { type: "string", description: "Study, Series or Instance." } },
      { vr: text, privateCreator: text },
    ),
  },
  ExtendedQueryTag: object(
    {
      path: { type: "string", pattern: "^[0-9A-F]{8}$" },
      vr: text,
      level: { enum: ["study", "series", "instance"] },
      status: { enum: ["adding", "ready", "deleting"] },
      queryStatus: { enum: ["enabled", "disabled"] },
    },
    { privateCreator: text, errors: object({ count: integer, href: text }), operation: link },
  ),
  ExtendedQueryTags: list(reference("ExtendedQueryTag")),
  QueryStatus: {
    ...object({ queryStatus: { type: "string", description: "Enabled or Disabled." } }),
    additionalProperties: false,
  },
  ExtendedQueryTagErrors: list(
    object({ partitionName: text, ...uids, createdTime: time, errorMessage: text }),
  ),
  OperationReference: link,
  Operation: object(
    {
      operationId: text,
      type: text,
      createdTime: time,
      lastUpdatedTime: time,
      status: { enum: ["notStarted", "running", "completed", "succeeded", "failed", "canceled"] },
      percentComplete: { type: "integer", minimum: 0, maximum: 100 },
    },
    { resources: list(text) },
  ),
  Partitions: list(object({ partitionKey: integer, partitionName: text, createdDate: time })),
  AuditPage: object({ events: list(reference("AuditEvent")) }, { continuation: text }),
  AuditEvent: object(
    {
      id: text,
      at: time,
      tenant: text,
      correlationId: text,
      event: reference("Code"),
      types: list(reference("Code")),
      action: { enum: ["C", "R", "U", "D", "E"] },
      status: integer,
      name: { type: "string", description: "The `operationId` of what was asked." },
      dataAction: text,
      object: { type: "object" },
    },
    { partition: text, user: { type: "object" }, address: text, added: { type: "object" } },
  ),
  Code: object({ code: text, meaning: text }),
  Tenants: object({ tenants: list(reference("Tenant")) }),
  Tenant: object(
    { name: text, state: { enum: ["active", "suspended", "deleting", "deleted"] } },
    tenantSettings,
  ),
  TenantSettings: { type: "object", properties: tenantSettings },
  TenantDeletion: {
    allOf: [reference("Tenant"), object({ confirmation: text })],
  },
  Usage: object({ storedBytes: integer, storedInstances: integer, quotas: { type: "object" } }),
  Confirmation: object({ confirmation: text }),
  Health: object({
    overallStatus: { enum: ["Healthy", "Degraded", "Unhealthy"] },
    details: list(object({ name: text, status: text, description: text })),
  }),
  Capabilities: object({
    version: text,
    description: object({ json: text, yaml: text }),
    resources: list(
      object({
        path: text,
        methods: list(object({ method: text, name: text, summary: text })),
      }),
    ),
  }),
  OpenAPI: object({ openapi: text, info: { type: "object" }, paths: { type: "object" } }),
};
