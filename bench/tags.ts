import { makeUID } from "../test/support/dicom/dicomFile.ts";
import { makeTemplate } from "./support/copies.ts";
import { withService } from "./support/service.ts";
import { printTable } from "./support/table.ts";

// How fast what is stored already is indexed by an extended query tag, as far as the database lets it: the floor changes
// as many items by bare batches.

const studyCount = 50;
const instancesPerStudy = 100;
const count = studyCount * instancesPerStudy;

await withService(async ({ store, call, dicom }) => {
  const template = makeTemplate({
    bytes: 4 * 1024,
    elements: [
      ["00101010", "AS", "042Y"],
      ["00181030", "LO", "Knee"],
    ],
  });
  const studies = Array.from({ length: studyCount }, () => ({
    studyInstanceUID: makeUID(),
    seriesInstanceUID: makeUID(),
  }));
  for (const study of studies) {
    await store(Array.from({ length: instancesPerStudy }, () => template.copy(study).bytes));
  }
  // A search by the tag is refused until it is ready.
  const isReady = async (resource: string, path: string): Promise<boolean> => {
    try {
      await call(`${resource}?${path}=000Y`, { expected: 204 });
      return true;
    } catch {
      return false;
    }
  };
  const index = async (path: string, level: string, resource: string): Promise<number> => {
    const started = performance.now();
    await call("extendedquerytags", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: Buffer.from(JSON.stringify([{ path, level }])),
      expected: 202,
    });
    while (!(await isReady(resource, path))) {
      await new Promise((resume) => {
        setTimeout(resume, 20);
      });
    }
    return count / ((performance.now() - started) / 1000);
  };
  const floor = await (async (): Promise<number> => {
    const keys = studies.map(({ studyInstanceUID }) => [
      "default",
      "Microsoft.Default",
      studyInstanceUID,
    ]);
    const ids = await Promise.all(
      keys.map(async (partitionKey) => {
        const { resources } = await dicom.items
          .query<string>('SELECT VALUE c.id FROM c WHERE c.kind = "instance"', { partitionKey })
          .fetchAll();
        return resources;
      }),
    );
    const started = performance.now();
    const queue = [...keys.entries()];
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const [at, partitionKey] = next;
          const operations = (ids[at] ?? []).map((id) => ({
            operationType: "Patch" as const,
            id,
            resourceBody: {
              operations: [
                { op: "set" as const, path: "/q/instance/bench", value: "knee" },
                { op: "set" as const, path: "/attributes/instance/bench", value: "Knee" },
              ],
            },
          }));
          await dicom.items.batch(operations, partitionKey);
        }
      }),
    );
    return count / ((performance.now() - started) / 1000);
  })();
  const row = { unit: "instances/s", floor, floorName: "bare batches" };
  printTable([
    {
      what: "indexing by an attribute of the instance",
      value: await index("00181030", "Instance", "instances"),
      ...row,
    },
    {
      what: "indexing by an attribute of the study",
      value: await index("00101010", "Study", "studies"),
      ...row,
    },
  ]);
});
