// What comes beyond one page of a search: order, continuations, counts, and queries that are sent as a form.
import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import {
  dicomJson,
  DicomwebService,
  firstValues,
  problemKind,
  type JsonDataset,
} from "../support/dicomwebService.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";

const v2 = new DicomwebService("v2");
const formType = "application/x-www-form-urlencoded";

// Nine studies of one patient, of which the seventh has no date. Dates go up and names go round.
const patientID = `T${randomBytes(8).toString("hex")}`;
const dates = [
  "20240101",
  "20240102",
  "20240102",
  "20240103",
  "20240104",
  "20240104",
  "",
  "20240105",
  "20240106",
];
const stored = dates.map((date, index) =>
  makeInstance({
    patientID,
    patientName: ["Adams^A", "Baker^B", "Clark^C"][index % 3] ?? "",
    modality: "MR",
    instanceNumber: index + 1,
    elements: [["00080020", "DA", date]],
  }),
);
const nameOf = new Map(stored.map(({ studyInstanceUID }, index) => [studyInstanceUID, index]));
const newestFirst = [8, 7, 6, 5, 4, 3, 2, 1, 0];

beforeAll(async () => {
  for (const { bytes } of stored) {
    await v2.mustStore([bytes]);
  }
});

/** The studies of an answer, by their numbers; none when it is 204. */
function studiesOf(answer: ReceivedAnswer): unknown[] {
  expect([200, 204]).toContain(answer.status);
  const results = answer.status === 204 ? [] : (answer.json() as JsonDataset[]);
  return firstValues(results, "0020000D").map((uid) => nameOf.get(String(uid)));
}

async function studiesFound(query: string): Promise<unknown[]> {
  return studiesOf(await v2.get(`studies?PatientID=${patientID}&${query}`, dicomJson));
}

/** Where the next page is (RFC 8288), if there is one. */
function nextOf(answer: ReceivedAnswer): string | undefined {
  return /^<([^>]+)>; rel="next"$/.exec(String(answer.headers["link"]))?.[1];
}

async function form(path: string, body: string, type = formType): Promise<ReceivedAnswer> {
  return await v2.request(path, {
    method: "POST",
    headers: { Accept: dicomJson, "Content-Type": type },
    body: Buffer.from(body),
  });
}

describe("orderby", () => {
  test.each([
    ["StudyDate", [6, 0, 1, 2, 3, 4, 5, 7, 8]],
    ["-StudyDate", [8, 7, 5, 4, 3, 2, 1, 0, 6]],
    ["00080020", [6, 0, 1, 2, 3, 4, 5, 7, 8]],
    ["PatientName", [0, 3, 6, 1, 4, 7, 2, 5, 8]],
    ["-PatientName", [8, 5, 2, 7, 4, 1, 6, 3, 0]],
    ["PatientName,-StudyDate", [3, 0, 6, 7, 4, 1, 8, 5, 2]],
    ["-StudyDate, PatientName", [8, 7, 4, 5, 3, 1, 2, 0, 6]],
    ["-StudyDate,-StudyTime", [8, 7, 5, 4, 3, 2, 1, 0, 6]],
  ])("%s gives %j, and the first stored first where it says nothing", async (order, expected) => {
    expect(await studiesFound(`orderby=${encodeURIComponent(order)}`)).toEqual(expected);
    expect(await studiesFound(`OrderBy=${encodeURIComponent(order)}&limit=4&offset=3`)).toEqual(
      expected.slice(3, 7),
    );
  });

  test("series and instances are in the order of their numbers, and of their studies'", async () => {
    const numbers = firstValues(
      await v2.search(`instances?PatientID=${patientID}&orderby=InstanceNumber`),
      "00200013",
    );
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const series = await v2.search(`series?PatientID=${patientID}&orderby=-StudyDate`);
    expect(firstValues(series, "0020000D").map((uid) => nameOf.get(String(uid)))).toEqual([
      8, 7, 5, 4, 3, 2, 1, 0, 6,
    ]);
  });

  test.each([
    "orderby=",
    "orderby=NoSuchAttribute",
    "orderby=AccessionNumber",
    "orderby=--StudyDate",
    "orderby=SeriesNumber",
    "orderby=StudyDate,",
    "orderby=StudyDate,StudyDate",
    "orderby=StudyTime",
    "orderby=StudyDate&orderby=PatientName",
    `orderby=${"StudyDate,".repeat(500)}StudyDate`,
  ])("studies?%s is answered 400 and names the parameter", async (query) => {
    const answer = await v2.get(`studies?${query}`, dicomJson);
    expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
    expect(answer.text).toContain("orderby");
  });
});

