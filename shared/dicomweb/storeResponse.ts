import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import { formatTagForComment, type Tag } from "../dicom/tag.ts";
import { warningReason, type FailureReason, type WarningReason } from "./failureReason.ts";

/** An instance that was stored, with nothing to say about it. */
export interface StoredOutcome {
  readonly outcome: "stored";
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
  readonly sopClassUID: string;
  readonly sopInstanceUID: string;
  /** Whether an attribute that can have one value has several, of which only the first is searched by. */
  readonly hasUnindexedValues?: boolean;
}

/** An instance that was stored, with something its sender should know. */
export interface StoredWithWarningOutcome {
  readonly outcome: "storedWithWarning";
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
  readonly sopClassUID: string;
  readonly sopInstanceUID: string;
  /** Every reason there is. The answer has room for one, and {@link encodeStoreResponse} chooses it. */
  readonly warningReasons: readonly WarningReason[];
  /** One per attribute, made by {@link encodeErrorComment}. */
  readonly errorComments: readonly string[];
  /** As in {@link StoredOutcome}. */
  readonly hasUnindexedValues?: boolean;
}

/** A part that was not stored. */
export interface FailedOutcome {
  readonly outcome: "failed";
  readonly failureReason: FailureReason;
  /** As far as it could be read. */
  readonly sopClassUID?: string;
  /** As far as it could be read. */
  readonly sopInstanceUID?: string;
  /** One per attribute that failed validation, made by {@link encodeErrorComment}. */
  readonly errorComments?: readonly string[];
}

/** What became of one part of a Store request. */
export type InstanceOutcome = StoredOutcome | StoredWithWarningOutcome | FailedOutcome;

/** The version of the service's own contract, which is the first segment of the path. */
export type ApiVersion = "v1" | "v2";

/** What a Store response depends on besides the outcomes. */
export interface StoreResponseContext {
  readonly version: ApiVersion;
  /** The URL that `/studies` follows, with version and data partition, without a slash at its end. */
  readonly serviceURL: string;
  /** The study in the path of the request, when there was one. */
  readonly studyInstanceUID?: string;
}

/** A Store response: its status, and its body unless there is nothing to tell. */
export interface StoreResponse {
  readonly status: 200 | 202 | 204 | 409;
  readonly dataset: DicomJsonDataset | undefined;
  /** The value of a Warning header, in the form that the Azure DICOM service gives it. */
  readonly warning?: string;
}

/**
 * Encodes the answer to a Store request (PS3.18 §10.5.3, Tables 10.5.3-1 and I.2-1 to 2) from the outcome of every part, in
 * the order of the parts.
 *
 * 200 when everything was stored, 202 when some of it was, 409 when nothing was, 204 when there was nothing. Under v2 a
 * warning makes 202 of 200. Under v1 warnings about attributes do not exist: the outcome is encoded as stored. That values
 * were left out of the index changes no status.
 */
export function encodeStoreResponse(
  outcomes: readonly InstanceOutcome[],
  context: StoreResponseContext,
): StoreResponse {
  const referenced: DicomJsonDataset[] = [];
  const failed: DicomJsonDataset[] = [];
  let hasWarning = false;
  for (const outcome of outcomes) {
    if (outcome.outcome === "failed") {
      failed.push(encodeFailed(outcome));
    } else {
      const item = encodeReferenced(outcome, context);
      hasWarning ||= "00081196" in item;
      referenced.push(item);
    }
  }
  if (outcomes.length === 0) {
    return { status: 204, dataset: undefined };
  }
  const dataset: DicomJsonDataset = {};
  if (context.studyInstanceUID !== undefined && referenced.length > 0) {
    dataset["00081190"] = {
      vr: "UR",
      Value: [`${context.serviceURL}/studies/${context.studyInstanceUID}`],
    };
  }
  if (failed.length > 0) {
    dataset["00081198"] = { vr: "SQ", Value: failed };
  }
  if (referenced.length > 0) {
    dataset["00081199"] = { vr: "SQ", Value: referenced };
  }
  if (referenced.length === 0) {
    return { status: 409, dataset };
  }
  const isPartial = failed.length > 0 || (context.version === "v2" && hasWarning);
  const status = isPartial ? 202 : 200;
  const hasUnindexedValues = outcomes.some(
    (outcome) => outcome.outcome !== "failed" && outcome.hasUnindexedValues === true,
  );
  return hasUnindexedValues
    ? { status, dataset, warning: encodeUnindexedWarning(context.serviceURL) }
    : { status, dataset };
}

