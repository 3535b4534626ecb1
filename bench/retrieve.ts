import { makeUID } from "../test/support/dicom/dicomFile.ts";
import { makeTemplate } from "./support/copies.ts";
import { compareRates, rateOf } from "./support/rate.ts";
import { request } from "./support/request.ts";
import { withService } from "./support/service.ts";
import { printTable, type Row } from "./support/table.ts";

// Retrieval of instances of half a megabyte and of studies of them, against the same bytes out of the same Azurite.

const instances = 100;
const anyDicom = {
  headers: { Accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' },
};

await withService(async ({ store, call, putBare, blobURL }) => {
  const template = makeTemplate();
  const study = { studyInstanceUID: makeUID(), seriesInstanceUID: makeUID() };
  const files = Array.from({ length: instances }, () => template.copy(study));
  for (let start = 0; start < instances; start += 50) {
    await store(files.slice(start, start + 50).map(({ bytes }) => bytes));
  }
  await rateOf(instances, 4, async (i) => await putBare(`g${i}`, template.bytes));
  const getBare = async (i: number): Promise<unknown> => await request(blobURL(`g${i}`));
  const path = (i: number): string =>
    `studies/${study.studyInstanceUID}/series/${study.seriesInstanceUID}/instances/${files[i]?.sopInstanceUID}`;
  const rows: Row[] = [];
  for (const concurrency of [1, 8]) {
    const get = async (i: number): Promise<unknown> => await call(path(i), anyDicom);
    await rateOf(20, concurrency, get);
    const [bare, ours] = await compareRates(instances, concurrency, [getBare, get]);
    rows.push({
      what: `one instance, concurrency ${concurrency}`,
      value: ours.perSecond,
      unit: "/s",
      p50: ours.p50,
      p95: ours.p95,
      floor: bare.perSecond,
      floorName: "a bare GET",
    });
  }
  const megabytes = (instances * template.bytes.length) / 1e6;
  const ahead = await rateOf(instances, 5, getBare);
  let firstByteMs = Number.POSITIVE_INFINITY;
  const whole = await rateOf(4, 1, async () => {
    const answer = await call(`studies/${study.studyInstanceUID}`, anyDicom);
    firstByteMs = Math.min(firstByteMs, answer.firstByteMs);
  });
  rows.push(
    {
      what: `a study of ${instances}`,
      value: whole.perSecond * megabytes,
      unit: "MB/s",
      floor: (ahead.perSecond * megabytes) / instances,
      floorName: "five bare GETs at a time",
    },
    { what: `a study of ${instances}, first byte`, value: firstByteMs, unit: "ms" },
  );
  printTable(rows);
});
