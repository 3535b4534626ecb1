import { makeUID } from "../test/support/dicom/dicomFile.ts";
import { makeTemplate } from "./support/copies.ts";
import { request, type Answered } from "./support/request.ts";
import { withService } from "./support/service.ts";
import { printTable, type Row } from "./support/table.ts";

// The metadata of a study of 3,000 instances, as it comes and compressed, against as many bytes out of one blob.

const instances = 3_000;
const rounds = 5;
const codings = ["identity", "gzip", "br"] as const;

const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;

await withService(async ({ store, call, putBare, blobURL, watchMemory }) => {
  const template = makeTemplate({ bytes: 12 * 1024 });
  const study = { studyInstanceUID: makeUID(), seriesInstanceUID: makeUID() };
  for (let start = 0; start < instances; start += 100) {
    await store(Array.from({ length: 100 }, () => template.copy(study).bytes));
  }
  const path = `studies/${study.studyInstanceUID}/metadata`;
  const resting = watchMemory()();
  const rows: Row[] = [];
  for (const coding of codings) {
    const get = async (): Promise<Answered> =>
      await call(path, { headers: { "Accept-Encoding": coding } });
    const watched = watchMemory();
    const first = await get();
    await putBare(`metadata-${coding}`, Buffer.alloc(first.bytes, "x"));
    const floors: Answered[] = [];
    const answers: Answered[] = [];
    for (let round = 0; round < rounds; round += 1) {
      floors.push(await request(blobURL(`metadata-${coding}`)));
      answers.push(await get());
    }
    const what = `${instances} instances, ${coding}`;
    const floorName = "a bare GET of as much";
    for (const [part, field] of [
      ["first byte", "firstByteMs"],
      ["whole", "totalMs"],
    ] as const) {
      rows.push({
        what: `${what}, ${part}`,
        value: median(answers.map((answer) => answer[field])),
        unit: "ms",
        floor: median(floors.map((answer) => answer[field])),
        floorName,
      });
    }
    rows.push(
      { what: `${what}, the very first, whole`, value: first.totalMs, unit: "ms" },
      { what: `${what}, size`, value: first.bytes / 1e6, unit: "MB" },
      { what: `${what}, peak memory over rest`, value: watched() - resting, unit: "MB" },
    );
  }
  printTable(rows);
});
