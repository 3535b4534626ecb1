import { makeUID } from "../test/support/dicom/dicomFile.ts";
import { makeTemplate } from "./support/copies.ts";
import { compareRates, rateOf } from "./support/rate.ts";
import { withService } from "./support/service.ts";
import { printTable, type Row } from "./support/table.ts";

// Store of instances of half a megabyte, against the same bytes put into the same Azurite.

await withService(async ({ store, putBare, blobs }) => {
  const template = makeTemplate();
  const rows: Row[] = [];
  await rateOf(20, 4, async () => await store([template.copy().bytes]));
  for (const concurrency of [1, 8]) {
    const count = concurrency === 1 ? 80 : 200;
    const studyInstanceUID = makeUID();
    const files = Array.from({ length: count }, () => template.copy({ studyInstanceUID }).bytes);
    const at = (index: number): Uint8Array => files[index] ?? template.bytes;
    const [bare, sdk, stored] = await compareRates(count, concurrency, [
      async (i) => await putBare(`p${concurrency}-${i}`, at(i)),
      async (i) =>
        await blobs.getBlockBlobClient(`s${concurrency}-${i}`).upload(at(i), at(i).length),
      async (i) => await store([at(i)]),
    ]);
    const what = `store, 1 a request, concurrency ${concurrency}`;
    const common = { what, value: stored.perSecond, unit: "/s", p50: stored.p50, p95: stored.p95 };
    rows.push(
      { ...common, floor: bare.perSecond, floorName: "a bare PUT" },
      { ...common, floor: sdk.perSecond, floorName: "a PUT by the SDK" },
    );
  }
  const batches = Array.from({ length: 6 }, () => {
    const studyInstanceUID = makeUID();
    return Array.from({ length: 50 }, () => template.copy({ studyInstanceUID }).bytes);
  });
  const all = batches.flat();
  const bare = await rateOf(
    all.length,
    6,
    async (i) => await putBare(`b${i}`, all[i] ?? template.bytes),
  );
  const stored = await rateOf(batches.length, 1, async (i) => await store(batches[i] ?? []));
  rows.push({
    what: "store, 50 a request",
    value: stored.perSecond * 50,
    unit: "/s",
    floor: bare.perSecond,
    floorName: "six bare PUTs at a time",
  });
  printTable(rows);
});
