// PS3.18 §10.6, Search transaction, and what the Azure DICOM service makes of it.
import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance, makeUID, type TestElement } from "../support/dicom/dicomFile.ts";
import {
  dicomJson,
  DicomwebService,
  firstValues,
  instancePath,
  problemKind,
  type JsonDataset,
} from "../support/dicomwebService.ts";

const v1 = new DicomwebService("v1");
const v2 = new DicomwebService("v2");

/** A PatientID that no other test has. */
function makePatientID(): string {
  return `T${randomBytes(8).toString("hex")}`;
}

// Three studies of one patient. The first has two series, of CT and SR; the others one instance each.
const patientID = makePatientID();
const study1 = makeUID();
const ct = makeUID();
// What the instances of a study say of it is the same in all of them.
const studyElements: readonly TestElement[] = [
  ["00080020", "DA", "20240101"],
  ["00080030", "TM", "101500"],
  ["00080050", "SH", "Acc One"],
  ["00080090", "PN", "Ref^Èrik"],
  ["00081030", "LO", "Chest, native"],
  ["00100030", "DA", "19500105"],
  ["00100040", "CS", "M"],
];
const ct1 = makeInstance({
  studyInstanceUID: study1,
  seriesInstanceUID: ct,
  patientID,
  patientName: "Doe^John",
  modality: "CT",
  elements: [
    ...studyElements,
    ["00081090", "LO", "Model 5000"],
    ["0008103E", "LO", "Axial 100%_[a]"],
    ["00400244", "DA", "20240103"],
    [
      "00400275",
      "SQ",
      undefined,
      {
        items: [
          [
            ["00400009", "SH", "STEP-1"],
            ["00401001", "SH", "PROC-1"],
          ],
        ],
      },
    ],
  ],
});
const ct2 = makeInstance({
  studyInstanceUID: study1,
  seriesInstanceUID: ct,
  patientID,
  patientName: "Doe^John",
  modality: "CT",
  instanceNumber: 2,
  elements: studyElements,
});
const sr = makeInstance({
  studyInstanceUID: study1,
  patientID,
  patientName: "Doe^John",
  modality: "SR",
  elements: studyElements,
});
const mr = makeInstance({
  patientID,
  patientName: "Müller-Lüdenscheidt^Änne^von",
  modality: "MR",
  elements: [
    ["00080020", "DA", "20240615"],
    ["00080050", "SH", "ACC-2"],
    ["00100030", "DA", "19991231"],
  ],
});
const us = makeInstance({
  patientID,
  patientName: "Wang^XiaoDong=王^小东",
  modality: "US",
  elements: [
    ["00080020", "DA", "20241231"],
    ["00080050", "SH", ""],
    ["00100030", "-"],
  ],
});

beforeAll(async () => {
  for (const instance of [ct1, ct2, sr, mr, us]) {
    await v2.mustStore([instance.bytes]);
  }
});

const names: Readonly<Record<string, string>> = {
  [study1]: "ct",
  [mr.studyInstanceUID]: "mr",
  [us.studyInstanceUID]: "us",
};

async function studiesFound(query: string): Promise<unknown[]> {
  const results = await v2.search(`studies?PatientID=${patientID}&${query}`);
  return firstValues(results, "0020000D").map((uid) => names[String(uid)]);
}

