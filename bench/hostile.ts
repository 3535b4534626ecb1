import { makeInstance } from "../test/support/dicom/dicomFile.ts";
import type { Answered } from "./support/request.ts";
import { withService } from "./support/service.ts";
import { printTable, type Row } from "./support/table.ts";

// How long others wait while a file of almost as many elements as one may have is stored, and while it is read.

const items = 90_000;

await withService(async ({ store, call }) => {
  const instance = makeInstance({
    elements: [
      [
        "00081140",
        "SQ",
        undefined,
        {
          items: Array.from({ length: items }, () => [
            ["00080060", "CS", "CT"],
            ["00081150", "UI", "1.2.3"],
            ["00081155", "UI", "1.2.4"],
            ["00100010", "PN", "Artificial^Name"],
          ]),
        },
      ],
    ],
  });
  const path = `studies/${instance.studyInstanceUID}/metadata`;

  /** The longest that a small request takes while `work` is done. */
  const longestDuring = async (work: () => Promise<unknown>): Promise<number> => {
    let isDone = false;
    const working = work().finally(() => {
      isDone = true;
    });
    let longest = 0;
    do {
      const { totalMs } = await call("studies?limit=1&PatientID=nobody", { expected: 204 });
      longest = Math.max(longest, totalMs);
    } while (!isDone);
    await working;
    return longest;
  };

  const idle = async (): Promise<void> => {
    for (let i = 0; i < 200; i += 1) {
      await call("studies?limit=1&PatientID=nobody", { expected: 204 });
    }
  };
  await idle();
  const floor = await longestDuring(idle);
  const rows: Row[] = [];
  const measure = async (what: string, work: () => Promise<Answered>): Promise<void> => {
    let answer: Answered | undefined;
    const value = await longestDuring(async () => {
      answer = await work();
    });
    rows.push(
      { what: `others during ${what}, at worst`, value, unit: "ms", floor, floorName: "at rest" },
      { what, value: answer?.totalMs ?? Number.NaN, unit: "ms" },
    );
  };
  await measure("the store", async () => await store([instance.bytes]));
  await measure("metadata as JSON", async () => await call(path));
  await measure(
    "metadata, compressed",
    async () => await call(path, { headers: { "Accept-Encoding": "br" } }),
  );
  await measure(
    "metadata as XML",
    async () => await call(path, { headers: { Accept: "application/dicom+xml" } }),
  );
  printTable(rows);
});
