import { makeUID } from "../test/support/dicom/dicomFile.ts";
import { makeTemplate } from "./support/copies.ts";
import { request } from "./support/request.ts";
import { withService } from "./support/service.ts";
import { printTable, type Row } from "./support/table.ts";

// The metadata of a study of 500 instances, against as many bytes out of one blob.

const instances = 500;

await withService(async ({ store, call, putBare, blobURL }) => {
  const template = makeTemplate({ bytes: 12 * 1024 });
  const study = { studyInstanceUID: makeUID(), seriesInstanceUID: makeUID() };
  for (let start = 0; start < instances; start += 50) {
    await store(Array.from({ length: 50 }, () => template.copy(study).bytes));
  }
  const path = `studies/${study.studyInstanceUID}/metadata`;
  const first = await call(path);
  await putBare("metadata", Buffer.alloc(first.bytes, "x"));
  const floors = [];
  const answers = [];
  for (let round = 0; round < 10; round += 1) {
    floors.push(await request(blobURL("metadata")));
    answers.push(await call(path));
  }
  const median = (values: readonly number[]): number =>
    values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
  const floor = median(floors.map(({ totalMs }) => totalMs));
  const floorName = "a bare GET of as much";
  const what = `metadata of ${instances} instances`;
  const rows: Row[] = [
    { what: `${what}, the first time`, value: first.totalMs, unit: "ms", floor, floorName },
    { what, value: median(answers.map(({ totalMs }) => totalMs)), unit: "ms", floor, floorName },
    {
      what: `${what}, first byte`,
      value: median(answers.map(({ firstByteMs }) => firstByteMs)),
      unit: "ms",
      floor: median(floors.map(({ firstByteMs }) => firstByteMs)),
      floorName,
    },
  ];
  printTable(rows);
});
