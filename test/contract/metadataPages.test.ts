// How a large study is read from the index: soon something, then large pages, each under way while the one before is taken.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startCosmosServer, type CosmosServer } from "../../local/cosmos/server.ts";
import { maintenanceScope } from "../../shared/tenancy/tenantScope.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";
import { indexedInstance } from "../support/indexedInstance.ts";
import { openTestIndex, type TestIndex } from "../support/testStores.ts";

let server: CosmosServer;
let dataDir: string;
let opened: TestIndex;

const scope = maintenanceScope("pages", "Microsoft.Default");
const studyInstanceUID = makeUID();
const instances = Array.from({ length: 1_150 }, () =>
  indexedInstance({ studyInstanceUID, seriesInstanceUID: "1.2", sopInstanceUID: makeUID() }),
);

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "strata-pages-"));
  server = await startCosmosServer({ dataDir });
  opened = await openTestIndex(server.endpoint, server.key);
  await opened.index.put(scope, studyInstanceUID, instances, "create");
});

afterAll(async () => {
  await server.close();
  rmSync(dataDir, { recursive: true, force: true });
});

test.each([{ studyInstanceUID }, { studyInstanceUID, seriesInstanceUID: "1.2" }])(
  "the first page of %j is small, and all of them together have each instance once, in order",
  async (target) => {
    const found = await opened.index.queryMetadata(scope, target);
    const sizes: number[] = [];
    const names: string[] = [];
    for await (const page of found?.pages ?? []) {
      sizes.push(page.length);
      names.push(...page.map(({ content }) => content.name));
    }
    expect(sizes).toEqual([100, 1_000, 50]);
    expect(names).toEqual(instances.map(({ content }) => content.name));
  },
);

test("a reader that stops after the first page leaves nothing unheard, even when the database is gone", async () => {
  const found = await opened.index.query(scope, { studyInstanceUID });
  const pages = found?.pages[Symbol.asyncIterator]();
  expect((await pages?.next())?.value).toHaveLength(100);
  await server.close();
  expect(await pages?.return?.()).toEqual({ done: true, value: undefined });
});
