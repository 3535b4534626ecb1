import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CosmosClient } from "@azure/cosmos";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startCosmosServer, type CosmosServer } from "../../../local/cosmos/server.ts";
import { provisionCosmos } from "../../../local/provisionCosmos.ts";

const file = join(import.meta.dirname, "..", "..", "..", "infra", "cosmos.json");
let dataDir: string;
let server: CosmosServer;
let client: CosmosClient;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "strata-provision-"));
  server = await startCosmosServer({ dataDir });
  client = new CosmosClient({
    endpoint: server.endpoint,
    key: server.key,
    connectionPolicy: { enableEndpointDiscovery: false },
  });
});

afterAll(async () => {
  client.dispose();
  await server.close();
  rmSync(dataDir, { recursive: true, force: true });
});

test("a container of an earlier version keeps its items, and gets the indexes that queries need", async () => {
  const { database } = await client.databases.createIfNotExists({ id: "earlier" });
  const { container } = await database.containers.createIfNotExists({
    id: "dicom",
    partitionKey: { paths: ["/tenant", "/partition", "/study"], kind: "MultiHash", version: 2 },
    defaultTtl: -1,
    indexingPolicy: { includedPaths: [{ path: "/kind/?" }], excludedPaths: [{ path: "/*" }] },
  } as never);
  await container.items.create({ id: "i", tenant: "t", partition: "p", study: "s", kind: "study" });
  const newest = async (): Promise<unknown[]> =>
    (
      await container.items
        .query<string>('SELECT VALUE c.id FROM c ORDER BY c.kind DESC, c["order"] DESC', {
          partitionKey: ["t", "p"],
        })
        .fetchAll()
    ).resources;
  await expect(newest()).rejects.toThrow(/composite index/);
  await provisionCosmos(client, file, "earlier");
  expect(await newest()).toEqual(["i"]);
  const etagOf = async (): Promise<unknown> => (await container.read()).resource?._etag;
  const before = await etagOf();
  await provisionCosmos(client, file, "earlier");
  // What is as it should be is not written again.
  expect(await etagOf()).toBe(before);
  expect((await container.read()).resource).toMatchObject({ defaultTtl: -1 });
});