/** The form is that service's own, with a colon after the host; RFC 9111 §5.5 has none. */
function encodeUnindexedWarning(serviceURL: string): string {
  const text =
    "The DICOM dataset has multiple values for an attribute that is indexed by one; only the first is indexed.";
  return `299 ${new URL(serviceURL).host}: "${text}"`;
}

/**
 * Encodes an ErrorComment (0000,0902) about one attribute, in the form that the Azure DICOM service gives it.
 *
 * `reason` is a sentence about the rule that was broken. It must not hold the value.
 */
export function encodeErrorComment(tag: Tag, reason: string): string {
  // 100 is that service's number for "an attribute failed validation", the only one it has.
  return `DICOM100: ${formatTagForComment(tag)} - ${reason}`;
}

function encodeReferenced(
  outcome: StoredOutcome | StoredWithWarningOutcome,
  { version, serviceURL }: StoreResponseContext,
): DicomJsonDataset {
  const { studyInstanceUID, seriesInstanceUID, sopClassUID, sopInstanceUID } = outcome;
  const item: DicomJsonDataset = {
    "00081150": { vr: "UI", Value: [sopClassUID] },
    "00081155": { vr: "UI", Value: [sopInstanceUID] },
    "00081190": {
      vr: "UR",
      Value: [
        `${serviceURL}/studies/${studyInstanceUID}/series/${seriesInstanceUID}/instances/${sopInstanceUID}`,
      ],
    },
  };
  const warnings = outcome.outcome === "storedWithWarning" ? outcome.warningReasons : [];
  const { dataSetDoesNotMatchSOPClass, invalidAttributes } = warningReason;
  // There is room for one. The standard's own reason is the one that a client may know from elsewhere.
  if (warnings.includes(dataSetDoesNotMatchSOPClass)) {
    item["00081196"] = { vr: "US", Value: [dataSetDoesNotMatchSOPClass] };
  } else if (version === "v2" && warnings.includes(invalidAttributes)) {
    item["00081196"] = { vr: "US", Value: [invalidAttributes] };
  }
  if (version === "v2") {
    // Clients of v2 read the sequence without asking whether it is there.
    item["00741048"] = encodeFailedAttributes(
      outcome.outcome === "storedWithWarning" ? outcome.errorComments : [],
    );
  }
  return item;
}

function encodeFailed(outcome: FailedOutcome): DicomJsonDataset {
  const item: DicomJsonDataset = {};
  if (outcome.sopClassUID !== undefined) {
    item["00081150"] = { vr: "UI", Value: [outcome.sopClassUID] };
  }
  if (outcome.sopInstanceUID !== undefined) {
    item["00081155"] = { vr: "UI", Value: [outcome.sopInstanceUID] };
  }
  item["00081197"] = { vr: "US", Value: [outcome.failureReason] };
  if (outcome.errorComments !== undefined && outcome.errorComments.length > 0) {
    item["00741048"] = encodeFailedAttributes(outcome.errorComments);
  }
  return item;
}

function encodeFailedAttributes(errorComments: readonly string[]): DicomJsonDataset[string] {
  if (errorComments.length === 0) {
    // PS3.18 §F.2.5: an empty attribute has no Value.
    return { vr: "SQ" };
  }
  return {
    vr: "SQ",
    Value: errorComments.map((comment) => ({ "00000902": { vr: "LO", Value: [comment] } })),
  };
}