describe("matching", () => {
  test.each([
    // Single values: text without regard to case, names also to accents.
    ["PatientName=Doe^John", ["ct"]],
    ["PatientName=doe%5EJOHN", ["ct"]],
    ["00100010=Doe^John", ["ct"]],
    ["PatientName=Doe", []],
    ["PatientName=Muller-Ludenscheidt^Anne^von", ["mr"]],
    ["PatientName=Wang^XiaoDong", ["us"]],
    ["PatientName=%E7%8E%8B^%E5%B0%8F%E4%B8%9C", ["us"]],
    ["PatientName==%E7%8E%8B^%E5%B0%8F%E4%B8%9C", ["us"]],
    ["PatientName=Wang^XiaoDong=%E7%8E%8B^%E5%B0%8F%E4%B8%9C", ["us"]],
    ["AccessionNumber=acc%20one", ["ct"]],
    ["AccessionNumber=acc+one", ["ct"]],
    ["AccessionNumber=one", []],
    ["StudyDescription=chest,%20NATIVE", ["ct"]],
    ["ReferringPhysicianName=ref^erik", ["ct"]],
    ["PatientSex=M", ["ct"]],
    ["StudyID=1", ["us", "mr", "ct"]],
    // Dates: a day, and ranges of which both ends belong.
    ["StudyDate=20240615", ["mr"]],
    ["StudyDate=20240101-20240615", ["mr", "ct"]],
    ["StudyDate=20240102-", ["us", "mr"]],
    ["StudyDate=-20240614", ["ct"]],
    ["StudyDate=20250101-", []],
    ["00100030=19500105", ["ct"]],
    ["PatientBirthDate=19000101-20000101", ["mr", "ct"]],
    ["StudyTime=1015", ["ct"]],
    ["StudyTime=101500-101500.5", ["ct"]],
    // Wildcards.
    ["PatientName=Doe*", ["ct"]],
    ["PatientName=*xiao*", ["us"]],
    ["PatientName=D?e^J*n", ["ct"]],
    ["PatientName=*", ["us", "mr", "ct"]],
    ["AccessionNumber=*2", ["mr"]],
    ["StudyDescription=*,*", ["ct"]],
    ["AccessionNumber=A%25", []],
    ["AccessionNumber=ACC_2", []],
    // Universal matching: an empty value matches everything.
    ["PatientName=", ["us", "mr", "ct"]],
    ["StudyDate=", ["us", "mr", "ct"]],
    // Lists of UIDs, and of modalities.
    [`StudyInstanceUID=${study1}`, ["ct"]],
    [`StudyInstanceUID=${study1},${mr.studyInstanceUID}`, ["mr", "ct"]],
    [`StudyInstanceUID=${study1}%5C${us.studyInstanceUID}`, ["us", "ct"]],
    [`StudyInstanceUID=${study1}&StudyInstanceUID=${mr.studyInstanceUID}`, ["mr", "ct"]],
    [`StudyInstanceUID=${study1}%20`, ["ct"]],
    [`StudyInstanceUID=${makeUID()}`, []],
    ["ModalitiesInStudy=CT", ["ct"]],
    ["ModalitiesInStudy=sr", ["ct"]],
    ["ModalitiesInStudy=MR,US", ["us", "mr"]],
    ["ModalitiesInStudy=MR%5CSR", ["mr", "ct"]],
    ["ModalitiesInStudy=MR&ModalitiesInStudy=CT", ["mr", "ct"]],
    ["ModalitiesInStudy=NM", []],
    // Words of names, with fuzzy matching.
    ["PatientName=joh&fuzzymatching=true", ["ct"]],
    ["PatientName=do&fuzzymatching=true", ["ct"]],
    ["PatientName=do%20jo&fuzzymatching=TRUE", ["ct"]],
    ["PatientName=ohn&fuzzymatching=true", []],
    ["PatientName=jo%20do&fuzzymatching=true", []],
    ["PatientName=anne&FuzzyMatching=true", ["mr"]],
    ["PatientName=%E5%B0%8F&fuzzymatching=true", ["us"]],
    ["PatientName=ohn&fuzzymatching=false", []],
    ["PatientName=%28jo&fuzzymatching=true", []],
    ["PatientName=%5Bjo%5C&fuzzymatching=true", []],
    // A date and a time together are one moment, when both are ranges of the same form.
    ["StudyDate=20231231-20240101&StudyTime=1200-1100", ["ct"]],
    ["StudyDate=20231231-20240101&StudyTime=1200-1000", []],
    ["StudyDate=20240101-&StudyTime=1016-", ["us", "mr"]],
    ["StudyDate=20240101-&StudyTime=-0900", []],
    ["StudyDate=20240101&StudyTime=1000-1100", ["ct"]],
    // The sounds of names.
    ["PatientName=Do&phonetic=true", ["ct"]],
    ["PatientName=Jon^Doh&phonetic=true", ["ct"]],
    ["PatientName=Miller&phonetic=true", ["mr"]],
    ["PatientName=anna%20Mueller&Phonetic=TRUE", ["mr"]],
    ["PatientName=Jon&phonetic=false", []],
    ["PatientName=Smith&phonetic=true", []],
    ["PatientName=M*&phonetic=true", ["mr"]],
    // No value, and several.
    ["AccessionNumber=%22%22&emptyvaluematching=true", ["us"]],
    ["AccessionNumber=%22%22", []],
    ["PatientBirthDate=%22%22&EmptyValueMatching=true&StudyDate=20241231", ["us"]],
    ["PatientName=%22%22&emptyvaluematching=true&fuzzymatching=true", []],
    ["AccessionNumber=acc-2%5CACC*&multiplevaluematching=true", ["mr", "ct"]],
    ["AccessionNumber=acc-2%5CACC*", []],
    ["StudyDate=20240615%5C20241201-&multiplevaluematching=true", ["us", "mr"]],
    ["PatientName=do%5Cwang&multiplevaluematching=true&fuzzymatching=true", ["us", "ct"]],
    ["AccessionNumber=x%5C*&multiplevaluematching=true", ["us", "mr", "ct"]],
    // What means something to a database means nothing here.
    ["AccessionNumber=%27%20OR%201%3D1", []],
    ["AccessionNumber=%22%20OR%20%22%22%3D%22", []],
    ["PatientName=%FF%FE", []],
    [`StudyInstanceUID=${Array.from({ length: 120 }, makeUID).join(",")},${study1}`, ["ct"]],
    // Several attributes: all of them must match.
    ["StudyDate=20240101-&ModalitiesInStudy=US&PatientName=w*", ["us"]],
    ["StudyDate=20240101&ModalitiesInStudy=US", []],
  ])("studies?%s finds %j", async (query, expected) => {
    expect(await studiesFound(query)).toEqual(expected);
  });

  test("series and instances are searched by their own attributes and by those above them", async () => {
    const seriesOf = async (query: string): Promise<unknown[]> =>
      firstValues(await v2.search(`series?PatientID=${patientID}&${query}`), "00080060");
    expect(await seriesOf("")).toEqual(["US", "MR", "SR", "CT"]);
    expect(await seriesOf("Modality=CT")).toEqual(["CT"]);
    expect(await seriesOf("Modality=CT,MR")).toEqual(["MR", "CT"]);
    expect(await seriesOf(`SeriesInstanceUID=${sr.seriesInstanceUID}`)).toEqual(["SR"]);
    expect(await seriesOf("PerformedProcedureStepStartDate=20240103")).toEqual(["CT"]);
    expect(await seriesOf("ManufacturerModelName=model%205000")).toEqual(["CT"]);
    expect(await seriesOf("SeriesDescription=axial*25_[a]")).toEqual([]);
    expect(await seriesOf("SeriesDescription=axial*%25_[a]")).toEqual(["CT"]);
    expect(await seriesOf("RequestAttributesSequence.ScheduledProcedureStepID=STEP-1")).toEqual([
      "CT",
    ]);
    expect(await seriesOf("00400275.00401001=proc-1")).toEqual(["CT"]);
    expect(await seriesOf("SeriesNumber=0001")).toEqual(["US", "MR", "SR", "CT"]);
    expect(await seriesOf("PatientName=doe*&Modality=SR")).toEqual(["SR"]);
    const instancesOf = async (query: string): Promise<unknown[]> =>
      firstValues(await v2.search(`instances?PatientID=${patientID}&${query}`), "00080018");
    expect(await instancesOf("InstanceNumber=2")).toEqual([ct2.sopInstanceUID]);
    expect(await instancesOf("Modality=CT&PatientName=Doe*")).toEqual([
      ct2.sopInstanceUID,
      ct1.sopInstanceUID,
    ]);
    expect(await instancesOf(`SOPInstanceUID=${us.sopInstanceUID},${sr.sopInstanceUID}`)).toEqual([
      us.sopInstanceUID,
      sr.sopInstanceUID,
    ]);
    expect(await instancesOf(`SOPClassUID=${makeUID()}`)).toEqual([]);
  });

  test("below a study and a series their own members are found, and no others", async () => {
    const found = async (path: string, tag: string): Promise<unknown[]> =>
      firstValues(await v2.search(path), tag);
    expect(await found(`studies/${study1}/series`, "00080060")).toEqual(["SR", "CT"]);
    expect(await found(`studies/${study1}/series?Modality=CT`, "0020000E")).toEqual([ct]);
    expect(await found(`studies/${study1}/instances`, "00080018")).toEqual(
      [sr, ct2, ct1].map(({ sopInstanceUID }) => sopInstanceUID),
    );
    expect(await found(`studies/${study1}/instances?Modality=SR`, "00080018")).toEqual([
      sr.sopInstanceUID,
    ]);
    expect(await found(`studies/${study1}/series/${ct}/instances`, "00080018")).toEqual([
      ct2.sopInstanceUID,
      ct1.sopInstanceUID,
    ]);
    expect(
      await found(`studies/${study1}/series/${ct}/instances?InstanceNumber=1`, "00080018"),
    ).toEqual([ct1.sopInstanceUID]);
    expect(await found(`studies/${makeUID()}/series`, "0020000E")).toEqual([]);
    expect(
      await found(`studies/${mr.studyInstanceUID}/series/${ct}/instances`, "00080018"),
    ).toEqual([]);
  });
});

