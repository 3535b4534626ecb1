import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { BulkOperationType, CosmosClient, PartitionKeyKind, type Container } from "@azure/cosmos";
import { createHttpServer } from "@vercel/cosmosdb-server";

import { startCosmosServer } from "../local/cosmos/server.ts";

/*
 * Measures the embedded Cosmos DB server through the SDK, and in the same run `@vercel/cosmosdb-server`, which keeps
 * everything in memory and has a single range: what it can do is given as a ratio, the rest without one.
 */

const documentsOnDisk = Number(process.argv[2] ?? 100_000);
// Its query engine takes a time that grows with the square of the documents, so the comparison stays small.
const documentsCompared = 2_000;

interface Measured {
  readonly name: string;
  readonly perSecond: number;
  readonly reference: number | undefined;
}

const results: Measured[] = [];

async function rate(times: number, run: (i: number) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  for (let i = 0; i < times; i++) await run(i);
  return (times * 1000) / (performance.now() - startedAt);
}

async function measure(
  name: string,
  times: number,
  run: (container: Container, i: number) => Promise<unknown>,
  ours: Container,
  theirs?: Container,
  perRun = 1,
): Promise<void> {
  // Client and servers share one process: what is compiled for the first of the two must not count against it.
  const warmUps = Math.ceil(times / 4);
  for (const container of theirs === undefined ? [ours] : [ours, theirs]) {
    await rate(warmUps, async (i) => await run(container, -1 - i));
  }
  const perSecond = perRun * (await rate(times, async (i) => await run(ours, i)));
  let reference: number | undefined;
  if (theirs !== undefined) {
    reference = perRun * (await rate(times, async (i) => await run(theirs, i)));
  }
  results.push({ name, perSecond, reference });
}

function documentAt(i: number): Record<string, unknown> & { id: string } {
  return {
    id: `i${i}`,
    tenant: `t${i % 4}`,
    partition: "p",
    study: `s${Math.floor(i / 40)}`,
    patient: `patient-${Math.floor(i / 50)}`,
    date: 20200101 + (i % 1000),
    modality: ["CT", "MR", "US", "DX"][i % 4],
    text: "x".repeat(500),
  };
}

function keyAt(i: number): string[] {
  return [`t${i % 4}`, "p", `s${Math.floor(i / 40)}`];
}

async function fill(container: Container, count: number): Promise<number> {
  const startedAt = performance.now();
  for (let i = 0; i < count; i += 100) {
    const operations = Array.from({ length: Math.min(100, count - i) }, (_, j) => ({
      operationType: BulkOperationType.Upsert,
      partitionKey: keyAt(i + j),
      resourceBody: documentAt(i + j),
    }));
    await container.items.bulk(operations as never);
  }
  return (count * 1000) / (performance.now() - startedAt);
}

async function readFeed(container: Container): Promise<number> {
  const { ChangeFeedStartFrom } = await import("@azure/cosmos");
  const iterator = container.items.getChangeFeedIterator({
    changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
    maxItemCount: 1000,
  });
  let count = 0;
  while (iterator.hasMoreResults) {
    const page = await iterator.readNext();
    if (page.statusCode === 304) break;
    count += page.count;
  }
  return count;
}

const partitionKey = {
  paths: ["/tenant", "/partition", "/study"],
  kind: PartitionKeyKind.MultiHash,
  version: 2,
};

async function openContainer(
  client: CosmosClient,
  id: string,
  single: boolean,
): Promise<Container> {
  const { database } = await client.databases.createIfNotExists({ id: "bench" });
  const definition = single ? { id, partitionKey: { paths: ["/pk"] } } : { id, partitionKey };
  return (await database.containers.createIfNotExists(definition)).container;
}

const dataDir = mkdtempSync(path.join(tmpdir(), "strata-cosmos-bench-"));
let server = await startCosmosServer({ dataDir });
const reference = createHttpServer();
await new Promise<void>((resolve) => {
  reference.listen(0, "127.0.0.1", resolve);
});
const address = reference.address();
const referencePort = typeof address === "object" && address !== null ? address.port : 0;

