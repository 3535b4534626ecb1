// What a search returns beyond what the index keeps, and beyond Latin script.
import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance, makeUID, type TestElement } from "../support/dicom/dicomFile.ts";
import {
  dicomJson,
  DicomwebService,
  firstValues,
  instancePath,
  type JsonDataset,
} from "../support/dicomwebService.ts";

const v2 = new DicomwebService("v2");

/** Text that hardly compresses: so much of it does not fit an item of the index. */
function randomText(characters: number): string {
  return randomBytes(characters).toString("base64").slice(0, characters);
}

describe("attributes that the index does not keep", () => {
  const patientID = `T${randomBytes(8).toString("hex")}`;
  const studyInstanceUID = makeUID();
  const procedures = Array.from({ length: 30 }, (_, at): readonly TestElement[] => [
    ["00081150", "UI", "1.2.840.10008.3.1.2.3.1"],
    ["00081155", "UI", `1.2.3.${at}`],
  ]);
  const common: readonly TestElement[] = [
    ["00081110", "SQ", undefined, { items: procedures }],
    ["00090010", "LO", "ACME"],
    ["00104000", "LT", "comment ".repeat(300)],
  ];
  const make = (seriesInstanceUID: string, index: number, more: readonly TestElement[] = []) =>
    makeInstance({
      patientID,
      studyInstanceUID,
      seriesInstanceUID,
      instanceNumber: index,
      elements: [
        ...common,
        ["00091001", "LO", `private ${index}`],
        ["00180060", "DS", String(100 + index)],
        ["00282000", "OB", Buffer.alloc(40_000, index)],
        ...more,
      ],
    });
  const firstSeries = makeUID();
  const first = make(firstSeries, 1);
  const second = make(firstSeries, 2);
  // Of this one the metadata is too large for the index, and stands beside the content.
  const large = make(
    makeUID(),
    3,
    Array.from({ length: 24 }, (_, at) => [
      `0011${(0x1000 + at).toString(16)}`,
      "LO",
      Array.from({ length: 900 }, () => randomText(60)),
    ]),
  );

  beforeAll(async () => {
    for (const { bytes } of [first, second, large]) {
      await v2.mustStore([bytes]);
    }
  });

  test("of instances are those of each of them, wherever its metadata stands", async () => {
    const found = await v2.search(
      `instances?PatientID=${patientID}&includefield=KVP,00091001,PatientComments,ReferencedStudySequence`,
    );
    expect(firstValues(found, "00180060")).toEqual([103, 102, 101]);
    expect(firstValues(found, "00091001")).toEqual(["private 3", "private 2", "private 1"]);
    expect(found.map((result) => result["00081110"]?.Value?.length)).toEqual([30, 30, 30]);
    expect(String(found[0]?.["00104000"]?.Value?.[0])).toMatch(/^comment /);
  });

  test("of series and studies are those of their newest instance, with the URL of its bulk data", async () => {
    const query = `PatientID=${patientID}&includefield=KVP&includefield=00091001,00282000`;
    const series = await v2.search(`series?${query}`);
    expect(firstValues(series, "00180060")).toEqual([103, 102]);
    expect(firstValues(series, "00091001")).toEqual(["private 3", "private 2"]);
    expect(series.map((result) => result["00282000"]?.BulkDataURI)).toEqual(
      [large, second].map((instance) => v2.url(`${instancePath(instance)}/bulkdata/00282000`)),
    );
    const [study] = await v2.search(`studies?${query}`);
    expect(study?.["00180060"]?.Value).toEqual([103]);
    const below = await v2.search(
      `studies/${studyInstanceUID}/series?includefield=KVP&SeriesInstanceUID=${firstSeries}`,
    );
    expect(firstValues(below, "00180060")).toEqual([102]);
    const [bulkdata = ""] = series.map((result) => result["00282000"]?.BulkDataURI);
    const path = bulkdata.slice(v2.url("").length);
    expect((await v2.get(path)).body.length).toBeGreaterThanOrEqual(40_000);
  });

  test("follow what is deleted: then another instance is the newest", async () => {
    const extra = make(makeUID(), 9);
    await v2.mustStore([extra.bytes]);
    const kvp = async (): Promise<unknown[]> =>
      firstValues(
        await v2.search(`studies?StudyInstanceUID=${studyInstanceUID}&includefield=KVP`),
        "00180060",
      );
    expect(await kvp()).toEqual([109]);
    await v2.request(instancePath(extra), { method: "DELETE" });
    expect(await kvp()).toEqual([103]);
  });

  test("are not looked for when the index has them at another level, or nobody has them", async () => {
    const [study] = await v2.search(
      `studies?StudyInstanceUID=${studyInstanceUID}&includefield=00080060,00180015,00081190,00201209`,
    );
    expect(study).not.toHaveProperty("00080060");
    expect(study).not.toHaveProperty("00201209");
    const [other] = await v2.search(
      `studies?StudyInstanceUID=${studyInstanceUID}&includefield=00189074,00991001`,
    );
    expect(other).not.toHaveProperty("00189074");
    expect(other).not.toHaveProperty("00991001");
  });

  test("a series and an instance tell the counts of what they are part of", async () => {
    const counts = ["00201206", "00201208", "00201209"];
    const valuesOf = (result: JsonDataset | undefined): unknown[] =>
      counts.map((tag) => result?.[tag]?.Value?.[0]);
    const series = await v2.search(`series?SeriesInstanceUID=${firstSeries}`);
    expect(series.map(valuesOf)).toEqual([[2, 3, 2]]);
    expect(series[0]?.["00080061"]?.Value).toEqual(["OT"]);
    const instances = await v2.search(`instances?PatientID=${patientID}`);
    expect(instances.map(valuesOf)).toEqual([
      [2, 3, 1],
      [2, 3, 2],
      [2, 3, 2],
    ]);
    const below = await v2.search(`studies/${studyInstanceUID}/instances`);
    expect(below.map(valuesOf)).toEqual([
      [undefined, undefined, 1],
      [undefined, undefined, 2],
      [undefined, undefined, 2],
    ]);
  });
});

