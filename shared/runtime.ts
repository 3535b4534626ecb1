import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CosmosClient, type CosmosClientOptions, type PluginConfig } from "@azure/cosmos";
import { ManagedIdentityCredential } from "@azure/identity";
import { BlobServiceClient, type StoragePipelineOptions } from "@azure/storage-blob";
import { monotonicFactory } from "ulid";
import { ChangeSource } from "./feed/changeSource.ts";
import { DeadLetters } from "./feed/deadLetters.ts";
import { FeedCursors } from "./feed/feedCursors.ts";
import { FeedLog } from "./feed/feedLog.ts";
import { FeedTokens } from "./feed/feedToken.ts";
import { InstanceStates } from "./feed/instanceStates.ts";
import { rememberedDefinitions } from "./feed/rememberedDefinitions.ts";
import type { HandlerSurroundings } from "./http/handle.ts";
import { WireExchanges } from "./http/wire.ts";
import { readSettings, type Connection, type Settings } from "./settings.ts";
import { BlobInstanceContent } from "./store/blobInstanceContent.ts";
import { CosmosInstanceIndex, type IndexSurroundings } from "./store/cosmosInstanceIndex.ts";
import { withoutQueryPlans } from "./store/withoutQueryPlans.ts";
import type { InstanceContent } from "./store/instanceContent.ts";
import type { InstanceIndex } from "./store/instanceIndex.ts";
import { StoreProbe } from "./store/storeProbe.ts";
import { unauthenticatedScope, type TenantScope } from "./tenancy/tenantScope.ts";

import type { ChangeFeedStores } from "./transactions/readChangeFeed.ts";
import type { FeedStores } from "./transactions/readFeed.ts";
import type { SequencerStores } from "./transactions/sequenceChanges.ts";

/** Content younger than this may belong to a store that is still under way. */
const sweepAgeMilliseconds = 24 * 60 * 60 * 1000;

/** All that the functions work with. */
export interface Runtime extends HandlerSurroundings {
  readonly index: InstanceIndex;
  readonly content: InstanceContent;
  readonly probe: StoreProbe;
  /** What the pull feed works with. */
  readonly feed: FeedStores & { readonly cursors: FeedCursors };
  /** What the sequenced feed is read with. */
  readonly changeFeed: ChangeFeedStores;
  /** What the sequenced feed is written with. */
  readonly sequencer: SequencerStores;
  /** The wall clock, in milliseconds since 1970. */
  readonly milliseconds: () => number;
  /** The scopes of all tenants, for the work that goes through all of them. */
  readonly tenantScopes: () => readonly TenantScope[];
  /** The hour of the day, UTC; content last written before `before` is old enough to be swept. */
  readonly sweepTime: () => { readonly hour: number; readonly before: Date };
}

// From the moment the app is loaded: the Functions library starts its server soon after.
const exchanges = new WireExchanges();
exchanges.listen();

let made: Runtime | undefined;

/**
 * The composition root: reads the settings and makes the clients, once, when the first function needs them.
 *
 * Throws `SettingsError` when the settings do not allow the service to run.
 */
export function runtime(): Runtime {
  made ??= makeRuntime(readSettings(process.env));
  return made;
}

function makeRuntime(settings: Settings): Runtime {
  const cosmos = cosmosClient(settings.cosmos);
  const database = cosmos.database(settings.cosmosDatabase);
  const container = database.container("dicom");
  const blobs = blobService(settings.content);
  const ulid = monotonicFactory();
  const surroundings: IndexSurroundings = {
    now: () => performance.now(),
    sleep: async (milliseconds) => {
      await sleep(milliseconds);
    },
    random: () => Math.random(),
    timestamp: () => new Date().toISOString(),
    newVersion: () => ulid(),
  };
  const content = new BlobInstanceContent(blobs, newContentName);
  const states = new InstanceStates(container, surroundings);
  const log = new FeedLog(database.container("feedlog"), surroundings);
  const control = database.container("control");
  return {
    exchanges,
    publicBaseURL: settings.publicBaseURL,
    // The one mode there is so far; the settings have checked that nobody but this machine can reach the service.
    authenticate: async () => await Promise.resolve(unauthenticatedScope()),
    index: new CosmosInstanceIndex(container, surroundings),
    content,
    feed: {
      source: new ChangeSource(container, surroundings),
      states,
      tokens: new FeedTokens(settings.feedTokenKeys),
      content,
      clock: surroundings,
      cursors: new FeedCursors(control, surroundings),
    },
    changeFeed: { log, states, content },
    sequencer: { log, deadLetters: new DeadLetters(control, surroundings) },
    milliseconds: () => Date.now(),
    probe: new StoreProbe(container, blobs, surroundings),
    tenantScopes: () => [unauthenticatedScope()],
    sweepTime: () => ({
      hour: new Date().getUTCHours(),
      before: new Date(Date.now() - sweepAgeMilliseconds),
    }),
  };
}

// The first two digits are the shard that a sweep lists by, and spread the names over the account's own partitions.
function newContentName(): string {
  const digits = randomBytes(16).toString("hex");
  return `${digits.slice(0, 2)}/${digits}`;
}

function cosmosClient(connection: Connection): CosmosClient {
  const options: CosmosClientOptions =
    connection.kind === "connectionString"
      ? { connectionString: connection.connectionString }
      : { endpoint: connection.endpoint, aadCredentials: credential(connection.clientId) };
  const allOptions: CosmosClientOptions & { readonly plugins: readonly PluginConfig[] } = {
    ...options,
    connectionPolicy: {
      // The account has one region, and its name is in the settings.
      enableEndpointDiscovery: false,
      retryOptions: {
        maxRetryAttemptCount: 9,
        fixedRetryIntervalInMilliseconds: 0,
        maxWaitTimeInSeconds: 10,
      },
      requestTimeout: 20_000,
    },
    plugins: [withoutQueryPlans, rememberedDefinitions(() => performance.now())],
  };
  return new CosmosClient(allOptions);
}

function blobService(connection: Connection): BlobServiceClient {
  const options: StoragePipelineOptions = {
    retryOptions: { maxTries: 5, retryDelayInMs: 150, maxRetryDelayInMs: 2_000 },
  };
  return connection.kind === "connectionString"
    ? BlobServiceClient.fromConnectionString(connection.connectionString, options)
    : new BlobServiceClient(connection.endpoint, credential(connection.clientId), options);
}

function credential(clientId: string | undefined): ManagedIdentityCredential {
  return clientId === undefined
    ? new ManagedIdentityCredential()
    : new ManagedIdentityCredential({ clientId });
}
