import { makeLargeInstance } from "../test/support/dicom/dicomFile.ts";
import { withService } from "./support/service.ts";
import { printTable } from "./support/table.ts";

// The memory that the process which serves takes at most while one large instance is stored and fetched.

const largeBytes = 300 * 1024 * 1024;

await withService(async ({ call, watchMemory }) => {
  const small = makeLargeInstance({ bytes: 1024 * 1024 });
  const store = async (large: typeof small): Promise<number> => {
    const { totalMs } = await call("studies", {
      method: "POST",
      headers: { "Content-Type": "application/dicom", "Content-Length": String(large.totalBytes) },
      body: large.chunks(),
    });
    return large.totalBytes / 1e3 / totalMs;
  };
  const fetchBack = async (large: typeof small): Promise<number> => {
    const path = `studies/${large.studyInstanceUID}/series/${large.seriesInstanceUID}/instances/${large.sopInstanceUID}`;
    const { totalMs, bytes } = await call(path, {
      headers: { Accept: "application/dicom; transfer-syntax=*" },
    });
    if (bytes !== large.totalBytes) {
      throw new Error(`${bytes} of ${large.totalBytes} bytes came back`);
    }
    return large.totalBytes / 1e3 / totalMs;
  };
  await store(small);
  await fetchBack(small);
  const resting = watchMemory()();
  const large = makeLargeInstance({ bytes: largeBytes });
  const duringStore = watchMemory();
  const stored = await store(large);
  const storePeak = duringStore();
  const duringFetch = watchMemory();
  const fetched = await fetchBack(large);
  const fetchPeak = duringFetch();
  printTable([
    { what: "store of 300 MB", value: stored, unit: "MB/s" },
    { what: "fetch of 300 MB", value: fetched, unit: "MB/s" },
    { what: "memory at rest", value: resting, unit: "MB" },
    { what: "peak memory of the store", value: storePeak, unit: "MB" },
    { what: "peak memory of the fetch", value: fetchPeak, unit: "MB" },
  ]);
});
