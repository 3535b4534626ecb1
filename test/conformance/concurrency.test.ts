// Requests that meet: stores of one instance, stores of one study, stores and deletes of one study.
import { expect, test } from "vitest";
import { blobsOfLength } from "../support/contentBlobs.ts";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import {
  DicomwebService,
  failureReasons,
  firstValues,
  instancePath,
  nameOf,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";

const service = new DicomwebService();

/** What the study's own counters say, and what is listed. */
async function tally(study: string): Promise<{ counted: unknown[]; listed: number[] }> {
  const [found] = await service.search(`studies?StudyInstanceUID=${study}`);
  const series = await service.search(`studies/${study}/series`);
  const instances = await service.search(`studies/${study}/instances?limit=200`);
  const bySeries = firstValues(series, "00201209").map(Number);
  return {
    counted: [
      found?.["00201206"]?.Value?.[0] ?? 0,
      found?.["00201208"]?.Value?.[0] ?? 0,
      bySeries.reduce((sum, count) => sum + count, 0),
    ],
    listed: [series.length, instances.length, instances.length],
  };
}

test.each([1, 2, 3])(
  "the same instance eight times at once is stored once, and refused with 45070 otherwise (round %i)",
  async () => {
    // Each sender has bytes of its own, so that it shows whose were kept.
    const first = makeInstance({ patientName: "Sender^0" });
    const files = Array.from({ length: 8 }, (_, sender) =>
      makeInstance({ ...nameOf(first), patientName: `Sender^${sender}` }),
    );
    const answers = await Promise.all(files.map(async ({ bytes }) => await service.store([bytes])));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409, 409, 409, 409, 409]);
    for (const answer of answers.filter(({ status }) => status === 409)) {
      expect(failureReasons(answer)).toEqual([45070]);
    }
    const winner = files[statuses.indexOf(200)];
    const kept = await service.get(instancePath(first), "application/dicom");
    expect(kept.body.equals(winner?.bytes ?? Buffer.alloc(0))).toBe(true);
    expect(await tally(first.studyInstanceUID)).toEqual({ counted: [1, 1, 1], listed: [1, 1, 1] });
  },
);

test.each([1, 2, 3])(
  "eight instances of one new study at once are all stored, and counted (round %i)",
  async () => {
    const studyInstanceUID = makeUID();
    const series = [makeUID(), makeUID()];
    const files = Array.from({ length: 8 }, (_, index) =>
      makeInstance({
        studyInstanceUID,
        seriesInstanceUID: series[index % 2] ?? makeUID(),
        modality: index % 2 === 0 ? "CT" : "MR",
      }),
    );
    const answers = await Promise.all(files.map(async ({ bytes }) => await service.store([bytes])));
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(8).fill(200));
    expect(await tally(studyInstanceUID)).toEqual({ counted: [2, 8, 8], listed: [2, 8, 8] });
    const [study] = await service.search(`studies?StudyInstanceUID=${studyInstanceUID}`);
    expect(study?.["00080061"]?.Value).toEqual(["CT", "MR"]);
    for (const file of files) {
      const kept = await service.get(instancePath(file), "application/dicom");
      expect(kept.body.equals(file.bytes)).toBe(true);
    }
  },
);

test("stores and deletes of one study at once leave counts that agree with what is listed", async () => {
  const studyInstanceUID = makeUID();
  const series = [makeUID(), makeUID(), makeUID()];
  for (let round = 0; round < 12; round += 1) {
    const files = Array.from({ length: 4 }, (_, index) =>
      makeInstance({
        studyInstanceUID,
        seriesInstanceUID: series[(round + index) % 3] ?? makeUID(),
        modality: ["CT", "MR", "PT"][(round + index) % 3] ?? "OT",
      }),
    );
    const target =
      round % 2 === 0
        ? `studies/${studyInstanceUID}`
        : `studies/${studyInstanceUID}/series/${series[round % 3]}`;
    const [deleted, ...stored] = await Promise.all([
      service.request(target, { method: "DELETE" }),
      ...files.map(async ({ bytes }) => await service.store([bytes])),
    ]);
    expect([204, 404]).toContain(deleted.status);
    expect(stored.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { counted, listed } = await tally(studyInstanceUID);
    expect(counted).toEqual(listed);
    // Whatever is listed is whole, and whatever is gone is gone everywhere.
    const instances = await service.search(`studies/${studyInstanceUID}/instances?limit=200`);
    const there = new Set(firstValues(instances, "00080018"));
    for (const file of files) {
      const answer = await service.get(instancePath(file), "application/dicom");
      expect(answer.status).toBe(there.has(file.sopInstanceUID) ? 200 : 404);
    }
    const modalities = new Set(
      firstValues(await service.search(`studies/${studyInstanceUID}/series`), "00080060"),
    );
    const [study] = await service.search(`studies?StudyInstanceUID=${studyInstanceUID}`);
    expect(new Set(study?.["00080061"]?.Value ?? [])).toEqual(modalities);
  }
  await service.request(`studies/${studyInstanceUID}`, { method: "DELETE" });
  expect(await tally(studyInstanceUID)).toEqual({ counted: [0, 0, 0], listed: [0, 0, 0] });
});

test("eight replacements of one instance at once leave one of them, whole, and the bytes of no other", async () => {
  const first = makeInstance({ rows: 3, columns: 1_301 });
  await service.mustStore([first.bytes]);
  // Each has a length that no other file has.
  const files = Array.from({ length: 8 }, (_, index) =>
    makeInstance({ ...nameOf(first), rows: 3, columns: 1_303 + 2 * index }),
  );
  const answers = await Promise.all(
    files.map(async ({ bytes }) => await service.store([bytes], { method: "PUT" })),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array<number>(8).fill(200));
  const { body } = await service.get(instancePath(first), "application/dicom");
  expect(files.filter(({ bytes }) => body.equals(bytes))).toHaveLength(1);
  expect(await tally(first.studyInstanceUID)).toEqual({ counted: [1, 1, 1], listed: [1, 1, 1] });
  const lengths = [first, ...files].map(({ bytes }) => bytes.length);
  await eventually(
    async () => await blobsOfLength(...lengths),
    (names) => names.length === 1,
  );
  expect(await blobsOfLength(body.length)).toHaveLength(1);
});

test("a delete of one instance, eight times at once, is done once", async () => {
  const one = makeInstance();
  const other = makeInstance({ studyInstanceUID: one.studyInstanceUID });
  await service.mustStore([one.bytes, other.bytes]);
  const answers = await Promise.all(
    Array.from(
      { length: 8 },
      async () => await service.request(instancePath(one), { method: "DELETE" }),
    ),
  );
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    204, 404, 404, 404, 404, 404, 404, 404,
  ]);
  expect(await tally(one.studyInstanceUID)).toEqual({ counted: [1, 1, 1], listed: [1, 1, 1] });
});
