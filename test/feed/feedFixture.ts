import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CosmosClient,
  type Container,
  type CosmosClientOptions,
  type PluginConfig,
} from "@azure/cosmos";
import { monotonicFactory } from "ulid";
import type { CosmosControl } from "../../local/cosmos/control.ts";
import { startCosmosServer } from "../../local/cosmos/server.ts";
import { provisionCosmos } from "../../local/provisionCosmos.ts";
import { ChangeSource } from "../../shared/feed/changeSource.ts";
import { DeadLetters } from "../../shared/feed/deadLetters.ts";
import { FeedCursors } from "../../shared/feed/feedCursors.ts";
import { FeedLog, type LogSurroundings } from "../../shared/feed/feedLog.ts";
import { parseFeedQuery } from "../../shared/feed/feedQuery.ts";
import { FeedTokens } from "../../shared/feed/feedToken.ts";
import { InstanceStates } from "../../shared/feed/instanceStates.ts";
import { rememberedDefinitions } from "../../shared/feed/rememberedDefinitions.ts";
import { RetryBudget } from "../../shared/store/cosmosRetry.ts";
import { StudyReach } from "../../shared/store/studyReach.ts";
import { CosmosInstanceIndex } from "../../shared/store/cosmosInstanceIndex.ts";
import type { InstanceContent } from "../../shared/store/instanceContent.ts";
import type { InstanceUIDs, NewInstance } from "../../shared/store/instanceIndex.ts";
import { encodeMetadata } from "../../shared/store/metadataCodec.ts";
import { withoutQueryPlans } from "../../shared/store/withoutQueryPlans.ts";
import { maintenanceScope, type TenantScope } from "../../shared/tenancy/tenantScope.ts";
import { readFeed, type FeedPage, type FeedStores } from "../../shared/transactions/readFeed.ts";
import type { SealingKey } from "../../shared/tokens/sealedTokens.ts";

export const serviceURL = "https://strata.example/v2";

/** One client's view of the feeds: what one instance of the function app has. */
export interface FeedClient {
  readonly index: CosmosInstanceIndex;
  readonly stores: FeedStores & { readonly cursors: FeedCursors };
  readonly log: FeedLog;
  readonly deadLetters: DeadLetters;
  readonly dicom: Container;
  readonly feedlog: Container;
  readonly control: Container;
}

/** A Cosmos DB server on a folder of its own, and clients of it. */
export interface FeedFixture {
  readonly server: CosmosControl;
  readonly database: string;
  connect(options?: ConnectOptions): FeedClient;
  /** Splits the physical partition of `dicom` that holds `epk`, at it. Does nothing when it begins there. */
  split(epk: string): void;
  /** Merges the physical partition of `dicom` at `index` with the one after it. Does nothing when there is none. */
  merge(index: number): void;
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly segmentEntries?: number;
  readonly timestamp?: () => string;
  /** Sees each request to the database, and may fail it. */
  readonly plugin?: PluginConfig;
}

export const testKeys: readonly SealingKey[] = [{ id: "test", secret: Buffer.alloc(32, 7) }];

const database = "strata";

