import { transferSyntaxOf, transferSyntaxUIDs } from "../dicom/transferSyntax.ts";
import { Problem } from "../problem/problem.ts";
import { parseMediaType, type AcceptEntry } from "./mediaType.ts";

/** What is retrieved: the resources of PS3.18 §10.4 that consist of bytes. */
export type RetrieveResource = "study" | "series" | "instance" | "frames" | "bulkdata";

/** One way in which a request takes its answer. */
export interface AcceptedRepresentation {
  /** Of each part, or of the single part. Never a range. */
  readonly mediaType: string;
  /** Parts in a multipart/related body, or the object itself as the body. */
  readonly form: "multipart" | "single";
  /** As stored, whatever that is; the syntax with this UID; or undefined: what the standard has for a default. */
  readonly transferSyntax: "*" | (string & {}) | undefined;
  readonly quality: number;
}

/** A representation and the syntax in which it is to be sent. */
export interface ChosenRepresentation {
  readonly representation: AcceptedRepresentation;
  readonly transferSyntaxUID: string;
}

const dicomJson = "application/dicom+json";
const dicom = "application/dicom";
const octetStream = "application/octet-stream";

// PS3.18 Tables 8.7.3-4 and 8.7.3-5: the media types of a codestream, the standard's first and what clients also call it
// after. Keyed by the end of the UID.
const codestreamMediaTypes: readonly (readonly [
  mediaTypes: readonly string[],
  syntaxes: readonly string[],
])[] = [
  [
    ["image/jpeg", "image/dicom+jpeg"],
    ["4.50", "4.51", "4.57", "4.70"],
  ],
  [["image/dicom-rle", "image/dicom+rle", "image/x-dicom-rle"], ["5"]],
  [
    ["image/jls", "image/x-jls", "image/dicom+jpeg-ls"],
    ["4.80", "4.81"],
  ],
  [
    ["image/jp2", "image/dicom+jp2"],
    ["4.90", "4.91"],
  ],
  [
    ["image/jpx", "image/dicom+jpx"],
    ["4.92", "4.93"],
  ],
  [["image/jphc"], ["4.201", "4.202", "4.203"]],
  [["image/jxl"], ["4.110", "4.111", "4.112"]],
  [
    ["video/mpeg2", "video/mpeg"],
    ["4.100", "4.100.1", "4.101", "4.101.1"],
  ],
  [
    ["video/mp4"],
    [
      "4.102",
      "4.102.1",
      "4.103",
      "4.103.1",
      "4.104",
      "4.104.1",
      "4.105",
      "4.105.1",
      "4.106",
      "4.106.1",
    ],
  ],
  [["video/h265"], ["4.107", "4.108"]],
];

const syntaxesByMediaType: ReadonlyMap<string, readonly string[]> = new Map(
  codestreamMediaTypes.flatMap(([mediaTypes, syntaxes]) =>
    mediaTypes.map((mediaType) => [
      mediaType,
      syntaxes.map((syntax) => `1.2.840.10008.1.2.${syntax}`),
    ]),
  ),
);

/**
 * Makes sure that a request takes DICOM JSON: Store responses, metadata and search results (PS3.18 §8.7.3.2).
 *
 * `application/json`, `application/*` and the range of everything will do. Of several entries that cover it the most
 * specific decides, so that a weight of 0 for `application/dicom+json` counts whatever else is taken (RFC 9110 §12.5.1).
 * Throws Problem `notAcceptable` otherwise.
 */
export function negotiateDicomJson(accept: readonly AcceptEntry[]): void {
  for (const ranges of [[dicomJson, "application/json"], ["application/*"], ["*/*"]]) {
    const entries = accept.filter(({ type }) => ranges.includes(type));
    if (entries.some(({ quality }) => quality > 0)) {
      return;
    }
    if (entries.length > 0) {
      break;
    }
  }
  throw notAcceptable([dicomJson]);
}

/**
 * Lists in which ways a request takes the bytes of `resource`, most wanted first (PS3.18 §8.7.4, §8.7.5).
 *
 * | resource | media type | answer |
 * | --- | --- | --- |
 * | study, series, instance | `multipart/related; type="application/dicom"` | multipart |
 * | instance | `application/dicom`, `application/*` | single part |
 * | frames, bulkdata | `multipart/related; type="application/octet-stream"` | multipart |
 * | frames, bulkdata | `application/octet-stream`, `application/*` | single part |
 * | frames, bulkdata | `multipart/related; type="image/jp2"`, and so on | multipart, when stored so |
 * | frames, bulkdata | `image/jp2`, `image/*` and so on | single part, when stored so |
 * | study, series, instance, frames | everything, or no Accept header | multipart, as stored |
 * | bulkdata | everything, or no Accept header | single part, as stored |
 *
 * `application/dicom` for a study or series is not acceptable: one body cannot hold several instances. Neither is
 * `multipart/related` without a type. An entry that names an unknown transfer syntax is passed over.
 *
 * Throws Problem `notAcceptable`, with what could be had, when no entry is left; and `malformed` when several frames are
 * asked for and only single parts are taken.
 */
