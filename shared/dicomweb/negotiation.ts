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
const dicomXML = "application/dicom+xml";
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

// PS3.18 Table 8.7.3-5: the default of a media type is the lossless one of its syntaxes.
const losslessDefaults: readonly string[] = [
  "1.2.840.10008.1.2.4.70",
  "1.2.840.10008.1.2.4.80",
  "1.2.840.10008.1.2.4.90",
  "1.2.840.10008.1.2.4.110",
  "1.2.840.10008.1.2.4.201",
];

const syntaxesByMediaType: ReadonlyMap<string, readonly string[]> = new Map(
  codestreamMediaTypes.flatMap(([mediaTypes, syntaxes]) =>
    mediaTypes.map((mediaType) => [
      mediaType,
      syntaxes.map((syntax) => `1.2.840.10008.1.2.${syntax}`),
    ]),
  ),
);

/** How data sets are sent: Store responses, metadata and search results. */
export interface DatasetRepresentation {
  readonly mediaType: typeof dicomJson | typeof dicomXML;
  /** Whether XML was asked for as the parts of a multipart body. JSON never is. */
  readonly form: "single" | "multipart";
}

/** What is offered, the first of equally wanted ones first, with the ranges that cover it, the most specific first. */
const datasetOffers: readonly {
  readonly representation: DatasetRepresentation;
  readonly ranges: readonly ((entry: AcceptEntry) => boolean)[];
}[] = [
  {
    representation: { mediaType: dicomJson, form: "single" },
    ranges: [
      ({ type }) => type === dicomJson || type === "application/json",
      ({ type }) => type === "application/*",
      ({ type }) => type === "*/*",
    ],
  },
  {
    representation: { mediaType: dicomXML, form: "single" },
    ranges: [
      ({ type }) => type === dicomXML,
      ({ type }) => type === "application/*",
      ({ type }) => type === "*/*",
    ],
  },
  {
    representation: { mediaType: dicomXML, form: "multipart" },
    ranges: [
      ({ type, parameters }) =>
        type === "multipart/related" &&
        parseMediaType(parameters.get("type") ?? "")?.type === dicomXML,
    ],
  },
];

/**
 * Chooses between DICOM JSON and the Native DICOM Model in XML: for Store responses, metadata and search results (PS3.18
 * §8.7.3.2).
 *
 * JSON is meant by `application/json`, `application/*` and the range of everything too, and is what is sent where both are
 * wanted equally. Of several entries that cover it the most specific decides, so that a weight of 0 for
 * `application/dicom+json` counts whatever else is taken (RFC 9110 §12.5.1). Throws Problem `notAcceptable` when neither
 * is taken.
 */
export function negotiateDatasets(accept: readonly AcceptEntry[]): DatasetRepresentation {
  let best: DatasetRepresentation | undefined;
  let bestQuality = 0;
  for (const { representation, ranges } of datasetOffers) {
    const covering = ranges.map((covers) => accept.filter(covers)).find(({ length }) => length > 0);
    const quality = Math.max(0, ...(covering ?? []).map((entry) => entry.quality));
    if (quality > bestQuality) {
      best = representation;
      bestQuality = quality;
    }
  }
  if (best === undefined) {
    throw notAcceptable([dicomJson, dicomXML, `multipart/related; type="${dicomXML}"`]);
  }
  return best;
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
 * | frames, bulkdata | `multipart/related; type="image/jp2"`, and so on | multipart |
 * | frames, bulkdata | `image/jp2`, `image/*` and so on | single part |
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
 * Whether what is wanted most is met by what is stored, so that what it can be converted into does not matter: see
 * {@link chooseRepresentation}.
 */
export function isMetAsStored(
  accepted: readonly AcceptedRepresentation[],
  storedTransferSyntaxUID: string,
): boolean {
  const [first] = accepted;
  return accepted.some(
    (representation) =>
      representation.quality === first?.quality && isMetBy(representation, storedTransferSyntaxUID),
  );
}

/**
 * Chooses how to send something that is stored in one transfer syntax and can be converted into others; undefined when
 * none of the ways in which it is taken can be met, which is 406.
 *
 * Among what is wanted equally, what needs no conversion comes first. An entry without a transfer syntax asks for the
 * default of its media type (PS3.18 §8.7.3.5.2, Tables 8.7.3-4 and 8.7.3-5), which is Explicit VR Little Endian where the
 * media type does not name a codestream, or for another of its syntaxes. Where that cannot be made, and nothing else is
 * left, such an entry is met by what is stored, unless it names a codestream: a client can read from the answer what it is,
 * and has nothing from a refusal.
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
      const wanted = wantedSyntaxes(representation).find((uid) => convertibleTo.includes(uid));
      if (wanted !== undefined) {
        return { representation, transferSyntaxUID: wanted };
      }
    }
  }
  const indifferent = accepted.find((representation) => isIndifferent(representation));
  return indifferent === undefined
    ? undefined
    : { representation: indifferent, transferSyntaxUID: stored };
}

/** True of a way to take an answer that says no more than what is usual: what is stored will do if that cannot be had. */
export function isIndifferent({ mediaType, transferSyntax }: AcceptedRepresentation): boolean {
  return transferSyntax === undefined && !syntaxesByMediaType.has(mediaType);
}

/** The syntaxes that an entry can be met with by converting, the one that it means first. */
function wantedSyntaxes({ mediaType, transferSyntax }: AcceptedRepresentation): readonly string[] {
  const ofMediaType = syntaxesByMediaType.get(mediaType);
  if (transferSyntax === "*") {
    return [];
  }
  if (ofMediaType === undefined) {
    return [transferSyntax ?? transferSyntaxUIDs.explicitVRLittleEndian];
  }
  if (transferSyntax !== undefined) {
    return ofMediaType.includes(transferSyntax) ? [transferSyntax] : [];
  }
  const lossless = losslessDefaults.find((uid) => ofMediaType.includes(uid));
  return lossless === undefined ? ofMediaType : [lossless, ...ofMediaType];
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
    "and in either form the media type of a codestream that the frames are stored in or can be converted into: " +
      codestreamMediaTypes.map(([[mediaType]]) => mediaType).join(", "),
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
