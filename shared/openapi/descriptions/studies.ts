import type { AnswerName } from "../answers.ts";
import type { OperationDescription } from "../operationDescription.ts";
import type { ParameterName } from "../parameters.ts";

type Descriptions = Readonly<Record<string, OperationDescription>>;

const negotiation: readonly ParameterName[] = ["accept", "charset"];
const expiry: readonly ParameterName[] = ["expiryTime", "expiryOption", "expiryLevel"];
const rendering: readonly ParameterName[] = [
  "accept",
  "annotation",
  "quality",
  "viewport",
  "window",
  "iccProfile",
  "ifNoneMatch",
];

function store(summary: string, clause: string): OperationDescription {
  return {
    section: "Store",
    summary,
    description: clause,
    parameters: [...negotiation, ...expiry],
    body: "instances",
    answers: {
      200: "storeResponse",
      202: "storeResponse",
      204: "noContent",
      409: "storeResponse",
    },
  };
}

const storeClause =
  "PS3.18 §10.5. 200 when all were stored, 202 when some were or a value was invalid, 409 when none was. An instance that is there already is refused with the reason 45070.";
const replaceClause =
  "As in the Azure DICOM service: an instance that is there already is replaced by the new one.";

function retrieve(
  summary: string,
  clause: string,
  answers: Readonly<Record<number, AnswerName>>,
  parameters: readonly ParameterName[] = negotiation,
): OperationDescription {
  return { section: "Retrieve", summary, description: clause, parameters, answers };
}

function metadata(summary: string): OperationDescription {
  return retrieve(
    summary,
    "PS3.18 §10.4.1.1.2. Values that are left out have a BulkDataURI.",
    { 200: "metadata", 304: "notModified" },
    [...negotiation, "includeField", "excludeField", "ifNoneMatch"],
  );
}

function rendered(summary: string, answer: AnswerName = "rendered"): OperationDescription {
  return retrieve(
    summary,
    "PS3.18 §10.4.1.1.5.",
    { 200: answer, 206: "part", 304: "notModified" },
    rendering,
  );
}

function thumbnail(summary: string): OperationDescription {
  return retrieve(summary, "PS3.18 §10.4.1.1.6.", { 200: "thumbnail", 304: "notModified" }, [
    "accept",
    "quality",
    "viewport",
    "iccProfile",
    "ifNoneMatch",
  ]);
}

function remove(summary: string, description: string): OperationDescription {
  return { section: "Delete", summary, description, answers: { 204: "noContent" } };
}

const azure = "As in the Azure DICOM service.";
const viewer = "As in the viewer OHIF: what is rejected is deleted, and the feeds tell why.";

/** The operations on studies, series and instances, but for searches. */
export const studyDescriptions: Descriptions = {
  storeInstances: store("Store instances", storeClause),
  storeInstancesOfStudy: store("Store instances of a study", storeClause),
  storeOrReplaceInstances: store("Store or replace instances", replaceClause),
  storeOrReplaceInstancesOfStudy: store("Store or replace instances of a study", replaceClause),
  retrieveStudy: retrieve("Retrieve a study", "PS3.18 §10.4.1.1.1.", { 200: "instances" }),
  retrieveSeries: retrieve("Retrieve a series", "PS3.18 §10.4.1.1.1.", { 200: "instances" }),
  retrieveInstance: retrieve(
    "Retrieve an instance",
    "PS3.18 §10.4.1.1.1.",
    { 200: "instance", 206: "part", 304: "notModified" },
    [...negotiation, "range", "ifNoneMatch"],
  ),
  retrieveStudyMetadata: metadata("Retrieve the metadata of a study"),
  retrieveSeriesMetadata: metadata("Retrieve the metadata of a series"),
  retrieveInstanceMetadata: metadata("Retrieve the metadata of an instance"),
  retrieveFrames: retrieve("Retrieve frames", "PS3.18 §10.4.1.1.4.", {
    200: "frames",
    206: "part",
    304: "notModified",
  }),
  retrieveBulkdata: retrieve(
    "Retrieve bulk data",
    "PS3.18 §10.4.1.1.3, what a BulkDataURI in metadata refers to.",
    { 200: "bulkdata", 206: "part", 304: "notModified" },
    ["accept", "range"],
  ),
  retrieveStudyRendered: rendered("Retrieve a picture of a study"),
  retrieveSeriesRendered: rendered("Retrieve a picture of a series"),
  retrieveInstanceRendered: rendered("Retrieve an instance as a picture", "renderedInstance"),
  retrieveFramesRendered: rendered("Retrieve frames as pictures"),
  retrieveStudyThumbnail: thumbnail("Retrieve a thumbnail of a study"),
  retrieveSeriesThumbnail: thumbnail("Retrieve a thumbnail of a series"),
  retrieveInstanceThumbnail: thumbnail("Retrieve a thumbnail of an instance"),
  retrieveFrameThumbnail: thumbnail("Retrieve a thumbnail of a frame"),
  deleteStudy: remove("Delete a study", azure),
  deleteSeries: remove("Delete a series", azure),
  deleteInstance: remove("Delete an instance", azure),
  rejectStudy: remove("Reject a study", viewer),
  rejectSeries: remove("Reject a series", viewer),
  rejectInstance: remove("Reject an instance", viewer),
};