describe("continuations", () => {
  test.each([
    ["", newestFirst],
    ["&orderby=-StudyDate", [8, 7, 5, 4, 3, 2, 1, 0, 6]],
    ["&orderby=StudyDate,PatientName", [6, 0, 1, 2, 3, 4, 5, 7, 8]],
    ["&PatientName=Adams*&orderby=PatientName", [0, 3, 6]],
  ])("following Link leads through all of %s once and in order", async (query, expected) => {
    const found: unknown[] = [];
    let url: string | undefined = v2.url(`studies?PatientID=${patientID}&limit=2${query}`);
    while (url !== undefined) {
      const answer: ReceivedAnswer = await send(url, { headers: { Accept: dicomJson } });
      found.push(...studiesOf(answer));
      url = nextOf(answer);
      // PS3.18 §10.6.3.1: both say the same.
      expect(answer.headers.warning !== undefined).toBe(url !== undefined);
    }
    expect(found).toEqual(expected);
  });

  test("the URL of the next page holds nothing of the query, and may change the limit and the form of the answer", async () => {
    const answer = await v2.get(`studies?PatientName=*&PatientID=${patientID}&limit=4`, dicomJson);
    const next = nextOf(answer) ?? "";
    expect(next).toMatch(/\/v2\/studies\?continuation=[A-Za-z0-9_-]+$/);
    expect(Buffer.from(next.split("=")[1] ?? "", "base64url").toString("latin1")).not.toContain(
      patientID,
    );
    const rest = await send(`${next}&limit=200&accept=application/dicom%2Bjson`);
    expect(studiesOf(rest)).toEqual([4, 3, 2, 1, 0]);
    expect(nextOf(rest)).toBeUndefined();
  });

  test("what is stored and deleted between two pages shifts none of them", async () => {
    const first = await v2.get(`studies?PatientID=${patientID}&limit=3`, dicomJson);
    const newer = makeInstance({ patientID });
    await v2.mustStore([newer.bytes]);
    const second = await send(nextOf(first) ?? "", { headers: { Accept: dicomJson } });
    await v2.request(`studies/${newer.studyInstanceUID}`, { method: "DELETE" });
    expect([...studiesOf(first), ...studiesOf(second)]).toEqual([8, 7, 6, 5, 4, 3]);
  });

  test("a continuation is good for its own resource, and beside it stands no other query", async () => {
    const next = nextOf(await v2.get(`studies?PatientID=${patientID}&limit=2`, dicomJson)) ?? "";
    const token = next.split("=")[1] ?? "";
    for (const path of [
      `series?continuation=${token}`,
      `studies/${stored[0]?.studyInstanceUID ?? ""}/series?continuation=${token}`,
      `studies?continuation=${token}&PatientID=other`,
      `studies?continuation=${token}&offset=0`,
      `studies?continuation=${token}&continuation=${token}`,
      `studies?continuation=${token.slice(0, -4)}AAAA`,
      "studies?continuation=",
      "studies?continuation=x",
      `studies?continuation=${"A".repeat(5_000)}`,
    ]) {
      const answer = await v2.get(path, dicomJson);
      expect([path.slice(0, 60), answer.status]).toEqual([path.slice(0, 60), 400]);
      expect(answer.text).toContain("continuation");
    }
  });
});

