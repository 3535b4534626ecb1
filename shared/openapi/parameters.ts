/** A Parameter Object of OpenAPI 3.1, without its name where that is the key it stands under. */
export interface ParameterObject {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly description: string;
  readonly required?: true;
  readonly style?: "form";
  readonly explode?: boolean;
  readonly schema: object;
  /** One that a request to the sample of the documentation may send as it is. */
  readonly example?: unknown;
}

/** The parameters of queries and headers, by the names under which descriptions refer to them. */
export type ParameterName =
  | "accept"
  | "charset"
  | "ifNoneMatch"
  | "ifMatch"
  | "range"
  | "studyAttributes"
  | "seriesAttributes"
  | "instanceAttributes"
  | "includeField"
  | "excludeField"
  | "limit"
  | "offset"
  | "orderStudies"
  | "orderSeries"
  | "orderInstances"
  | "fuzzyMatching"
  | "phonetic"
  | "emptyValueMatching"
  | "multipleValueMatching"
  | "continuation"
  | "window"
  | "viewport"
  | "quality"
  | "annotation"
  | "iccProfile"
  | "expiryTime"
  | "expiryOption"
  | "expiryLevel"
  | "startTime"
  | "endTime"
  | "includeMetadata"
  | "withMetadata"
  | "feedStart"
  | "feedRange"
  | "feedStudy"
  | "feedPartition"
  | "feedMode"
  | "feedPageSize"
  | "feedAction"
  | "feedModality"
  | "feedSopClass"
  | "feedWait"
  | "feedMinimum"
  | "feedContinuation"
  | "auditFrom"
  | "auditTo"
  | "auditPatient"
  | "auditStudy"
  | "auditUser"
  | "auditAction"
  | "auditCorrelation";

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;

function query(
  name: string,
  description: string,
  schema: object,
  example?: unknown,
): ParameterObject {
  return {
    name,
    in: "query",
    description,
    schema,
    ...(example === undefined ? {} : { example }),
  };
}

function header(
  name: string,
  description: string,
  schema: object,
  example?: unknown,
): ParameterObject {
  return { ...query(name, description, schema, example), in: "header" };
}

function attributes(example: Readonly<Record<string, string>>): ParameterObject {
  return {
    name: "attributes",
    in: "query",
    description:
      "Attributes to search by, each a parameter of its own whose name is a keyword or eight hexadecimal digits (PS3.18 §8.3.4.1).",
    style: "form",
    explode: true,
    schema: { type: "object", additionalProperties: text },
    example,
  };
}

function order(example: string): ParameterObject {
  return query(
    "orderby",
    "Attributes to order by, separated by commas, each with `-` before it for descending; newest first when absent.",
    text,
    example,
  );
}

