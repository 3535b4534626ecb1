// The change feed of the Azure DICOM service: /changefeed and /changefeed/latest in both versions.
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import { DicomwebService, problemKind } from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";

interface Entry {
  readonly sequence: number;
  readonly studyInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly action: string;
  readonly state: string;
  readonly timestamp: string;
  readonly metadata?: Record<string, { readonly vr: string; readonly Value?: unknown[] }>;
}

const study = makeUID();
const [kept, removed, restored] = [1, 2, 3].map(() =>
  makeInstance({ studyInstanceUID: study }),
) as [
  ReturnType<typeof makeInstance>,
  ReturnType<typeof makeInstance>,
  ReturnType<typeof makeInstance>,
];
/** When the first and the last event of the study were sequenced, as the service tells. */
let before = "";
let after = "";

async function read(version: "v1" | "v2", query: string): Promise<Entry[]> {
  const answer = await new DicomwebService(version).get(`changefeed?${query}`);
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/json"]);
  return answer.json() as Entry[];
}

/** The loop of the documentation: from 0 on, by as many as were read, until a page is empty. */
async function readAll(version: "v1" | "v2", query = ""): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let offset = 0; ;) {
    const page = await read(version, `offset=${offset}${query}`);
    if (page.length === 0) {
      return entries;
    }
    entries.push(...page);
    offset += page.length;
  }
}

function ofStudy(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ studyInstanceUid }) => studyInstanceUid === study);
}

beforeAll(async () => {
  const service = new DicomwebService();
  const path = ({ seriesInstanceUID, sopInstanceUID }: typeof kept): string =>
    `studies/${study}/series/${seriesInstanceUID}/instances/${sopInstanceUID}`;
  await service.mustStore([kept.bytes]);
  await service.mustStore([removed.bytes]);
  await service.mustStore([restored.bytes]);
  for (const instance of [removed, restored]) {
    expect((await service.request(path(instance), { method: "DELETE" })).status).toBe(204);
  }
  await service.mustStore([restored.bytes]);
  const entries = await eventually(
    async () => ofStudy(await readAll("v2", "&limit=200&includeMetadata=false")),
    (found) => found.length === 6,
  );
  before = entries[0]?.timestamp ?? "";
  after = entries.at(-1)?.timestamp ?? "";
});

describe.each(["v1", "v2"] as const)("under %s", (version) => {
  test("the loop of the documentation reads every entry once and in order, with metadata", async () => {
    const entries = await readAll(version, "&includeMetadata=true");
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, i) => i + 1));
    const timestamps = entries.map(({ timestamp }) => timestamp);
    expect(timestamps).toEqual(timestamps.toSorted());
    const own = ofStudy(entries);
    expect(own.map(({ sopInstanceUid, action, state }) => [sopInstanceUid, action, state])).toEqual(
      [
        [kept.sopInstanceUID, "Create", "Current"],
        [removed.sopInstanceUID, "Create", "Deleted"],
        [restored.sopInstanceUID, "Create", "Replaced"],
        [removed.sopInstanceUID, "Delete", "Deleted"],
        [restored.sopInstanceUID, "Delete", "Replaced"],
        [restored.sopInstanceUID, "Create", "Current"],
      ],
    );
    for (const { sopInstanceUid, state, metadata } of own) {
      expect(metadata?.["00080018"]?.Value).toEqual(
        state === "Deleted" ? undefined : [sopInstanceUid],
      );
    }
  });

  test("an entry has these names and no others", async () => {
    const [entry] = ofStudy(await readAll(version, "&includeMetadata=FALSE"));
    expect(entry).toEqual({
      sequence: expect.any(Number) as unknown,
      partitionName: "Microsoft.Default",
      studyInstanceUid: study,
      seriesInstanceUid: kept.seriesInstanceUID,
      sopInstanceUid: kept.sopInstanceUID,
      action: "Create",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/) as unknown,
      state: "Current",
    });
  });

  test("metadata comes unless it is refused, as the metadata resource has it", async () => {
    const own = ofStudy(await readAll(version));
    const path = `studies/${study}/series/${kept.seriesInstanceUID}/instances/${kept.sopInstanceUID}`;
    const [metadata] = await new DicomwebService(version).metadata(path);
    expect(own[0]?.metadata).toEqual(metadata);
  });

  test("the latest entry is one object, and the highest of all", async () => {
    const service = new DicomwebService(version);
    const answer = await service.get("changefeed/latest?includeMetadata=false");
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/json"]);
    const latest = answer.json() as Entry;
    const entries = await readAll(version, "&includeMetadata=false");
    expect(entries.at(-1)?.sequence).toBeGreaterThanOrEqual(latest.sequence);
    expect(entries.find(({ sequence }) => sequence === latest.sequence)).toMatchObject({
      sopInstanceUid: latest.sopInstanceUid,
      timestamp: latest.timestamp,
    });
    expect(latest).not.toHaveProperty("metadata");
  });

  test.each([
    "limit=0",
    "limit=201",
    "limit=x",
    "offset=-1",
    "offset=1.5",
    "includeMetadata=1",
    "includeMetadata=maybe",
  ])("%s is refused", async (query) => {
    const answer = await new DicomwebService(version).get(`changefeed?${query}`);
    expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
  });
});

test("under v1 a page is bounded by its last number, and limits are smaller", async () => {
  expect(
    (await read("v1", "includeMetadata=false&offset=1&limit=3")).map(({ sequence }) => sequence),
  ).toEqual([2, 3, 4]);
  const answer = await new DicomwebService("v1").get("changefeed?limit=101");
  expect(answer.status).toBe(400);
  expect(await read("v1", "offset=1000000000&includeMetadata=false")).toEqual([]);
});

test("under v2 a window holds what was sequenced in it, and pages of it have no gap", async () => {
  const end = new Date(Date.parse(after) + 1).toISOString();
  const window = `startTime=${encodeURIComponent(before)}&endTime=${end}&includeMetadata=false`;
  const entries: Entry[] = [];
  for (let offset = 0; ; offset += 2) {
    const page = await read("v2", `${window}&offset=${offset}&limit=2`);
    entries.push(...page);
    if (page.length < 2) {
      break;
    }
  }
  expect(ofStudy(entries)).toHaveLength(6);
  const first = entries[0]?.sequence ?? 0;
  expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, i) => first + i));
  expect(entries.every(({ timestamp }) => timestamp >= before && timestamp <= after)).toBe(true);
});

test.each([
  "startTime=2026-01-01T00:00:00",
  "startTime=2026-01-01",
  "endTime=tomorrow",
  "startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z",
  "startTime=2026-01-01T00:00:00Z&endTime=2026-01-01T00:00:00Z",
])("under v2 %s is refused; under v1 there are no times", async (query) => {
  const answer = await new DicomwebService("v2").get(`changefeed?${query}`);
  expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
  expect(await read("v1", `${query}&limit=1`)).toHaveLength(1);
});
