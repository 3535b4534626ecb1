import { makeInstance } from "../test/support/dicom/dicomFile.ts";
import { compareRates, rateOf } from "./support/rate.ts";
import { withService } from "./support/service.ts";
import { printTable, type Row } from "./support/table.ts";

// Searches among 1,000 studies, against the same question asked of the database by its client.

const studies = 1_000;
const dates = 10;

await withService(async ({ store, call, dicom }) => {
  for (let start = 0; start < studies; start += 50) {
    await store(
      Array.from({ length: 50 }, (_, at) => {
        const index = start + at;
        return makeInstance({
          patientID: `PATIENT-${index}`,
          patientName: `Family${index % 13}^Given${index}`,
          elements: [["00080020", "DA", `202403${String(10 + (index % dates))}`]],
        }).bytes;
      }),
    );
  }
  const rows: Row[] = [];
  const compare = async (
    what: string,
    count: number,
    path: (index: number) => string,
    condition: string,
    value: (index: number) => string,
  ): Promise<void> => {
    for (const concurrency of [1, 8]) {
      const ask = async (index: number): Promise<unknown> =>
        await dicom.items
          .query(
            {
              query: `SELECT c.id, c.attributes FROM c WHERE c.tenant = "default" AND c.kind = "study" AND ${condition} ORDER BY c["order"] DESC OFFSET 0 LIMIT 101`,
              parameters: [{ name: "@value", value: value(index) }],
            },
            { partitionKey: ["default", "Microsoft.Default"] },
          )
          .fetchAll();
      const search = async (index: number): Promise<unknown> => await call(path(index));
      await rateOf(5, 1, ask);
      await rateOf(5, 1, search);
      const [floor, ours] = await compareRates(count, concurrency, [ask, search]);
      rows.push({
        what: `${what}, concurrency ${concurrency}`,
        value: ours.perSecond,
        unit: "/s",
        p50: ours.p50,
        p95: ours.p95,
        floor: floor.perSecond,
        floorName: "a query by the SDK",
      });
    }
  };
  await compare(
    "studies by PatientID",
    200,
    (index) => `studies?PatientID=PATIENT-${(index * 37) % studies}`,
    'c.q.study["00100020"] = @value',
    (index) => `PATIENT-${(index * 37) % studies}`,
  );
  await compare(
    "studies by date, 100 results",
    40,
    (index) => `studies?StudyDate=202403${10 + (index % dates)}`,
    'c.q.study["00080020"] = @value',
    (index) => `202403${10 + (index % dates)}`,
  );
  await compare(
    "studies by the beginning of a name, some 75 results",
    40,
    (index) => `studies?PatientName=Family${1 + (index % 9)}%5E*`,
    'STARTSWITH(c.q.study["00100010"], @value)',
    (index) => `FAMILY${1 + (index % 9)}^`,
  );
  printTable(rows);
});