describe("what is returned", () => {
  const common = [
    "00080020",
    "00080050",
    "00080090",
    "00100010",
    "00100020",
    "00100030",
    "0020000D",
  ];
  const promised = {
    v1: {
      studies: [...common, "00080005", "00080030", "00100040", "00200010"],
      series: ["00080005", "00080060", "0008103E", "0020000E", "00400244", "00400275"],
      instances: [
        "00080005",
        "00080016",
        "00080018",
        "00200013",
        "00280010",
        "00280011",
        "00280100",
      ],
    },
    v2: {
      studies: [...common, "00081030"],
      series: ["00080060", "00081090", "0020000E", "00400244"],
      instances: ["00080018"],
    },
  } as const;
  // PS3.18 Tables 10.6.3-3 to 5, as far as the data has them.
  const standard = {
    studies: ["00080061", "00080056", "00081190", "00201206", "00201208", "00200010", "00080030"],
    series: ["0008103E", "00081190", "00200011", "00201209"],
    instances: ["00080016", "00080018", "00081190", "00200013", "00280010"],
  } as const;

  test.each([v1, v2])(
    "under /$version each level has what the service and the standard promise",
    async (service) => {
      for (const resource of ["studies", "series", "instances"] as const) {
        const results = await service.search(`${resource}?StudyInstanceUID=${study1}`);
        const result = results.find(
          (one) => resource === "studies" || one["0020000E"]?.Value?.[0] === ct,
        );
        const tags = Object.keys(result ?? {});
        expect(tags).toEqual(tags.toSorted());
        expect(tags).toEqual(
          expect.arrayContaining([...promised[service.version][resource], ...standard[resource]]),
        );
      }
    },
  );

  test("counts and modalities are computed, and the URL leads to the resource", async () => {
    const [study] = await v2.search(`studies?StudyInstanceUID=${study1}`);
    expect(study).toMatchObject({
      "00080061": { vr: "CS", Value: ["CT", "SR"] },
      "00081190": { vr: "UR", Value: [v2.url(`studies/${study1}`)] },
      "00201206": { vr: "IS", Value: [2] },
      "00201208": { vr: "IS", Value: [3] },
    });
    const [series] = await v2.search(`series?SeriesInstanceUID=${ct}`);
    expect(series).toMatchObject({
      "00081190": { vr: "UR", Value: [v2.url(`studies/${study1}/series/${ct}`)] },
      "00201209": { vr: "IS", Value: [2] },
    });
  });

  test("the UIDs of the path are in every result", async () => {
    for (const path of [`studies/${study1}/series`, `studies/${study1}/instances`]) {
      const results = await v2.search(path);
      expect(new Set(firstValues(results, "0020000D"))).toEqual(new Set([study1]));
    }
    const results = await v2.search(`studies/${study1}/series/${ct}/instances`);
    expect(firstValues(results, "0020000E")).toEqual([ct, ct]);
  });

  test.each([
    ["studies", "includefield=StudyTime", "00080030"],
    ["studies", "includefield=00080090,StudyTime", "00080030"],
    ["studies", "includefield=00080090&includefield=00080030", "00080030"],
    ["studies", "includefield=00080090,%2000080030", "00080030"],
    ["studies", "includefield=00081030,00080060,00080090,00100030", "00081030"],
    ["studies", "includefield=all", "00100040"],
    ["studies", "includefield=ALL,StudyTime", "00100040"],
    ["studies", "IncludeField=all&includefield=all", "00100040"],
    ["series", "includefield=all", "00081090"],
    ["instances", "includefield=PhotometricInterpretation", "00280004"],
    ["instances", "includefield=00280103", "00280103"],
    ["instances", "includefield=all", "00080008"],
  ])("%s?%s returns %s", async (resource, query, tag) => {
    const results = await v2.search(`${resource}?StudyInstanceUID=${study1}&${query}`);
    expect(results.some((result) => tag in result)).toBe(true);
  });

  test("bulk data that a result has is referred to as the metadata refers to it, in items too", async () => {
    const instance = makeInstance({
      rows: 40,
      columns: 40,
      elements: [
        ["00281201", "OW", Buffer.alloc(2_000, 3)],
        ["00400555", "SQ", undefined, { items: [[["0040A160", "UT", "text ".repeat(5_000)]]] }],
      ],
    });
    await v2.mustStore([instance.bytes]);
    const [metadata = {}] = await v2.metadata(instancePath(instance));
    const tags = ["00281201", "00400555", "7FE00010"];
    const [found = {}] = await v2.search(
      `instances?SOPInstanceUID=${instance.sopInstanceUID}&includefield=${tags.join(",")}`,
    );
    expect(JSON.stringify(metadata["00400555"])).toContain("/bulkdata/00400555/0/0040A160");
    expect(tags.map((tag) => found[tag])).toEqual(tags.map((tag) => metadata[tag]));
  });

  test("an attribute that is searched by is returned, and one that is absent is left out", async () => {
    const [found] = await v2.search(`studies?StudyInstanceUID=${study1}&PatientSex=M`);
    expect(found?.["00100040"]?.Value).toEqual(["M"]);
    const [other] = await v2.search(`studies?StudyInstanceUID=${us.studyInstanceUID}`);
    expect(other).not.toHaveProperty("00100030");
    expect(other).not.toHaveProperty("00080050");
  });
});

