import { makeLargeInstance } from "../test/support/dicom/dicomFile.ts";
import { compareRates, rateOf } from "./support/rate.ts";
import { request } from "./support/request.ts";
import { withService } from "./support/service.ts";
import { printTable, type Row } from "./support/table.ts";

// Single frames of an instance of 100 MB, against the same ranges out of the same Azurite.

const frameBytes = 512 * 1024;

await withService(async ({ call, blobs, blobURL }) => {
  const large = makeLargeInstance({ bytes: 200 * frameBytes });
  await call("studies", {
    method: "POST",
    headers: { "Content-Type": "application/dicom", "Content-Length": String(large.totalBytes) },
    body: large.chunks(),
  });
  await blobs.getBlockBlobClient("large").uploadData(Buffer.concat([...large.chunks()]), {
    blockSize: 4 * 1024 * 1024,
  });
  const offset = large.totalBytes - large.frameCount * frameBytes;
  const path = `studies/${large.studyInstanceUID}/series/${large.seriesInstanceUID}/instances/${large.sopInstanceUID}/frames`;
  const headers = {
    Accept: 'multipart/related; type="application/octet-stream"; transfer-syntax=*',
  };
  const rows: Row[] = [];
  for (const [name, frameNumber] of [
    ["first", 1],
    ["last", large.frameCount],
  ] as const) {
    const start = offset + (frameNumber - 1) * frameBytes;
    const range = `bytes=${start}-${start + frameBytes - 1}`;
    for (const concurrency of [1, 8]) {
      const get = async (): Promise<unknown> =>
        await request(blobURL("large"), { headers: { "x-ms-range": range }, expected: 206 });
      const retrieve = async (): Promise<unknown> =>
        await call(`${path}/${frameNumber}`, { headers });
      await rateOf(10, concurrency, get);
      await rateOf(10, concurrency, retrieve);
      const [floor, ours] = await compareRates(100, concurrency, [get, retrieve]);
      rows.push({
        what: `the ${name} of ${large.frameCount} frames, concurrency ${concurrency}`,
        value: ours.perSecond,
        unit: "/s",
        p50: ours.p50,
        p95: ours.p95,
        floor: floor.perSecond,
        floorName: "a bare GET of the range",
      });
    }
  }
  printTable(rows);
});
