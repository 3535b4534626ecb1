// Deleting, which PS3.18 does not have and the Azure DICOM service does: at once for readers, soon for the bytes.
import { describe, expect, test } from "vitest";
import { makeInstance, makeUID, syntaxes } from "../support/dicom/dicomFile.ts";
import {
  anyDicomMultipart,
  DicomwebService,
  failureReasons,
  firstValues,
  instancePath,
  nameOf,
  problemKind,
  sorted,
  type InstanceName,
} from "../support/dicomwebService.ts";
import { blobsOfLength, contentContainer } from "../support/contentBlobs.ts";
import { eventually } from "../support/eventually.ts";

const service = new DicomwebService();
/** An instance whose file has a length that no other has in this run. */
let nextColumns = 1_201;
function makeOdd(name: Partial<InstanceName> = {}): ReturnType<typeof makeInstance> {
  nextColumns += 2;
  return makeInstance({ ...name, rows: 3, columns: nextColumns });
}

function pathsOf(instance: InstanceName): string[] {
  const path = instancePath(instance);
  const study = `studies/${instance.studyInstanceUID}`;
  const series = `${study}/series/${instance.seriesInstanceUID}`;
  return [
    study,
    series,
    path,
    `${study}/metadata`,
    `${series}/metadata`,
    `${path}/metadata`,
    `${path}/frames/1`,
    `${path}/bulkdata/7FE00010`,
  ];
}

async function expectGone(instance: InstanceName): Promise<void> {
  for (const path of pathsOf(instance)) {
    const answer = await service.get(path);
    expect([path, answer.status, problemKind(answer)]).toEqual([path, 404, "notFound"]);
  }
  const { studyInstanceUID: study, seriesInstanceUID: series } = instance;
  for (const path of [
    `studies?StudyInstanceUID=${study}`,
    `series?SeriesInstanceUID=${series}`,
    `instances?SOPInstanceUID=${instance.sopInstanceUID}`,
    `studies/${study}/series`,
    `studies/${study}/instances`,
    `studies/${study}/series/${series}/instances`,
  ]) {
    expect([path, (await service.get(path)).status]).toEqual([path, 204]);
  }
}

test.each(["study", "series", "instance"] as const)(
  "after deleting the %s nothing of it is found or retrieved, and its bytes go soon",
  async (level) => {
    const instance = makeOdd();
    const path = instancePath(instance);
    const target = {
      study: `studies/${instance.studyInstanceUID}`,
      series: path.slice(0, path.indexOf("/instances")),
      instance: path,
    }[level];
    await service.mustStore([instance.bytes]);
    expect(await blobsOfLength(instance.bytes.length)).toHaveLength(1);
    const answer = await service.request(target, { method: "DELETE" });
    expect([answer.status, answer.body.length]).toEqual([204, 0]);
    await expectGone(instance);
    const again = await service.request(target, { method: "DELETE" });
    expect([again.status, problemKind(again)]).toEqual([404, "notFound"]);
    await eventually(
      async () => await blobsOfLength(instance.bytes.length),
      (names) => names.length === 0,
    );
  },
);

test("what stands beside the content goes with it", async () => {
  const instance = makeInstance({
    rows: 1,
    columns: 6,
    frames: 2_003,
    transferSyntaxUID: syntaxes.rle,
  });
  await service.mustStore([instance.bytes]);
  const [name = ""] = await blobsOfLength(instance.bytes.length);
  const [digits = ""] = name.split(".");
  const besides = async (): Promise<string[]> => {
    const names: string[] = [];
    for await (const blob of contentContainer().listBlobsFlat({ prefix: digits })) {
      names.push(blob.name);
    }
    return names;
  };
  expect((await besides()).length).toBeGreaterThan(1);
  await service.request(`studies/${instance.studyInstanceUID}`, { method: "DELETE" });
  await eventually(besides, (names) => names.length === 0);
});