describe("pages", () => {
  const pagePatient = makePatientID();
  const stored = Array.from({ length: 7 }, () => makeInstance({ patientID: pagePatient }));
  const newestFirst = stored.map(({ studyInstanceUID }) => studyInstanceUID).toReversed();

  beforeAll(async () => {
    for (const { bytes } of stored) {
      await v2.mustStore([bytes]);
    }
  });

  test("limit and offset cut the results, newest first, and a Warning says that there are more", async () => {
    for (const [query, start, end] of [
      ["", 0, 7],
      ["&limit=3", 0, 3],
      ["&limit=3&offset=3", 3, 6],
      ["&LIMIT=3&Offset=6", 6, 7],
      ["&limit=7", 0, 7],
      ["&limit=200", 0, 7],
      ["&offset=101&limit=101", 7, 7],
      ["&offset=7", 7, 7],
    ] as const) {
      const answer = await v2.get(`studies?PatientID=${pagePatient}${query}`);
      const results = answer.status === 204 ? [] : (answer.json() as JsonDataset[]);
      expect([query, firstValues(results, "0020000D")]).toEqual([
        query,
        newestFirst.slice(start, end),
      ]);
      expect(answer.status).toBe(end > start ? 200 : 204);
      expect(answer.headers.warning !== undefined).toBe(end < 7);
    }
    expect((await v2.get(`studies?PatientID=${pagePatient}&limit=1`)).headers.warning).toMatch(
      /^299 /,
    );
  });

  test("an offset of two billion is beyond the end, and nothing else", async () => {
    expect((await v2.get(`studies?PatientID=${pagePatient}&offset=2000000000`)).status).toBe(204);
    expect((await v2.get(`studies?limit=200&offset=2000000000`)).status).toBe(204);
  });

  test("a search that finds nothing is answered 204 without a body", async () => {
    const answer = await v2.get(`studies?PatientID=${makePatientID()}`, dicomJson);
    expect([answer.status, answer.body.length]).toEqual([204, 0]);
  });
});