/** {@link ParameterName}, with what each means. The case of their names does not matter but in the pull feed. */
export const parameters: Readonly<Record<ParameterName, ParameterObject>> = {
  accept: query(
    "accept",
    "A media type that takes the place of the header `Accept` (PS3.18 §8.3.3.1).",
    text,
  ),
  charset: query(
    "charset",
    "The character set of text (PS3.18 §8.3.3.2). Answers are UTF-8.",
    text,
    "utf-8",
  ),
  ifNoneMatch: header(
    "If-None-Match",
    "Entity tags of what the caller has: 304 when it is still the same (RFC 9110 §13.1.2).",
    text,
    '"none-of-these"',
  ),
  ifMatch: header(
    "If-Match",
    "The entity tag of what is to be changed: 412 when it is another by now (RFC 9110 §13.1.1).",
    text,
  ),
  range: header("Range", "Which bytes are wanted (RFC 9110 §14.2).", text, "bytes=0-9"),
  studyAttributes: attributes({ PatientID: "SAMPLE-1", StudyDate: "20260101-20261231" }),
  seriesAttributes: attributes({ Modality: "CT" }),
  instanceAttributes: attributes({ SOPClassUID: "1.2.840.10008.5.1.4.1.1.2" }),
  includeField: query(
    "includefield",
    "Attributes that the answer is to have besides, separated by commas or repeated, or `all` (PS3.18 §8.3.4.3).",
    text,
    "PatientName,00080060",
  ),
  excludeField: query(
    "excludefield",
    "Attributes that the answer is not to have, separated by commas or repeated.",
    text,
    "PixelData",
  ),
  limit: query(
    "limit",
    "How many are wanted at most.",
    { type: "integer", minimum: 1, maximum: 200, default: 100 },
    10,
  ),
  offset: query(
    "offset",
    "How many to pass over first.",
    { type: "integer", minimum: 0, default: 0 },
    0,
  ),
  orderStudies: order("-StudyDate"),
  orderSeries: order("SeriesNumber"),
  orderInstances: order("InstanceNumber"),
  fuzzyMatching: query(
    "fuzzymatching",
    "Whether names match by the beginnings of their words (PS3.18 §8.3.4.2).",
    flag,
    true,
  ),
  phonetic: query("phonetic", "Whether names match by their sound.", flag, false),
  emptyValueMatching: query(
    "emptyvaluematching",
    'Whether `""` matches attributes without a value (PS3.18 §8.3.4.5).',
    flag,
    false,
  ),
  multipleValueMatching: query(
    "multiplevaluematching",
    "Whether several values, separated by commas, match each by itself (PS3.18 §8.3.4.6).",
    flag,
    false,
  ),
  continuation: query(
    "continuation",
    "Where the page before ended, as its `Link` says; it takes the place of all other parameters.",
    text,
  ),
  window: query(
    "window",
    "Center, width and function of the window: `linear`, `linear-exact` or `sigmoid` (PS3.18 §8.3.5.1.4).",
    text,
    "40,400,linear",
  ),
  viewport: query(
    "viewport",
    "Width and height of the picture, and the region of the image that it shows (PS3.18 §8.3.5.1.3).",
    text,
    "32,32",
  ),
  quality: query(
    "quality",
    "Of media types with losses (PS3.18 §8.3.5.1.2).",
    { type: "integer", minimum: 1, maximum: 100 },
    90,
  ),
  annotation: query(
    "annotation",
    "What is burned into the picture: `patient`, `technique` (PS3.18 §8.3.5.1.1), `overlay`.",
    text,
    "patient,technique",
  ),
  iccProfile: query(
    "iccprofile",
    "Which color profile the picture carries (PS3.18 §8.3.5.1.5).",
    text,
    "no",
  ),
  expiryTime: header(
    "msdicom-expiry-time-milliseconds",
    "After how long the studies are deleted; a store without it keeps them.",
    { type: "integer", minimum: 1 },
    86_400_000,
  ),
  expiryOption: header("msdicom-expiry-option", "From when that is counted.", {
    type: "string",
    const: "RelativeToNow",
  }),
  expiryLevel: header("msdicom-expiry-level", "What expires.", { type: "string", const: "Study" }),
  startTime: query(
    "startTime",
    "From when on, this moment included. Version 2 only.",
    { type: "string", format: "date-time" },
    "2026-01-01T00:00:00Z",
  ),
  endTime: query(
    "endTime",
    "Until when, this moment excluded. Version 2 only.",
    { type: "string", format: "date-time" },
    "2100-01-01T00:00:00Z",
  ),
  includeMetadata: query(
    "includeMetadata",
    "Whether entries have the metadata of their instances.",
    { type: "boolean", default: true },
    false,
  ),
  withMetadata: query(
    "includeMetadata",
    "Whether entries have the metadata of their instances.",
    flag,
    true,
  ),
  feedStart: query(
    "startFrom",
    "`beginning`, `now`, or a time.",
    { type: "string", default: "beginning" },
    "beginning",
  ),
  feedRange: query("range", "One of the ranges that `feed/ranges` lists.", text),
  feedStudy: query("study", "The study that is followed.", text, "2.25.281474976710657"),
  feedPartition: query(
    "partition",
    "The data partition that is followed.",
    text,
    "Microsoft.Default",
  ),
  feedMode: query(
    "mode",
    "`latest` has what each instance is now, `all` has every event.",
    { type: "string", enum: ["latest", "all"], default: "latest" },
    "all",
  ),
  feedPageSize: query(
    "pageSize",
    "How many entries a page has at most.",
    { type: "integer", minimum: 1, maximum: 1_000, default: 100 },
    10,
  ),
  feedAction: query("action", "Which events are wanted.", text, "create"),
  feedModality: query("modality", "Of which modality.", text, "CT"),
  feedSopClass: query("sopClass", "Of which SOP class.", text, "1.2.840.10008.5.1.4.1.1.7"),
  feedWait: query(
    "wait",
    "For how many seconds to wait for something new.",
    { type: "integer", minimum: 0, maximum: 25, default: 0 },
    0,
  ),
  feedMinimum: query(
    "minimum",
    "How many ranges are wanted at least.",
    { type: "integer", minimum: 1, maximum: 256, default: 1 },
    2,
  ),
  feedContinuation: query("continuation", "Where the page before ended.", text),
  auditFrom: query(
    "from",
    "From when on, this moment included.",
    { type: "string", format: "date-time" },
    "2026-01-01T00:00:00Z",
  ),
  auditTo: query(
    "to",
    "Until when, this moment excluded.",
    { type: "string", format: "date-time" },
    "2100-01-01T00:00:00Z",
  ),
  auditPatient: query("patient", "PatientID.", text, "SAMPLE-1"),
  auditStudy: query("study", "Study Instance UID.", text, "2.25.281474976710657"),
  auditUser: query("user", "The subject of the caller's token.", text, "somebody"),
  auditAction: query(
    "action",
    "Created, read, updated, deleted or executed, as in FHIR.",
    { type: "string", enum: ["C", "R", "U", "D", "E"] },
    "R",
  ),
  auditCorrelation: query(
    "correlationId",
    "The id that answers carry as `X-Correlation-Id`.",
    text,
  ),
};