test("an instance goes alone: its series, its study and their counts keep the others", async () => {
  const one = makeOdd();
  const two = makeOdd({ ...nameOf(one), sopInstanceUID: makeUID() });
  const three = makeOdd({ studyInstanceUID: one.studyInstanceUID });
  const study = `studies/${one.studyInstanceUID}`;
  const counts = async (): Promise<unknown[]> => {
    const [found] = await service.search(`studies?StudyInstanceUID=${one.studyInstanceUID}`);
    const series = await service.search(`${study}/series`);
    return [
      found?.["00201206"]?.Value?.[0],
      found?.["00201208"]?.Value?.[0],
      ...sorted(firstValues(series, "00201209")),
    ];
  };
  await service.mustStore([one.bytes, two.bytes, three.bytes]);
  expect(await counts()).toEqual([2, 3, "1", "2"]);
  expect((await service.request(instancePath(two), { method: "DELETE" })).status).toBe(204);
  expect(await counts()).toEqual([2, 2, "1", "1"]);
  expect((await service.get(instancePath(two))).status).toBe(404);
  expect((await service.get(instancePath(one))).status).toBe(200);
  expect((await service.request(instancePath(three), { method: "DELETE" })).status).toBe(204);
  expect(await counts()).toEqual([1, 1, "1"]);
  expect(await service.metadata(study)).toHaveLength(1);
});

test("a study of 230 instances in three series is deleted by one request, more than one batch holds", async () => {
  const studyInstanceUID = makeUID();
  const series = [makeUID(), makeUID(), makeUID()];
  const files = Array.from({ length: 230 }, (_, index) =>
    makeInstance({
      studyInstanceUID,
      seriesInstanceUID: series[index % 3] ?? makeUID(),
      instanceNumber: index + 1,
    }),
  );
  await service.mustStore(files.map(({ bytes }) => bytes));
  expect(await service.metadata(`studies/${studyInstanceUID}`)).toHaveLength(230);
  const answer = await service.request(`studies/${studyInstanceUID}`, { method: "DELETE" });
  expect(answer.status).toBe(204);
  expect((await service.get(`studies/${studyInstanceUID}`, anyDicomMultipart)).status).toBe(404);
  expect((await service.get(`studies?StudyInstanceUID=${studyInstanceUID}`)).status).toBe(204);
  expect((await service.get(`instances?SeriesInstanceUID=${series[1]}`)).status).toBe(204);
});

describe("storing again what was deleted", () => {
  test("it is a new instance, with the bytes and the attributes that came last", async () => {
    const first = makeOdd();
    await service.mustStore([first.bytes]);
    const etags: unknown[] = [(await service.get(`${instancePath(first)}/metadata`)).headers.etag];
    await service.request(instancePath(first), { method: "DELETE" });
    const second = makeInstance({ ...nameOf(first), patientName: "Second^Time", modality: "MG" });
    await service.mustStore([second.bytes]);
    const kept = await service.get(instancePath(first), "application/dicom");
    expect(kept.body.equals(second.bytes)).toBe(true);
    const [study] = await service.search(`studies?StudyInstanceUID=${first.studyInstanceUID}`);
    expect(study).toMatchObject({
      "00080061": { Value: ["MG"] },
      "00100010": { Value: [{ Alphabetic: "Second^Time" }] },
      "00201206": { Value: [1] },
      "00201208": { Value: [1] },
    });
    etags.push((await service.get(`${instancePath(first)}/metadata`)).headers.etag);
    expect(new Set(etags).size).toBe(2);
    expect(failureReasons(await service.store([first.bytes]))).toEqual([45070]);
    // Only the bytes of the deleted one go.
    await eventually(
      async () => await blobsOfLength(first.bytes.length),
      (names) => names.length === 0,
    );
    expect(
      (await service.get(instancePath(first), "application/dicom")).body.equals(second.bytes),
    ).toBe(true);
  });

  test("the content that PUT replaced goes, and the new one stays", async () => {
    const before = makeOdd();
    const after = makeOdd(nameOf(before));
    await service.mustStore([before.bytes]);
    expect((await service.store([after.bytes], { method: "PUT" })).status).toBe(200);
    await eventually(
      async () => await blobsOfLength(before.bytes.length),
      (names) => names.length === 0,
    );
    expect(await blobsOfLength(after.bytes.length)).toHaveLength(1);
    expect(
      (await service.get(instancePath(before), "application/dicom")).body.equals(after.bytes),
    ).toBe(true);
  });

  test("a file that is refused leaves no content behind", async () => {
    const first = makeOdd();
    const refused = makeOdd(nameOf(first));
    await service.mustStore([first.bytes]);
    expect((await service.store([refused.bytes])).status).toBe(409);
    await eventually(
      async () => await blobsOfLength(refused.bytes.length),
      (names) => names.length === 0,
    );
  });
});

test.each(["studies/abc", "studies/1.2/series/x", "studies/1.2/series/1.3/instances/y"])(
  "deleting %s is answered 400",
  async (path) => {
    const answer = await service.request(path, { method: "DELETE" });
    expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
  },
);
