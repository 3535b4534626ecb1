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
  modalities: ["MR", "", "CT"],
  seriesCount: 2,
  instanceCount: 5,
};
const seriesResult: SearchResult = {
  ...studyResult,
  seriesInstanceUID: "1.2.1",
  attributes: { study: study.attributes, series: series.attributes },
  modalities: undefined,
  seriesCount: undefined,
  instanceCount: 3,
};
const instanceResult: SearchResult = {
  ...seriesResult,
  sopInstanceUID: "1.2.1.1",
  attributes: {
    study: study.attributes,
    series: series.attributes,
    instance: instance.attributes,
  },
  instanceCount: undefined,
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

// What only a result of the level itself can count.
const countedAt = {
  "00080061": "study",
  "00201206": "study",
  "00201208": "study",
  "00201209": "series",
};

describe.each(["v1", "v2"] as const)("%s", (version) => {
  test.each(resources)(
    "%s returns the contract's and the standard's attributes",
    (_, target, levels, path) => {
      const expected = tagsOf(
        path,
        ...levels.map((level) => `${contractDefaults[version][level]} ${standard[level]}`),
      ).filter(
        (tag) => (new Map(Object.entries(countedAt)).get(tag) ?? target.level) === target.level,
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

  test("counts are those of the result's own level, whatever is asked for", () => {
    const counts = "includefield=00201206,00201208,00201209,00080061";
    const countsOf = (level: SearchTarget["level"]) =>
      Object.keys(select(counts, { level })).filter((tag) => tag in countedAt);
    expect(countsOf("study")).toEqual(["00080061", "00201206", "00201208"]);
    expect(countsOf("series")).toEqual(["00201209"]);
    expect(countsOf("instance")).toEqual([]);
  });

  test("a study that nothing is known of has its UID, its URL and its availability", () => {
    const bare: SearchResult = {
      studyInstanceUID: "1.2",
      seriesInstanceUID: undefined,
      sopInstanceUID: undefined,
      attributes: {},
      modalities: [""],
      seriesCount: undefined,
      instanceCount: undefined,
    };
    expect(Object.keys(select("includefield=all", { level: "study" }, "v2", bare))).toEqual([
      "00080056",
      "00081190",
      "0020000D",
    ]);
  });
});
