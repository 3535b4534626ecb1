import type { InstanceName } from "../support/dicomwebService.ts";

/** What one HTTP function is asked about an instance that is not the caller's. */
export interface Attack {
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS";
  /** The path of the request, and its query. */
  readonly target: (name: InstanceName) => string;
  /** What is answered, word for word as for an instance that nobody has. */
  readonly status: 200 | 204 | 400 | 403 | 404 | 405 | 409;
  /** What the request sends: an instance, of the study that is not the caller's or of another one, or JSON. */
  readonly sends?: "an instance of another study" | "an instance of the study" | object;
  /** Instead of that, the form that it sends. */
  readonly sendsForm?: (name: InstanceName) => string;
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
  addExtendedQueryTags: {
    method: "POST",
    target: () => "v2/extendedquerytags",
    status: 400,
    sends: [{ path: "00991FFF", vr: "LO", level: "Study" }],
  },
  amendTenant: {
    method: "PATCH",
    target: () => "v2/tenants/default",
    status: 403,
    sends: { displayName: "Mine" },
  },
  answerInPartition: {
    method: "GET",
    target: ({ studyInstanceUID }) => `v2/partitions/Other/studies/${studyInstanceUID}`,
    status: 400,
  },
  changeExtendedQueryTag: {
    method: "PATCH",
    target: () => "v2/extendedquerytags/00991FFF",
    status: 404,
    sends: { queryStatus: "Enabled" },
  },
  checkHealth: { method: "GET", target: () => "health/check", status: 200 },
  countInstances: {
    method: "GET",
    target: (name) => `v2/instances/count?SOPInstanceUID=${name.sopInstanceUID}`,
    status: 200,
  },
  countSeries: {
    method: "GET",
    target: (name) => `v2/series/count?SeriesInstanceUID=${name.seriesInstanceUID}`,
    status: 200,
  },
  countSeriesInstances: {
    method: "GET",
    target: (name) => `${series(name)}/instances/count`,
    status: 200,
  },
  countStudies: {
    method: "GET",
    target: (name) => `v2/studies/count?StudyInstanceUID=${name.studyInstanceUID}`,
    status: 200,
  },
  countStudyInstances: {
    method: "GET",
    target: (name) => `${study(name)}/instances/count`,
    status: 200,
  },
  countStudySeries: {
    method: "GET",
    target: (name) => `${study(name)}/series/count`,
    status: 200,
  },
  deleteExtendedQueryTag: {
    method: "DELETE",
    target: () => "v2/extendedquerytags/00991FFF",
    status: 404,
  },
  deleteFeedCursor: {
    method: "DELETE",
    target: (name) => `v2/feed/cursors/${name.studyInstanceUID}`,
    status: 404,
  },
  deleteInstance: { method: "DELETE", target: instance, status: 404 },
  deleteSeries: { method: "DELETE", target: series, status: 404 },
  deleteStudy: { method: "DELETE", target: study, status: 404 },
  deleteTenant: { method: "DELETE", target: () => "v2/tenants/default", status: 403 },
  describeAsJson: { method: "GET", target: () => "v2/api.json", status: 200 },
  describeAsYAML: { method: "GET", target: () => "v2/api.yaml", status: 200 },
  describeCapabilities: { method: "OPTIONS", target: () => "v2", status: 200 },
  listExtendedQueryTagErrors: {
    method: "GET",
    target: () => "v2/extendedquerytags/00991FFF/errors",
    status: 404,
  },
  listExtendedQueryTags: {
    method: "GET",
    target: () => "v2/extendedquerytags",
    status: 200,
    isListing: true,
  },
  listFeedCursors: { method: "GET", target: () => "v2/feed/cursors", status: 200, isListing: true },
  listFeedRanges: { method: "GET", target: () => "v2/feed/ranges", status: 200, isListing: true },
  listPartitions: { method: "GET", target: () => "v2/partitions", status: 400 },
  listTenants: { method: "GET", target: () => "v2/tenants", status: 403 },
  purgeTenant: {
    method: "POST",
    target: () => "v2/tenants/default/purge",
    status: 403,
    sends: { confirmation: "forged" },
  },
  readAudit: {
    method: "GET",
    target: ({ sopInstanceUID }) => `v2/audit?user=${sopInstanceUID}`,
    status: 200,
  },
  readChangeFeed: {
    method: "GET",
    target: () => "v2/changefeed?limit=200",
    status: 200,
    isListing: true,
  },
  readExtendedQueryTag: {
    method: "GET",
    target: () => "v2/extendedquerytags/00991FFF",
    status: 404,
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
  readOperation: {
    method: "GET",
    target: () => "v2/operations/00000000000000000000000000000000",
    status: 404,
  },
  readLatestChange: {
    method: "GET",
    target: () => "v2/changefeed/latest",
    status: 200,
    isListing: true,
  },
  readTenant: { method: "GET", target: () => "v2/tenants/default", status: 403 },
  readTenantUsage: { method: "GET", target: () => "v2/tenants/another/usage", status: 403 },
  resumeTenant: { method: "POST", target: () => "v2/tenants/default/resume", status: 403 },
  rejectInstance: {
    method: "POST",
    target: (name) => `${instance(name)}/reject/113001%5EDCM`,
    status: 404,
  },
  rejectSeries: {
    method: "POST",
    target: (name) => `${series(name)}/reject/113001%5EDCM`,
    status: 404,
  },
  rejectStudy: {
    method: "POST",
    target: (name) => `${study(name)}/reject/113001%5EDCM`,
    status: 404,
  },
  retrieveBulkdata: {
    method: "GET",
    target: (name) => `${instance(name)}/bulkdata/7FE00010`,
    status: 404,
  },
  retrieveFrameThumbnail: {
    method: "GET",
    target: (name) => `${instance(name)}/frames/1/thumbnail`,
    status: 404,
  },
  retrieveFrames: { method: "GET", target: (name) => `${instance(name)}/frames/1`, status: 404 },
  retrieveFramesRendered: {
    method: "GET",
    target: (name) => `${instance(name)}/frames/1/rendered`,
    status: 404,
  },
  retrieveInstance: { method: "GET", target: instance, status: 404 },
  retrieveInstanceMetadata: {
    method: "GET",
    target: (name) => `${instance(name)}/metadata`,
    status: 404,
  },
  retrieveInstanceRendered: {
    method: "GET",
    target: (name) => `${instance(name)}/rendered`,
    status: 404,
  },
  retrieveInstanceThumbnail: {
    method: "GET",
    target: (name) => `${instance(name)}/thumbnail`,
    status: 404,
  },
  retrieveSeries: { method: "GET", target: series, status: 404 },
  retrieveSeriesMetadata: {
    method: "GET",
    target: (name) => `${series(name)}/metadata`,
    status: 404,
  },
  retrieveSeriesRendered: {
    method: "GET",
    target: (name) => `${series(name)}/rendered`,
    status: 404,
  },
  retrieveSeriesThumbnail: {
    method: "GET",
    target: (name) => `${series(name)}/thumbnail`,
    status: 404,
  },
  retrieveStudy: { method: "GET", target: study, status: 404 },
  retrieveStudyMetadata: {
    method: "GET",
    target: (name) => `${study(name)}/metadata`,
    status: 404,
  },
  retrieveStudyRendered: {
    method: "GET",
    target: (name) => `${study(name)}/rendered`,
    status: 404,
  },
  retrieveStudyThumbnail: {
    method: "GET",
    target: (name) => `${study(name)}/thumbnail`,
    status: 404,
  },
  searchInstances: {
    method: "GET",
    target: (name) => `v2/instances?SOPInstanceUID=${name.sopInstanceUID}`,
    status: 204,
  },
  searchInstancesByForm: {
    method: "POST",
    target: () => "v2/instances/_search",
    sendsForm: (name) => `SOPInstanceUID=${name.sopInstanceUID}`,
    status: 204,
  },
  searchSeries: {
    method: "GET",
    target: (name) => `v2/series?SeriesInstanceUID=${name.seriesInstanceUID}`,
    status: 204,
  },
  searchSeriesByForm: {
    method: "POST",
    target: () => "v2/series/_search",
    sendsForm: (name) => `SeriesInstanceUID=${name.seriesInstanceUID}`,
    status: 204,
  },
  searchSeriesInstances: {
    method: "GET",
    target: (name) => `${series(name)}/instances`,
    status: 204,
  },
  searchSeriesInstancesByForm: {
    method: "POST",
    target: (name) => `${series(name)}/instances/_search`,
    sendsForm: () => "limit=10",
    status: 204,
  },
  searchStudies: {
    method: "GET",
    target: (name) => `v2/studies?StudyInstanceUID=${name.studyInstanceUID}`,
    status: 204,
  },
  searchStudiesByForm: {
    method: "POST",
    target: () => "v2/studies/_search",
    sendsForm: (name) => `StudyInstanceUID=${name.studyInstanceUID}`,
    status: 204,
  },
  searchStudyInstances: {
    method: "GET",
    target: (name) => `${study(name)}/instances`,
    status: 204,
  },
  searchStudyInstancesByForm: {
    method: "POST",
    target: (name) => `${study(name)}/instances/_search`,
    sendsForm: () => "",
    status: 204,
  },
  searchStudySeries: { method: "GET", target: (name) => `${study(name)}/series`, status: 204 },
  searchStudySeriesByForm: {
    method: "POST",
    target: (name) => `${study(name)}/series/_search`,
    sendsForm: () => "Modality=OT",
    status: 204,
  },
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
  storeTenant: {
    method: "PUT",
    target: () => "v2/tenants/default",
    status: 403,
    sends: { issuers: [] },
  },
  suspendTenant: { method: "POST", target: () => "v2/tenants/default/suspend", status: 403 },
  zAnswerUnmatched: { method: "PATCH", target: study, status: 405 },
};
