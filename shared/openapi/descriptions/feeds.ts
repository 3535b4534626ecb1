import type { OperationDescription } from "../operationDescription.ts";

/** The operations of the two feeds. */
export const feedDescriptions: Readonly<Record<string, OperationDescription>> = {
  readChangeFeed: {
    section: "Feeds",
    summary: "Read the change feed",
    description:
      "As in the Azure DICOM service: a total order of the tenant's events, by number in version 1 and by time in version 2.",
    parameters: ["startTime", "endTime", "limit", "offset", "includeMetadata"],
    answers: { 200: "changeFeedPage" },
  },
  readLatestChange: {
    section: "Feeds",
    summary: "Read the last entry of the change feed",
    description: "As in the Azure DICOM service.",
    parameters: ["includeMetadata"],
    answers: { 200: "changeFeedEntry", 204: "noContent" },
  },
  readFeed: {
    section: "Feeds",
    summary: "Read a page of the pull feed",
    description:
      "The change feed of the index, cut down to the tenant: each page says where to go on, and waits for no one.",
    parameters: [
      "feedStart",
      "feedRange",
      "feedStudy",
      "feedPartition",
      "feedMode",
      "feedPageSize",
      "withMetadata",
      "feedAction",
      "feedModality",
      "feedSopClass",
      "feedWait",
      "feedContinuation",
    ],
    answers: { 200: "feedPage", 304: "notModified" },
    versions: ["v2"],
  },
  listFeedRanges: {
    section: "Feeds",
    summary: "List the ranges of the pull feed",
    description: "For several readers side by side.",
    parameters: ["feedMinimum", "feedMode"],
    answers: { 200: "feedRanges" },
    versions: ["v2"],
  },
  listFeedCursors: {
    section: "Feeds",
    summary: "List the cursors of the pull feed",
    answers: { 200: "feedCursors" },
    versions: ["v2"],
  },
  readFeedCursor: {
    section: "Feeds",
    summary: "Read a cursor of the pull feed",
    description: "With how far it is behind.",
    answers: { 200: "feedCursor" },
    versions: ["v2"],
  },
  storeFeedCursor: {
    section: "Feeds",
    summary: "Keep a continuation of the pull feed under a name",
    parameters: ["ifMatch"],
    body: "feedCursor",
    answers: { 200: "feedCursor" },
    versions: ["v2"],
  },
  deleteFeedCursor: {
    section: "Feeds",
    summary: "Delete a cursor of the pull feed",
    parameters: ["ifMatch"],
    answers: { 204: "noContent" },
    versions: ["v2"],
  },
};
