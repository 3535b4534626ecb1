/** A Request Body Object of OpenAPI 3.1. */
export interface BodyObject {
  readonly description: string;
  readonly required: boolean;
  /** By media type. */
  readonly content: Readonly<
    Record<
      string,
      { readonly schema?: object; readonly examples?: Readonly<Record<string, object>> }
    >
  >;
}

/** The bodies of requests that descriptions refer to. */
export type BodyName =
  | "instances"
  | "searchForm"
  | "feedCursor"
  | "extendedQueryTags"
  | "queryStatus"
  | "tenant"
  | "tenantPatch"
  | "confirmation";

function json(
  schema: string,
  description: string,
  examples: Readonly<Record<string, unknown>> = {},
): BodyObject {
  const shown = Object.entries(examples).map(([summary, value], at): [string, object] => [
    `example${at + 1}`,
    { summary, value },
  ]);
  return {
    description,
    required: true,
    content: {
      "application/json": {
        schema: { $ref: `#/components/schemas/${schema}` },
        ...(shown.length === 0 ? {} : { examples: Object.fromEntries(shown) }),
      },
    },
  };
}

/** {@link BodyName}, with what each is. */
export const requestBodies: Readonly<Record<BodyName, BodyObject>> = {
  instances: {
    description: "DICOM Part 10 files: one, or several as parts.",
    required: true,
    content: {
      "application/dicom": {},
      'multipart/related; type="application/dicom"': {},
    },
  },
  searchForm: {
    description: "The parameters of the query, as a form.",
    required: true,
    content: {
      "application/x-www-form-urlencoded": {
        schema: { type: "object", additionalProperties: { type: "string" } },
        examples: {
          example1: { summary: "A setting", value: { includefield: "PatientName", limit: "10" } },
        },
      },
    },
  },
  feedCursor: json("NewFeedCursor", "What the cursor is to hold: a continuation of the feed."),
  extendedQueryTags: json("NewExtendedQueryTags", "The tags.", {
    "A private attribute": [
      { path: "00991A02", vr: "LO", privateCreator: "STRATA SAMPLE", level: "Instance" },
    ],
  }),
  queryStatus: json("QueryStatus", "Whether searches may use the tag.", {
    "Searches may not use it": { queryStatus: "Disabled" },
    "Searches may use it": { queryStatus: "Enabled" },
  }),
  tenant: json("TenantSettings", "The settings of the tenant."),
  tenantPatch: json("TenantSettings", "The settings that are to change (RFC 7396)."),
  confirmation: json("Confirmation", "What the deletion was answered with."),
};