describe("counts", () => {
  test("a count is of everything that a search finds, whatever its page", async () => {
    const count = async (path: string): Promise<unknown> => {
      const answer = await v2.get(path);
      expect(answer.headers["content-type"]).toBe("application/json");
      return answer.json();
    };
    const [first] = stored;
    const study = first?.studyInstanceUID ?? "";
    const series = first?.seriesInstanceUID ?? "";
    expect(await count(`studies/count?PatientID=${patientID}`)).toEqual({ count: 9 });
    expect(
      await count(`studies/count?PatientID=${patientID}&limit=2&offset=5&orderby=StudyDate`),
    ).toEqual({ count: 9 });
    expect(await count(`studies/count?PatientID=${patientID}&PatientName=adams*`)).toEqual({
      count: 3,
    });
    expect(await count(`series/count?PatientID=${patientID}&Modality=MR`)).toEqual({ count: 9 });
    expect(await count(`instances/count?PatientID=${patientID}&InstanceNumber=4`)).toEqual({
      count: 1,
    });
    expect(await count(`studies/${study}/series/count`)).toEqual({ count: 1 });
    expect(await count(`studies/${study}/instances/count?Modality=CT`)).toEqual({ count: 0 });
    expect(await count(`studies/${study}/series/${series}/instances/count`)).toEqual({ count: 1 });
    expect(await count(`studies/${makeUID()}/instances/count`)).toEqual({ count: 0 });
  });

  test.each([
    "studies/count?NoSuchAttribute=1",
    "studies/count?Modality=CT",
    "studies/abc/series/count",
    "studies/count?limit=0",
  ])("%s is answered 400 as the search is", async (path) => {
    expect((await v2.get(path)).status).toBe(400);
  });
});

describe("a query as a form", () => {
  test("finds what the same query in a URL does, with parameters of both, on every resource", async () => {
    expect(studiesOf(await form("studies/_search", `PatientID=${patientID}`))).toEqual(newestFirst);
    const mixed = await form(
      `studies/_search?limit=2`,
      `PatientID=${patientID}&orderby=StudyDate&offset=1`,
      `${formType}; charset=UTF-8`,
    );
    expect(studiesOf(mixed)).toEqual([0, 1]);
    const next = await send(nextOf(mixed) ?? "", { headers: { Accept: dicomJson } });
    expect(studiesOf(next)).toEqual([2, 3]);
    const [one] = stored;
    const study = `studies/${one?.studyInstanceUID ?? ""}`;
    for (const path of [
      "series/_search",
      "instances/_search",
      `${study}/series/_search`,
      `${study}/instances/_search`,
      `${study}/series/${one?.seriesInstanceUID ?? ""}/instances/_search`,
    ]) {
      const isBelow = path.startsWith("studies");
      const answer = await form(
        path,
        isBelow ? "" : `StudyInstanceUID=${one?.studyInstanceUID ?? ""}`,
      );
      expect([path, studiesOf(answer)]).toEqual([path, [0]]);
    }
  });

  test("may list a thousand UIDs; then its next page is asked for by offset", async () => {
    const uids = Array.from({ length: 991 }, makeUID);
    const list = [...uids, ...stored.map(({ studyInstanceUID }) => studyInstanceUID)].join(",");
    const answer = await form("studies/_search", `StudyInstanceUID=${list}&limit=5`);
    expect(studiesOf(answer)).toEqual([8, 7, 6, 5, 4]);
    expect(answer.headers.warning).toMatch(/^299 /);
    expect(answer.headers["link"]).toBeUndefined();
    const rest = await form("studies/_search", `StudyInstanceUID=${list}&limit=5&offset=5`);
    expect(studiesOf(rest)).toEqual([3, 2, 1, 0]);
  });

  test.each([
    ["another media type", "PatientID=1", "application/json", 415],
    ["no media type", "PatientID=1", "", 415],
    ["more than 64 KiB", `PatientID=${"x".repeat(66_000)}`, formType, 413],
    ["what no query may have", "PatientName=%3Cscript%3E", formType, 400],
    ["an unknown parameter", "NoSuchAttribute=1", formType, 400],
    ["a value that is none", "StudyDate=x", formType, 400],
  ])("with %s is refused", async (_, body, type, status) => {
    expect((await form("studies/_search", body, type)).status).toBe(status);
  });

  test("that is not UTF-8 is refused", async () => {
    const answer = await v2.request("studies/_search", {
      method: "POST",
      headers: { "Content-Type": formType },
      body: Buffer.from([0x50, 0x3d, 0xff, 0xfe]),
    });
    expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
  });
});
