import { describe, expect, test } from "vitest";
import type { DicomJsonDataset } from "../../../../shared/dicom/dicomJson.ts";
import { formatTag } from "../../../../shared/dicom/tag.ts";
import {
  extractSearchAttributes,
  searchAttributeTags,
} from "../../../../shared/dicomweb/searchAttributes.ts";
import { parseSearchQuery, type SearchTarget } from "../../../../shared/dicomweb/searchQuery.ts";
import { selectAttributes, type SearchResult } from "../../../../shared/dicomweb/searchResponse.ts";
import type { ApiVersion } from "../../../../shared/dicomweb/storeResponse.ts";

const serviceURL = "https://h/v2/partitions/p";

// Every attribute that the index keeps, each with a value of its own.
const metadata: DicomJsonDataset = {};
for (const tag of Object.values(searchAttributeTags).flat()) {
  metadata[formatTag(tag)] = { vr: "LO", Value: [`value of ${formatTag(tag)}`] };
}
const { study, series, instance } = extractSearchAttributes(metadata);

const studyResult: SearchResult = {
  studyInstanceUID: "1.2",
  seriesInstanceUID: undefined,
  sopInstanceUID: undefined,
  attributes: { study: study.attributes },
  ofStudy: { modalities: ["MR", "CT"], seriesCount: 2, instanceCount: 5 },
};
const seriesResult: SearchResult = {
  ...studyResult,
  seriesInstanceUID: "1.2.1",
  attributes: { study: study.attributes, series: series.attributes },
  ofSeries: { instanceCount: 3 },
};
const instanceResult: SearchResult = {
  ...seriesResult,
  sopInstanceUID: "1.2.1.1",
  attributes: {
    study: study.attributes,
    series: series.attributes,
    instance: instance.attributes,
  },
};

function select(
  query: string,
  target: SearchTarget,
  version: ApiVersion = "v2",
  result: SearchResult = { study: studyResult, series: seriesResult, instance: instanceResult }[
    target.level
  ],
): DicomJsonDataset {
  return selectAttributes(
    result,
    parseSearchQuery(target, new URLSearchParams(query), version),
    serviceURL,
  );
}

const contractDefaults = {
  v1: {
    study:
      "00080005 00080020 00080030 00080050 00080056 00080090 00080201 00100010 00100020 00100030 00100040 0020000D 00200010",
    series: "00080005 00080060 00080201 0008103E 0020000E 00400244 00400245 00400275",
    instance:
      "00080005 00080016 00080018 00080056 00080201 00200013 00280008 00280010 00280011 00280100",
  },
  v2: {
    study: "00080020 00080050 00080090 00081030 00100010 00100020 00100030 0020000D",
    series: "00080060 00081090 0020000E 00400244",
    instance: "00080018",
  },
};
const standard = {
  study:
    "00080020 00080030 00080050 00080056 00080061 00080090 00080201 00081190 00100010 00100020 00100030 00100040 0020000D 00200010 00201206 00201208",
  series:
    "00080060 00080201 0008103E 00081190 0020000E 00200011 00201209 00400244 00400245 00400275",
  instance:
    "00080016 00080018 00080056 00080201 00081190 00200013 00280008 00280010 00280011 00280100",
};
const additional = {
  study:
    "00080063 00081030 00081032 00081060 00081080 00081110 00101010 00101020 00101030 00102180 001021B0",
  series: "00080021 00080031 00200011 00200060",
  instance: "",
};

const resources = [
  ["/studies", { level: "study" }, ["study"], ""],
  ["/series", { level: "series" }, ["study", "series"], ""],
  ["/instances", { level: "instance" }, ["study", "series", "instance"], ""],
  ["/studies/{s}/series", { level: "series", studyInstanceUID: "1.2" }, ["series"], "0020000D"],
  [
    "/studies/{s}/instances",
    { level: "instance", studyInstanceUID: "1.2" },
    ["series", "instance"],
    "0020000D",
  ],
  [
    "/studies/{s}/series/{e}/instances",
    { level: "instance", studyInstanceUID: "1.2", seriesInstanceUID: "1.2.1" },
    ["instance"],
    "0020000D 0020000E",
  ],
] satisfies [string, SearchTarget, (keyof typeof standard)[], string][];

const tagsOf = (...lists: string[]) =>
  [...new Set(lists.join(" ").split(" "))].filter((tag) => tag !== "").toSorted();

describe.each(["v1", "v2"] as const)("%s", (version) => {
  test.each(resources)(
    "%s returns the contract's and the standard's attributes",
    (_, target, levels, path) => {
      const expected = tagsOf(
        path,
        ...levels.map((level) => `${contractDefaults[version][level]} ${standard[level]}`),
      );
      expect(Object.keys(select("", target, version))).toEqual(expected);
    },
  );

  test.each(resources)(
    "%s returns with includefield=all at least what the contract lists",
    (_, target, levels, path) => {
      const all = select("includefield=all", target, version);
      const expected = tagsOf(
        path,
        ...levels.map((level) => `${contractDefaults.v1[level]} ${additional[level]}`),
      );
      expect(Object.keys(all)).toEqual(expect.arrayContaining(expected));
      expect(Object.keys(all)).toEqual(Object.keys(all).toSorted());
    },
  );
});