export async function startFeedFixture(physicalPartitions = 1): Promise<FeedFixture> {
  const dataDir = mkdtempSync(join(tmpdir(), "strata-feed-"));
  const server = await startCosmosServer({ dataDir, physicalPartitions });
  const file = join(import.meta.dirname, "..", "..", "infra", "cosmos.json");
  await provisionCosmos(new CosmosClient(server.connectionString), file, database);
  return {
    server: server.control,
    database,
    connect: (options = {}) => connect(server.connectionString, options),
    split: (epk) => {
      const range = server.control
        .ranges(database, "dicom")
        .findLast(({ epkMin }) => epkMin <= epk);
      if (range !== undefined && range.epkMin !== epk) {
        server.control.split(database, "dicom", range.id, epk);
      }
    },
    merge: (index) => {
      const [left, right] = server.control.ranges(database, "dicom").slice(index, index + 2);
      if (left !== undefined && right !== undefined) {
        server.control.merge(database, "dicom", left.id, right.id);
      }
    },
    close: async () => {
      await server.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function connect(connectionString: string, options: ConnectOptions): FeedClient {
  const ulid = monotonicFactory();
  let skipped = 0;
  const surroundings: LogSurroundings & { newVersion(): string } = {
    now: () => performance.now() + skipped,
    // Waiting takes no time; the clock jumps over it.
    sleep: async (milliseconds) => {
      skipped += milliseconds;
      await new Promise((resume) => {
        setImmediate(resume);
      });
    },
    random: () => Math.random(),
    timestamp: options.timestamp ?? (() => new Date().toISOString()),
    newVersion: () => ulid(),
  };
  const plugins = [
    withoutQueryPlans,
    rememberedDefinitions(() => performance.now()),
    ...(options.plugin === undefined ? [] : [options.plugin]),
  ];
  // The SDK takes plugins and does not say so.
  const clientOptions: CosmosClientOptions & { readonly plugins: readonly PluginConfig[] } = {
    plugins,
    connectionString,
    connectionPolicy: {
      enableEndpointDiscovery: false,
      retryOptions: {
        maxRetryAttemptCount: 2,
        fixedRetryIntervalInMilliseconds: 1,
        maxWaitTimeInSeconds: 1,
      },
    },
  };
  const client = new CosmosClient(clientOptions);
  const [dicom, feedlog, control] = ["dicom", "feedlog", "control"].map((id) =>
    client.database(database).container(id),
  ) as [Container, Container, Container];
  return {
    dicom,
    feedlog,
    control,
    index: new CosmosInstanceIndex(dicom, surroundings),
    log: new FeedLog(feedlog, surroundings, options.segmentEntries),
    deadLetters: new DeadLetters(control, surroundings),
    stores: {
      source: new ChangeSource(dicom, surroundings),
      states: new InstanceStates(dicom, surroundings),
      reach: new StudyReach(dicom, () => new RetryBudget(surroundings)),
      tokens: new FeedTokens(testKeys),
      content: noContent,
      clock: surroundings,
      cursors: new FeedCursors(control, surroundings),
    },
  };
}

// Metadata is kept in the index here, so that the content is never asked for anything.
const noContent: InstanceContent = new Proxy({} as InstanceContent, {
  get: (_, property) => {
    throw new Error(`The content was asked for: ${String(property)}`);
  },
});

export function scopeOf(tenant: string): TenantScope {
  return maintenanceScope(tenant, "Microsoft.Default");
}

let contentCount = 0;

/** An instance that differs from every other one that was made, even of the same UIDs. */
export function newInstance(uids: InstanceUIDs, modality = "CT"): NewInstance {
  contentCount += 1;
  const name = contentCount.toString(16).padStart(32, "0");
  const none = { attributes: {}, match: {} };
  const dataset = {
    "00080018": { vr: "UI", Value: [uids.sopInstanceUID] },
    "00100010": { vr: "PN", Value: [{ Alphabetic: `Artificial^${name}` }] },
  };
  return {
    ...uids,
    sopClassUID: "1.2.840.10008.5.1.4.1.1.2",
    transferSyntaxUID: "1.2.840.10008.1.2.1",
    datasetOffset: 132,
    content: { name: `${name.slice(-2)}/${name}`, length: 1, sha256: name },
    frames: undefined,
    metadata: encodeMetadata({ dataset: JSON.stringify(dataset), bulkdata: new Map() }),
    attributes: {
      study: none,
      series: { attributes: { "00080060": { vr: "CS", Value: [modality] } }, match: {} },
      instance: none,
    },
  };
}

/** Reads one page as `GET feed` does, from the text of its query. */
export async function readPage(
  { stores }: FeedClient,
  scope: TenantScope,
  query: Readonly<Record<string, string>>,
): Promise<FeedPage> {
  return await readFeed(
    stores,
    scope,
    parseFeedQuery(new URLSearchParams(query), []),
    () => serviceURL,
    new AbortController().signal,
  );
}

/** Reads until nothing is left. */
export async function readToEnd(
  client: FeedClient,
  scope: TenantScope,
  query: Readonly<Record<string, string>>,
): Promise<{
  readonly entries: FeedPage["entries"][number]["entry"][];
  readonly continuation: string;
}> {
  const entries: FeedPage["entries"][number]["entry"][] = [];
  let page = await readPage(client, scope, query);
  for (;;) {
    entries.push(...page.entries.map(({ entry }) => entry));
    if (!page.hasMore) {
      return { entries, continuation: page.continuation };
    }
    const { pageSize } = query;
    page = await readPage(client, scope, {
      continuation: page.continuation,
      ...(pageSize === undefined ? {} : { pageSize }),
    });
  }
}

/** Random numbers that a seed determines (mulberry32). */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** At least 0 and below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) {
      throw new RangeError("There is nothing to pick from.");
    }
    return item;
  }
}