const uid = { type: "string", pattern: String.raw`^[0-9.]{1,64}$` } as const;

/** The parameters of paths, by the names that they have in routes. */
export const pathParameters: Readonly<Record<string, Omit<ParameterObject, "name" | "in">>> = {
  study: { description: "Study Instance UID.", schema: uid, example: "2.25.281474976710657" },
  series: { description: "Series Instance UID.", schema: uid, example: "2.25.281474976710658" },
  instance: { description: "SOP Instance UID.", schema: uid, example: "2.25.281474976710659" },
  frames: {
    description: "Numbers of frames, from 1, separated by commas.",
    schema: text,
    example: "1",
  },
  frame: {
    description: "The number of a frame, from 1.",
    schema: { type: "integer", minimum: 1 },
    example: 1,
  },
  path: {
    description:
      "Where the value is: a tag, and for a value in an item of a sequence the tags and item numbers before it, as a BulkDataURI has it.",
    schema: text,
    example: "7FE00010",
  },
  code: {
    description: "Why: a code value and its scheme, with `^` between them.",
    schema: text,
    example: "113001^DCM",
  },
  name: {
    description: "The name of a cursor.",
    schema: { type: "string", pattern: "^[A-Za-z0-9._-]{1,64}$" },
    example: "archive-1",
  },
  tag: {
    description: "Eight hexadecimal digits, or a keyword.",
    schema: text,
    example: "00991A01",
  },
  operation: {
    description: "The id of an operation.",
    schema: { type: "string", pattern: "^[0-9a-f]{32}$" },
  },
  tenant: {
    description: "The name of a tenant.",
    schema: { type: "string", pattern: "^[a-z0-9-]{1,40}$" },
    example: "default",
  },
};