describe("attributes that are asked for", () => {
  test("are returned when they are there, of whatever level, and ignored when not", () => {
    const selected = select("includefield=00080060,00180015,00091001,PatientComments", {
      level: "study",
    });
    expect(selected).toHaveProperty("00104000");
    expect(selected).not.toHaveProperty("00080060");
    expect(selected).not.toHaveProperty("00180015");
    expect(
      select("includefield=PatientName", { level: "series", studyInstanceUID: "1.2" }),
    ).toHaveProperty("00100010", metadata["00100010"]);
  });

  test("are returned because they were searched by, universal matching included", () => {
    expect(select("IssuerOfPatientID=x", { level: "study" })).toHaveProperty("00100021");
    expect(select("IssuerOfPatientID=", { level: "study" })).toHaveProperty("00100021");
    expect(select("", { level: "study" })).not.toHaveProperty("00100021");
    expect(
      select("RequestAttributesSequence.RequestedProcedureID=x", {
        level: "instance",
        studyInstanceUID: "1.2",
      }),
    ).toHaveProperty("00400275");
  });
});

describe("computed attributes", () => {
  test("of a study: modalities in order, counts, availability, and its URL", () => {
    expect(select("", { level: "study" })).toMatchObject({
      "00080056": { vr: "CS", Value: ["ONLINE"] },
      "00080061": { vr: "CS", Value: ["CT", "MR"] },
      "00081190": { vr: "UR", Value: [`${serviceURL}/studies/1.2`] },
      "0020000D": { vr: "UI", Value: ["1.2"] },
      "00201206": { vr: "IS", Value: [2] },
      "00201208": { vr: "IS", Value: [5] },
    });
  });

  test("of a series and an instance: their own URLs and UIDs", () => {
    expect(select("", { level: "series" })).toMatchObject({
      "00081190": { vr: "UR", Value: [`${serviceURL}/studies/1.2/series/1.2.1`] },
      "0020000E": { vr: "UI", Value: ["1.2.1"] },
      "00201209": { vr: "IS", Value: [3] },
    });
    expect(select("", { level: "instance" })).toMatchObject({
      "00080018": { vr: "UI", Value: ["1.2.1.1"] },
      "00081190": {
        vr: "UR",
        Value: [`${serviceURL}/studies/1.2/series/1.2.1/instances/1.2.1.1`],
      },
    });
  });

  test("counts of a study and of a series are in the results of all that is part of them", () => {
    for (const level of ["series", "instance"] as const) {
      expect(select("", { level })).toMatchObject({
        "00080061": { vr: "CS", Value: ["CT", "MR"] },
        "00201206": { vr: "IS", Value: [2] },
        "00201208": { vr: "IS", Value: [5] },
        "00201209": { vr: "IS", Value: [3] },
      });
    }
    const below = Object.keys(select("", { level: "series", studyInstanceUID: "1.2" }));
    expect(below).toContain("00201209");
    expect(below).not.toContain("00201208");
  });

  test("elements that the index does not keep come from an instance, their bulk data by its URL", () => {
    const further = {
      elements: {
        "00091001": { vr: "LO", Value: ["x"] },
        "00282000": { vr: "OB", BulkDataURI: "00282000" },
        "00100010": { vr: "PN", Value: [{ Alphabetic: "Not^This" }] },
        "00104000": { vr: "LT", Value: ["not asked for"] },
      },
      instancePath: "studies/1.2/series/1.3/instances/1.4",
    };
    const query = parseSearchQuery(
      { level: "study" },
      new URLSearchParams("includefield=00091001,00282000"),
      "v2",
    );
    const selected = selectAttributes(studyResult, query, serviceURL, further);
    expect(selected).toMatchObject({
      "00091001": { vr: "LO", Value: ["x"] },
      "00282000": {
        vr: "OB",
        BulkDataURI: `${serviceURL}/studies/1.2/series/1.3/instances/1.4/bulkdata/00282000`,
      },
      "00100010": metadata["00100010"],
    });
    expect(selected).not.toHaveProperty("00104000");
  });

  test("a study that nothing is known of has its UID, its URL and its availability", () => {
    const bare: SearchResult = {
      studyInstanceUID: "1.2",
      seriesInstanceUID: undefined,
      sopInstanceUID: undefined,
      attributes: {},
    };
    expect(Object.keys(select("includefield=all", { level: "study" }, "v2", bare))).toEqual([
      "00080056",
      "00081190",
      "0020000D",
    ]);
  });
});
