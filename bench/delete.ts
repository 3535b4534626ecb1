import { makeUID } from "../test/support/dicom/dicomFile.ts";
import { makeTemplate } from "./support/copies.ts";
import { rateOf } from "./support/rate.ts";
import { withService } from "./support/service.ts";
import { printTable } from "./support/table.ts";

// Deletion of studies of 100 instances, until it is answered.

await withService(async ({ store, call }) => {
  const template = makeTemplate({ bytes: 12 * 1024 });
  const studies = Array.from({ length: 6 }, () => ({
    studyInstanceUID: makeUID(),
    seriesInstanceUID: makeUID(),
  }));
  for (const study of studies) {
    await store(Array.from({ length: 100 }, () => template.copy(study).bytes));
  }
  const deleted = await rateOf(studies.length, 1, async (index) => {
    const path = `studies/${studies[index]?.studyInstanceUID}`;
    return await call(path, { method: "DELETE", expected: 204 });
  });
  printTable([{ what: "delete of a study of 100 instances", value: deleted.p50, unit: "ms" }]);
});
