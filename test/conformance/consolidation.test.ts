// What the instances of a study say of it in common, and what is counted (Azure DICOM service, PS3.18 §10.6.3.3).
import { describe, expect, test } from "vitest";
import { makeInstance, makeUID, type TestElement } from "../support/dicom/dicomFile.ts";
import {
  DicomwebService,
  firstValues,
  instancePath,
  nameOf,
  sorted,
  type JsonDataset,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";

const service = new DicomwebService();

/** A family name that no other test has. */
function makeName(first: string): string {
  return `F${makeUID().slice(-20)}^${first}`;
}

async function counts(study: string): Promise<unknown[]> {
  const [found] = await service.search(`studies?StudyInstanceUID=${study}`);
  return [
    found?.["00080061"]?.Value,
    found?.["00201206"]?.Value?.[0],
    found?.["00201208"]?.Value?.[0],
  ];
}

describe("attributes of a study or series that a later instance changes", () => {
  test("are the latest in every resource: at once for studies and series, soon for instances", async () => {
    const [before, after] = [makeName("Before"), makeName("After")];
    const first = makeInstance({ patientName: before });
    const second = makeInstance({ studyInstanceUID: first.studyInstanceUID, patientName: after });
    const study = first.studyInstanceUID;
    await service.mustStore([first.bytes]);
    expect(await service.search(`studies?PatientName=${before}`)).toHaveLength(1);
    await service.mustStore([second.bytes]);

    // The answer to a store promises these.
    const latest = [{ Alphabetic: after }];
    const [found] = await service.search(`studies?StudyInstanceUID=${study}`);
    expect(found?.["00100010"]?.Value).toEqual(latest);
    expect(await service.search(`studies?PatientName=${after}`)).toHaveLength(1);
    expect(await service.search(`studies?PatientName=${before}`)).toEqual([]);
    expect(await service.search(`studies/${study}/series`)).toHaveLength(2);
    const series = await service.search(`series?PatientName=${after}`);
    expect(sorted(firstValues(series, "0020000E"))).toEqual(
      [first, second].map(({ seriesInstanceUID }) => seriesInstanceUID).toSorted(),
    );
    expect(series.map((one) => one["00100010"]?.Value)).toEqual([latest, latest]);
    expect(await service.search(`series?PatientName=${before}`)).toEqual([]);

    // Instances follow from the change feed.
    const instances = await eventually(
      async () => await service.search(`instances?PatientName=${after}`),
      (results) => results.length === 2,
    );
    expect(instances.map((one) => one["00100010"]?.Value)).toEqual([latest, latest]);
    // Also where the answer has attributes that only metadata has.
    const further = await service.search(`instances?PatientName=${after}&includefield=00280103`);
    expect(further.map((one) => [one["00100010"]?.Value, one["00280103"]?.Value])).toEqual([
      [latest, [0]],
      [latest, [0]],
    ]);
    expect(await service.search(`instances?PatientName=${before}`)).toEqual([]);
    // What an instance says of itself is in its metadata as before.
    const [metadata] = await service.metadata(instancePath(first));
    expect(metadata?.["00100010"]?.Value).toEqual([{ Alphabetic: before }]);
  });

  test("keep their value when a later instance has them empty or not at all", async () => {
    const first = makeInstance({
      patientName: makeName("Kept"),
      elements: [["00081030", "LO", "Kept description"]],
    });
    const others: readonly (readonly TestElement[])[] = [
      [
        ["00100010", "PN", ""],
        ["00081030", "LO", ""],
        ["00100020", "LO", ""],
      ],
      [
        ["00100010", "-"],
        ["00081030", "-"],
      ],
    ];
    await service.mustStore([first.bytes]);
    for (const elements of others) {
      const later = makeInstance({ studyInstanceUID: first.studyInstanceUID, elements });
      await service.mustStore([later.bytes]);
    }
    const [found] = await service.search(`studies?StudyInstanceUID=${first.studyInstanceUID}`);
    expect(found).toMatchObject({
      "00081030": { Value: ["Kept description"] },
      "00100020": { Value: ["TEST-1"] },
      "00201208": { Value: [3] },
    });
    expect(found).toHaveProperty("00100010");
  });

  test("of one request the last instance decides", async () => {
    const names = [makeName("One"), makeName("Two"), makeName("Three")];
    const studyInstanceUID = makeUID();
    await service.mustStore(
      names.map((patientName) => makeInstance({ studyInstanceUID, patientName }).bytes),
    );
    const [found] = await service.search(`studies?StudyInstanceUID=${studyInstanceUID}`);
    expect(found?.["00100010"]?.Value).toEqual([{ Alphabetic: names[2] }]);
    for (const name of names.slice(0, 2)) {
      for (const resource of ["studies", "series", "instances"]) {
        expect(await service.search(`${resource}?PatientName=${name}`)).toEqual([]);
      }
    }
    expect(await service.search(`instances?PatientName=${names[2]}`)).toHaveLength(3);
  });

  test("of a series are the latest in its instances too", async () => {
    const [before, after] = [makeUID().slice(-16), makeUID().slice(-16)];
    const first = makeInstance({ elements: [["0008103E", "LO", before]] });
    const second = makeInstance({
      ...nameOf(first),
      sopInstanceUID: makeUID(),
      elements: [["0008103E", "LO", after]],
    });
    await service.mustStore([first.bytes]);
    await service.mustStore([second.bytes]);
    expect(await service.search(`series?SeriesDescription=${after}`)).toHaveLength(1);
    expect(await service.search(`series?SeriesDescription=${before}`)).toEqual([]);
    await eventually(
      async () => await service.search(`instances?SeriesDescription=${after}`),
      (results) => results.length === 2,
    );
  });
});

describe("ModalitiesInStudy", () => {
  test("follows its instances as they come and go, in the answer and as a filter of all resources", async () => {
    const ct = makeInstance({ modality: "CT" });
    const study = ct.studyInstanceUID;
    const pt = makeInstance({ studyInstanceUID: study, modality: "PT" });
    const pt2 = makeInstance({ ...nameOf(pt), sopInstanceUID: makeUID(), modality: "PT" });
    const expectModalities = async (
      modalities: readonly string[],
      series: number,
      instances: number,
    ): Promise<void> => {
      expect(await counts(study)).toEqual([modalities, series, instances]);
      for (const modality of ["CT", "PT"]) {
        const isThere = modalities.includes(modality);
        const filter = `ModalitiesInStudy=${modality}&StudyInstanceUID=${study}`;
        expect(await service.search(`studies?${filter}`)).toHaveLength(isThere ? 1 : 0);
        await eventually(
          async () => await service.search(`series?${filter}`),
          (results) => results.length === (isThere ? series : 0),
        );
        await eventually(
          async () => await service.search(`instances?${filter}`),
          (results) => results.length === (isThere ? instances : 0),
        );
      }
    };
    await service.mustStore([ct.bytes]);
    await expectModalities(["CT"], 1, 1);
    await service.mustStore([pt.bytes]);
    await expectModalities(["CT", "PT"], 2, 2);
    await service.mustStore([pt2.bytes]);
    await expectModalities(["CT", "PT"], 2, 3);
    await service.request(instancePath(pt), { method: "DELETE" });
    await expectModalities(["CT", "PT"], 2, 2);
    await service.request(`studies/${study}/series/${pt.seriesInstanceUID}`, { method: "DELETE" });
    await expectModalities(["CT"], 1, 1);
    await service.mustStore([pt.bytes]);
    await expectModalities(["CT", "PT"], 2, 2);
    await service.request(instancePath(ct), { method: "DELETE" });
    await expectModalities(["PT"], 1, 1);
  });

  test("is left out where no instance has a modality, and such instances are counted", async () => {
    const one = makeInstance({ elements: [["00080060", "CS", ""]] });
    const two = makeInstance({
      studyInstanceUID: one.studyInstanceUID,
      elements: [["00080060", "-"]],
    });
    await service.mustStore([one.bytes, two.bytes]);
    expect(await counts(one.studyInstanceUID)).toEqual([undefined, 2, 2]);
  });

  test("counts modalities of any characters, and forgets them one by one", async () => {
    // Signs that mean something in the path of a change to the index.
    const one = makeInstance({ modality: 'C~/1"' });
    const study = one.studyInstanceUID;
    const two = makeInstance({ studyInstanceUID: study, modality: 'C~/1"' });
    const three = makeInstance({ studyInstanceUID: study, modality: "Ünï" });
    for (const { bytes } of [one, two, three]) {
      await service.mustStore([bytes]);
    }
    expect(await counts(study)).toEqual([['C~/1"', "Ünï"], 3, 3]);
    await service.request(instancePath(two), { method: "DELETE" });
    expect(await counts(study)).toEqual([['C~/1"', "Ünï"], 2, 2]);
    await service.request(instancePath(one), { method: "DELETE" });
    expect(await counts(study)).toEqual([["Ünï"], 1, 1]);
  });

  test("follows a PUT that changes the modality", async () => {
    const before = makeInstance({ modality: "CT" });
    const after = makeInstance({ ...nameOf(before), modality: "XA" });
    await service.mustStore([before.bytes]);
    await service.store([after.bytes], { method: "PUT" });
    expect(await counts(before.studyInstanceUID)).toEqual([["XA"], 1, 1]);
  });
});

test("two series may hold instances with the same UID", async () => {
  const one = makeInstance();
  const two = makeInstance({
    studyInstanceUID: one.studyInstanceUID,
    sopInstanceUID: one.sopInstanceUID,
  });
  await service.mustStore([one.bytes]);
  await service.mustStore([two.bytes]);
  expect(await counts(one.studyInstanceUID)).toEqual([["OT"], 2, 2]);
  const found: readonly JsonDataset[] = await service.search(
    `instances?SOPInstanceUID=${one.sopInstanceUID}`,
  );
  expect(sorted(firstValues(found, "0020000E"))).toEqual(
    [one, two].map(({ seriesInstanceUID }) => seriesInstanceUID).toSorted(),
  );
});
