import { getString, getStrings, type Dataset } from "../dicom/dataset.ts";
import { validateDatasetInSteps, validateIndexedElement } from "../dicom/elementValidation.ts";
import type { Part10Instance } from "../dicom/part10Reader.ts";
import type { Tag } from "../dicom/tag.ts";
import { isUID, parseUID } from "../dicom/uid.ts";
import { failureReason, warningReason, type WarningReason } from "../dicomweb/failureReason.ts";
import {
  encodeErrorComment,
  type ApiVersion,
  type FailedOutcome,
} from "../dicomweb/storeResponse.ts";
import { inSlices } from "./inSlices.ts";
import type { ExtendedValues } from "../tags/extendedValues.ts";

const tags = {
  sopClassUID: 0x00080016,
  sopInstanceUID: 0x00080018,
  patientID: 0x00100020,
  studyInstanceUID: 0x0020000d,
  seriesInstanceUID: 0x0020000e,
} as const satisfies Record<string, Tag>;

// The order in which the Azure service asks for them; it stops at the first that is missing.
const requiredTags: readonly Tag[] = [
  tags.patientID,
  tags.sopInstanceUID,
  tags.seriesInstanceUID,
  tags.studyInstanceUID,
  tags.sopClassUID,
];

// What v1 searches by, besides what is required. There, a value that cannot be searched by is a reason to refuse.
const searchedTags: readonly Tag[] = [
  0x00080020, 0x00080050, 0x00080060, 0x00080090, 0x00081030, 0x00081090, 0x00100010, 0x00100030,
  0x00400244,
];

/** A hostile file has half a million invalid attributes. The first hundred say enough. */
const errorCommentsMax = 100;

/** An instance that can be stored, with the reservations that its sender hears of. */
export interface ValidInstance {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
  readonly sopInstanceUID: string;
  readonly sopClassUID: string;
  readonly warningReasons: readonly WarningReason[];
  readonly errorComments: readonly string[];
  /** Whether an attribute that is searched by one value has several; under v2 only what is required counts. */
  readonly hasUnindexedValues: boolean;
}

/** The result of {@link validateInstance}. */
export type Validation =
  | { readonly isValid: true; readonly valid: ValidInstance }
  | { readonly isValid: false; readonly outcome: FailedOutcome };

/**
 * Decides whether an instance can be stored, by the rules of the version of the API that it came through.
 *
 * Both versions refuse an instance without usable identifiers, without PatientID, or of another study than the request
 * names. Beyond that, v1 refuses invalid values of the attributes that it searches by, and v2 warns of every attribute
 * whose value is invalid. What is warned of is stored all the same. `extended` is what the instance has of the
 * tenant's extended query tags.
 */
export async function validateInstance(
  { dataset, transferSyntax }: Part10Instance,
  version: ApiVersion,
  expectedStudyInstanceUID: string | undefined,
  extended: Pick<ExtendedValues, "faults" | "hasFurtherValues">,
): Promise<Validation> {
  const comments = requiredComments(dataset, version);
  const sopClassUID = uidOf(dataset, tags.sopClassUID);
  const sopInstanceUID = uidOf(dataset, tags.sopInstanceUID);
  const studyInstanceUID = uidOf(dataset, tags.studyInstanceUID);
  const seriesInstanceUID = uidOf(dataset, tags.seriesInstanceUID);
  const failed = (errorComments: readonly string[]): Validation => ({
    isValid: false,
    outcome: {
      outcome: "failed",
      failureReason: failureReason.validationFailed,
      ...(sopClassUID === undefined ? {} : { sopClassUID }),
      ...(sopInstanceUID === undefined ? {} : { sopInstanceUID }),
      errorComments,
    },
  });
  if (
    comments.length > 0 ||
    sopClassUID === undefined ||
    sopInstanceUID === undefined ||
    studyInstanceUID === undefined ||
    seriesInstanceUID === undefined
  ) {
    const others = version === "v2" ? await invalidComments(dataset) : [];
    return failed([...new Set([...comments, ...others])].slice(0, errorCommentsMax));
  }
  if (expectedStudyInstanceUID !== undefined && studyInstanceUID !== expectedStudyInstanceUID) {
    return failed([
      encodeErrorComment(tags.studyInstanceUID, "the study is not the one that the request names"),
    ]);
  }
  const extendedComments = extended.faults.map(({ tag, reason }) =>
    encodeErrorComment(tag.tag, reason),
  );
  const refused = version === "v1" ? [...searchedComments(dataset), ...extendedComments] : [];
  if (refused.length > 0) {
    return failed(refused);
  }
  const errorComments = version === "v2" ? await invalidComments(dataset) : [];
  if (version === "v2") {
    errorComments.push(
      ...extendedComments.filter((comment) => !isCommented(errorComments, comment)),
    );
  }
  if (version === "v2" && getString(dataset, tags.patientID) === undefined) {
    errorComments.unshift(encodeErrorComment(tags.patientID, "the required attribute is empty"));
  }
  return {
    isValid: true,
    valid: {
      studyInstanceUID,
      seriesInstanceUID,
      sopInstanceUID,
      sopClassUID,
      hasUnindexedValues:
        [...requiredTags, ...(version === "v1" ? searchedTags : [])].some(
          (tag) => getStrings(dataset, tag).length > 1,
        ) ||
        (version === "v1" && extended.hasFurtherValues),
      warningReasons: [
        ...(transferSyntax.isImplicitVR ? [warningReason.dataSetDoesNotMatchSOPClass] : []),
        ...(errorComments.length > 0 ? [warningReason.invalidAttributes] : []),
      ],
      errorComments,
    },
  };
}

/** Whether the attribute that a comment is about has one already. */
function isCommented(comments: readonly string[], comment: string): boolean {
  const [attribute = ""] = comment.split(" - ", 1);
  return comments.some((other) => other.startsWith(attribute));
}

function requiredComments(dataset: Dataset, version: ApiVersion): string[] {
  for (const tag of requiredTags) {
    const mayBeEmpty = tag === tags.patientID && version === "v2";
    if (dataset.get(tag) === undefined) {
      return [encodeErrorComment(tag, "the required attribute is missing")];
    }
    if (!mayBeEmpty && getString(dataset, tag) === undefined) {
      return [encodeErrorComment(tag, "the required attribute has no value")];
    }
  }
  return requiredTags
    .filter((tag) => !(tag === tags.sopClassUID && version === "v1"))
    .flatMap((tag) => commentOf(dataset, tag, version));
}

function searchedComments(dataset: Dataset): string[] {
  return searchedTags.flatMap((tag) => commentOf(dataset, tag, "v1"));
}

function commentOf(dataset: Dataset, tag: Tag, version: ApiVersion): string[] {
  const element = dataset.get(tag);
  if (element === undefined) {
    return [];
  }
  const reason = validateIndexedElement(element, dataset, {
    isNULPaddingAllowed: version === "v2",
  });
  return reason === undefined ? [] : [encodeErrorComment(tag, reason)];
}

async function invalidComments(dataset: Dataset): Promise<string[]> {
  const invalid = await inSlices(validateDatasetInSteps(dataset, errorCommentsMax));
  return invalid.map(({ tag, reason }) => encodeErrorComment(tag, reason));
}

// A SOP class that v1 lets pass may be no UID; what cannot be told apart from others is not passed on as one.
function uidOf(dataset: Dataset, tag: Tag): string | undefined {
  const text = getString(dataset, tag);
  if (text === undefined) {
    return undefined;
  }
  if (isUID(text)) {
    return parseUID(text, "UID");
  }
  return tag === tags.sopClassUID ? text.slice(0, 64) : undefined;
}