test.each([
  "limit=0",
  "limit=201",
  "limit=-1",
  "limit=x",
  "limit=",
  "limit=1&limit=2",
  "offset=-1",
  "offset=1.5",
  "offset=2000000001",
  "offset=99999999999",
  "fuzzymatching=yes",
  "phonetic=1",
  "emptyvaluematching=",
  "multiplevaluematching=true&multiplevaluematching=true",
  "PatientName=a%3Db%5Cc&multiplevaluematching=true",
  `AccessionNumber=${"x%5C".repeat(50)}x&multiplevaluematching=true`,
  "StudyTime=1800-1000",
  "StudyDate=20240101-20240101&StudyTime=1800-1000",
  "Unknown=1",
  "00100011=1",
  "patientname=x",
  "PatientWeight=1",
  "TimezoneOffsetFromUTC=%2B0100",
  "PatientID=1&PatientID=2",
  "PatientID=1&00100020=1",
  "StudyDate=-",
  "StudyDate=2024",
  "StudyDate=20241301",
  "StudyDate=2024-01-01",
  "StudyDate=20240201-20240101",
  "StudyTime=25",
  "StudyInstanceUID=abc",
  "Modality=CT",
  "SOPInstanceUID=1.2.3",
  "RequestAttributesSequence.ScheduledProcedureStepID=1",
  "ReferencedSeriesSequence.SeriesInstanceUID=1.2",
  "includefield=",
  "includefield=00080020,",
  "includefield=Unknown",
  "includefield=00400275.00400009",
  'PatientName="a"&fuzzymatching=true',
  `PatientName=${"*a".repeat(11)}`,
  "PatientName=%3Cscript%3E",
  `AccessionNumber=${"x".repeat(1_025)}`,
])("studies?%s is answered 400", async (query) => {
  const answer = await v2.get(`studies?${query}`, dicomJson);
  expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
});

test.each([
  [`studies/${study1}/series?PatientName=x`, 400],
  [`studies/${study1}/series?StudyInstanceUID=${study1}`, 400],
  [`studies/${study1}/instances?PatientID=x`, 400],
  [`studies/${study1}/series/${ct}/instances?Modality=CT`, 400],
  ["series?SOPInstanceUID=1.2", 400],
  ["series?SeriesNumber=x", 400],
  ["instances?Modality=CT&PatientID=none", 204],
] as const)("%s is answered %i, by the levels that the resource has", async (path, status) => {
  expect((await v2.get(path, dicomJson)).status).toBe(status);
});

test.each([
  [undefined, 200],
  ["*/*", 200],
  ["application/json", 200],
  ["application/dicom+xml", 200],
  ['multipart/related; type="application/dicom+xml"', 200],
])("a search with Accept %s is answered %i", async (accept, status) => {
  const answer = await v2.get(`studies?StudyInstanceUID=${study1}`, accept);
  expect(answer.status).toBe(status);
});

test("a problem names the parameter and never repeats the value", async () => {
  const answer = await v2.get("studies?StudyDate=Smith%5EJohn", dicomJson);
  expect(answer.text).toContain("StudyDate");
  expect(answer.text).not.toContain("Smith");
});
