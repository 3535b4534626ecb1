import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CosmosClient,
  type Container,
  type CosmosClientOptions,
  type PluginConfig,
} from "@azure/cosmos";
import { BlobServiceClient } from "@azure/storage-blob";
import { monotonicFactory } from "ulid";
import { startAzurite } from "../../local/azurite.ts";
import { startCosmosServer } from "../../local/cosmos/server.ts";
import { provisionCosmos } from "../../local/provisionCosmos.ts";
import type { SupervisedProcess } from "../../local/supervisedProcess.ts";
import { FeedLog } from "../../shared/feed/feedLog.ts";
import { DeadLetters } from "../../shared/feed/deadLetters.ts";
import { DataPartitions } from "../../shared/registry/dataPartitions.ts";
import { tenantGuard } from "../../shared/registry/tenantGuard.ts";
import { TenantPurge } from "../../shared/registry/tenantPurge.ts";
import { TenantRegistry, type RegistrySurroundings } from "../../shared/registry/tenantRegistry.ts";
import { BlobInstanceContent } from "../../shared/store/blobInstanceContent.ts";
import { CosmosInstanceIndex } from "../../shared/store/cosmosInstanceIndex.ts";
import { TenantContent } from "../../shared/store/tenantContent.ts";
import { withoutQueryPlans } from "../../shared/store/withoutQueryPlans.ts";

/** One client's view of the registry and the stores: what one instance of the function app has. */
export interface RegistryClient {
  readonly registry: TenantRegistry;
  readonly partitions: DataPartitions;
  readonly index: CosmosInstanceIndex;
  readonly content: BlobInstanceContent;
  readonly tenantContent: TenantContent;
  readonly purge: TenantPurge;
  readonly log: FeedLog;
  readonly deadLetters: DeadLetters;
  container(id: string): Container;
  /** Lets the client's clock, which never goes back, jump. Waiting does so too, and takes no time. */
  passTime(milliseconds: number): void;
}

/** A Cosmos DB server and a storage account on a folder of their own, and clients of them. */
export interface RegistryFixture {
  readonly blobs: BlobServiceClient;
  /** `plugin` sees each request to the database, and may fail it. */
  connect(plugin?: PluginConfig): RegistryClient;
  close(): Promise<void>;
}

const database = "strata";

export async function startRegistryFixture(): Promise<RegistryFixture> {
  const dataDir = mkdtempSync(join(tmpdir(), "strata-registry-"));
  const processes: SupervisedProcess[] = [];
  const [server, storage] = await Promise.all([
    startCosmosServer({ dataDir: join(dataDir, "cosmos"), physicalPartitions: 3 }),
    startAzurite({
      dataDir: join(dataDir, "azurite"),
      log: () => undefined,
      onReady: () => undefined,
      onGivenUp: () => undefined,
      onCreated: (created) => processes.push(created),
    }),
  ]);
  const file = join(import.meta.dirname, "..", "..", "infra", "cosmos.json");
  await provisionCosmos(new CosmosClient(server.connectionString), file, database);
  const blobs = BlobServiceClient.fromConnectionString(storage);
  return {
    blobs,
    connect: (plugin) => connect(server.connectionString, blobs, plugin),
    close: async () => {
      await server.close();
      await Promise.all(
        processes.map(async (child) => {
          await child.stop(2_000);
        }),
      );
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function connect(
  connectionString: string,
  blobs: BlobServiceClient,
  plugin: PluginConfig | undefined,
): RegistryClient {
  const ulid = monotonicFactory();
  let skipped = 0;
  const passTime = (milliseconds: number): void => {
    skipped += milliseconds;
  };
  const surroundings: RegistrySurroundings = {
    now: () => performance.now() + skipped,
    sleep: async (milliseconds) => {
      passTime(milliseconds);
      await new Promise((resume) => {
        setImmediate(resume);
      });
    },
    random: () => Math.random(),
    timestamp: () => new Date().toISOString(),
    newVersion: () => ulid(),
  };
  // The SDK takes plugins and does not say so.
  const options: CosmosClientOptions & { readonly plugins: readonly PluginConfig[] } = {
    connectionString,
    plugins: [withoutQueryPlans, ...(plugin === undefined ? [] : [plugin])],
    connectionPolicy: { enableEndpointDiscovery: false },
  };
  const client = new CosmosClient(options);
  const container = (id: string): Container => client.database(database).container(id);
  const registry = new TenantRegistry(container("control"), surroundings);
  const partitions = new DataPartitions(container("control"), surroundings);
  const guard = tenantGuard(registry, partitions);
  const tenantContent = new TenantContent(blobs);
  return {
    registry,
    partitions,
    index: new CosmosInstanceIndex(container("dicom"), surroundings, guard),
    content: new BlobInstanceContent(blobs, () => `00/${ulid()}`, guard),
    tenantContent,
    purge: new TenantPurge({ container, content: tenantContent }, surroundings),
    log: new FeedLog(container("feedlog"), surroundings),
    deadLetters: new DeadLetters(container("control"), surroundings),
    container,
    passTime,
  };
}
