import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CosmosClient, type Container, type CosmosClientOptions } from "@azure/cosmos";
import { BlobServiceClient } from "@azure/storage-blob";
import { monotonicFactory } from "ulid";
import { startAzurite } from "../../local/azurite.ts";
import { startCosmosServer } from "../../local/cosmos/server.ts";
import { provisionCosmos } from "../../local/provisionCosmos.ts";
import type { SupervisedProcess } from "../../local/supervisedProcess.ts";
import { BlobInstanceContent } from "../../shared/store/blobInstanceContent.ts";
import {
  CosmosInstanceIndex,
  type IndexSurroundings,
} from "../../shared/store/cosmosInstanceIndex.ts";
import { pixelWorkerFile } from "../../shared/pixels/pixelWorkerFile.ts";
import { PixelWorkers } from "../../shared/pixels/pixelWorkers.ts";
import { withoutQueryPlans } from "../../shared/store/withoutQueryPlans.ts";
import { startFaultyProxy, type FaultyProxy } from "./faultyProxy.ts";

/** An index as the service makes it, in real time, and the container that it works on, to look behind it. */
export interface TestIndex {
  readonly index: CosmosInstanceIndex;
  readonly container: Container;
}

/** Both stores as the service makes them, with a faulty proxy before each. */
export interface TestStores {
  /** Its waits take no time: its clock jumps over them, so that fifteen seconds of an outage pass at once. */
  readonly index: CosmosInstanceIndex;
  /** Lets the clock of `index` jump. */
  passTime(milliseconds: number): void;
  readonly content: BlobInstanceContent;
  readonly pixels: PixelWorkers;
  /** The same database, past the proxy. */
  readonly direct: TestIndex & {
    /** As another host of the service has it. */
    readonly secondIndex: CosmosInstanceIndex;
  };
  /** Between the index and its database. */
  readonly cosmosProxy: FaultyProxy;
  /** Between the content and its account. */
  readonly blobProxy: FaultyProxy;
  /** The account itself, past the proxy. */
  readonly blobs: BlobServiceClient;
  close(): Promise<void>;
}

/** Starts a Cosmos DB server and Azurite on a folder of their own, and the service's stores over them. */
export async function startTestStores(): Promise<TestStores> {
  const dataDir = mkdtempSync(join(tmpdir(), "strata-stores-"));
  const processes: SupervisedProcess[] = [];
  const [cosmos, storage] = await Promise.all([
    startCosmosServer({ dataDir: join(dataDir, "cosmos") }),
    startAzurite({
      dataDir: join(dataDir, "azurite"),
      log: () => undefined,
      onReady: () => undefined,
      onGivenUp: () => undefined,
      onCreated: (created) => processes.push(created),
    }),
  ]);
  const blobs = BlobServiceClient.fromConnectionString(storage);
  const cosmosProxy = await startFaultyProxy(cosmos.endpoint);
  const blobProxy = await startFaultyProxy(new URL(blobs.url).origin);
  const client = cosmosClient(`${cosmosProxy.url}/`, cosmos.key);
  let skipped = 0;
  const passTime = (milliseconds: number): void => {
    skipped += milliseconds;
  };
  const jumping: IndexSurroundings = {
    ...testSurroundings(),
    now: () => performance.now() + skipped,
    sleep: async (milliseconds) => {
      passTime(milliseconds);
      await sleep(0);
    },
  };
  const pixels = new PixelWorkers(pixelWorkerFile());
  return {
    index: new CosmosInstanceIndex(containerOf(client, databaseId), jumping),
    pixels,
    passTime,
    direct: {
      ...(await openTestIndex(cosmos.endpoint, cosmos.key)),
      secondIndex: (await openTestIndex(cosmos.endpoint, cosmos.key)).index,
    },
    content: new BlobInstanceContent(
      BlobServiceClient.fromConnectionString(
        storage.replaceAll(new URL(blobs.url).origin, blobProxy.url),
        // As the service has it, but for the waits.
        { retryOptions: { maxTries: 5, retryDelayInMs: 1, maxRetryDelayInMs: 5 } },
      ),
      newContentName,
    ),
    cosmosProxy,
    blobProxy,
    blobs,
    close: async () => {
      await Promise.all([cosmosProxy.close(), blobProxy.close(), pixels.close()]);
      await Promise.all([
        cosmos.close(),
        ...processes.map(async (child) => {
          await child.stop(2_000);
        }),
      ]);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const databaseId = "strata-test";

/** An index in a Cosmos DB account, whose database and containers are made when they are missing. */
export async function openTestIndex(
  endpoint: string,
  key: string,
  database: string = databaseId,
): Promise<TestIndex> {
  const client = cosmosClient(endpoint, key);
  await provisionCosmos(
    client,
    join(import.meta.dirname, "..", "..", "infra", "cosmos.json"),
    database,
  );
  const container = containerOf(client, database);
  return { index: new CosmosInstanceIndex(container, testSurroundings()), container };
}

function containerOf(client: CosmosClient, database: string): Container {
  return client.database(database).container("dicom");
}

/** As `shared/runtime.ts` makes it, but for its waits and its keys. */
function cosmosClient(endpoint: string, key: string): CosmosClient {
  const options: CosmosClientOptions & { plugins: (typeof withoutQueryPlans)[] } = {
    endpoint,
    key,
    connectionPolicy: {
      enableEndpointDiscovery: false,
      retryOptions: {
        maxRetryAttemptCount: 9,
        fixedRetryIntervalInMilliseconds: 1,
        maxWaitTimeInSeconds: 10,
      },
      requestTimeout: 20_000,
    },
    plugins: [withoutQueryPlans],
  };
  return new CosmosClient(options);
}

/** Surroundings in real time. */
export function testSurroundings(): IndexSurroundings {
  const ulid = monotonicFactory();
  return {
    now: () => performance.now(),
    sleep: async (milliseconds) => {
      await sleep(milliseconds);
    },
    random: () => Math.random(),
    timestamp: () => new Date().toISOString(),
    newVersion: () => ulid(),
  };
}

function newContentName(): string {
  const digits = randomBytes(16).toString("hex");
  return `${digits.slice(0, 2)}/${digits}`;
}
