import { expect, test } from "vitest";
import { auditedAccess, outcomeOf } from "../../../../shared/audit/auditedAccess.ts";

// What stands below the version, and what DICOM PS3.15 §A.5 calls it.
test.each([
  ["GET", "studies", "110112", "E"],
  ["GET", "series", "110112", "E"],
  ["GET", "instances", "110112", "E"],
  ["GET", "Studies/1.2/Series", "110112", "E"],
  ["GET", "studies/1.2/instances", "110112", "E"],
  ["GET", "studies/1.2/series/1.3/instances", "110112", "E"],
  ["GET", "studies/count", "110112", "E"],
  ["GET", "studies/1.2/series/count", "110112", "E"],
  ["POST", "studies/_search", "110112", "E"],
  ["POST", "studies/1.2/series/_search", "110112", "E"],
  ["GET", "studies/1.2", "110104", "R"],
  ["GET", "studies/1.2/series/1.3", "110104", "R"],
  ["GET", "studies/1.2/series/1.3/instances/1.4", "110104", "R"],
  ["GET", "studies/1.2/series/1.3/instances/1.4/frames/1", "110104", "R"],
  ["GET", "studies/1.2/series/1.3/instances/1.4/rendered", "110104", "R"],
  ["GET", "studies/1.2/series/1.3/instances/1.4/bulkdata/7FE00010", "110104", "R"],
  ["GET", "studies/1.2/metadata", "110103", "R"],
  ["GET", "studies/1.2/series/1.3/instances/1.4/metadata", "110103", "R"],
  ["POST", "studies", "110104", "C"],
  ["POST", "studies/1.2", "110104", "C"],
  ["PUT", "studies", "110104", "U"],
  ["POST", "studies/$bulkUpdate", "110103", "U"],
  ["DELETE", "studies/1.2", "110105", "D"],
  ["DELETE", "studies/1.2/series/1.3", "110103", "D"],
  ["DELETE", "studies/1.2/series/1.3/instances/1.4", "110103", "D"],
  ["POST", "studies/1.2/reject/113039%5EDCM", "110105", "D"],
  ["POST", "studies/1.2/series/1.3/reject/113039%5EDCM", "110103", "D"],
  ["GET", "workitems", "110112", "E"],
  ["GET", "workitems/1.2", "110111", "R"],
  ["POST", "workitems", "110111", "C"],
  ["POST", "workitems/1.2", "110111", "U"],
  ["PUT", "workitems/1.2/state", "110111", "U"],
  ["POST", "export", "110106", "R"],
  ["GET", "changefeed", "110112", "E"],
  ["GET", "feed", "110112", "E"],
  ["PUT", "feed/cursors/mine", "110100", "U"],
  ["DELETE", "feed/cursors/mine", "110100", "D"],
  ["GET", "audit", "110101", "R"],
  ["GET", "tenants", "110112", "E"],
  ["PUT", "tenants/one", "110113", "U"],
  ["POST", "tenants/one/suspend", "110113", "U"],
  ["DELETE", "tenants/one", "110113", "D"],
  ["POST", "extendedquerytags", "110113", "C"],
  ["GET", "operations/1", "110112", "E"],
  ["GET", "", "110112", "E"],
] as const)("%s /%s is event %s, action %s", (method, path, code, action) => {
  const access = auditedAccess({ method, segments: path === "" ? [] : path.split("/") });
  expect([access.event.code, access.action]).toEqual([code, action]);
  // A query is what it asked for; of anything else the path says what it was about.
  expect(access.isQuery).toBe(action === "E" || code === "110101");
});

test.each([
  [200, 0],
  [204, 0],
  [304, 0],
  [400, 4],
  [404, 4],
  [429, 4],
  [401, 8],
  [403, 8],
  [503, 8],
  [500, 12],
])("status %i is outcome %i", (status, outcome) => {
  expect(outcomeOf(status)).toBe(outcome);
});
