import type { InstanceName } from "../support/dicomwebService.ts";

/** What one HTTP function is asked about an instance that is not the caller's. */
export interface Attack {
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH";
  /** The path of the request, and its query. */
  readonly target: (name: InstanceName) => string;
  /** What is answered, word for word as for an instance that nobody has. */
  readonly status: 200 | 204 | 400 | 404 | 405 | 409;
  /** What the request sends: an instance, of the study that is not the caller's or of another one, or JSON. */
  readonly sends?: "an instance of another study" | "an instance of the study" | object;
  /** The answer is about all data of the tenant, and changes: it is not compared, but holds nothing of others. */
  readonly isListing?: true;
}

function study({ studyInstanceUID }: InstanceName): string {
  return `v2/studies/${studyInstanceUID}`;
}

function series(name: InstanceName): string {
  return `${study(name)}/series/${name.seriesInstanceUID}`;
}

function instance(name: InstanceName): string {
  return `${series(name)}/instances/${name.sopInstanceUID}`;
}

/**
 * How each HTTP function is attacked, by its name. A function that is registered and missing here fails the suite, and so
 * does a row without a function.
 */
export const attacks: Readonly<Record<string, Attack>> = {
  checkHealth: { method: "GET", target: () => "health/check", status: 200 },
  deleteFeedCursor: {
    method: "DELETE",
    target: (name) => `v2/feed/cursors/${name.studyInstanceUID}`,
    status: 404,
  },
  deleteInstance: { method: "DELETE", target: instance, status: 404 },
  deleteSeries: { method: "DELETE", target: series, status: 404 },
  deleteStudy: { method: "DELETE", target: study, status: 404 },
  listFeedCursors: { method: "GET", target: () => "v2/feed/cursors", status: 200, isListing: true },
  listFeedRanges: { method: "GET", target: () => "v2/feed/ranges", status: 200, isListing: true },
  readChangeFeed: {
    method: "GET",
    target: () => "v2/changefeed?limit=200",
    status: 200,
    isListing: true,
  },
  readFeed: {
    method: "GET",
    target: ({ studyInstanceUID }) => `v2/feed?study=${studyInstanceUID}&mode=latest`,
    status: 200,
    isListing: true,
  },
  readFeedCursor: {
    method: "GET",
    target: (name) => `v2/feed/cursors/${name.studyInstanceUID}`,
    status: 404,
  },
  readLatestChange: {
    method: "GET",
    target: () => "v2/changefeed/latest",
    status: 200,
    isListing: true,
  },
  retrieveBulkdata: {
    method: "GET",
    target: (name) => `${instance(name)}/bulkdata/7FE00010`,
    status: 404,
  },
  retrieveFrames: { method: "GET", target: (name) => `${instance(name)}/frames/1`, status: 404 },
  retrieveInstance: { method: "GET", target: instance, status: 404 },
  retrieveInstanceMetadata: {
    method: "GET",
    target: (name) => `${instance(name)}/metadata`,
    status: 404,
  },
  retrieveSeries: { method: "GET", target: series, status: 404 },
  retrieveSeriesMetadata: {
    method: "GET",
    target: (name) => `${series(name)}/metadata`,
    status: 404,
  },
  retrieveStudy: { method: "GET", target: study, status: 404 },
  retrieveStudyMetadata: {
    method: "GET",
    target: (name) => `${study(name)}/metadata`,
    status: 404,
  },
  searchInstances: {
    method: "GET",
    target: (name) => `v2/instances?SOPInstanceUID=${name.sopInstanceUID}`,
    status: 204,
  },
  searchSeries: {
    method: "GET",
    target: (name) => `v2/series?SeriesInstanceUID=${name.seriesInstanceUID}`,
    status: 204,
  },
  searchSeriesInstances: {
    method: "GET",
    target: (name) => `${series(name)}/instances`,
    status: 204,
  },
  searchStudies: {
    method: "GET",
    target: (name) => `v2/studies?StudyInstanceUID=${name.studyInstanceUID}`,
    status: 204,
  },
  searchStudyInstances: {
    method: "GET",
    target: (name) => `${study(name)}/instances`,
    status: 204,
  },
  searchStudySeries: { method: "GET", target: (name) => `${study(name)}/series`, status: 204 },
  storeFeedCursor: {
    method: "PUT",
    target: (name) => `v2/feed/cursors/${name.studyInstanceUID}`,
    status: 400,
    sends: { continuation: "forged" },
  },
  storeInstances: {
    method: "POST",
    target: () => "v2/studies",
    status: 200,
    sends: "an instance of the study",
  },
  storeInstancesOfStudy: {
    method: "POST",
    target: study,
    status: 409,
    sends: "an instance of another study",
  },
  storeOrReplaceInstances: {
    method: "PUT",
    target: () => "v2/studies",
    status: 200,
    sends: "an instance of the study",
  },
  storeOrReplaceInstancesOfStudy: {
    method: "PUT",
    target: study,
    status: 409,
    sends: "an instance of another study",
  },
  zAnswerUnmatched: { method: "PATCH", target: study, status: 405 },
};
