import { expect, test } from "vitest";
import {
  parseChangeFeedQuery,
  parseLatestChangeQuery,
} from "../../../../shared/feed/changeFeedQuery.ts";
import { parseFeedQuery, parseRangesQuery, parseTime } from "../../../../shared/feed/feedQuery.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).kind).toBe("malformed");
    return (error as Problem).detail;
  }
  throw new Error("It was accepted");
}

test("without parameters all of the tenant is read from the beginning, at its newest state", () => {
  expect(parseFeedQuery(new URLSearchParams(), [])).toEqual({
    continuation: undefined,
    range: undefined,
    study: undefined,
    mode: undefined,
    start: { at: "beginning" },
    filters: {},
    pageSize: 100,
    includeMetadata: false,
    waitSeconds: 0,
  });
});

test("all parameters are read", () => {
  const query = new URLSearchParams(
    "study=1.2.3&mode=all&startFrom=2026-01-02T03:04:05.5Z&pageSize=1000&includeMetadata=TRUE&wait=25" +
      "&action=create,delete&action=update&modality=CT&sopClass=1.2.840.1&partition=Microsoft.Default",
  );
  expect(parseFeedQuery(query, [])).toEqual({
    continuation: undefined,
    range: undefined,
    study: "1.2.3",
    mode: "all",
    start: { at: "time", milliseconds: Date.UTC(2026, 0, 2, 3, 4, 5, 500) },
    filters: {
      action: ["create", "delete", "update"],
      modality: ["CT"],
      sopClass: ["1.2.840.1"],
      partition: ["Microsoft.Default"],
    },
    pageSize: 1000,
    includeMetadata: true,
    waitSeconds: 25,
  });
});

test.each([
  ['"abc"', "abc"],
  ['W/"abc"', "abc"],
  ["abc", ""],
  ["*", ""],
])("If-None-Match: %s is the continuation %j", (header, token) => {
  expect(parseFeedQuery(new URLSearchParams(), [header]).continuation).toEqual({
    token,
    parameter: "If-None-Match",
  });
  expect(parseFeedQuery(new URLSearchParams("continuation=x"), [header]).continuation).toEqual({
    token: "x",
    parameter: "continuation",
  });
});

test.each([
  ["pageSize=0", "pageSize"],
  ["pageSize=1001", "pageSize"],
  ["pageSize=1.5", "pageSize"],
  ["pageSize=-1", "pageSize"],
  ["pageSize=", "pageSize"],
  ["pageSize=99999999999999999999", "pageSize"],
  ["mode=newest", "mode"],
  ["mode=ALL", "mode"],
  ["startFrom=yesterday", "startFrom"],
  ["startFrom=2026-01-01T00:00:00", "startFrom"],
  ["startFrom=2026-02-29T00:00:00Z", "startFrom"],
  ["wait=26", "wait"],
  ["wait=x", "wait"],
  ["includeMetadata=1", "includeMetadata"],
  ["action=remove", "action"],
  ["action=", "action"],
  ["modality=", "modality"],
  ["modality=ABCDEFGHIJKLMNOPQ", "modality"],
  ["sopClass=CT", "sopClass"],
  [`sopClass=${Array.from({ length: 21 }, (_, i) => `1.${i}`).join(",")}`, "sopClass"],
  ["partition=a/b", "partition"],
  ["study=abc", "study"],
  ["study=1.2&range=x", "range"],
  ["study=1.2&partition=a,b", "partition"],
  ["mode=all&mode=latest", "mode"],
  ["Mode=all", "Mode"],
  ["filter=x", "filter"],
])("%s is refused with a sentence that names the parameter", (query, name) => {
  expect(refusal(() => parseFeedQuery(new URLSearchParams(query), []))).toContain(`"${name}"`);
});