export function negotiateRetrieve(
  accept: readonly AcceptEntry[],
  resource: RetrieveResource,
  isSeveral = false,
): readonly AcceptedRepresentation[] {
  const accepted = accept.flatMap((entry) => representationsOf(entry, resource));
  const usable = accepted.filter(({ form }) => form === "multipart" || !isSeveral);
  if (usable.length > 0) {
    return usable;
  }
  if (accepted.length > 0) {
    throw new Problem(
      "malformed",
      "Several frames need an Accept header of multipart/related: a single part holds one frame.",
    );
  }
  throw notAcceptable(offers[resource]);
}

/**
 * Chooses how to send something that is stored in one transfer syntax and can be converted into others; undefined when
 * none of the ways in which it is taken can be met, which is 406.
 *
 * Among what is wanted equally, what needs no conversion comes first. An entry without a transfer syntax asks for
 * Explicit VR Little Endian (PS3.18 §8.7.3.5.2); where that cannot be made, and nothing else is left, it is met by what
 * is stored: a client can read from the answer what it is, and has nothing from a refusal.
 */
export function chooseRepresentation(
  accepted: readonly AcceptedRepresentation[],
  storedTransferSyntaxUID: string,
  convertibleTo: readonly string[],
): ChosenRepresentation | undefined {
  const stored = storedTransferSyntaxUID;
  for (const { quality } of accepted) {
    const equals = accepted.filter((other) => other.quality === quality);
    const asStored = equals.find((representation) => isMetBy(representation, stored));
    if (asStored !== undefined) {
      return { representation: asStored, transferSyntaxUID: stored };
    }
    for (const representation of equals) {
      const wanted = representation.transferSyntax ?? transferSyntaxUIDs.explicitVRLittleEndian;
      if (convertibleTo.includes(wanted) && !syntaxesByMediaType.has(representation.mediaType)) {
        return { representation, transferSyntaxUID: wanted };
      }
    }
  }
  const indifferent = accepted.find(
    ({ mediaType, transferSyntax }) =>
      transferSyntax === undefined && !syntaxesByMediaType.has(mediaType),
  );
  return indifferent === undefined
    ? undefined
    : { representation: indifferent, transferSyntaxUID: stored };
}

/** Whether what is stored in this syntax is, without any conversion, what is asked for. */
function isMetBy({ mediaType, transferSyntax }: AcceptedRepresentation, stored: string): boolean {
  const syntaxes = syntaxesByMediaType.get(mediaType);
  if (syntaxes !== undefined) {
    // A codestream tells what it is; each of the syntaxes of its media type will do unless one is named.
    const isAny = transferSyntax === undefined || transferSyntax === "*";
    return syntaxes.includes(stored) && (isAny || transferSyntax === stored);
  }
  return (
    transferSyntax === "*" ||
    (transferSyntax ?? transferSyntaxUIDs.explicitVRLittleEndian) === stored
  );
}

const offers: Readonly<Record<RetrieveResource, readonly string[]>> = {
  study: [`multipart/related; type="${dicom}"`],
  series: [`multipart/related; type="${dicom}"`],
  instance: [`multipart/related; type="${dicom}"`, dicom],
  frames: [
    `multipart/related; type="${octetStream}"`,
    octetStream,
    "the media type of the stored codestream in either form",
  ],
  bulkdata: [`multipart/related; type="${octetStream}"`, octetStream],
};

function notAcceptable(offered: readonly string[]): Problem {
  return new Problem(
    "notAcceptable",
    `Nothing in the Accept header can be provided. What can be: ${offered.join(", ")}.`,
  );
}

function representationsOf(
  { type, parameters, quality }: AcceptEntry,
  resource: RetrieveResource,
): AcceptedRepresentation[] {
  // Some write the parameters of the parts inside the quotation marks of their type.
  const inner = parseMediaType(parameters.get("type") ?? "");
  const transferSyntax =
    parameters.get("transfer-syntax") ?? inner?.parameters.get("transfer-syntax");
  if (quality === 0 || !isKnownSyntax(transferSyntax)) {
    return [];
  }
  const isBytes = resource === "frames" || resource === "bulkdata";
  const ownType = isBytes ? octetStream : dicom;
  if (type === "*/*") {
    // Whoever takes everything takes what is stored.
    const form = resource === "bulkdata" ? "single" : "multipart";
    return [{ mediaType: ownType, form, transferSyntax: transferSyntax ?? "*", quality }];
  }
  const isMultipart = type === "multipart/related";
  const form = isMultipart ? "multipart" : "single";
  if (form === "single" && (resource === "study" || resource === "series")) {
    return [];
  }
  const mediaType = isMultipart ? inner?.type : type;
  if (mediaType === ownType || mediaType === "application/*" || mediaType === "*/*") {
    return [{ mediaType: ownType, form, transferSyntax, quality }];
  }
  if (!isBytes || mediaType === undefined) {
    return [];
  }
  if (mediaType === "image/*" || mediaType === "video/*") {
    return [...syntaxesByMediaType.keys()]
      .filter((candidate) => candidate.startsWith(mediaType.slice(0, -1)))
      .map((candidate) => ({ mediaType: candidate, form, transferSyntax, quality }));
  }
  return syntaxesByMediaType.has(mediaType) ? [{ mediaType, form, transferSyntax, quality }] : [];
}

function isKnownSyntax(transferSyntax: string | undefined): boolean {
  return (
    transferSyntax === undefined ||
    transferSyntax === "*" ||
    transferSyntaxOf(transferSyntax).isKnown
  );
}