describe("names in other scripts", () => {
  const patientID = `T${randomBytes(8).toString("hex")}`;
  const names = {
    greek: "Διονυσιος^Άννα",
    cyrillic: "Люкceмбypг^Ёлка",
    arabic: "قباني^لنزار",
    hebrew: "שרון^דבורה",
    korean: "Hong^Gildong=洪^吉洞=홍^길동",
    japanese: "Yamada^Tarou=山田^太郎=やまだ^たろう",
    thai: "นามสกุล^ชื่อ",
    turkish: "İstanbul^Şule",
  };

  beforeAll(async () => {
    for (const patientName of Object.values(names)) {
      const { bytes } = makeInstance({
        patientID,
        patientName,
        textEncoding: "utf8",
        elements: [["00080005", "CS", "ISO_IR 192"]],
      });
      await v2.mustStore([bytes]);
    }
  });

  test.each([
    ["Διονυσιος^Άννα", "", ["greek"]],
    ["ΔΙΟΝΥΣΙΟΣ^*", "", ["greek"]],
    ["*^αννα", "", ["greek"]],
    ["люкceмбypг*", "", ["cyrillic"]],
    ["*елка", "", ["cyrillic"]],
    ["قباني^لنزار", "", ["arabic"]],
    ["*لنزار", "", ["arabic"]],
    ["שרון*", "", ["hebrew"]],
    ["洪^吉洞", "", ["korean"]],
    ["홍^길동", "", ["korean"]],
    ["==홍*", "", ["korean"]],
    ["길동", "fuzzymatching=true", ["korean"]],
    ["山田*", "", ["japanese"]],
    ["=山田^太郎", "", ["japanese"]],
    ["Yamada*=山田*=や*", "", ["japanese"]],
    ["やまた*", "", []],
    ["太", "fuzzymatching=true", ["japanese"]],
    ["太郎", "phonetic=true", ["japanese"]],
    ["Iamada", "phonetic=true", ["japanese"]],
    ["นามสกุล*", "", ["thai"]],
    ["istanbul^sule", "", ["turkish"]],
    ["ISTANBUL*", "", ["turkish"]],
  ])("PatientName=%s&%s finds %j", async (value, setting, expected) => {
    const found = await v2.search(
      `studies?PatientID=${patientID}&PatientName=${encodeURIComponent(value)}&${setting}`,
    );
    const byName = Object.entries(names);
    expect(
      found.map((result) => {
        const name = result["00100010"]?.Value?.[0] as Record<string, string>;
        return byName.find(([, text]) => text.startsWith(name["Alphabetic"] ?? "-"))?.[0];
      }),
    ).toEqual(expected);
  });

  test("are found by a form in UTF-8, as by a URL", async () => {
    const answer = await v2.request("studies/_search", {
      method: "POST",
      headers: { Accept: dicomJson, "Content-Type": "application/x-www-form-urlencoded" },
      body: Buffer.from(`PatientID=${patientID}&PatientName=山田*`),
    });
    expect(answer.json()).toHaveLength(1);
  });
});