test.each([
  ["minimum=0", "minimum"],
  ["minimum=257", "minimum"],
  ["mode=x", "mode"],
  ["pageSize=1", "pageSize"],
])("of ranges, %s is refused with a sentence that names the parameter", (query, name) => {
  expect(refusal(() => parseRangesQuery(new URLSearchParams(query)))).toContain(`"${name}"`);
});

test.each([
  "1970-01-01T00:00:00Z",
  "2026-11-21T23:59:59.999Z",
  "2024-02-29T12:00:00+05:30",
  "2000-02-29T00:00:00-12:00",
  "0001-01-01T00:00:00Z",
  "1900-03-01T00:00:00Z",
  "9999-12-31T23:59:59Z",
  "2026-06-30t12:00:00z",
])("the time %s is the moment that others read in it", (text) => {
  expect(parseTime("t", text)).toBe(Date.parse(text.toUpperCase()));
});

test.each([
  "2026-13-01T00:00:00Z",
  "2026-00-01T00:00:00Z",
  "2026-01-00T00:00:00Z",
  "2026-01-32T00:00:00Z",
  "1900-02-29T00:00:00Z",
  "2026-01-01T24:00:00Z",
  "2026-01-01T00:60:00Z",
  "2026-01-01T00:00:61Z",
  "2026-01-01T00:00:00+24:00",
  "2026-01-01T00:00:00+0100",
  "2026-01-01 00:00:00Z",
  "2026-01-01",
  "20260101T000000Z",
  "",
])("%j is not a time", (text) => {
  expect(refusal(() => parseTime("startTime", text))).toContain('"startTime"');
});

test("a plus sign that came as a space is read as what was meant", () => {
  expect(parseTime("t", "2026-01-01T00:00:00 01:00")).toBe(Date.UTC(2025, 11, 31, 23));
});

test("the sequenced feed has other defaults and limits in each version", () => {
  expect(parseChangeFeedQuery(new URLSearchParams(), "v1")).toEqual({
    by: "sequence",
    offset: 0,
    limit: 10,
    includeMetadata: true,
  });
  expect(parseChangeFeedQuery(new URLSearchParams(), "v2")).toEqual({
    by: "time",
    offset: 0,
    limit: 100,
    includeMetadata: true,
    startTime: undefined,
    endTime: undefined,
  });
  expect(parseChangeFeedQuery(new URLSearchParams("limit=100"), "v1").limit).toBe(100);
  expect(parseChangeFeedQuery(new URLSearchParams("limit=200"), "v2").limit).toBe(200);
});

test.each([
  ["v1", "limit=101", "limit"],
  ["v2", "limit=201", "limit"],
  ["v1", "limit=0", "limit"],
  ["v2", "limit=ten", "limit"],
  ["v2", "offset=-1", "offset"],
  ["v1", "offset=1.0", "offset"],
  ["v1", "includeMetadata=1", "includeMetadata"],
  ["v2", "includeMetadata=yes", "includeMetadata"],
  ["v2", "startTime=2026-01-01T00:00:00", "startTime"],
  ["v2", "endTime=2026-01-01", "endTime"],
  ["v2", "startTime=2026-01-01T00:00:00Z&endTime=2026-01-01T00:00:00Z", "endTime"],
  ["v2", "startTime=2026-01-01T00:00:00Z&endTime=2026-01-01T00:30:00%2B01:00", "endTime"],
] as const)(
  "under %s, %s is refused with a sentence that names the parameter",
  (version, query, name) => {
    expect(refusal(() => parseChangeFeedQuery(new URLSearchParams(query), version))).toContain(
      `"${name}"`,
    );
  },
);

test("the latest entry comes with metadata unless that is refused", () => {
  expect(parseLatestChangeQuery(new URLSearchParams())).toEqual({ includeMetadata: true });
  expect(parseLatestChangeQuery(new URLSearchParams("INCLUDEMETADATA=False"))).toEqual({
    includeMetadata: false,
  });
  expect(refusal(() => parseLatestChangeQuery(new URLSearchParams("includeMetadata=0")))).toContain(
    '"includeMetadata"',
  );
});