try {
  const ourClient = new CosmosClient(server.connectionString);
  const theirClient = new CosmosClient({
    endpoint: `http://127.0.0.1:${referencePort}/`,
    key: server.key,
    connectionPolicy: { enableEndpointDiscovery: false },
  });
  const ours = await openContainer(ourClient, "small", true);
  const theirs = await openContainer(theirClient, "small", true);
  for (const container of [ours, theirs]) {
    for (let i = 0; i < documentsCompared; i++) {
      await container.items.upsert({ ...documentAt(i), pk: `k${i % 4}` });
    }
  }
  const item = (i: number): number => Math.abs(i) % documentsCompared;
  await measure(
    "point read",
    2_000,
    async (c, i) => await c.item(`i${item(i)}`, `k${item(i) % 4}`).read(),
    ours,
    theirs,
  );
  await measure(
    "upsert of 700 bytes",
    2_000,
    async (c, i) => await c.items.upsert({ ...documentAt(item(i)), pk: `k${item(i) % 4}` }),
    ours,
    theirs,
  );
  await measure(
    "upserts, 50 in flight",
    40,
    async (c, i) =>
      await Promise.all(
        Array.from({ length: 50 }, async (_, j) => {
          const n = item(i * 50 + j);
          return await c.items.upsert({ ...documentAt(n), pk: `k${n % 4}` });
        }),
      ),
    ours,
    theirs,
    50,
  );
  await measure(
    `equality query over ${documentsCompared} items`,
    40,
    async (c, i) =>
      await c.items
        .query(
          {
            query: "SELECT * FROM c WHERE c.patient = @p",
            parameters: [{ name: "@p", value: `patient-${Math.abs(i) % 40}` }],
          },
          { partitionKey: "k0" },
        )
        .fetchAll(),
    ours,
    theirs,
  );

  const large = await openContainer(ourClient, "large", false);
  const filled = await fill(large, documentsOnDisk);
  results.push({ name: "bulk upsert, items", perSecond: filled, reference: undefined });
  await measure(
    "batch of 100 creates, items",
    50,
    async (c, i) =>
      await c.items.batch(
        Array.from({ length: 100 }, (_, j) => ({
          operationType: BulkOperationType.Create,
          resourceBody: { ...documentAt(j), id: `b${j}`, tenant: "tb", study: `b${i}` },
        })) as never,
        ["tb", "p", `b${i}`],
      ),
    large,
    undefined,
    100,
  );
  await measure(
    `indexed query over ${documentsOnDisk} items, prefix key`,
    300,
    async (c, i) =>
      await c.items
        .query(
          {
            query:
              "SELECT c.id, c.date FROM c WHERE c.tenant = @t AND c.patient = @p ORDER BY c.date DESC OFFSET 0 LIMIT 101",
            parameters: [
              { name: "@t", value: `t${Math.abs(i) % 4}` },
              {
                name: "@p",
                value: `patient-${(Math.abs(i) * 7) % Math.floor(documentsOnDisk / 50)}`,
              },
            ],
          },
          { partitionKey: [`t${Math.abs(i) % 4}`] },
        )
        .fetchAll(),
    large,
  );
  await measure(
    "change feed, items",
    1,
    async (c) => await readFeed(c),
    large,
    undefined,
    documentsOnDisk,
  );

  await server.close();
  const startedAt = performance.now();
  server = await startCosmosServer({ dataDir });
  const opened = await openContainer(new CosmosClient(server.connectionString), "large", false);
  await opened.item("i0", keyAt(0)).read();
  const startMilliseconds = performance.now() - startedAt;

  for (const { name, perSecond, reference: theirRate } of results) {
    const ratio = theirRate === undefined ? "" : `  ${(perSecond / theirRate).toFixed(2)} x vercel`;
    console.log(`${name.padEnd(52)} ${perSecond.toFixed(0).padStart(8)}/s${ratio}`);
  }
  console.log(
    `start with ${documentsOnDisk} items, to the first read: ${startMilliseconds.toFixed(0)} ms`,
  );
} finally {
  await server.close();
  reference.close();
  rmSync(dataDir, { recursive: true, force: true });
}
