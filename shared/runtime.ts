import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CosmosClient,
  type Container,
  type CosmosClientOptions,
  type PluginConfig,
} from "@azure/cosmos";
import { ManagedIdentityCredential } from "@azure/identity";
import {
  BlobServiceClient,
  newPipeline,
  type Pipeline,
  type StoragePipelineOptions,
} from "@azure/storage-blob";
import { monotonicFactory } from "ulid";
import { accessAuthor, noteAccess } from "./audit/accessNotes.ts";
import { AuditLog } from "./audit/auditLog.ts";
import { ChangeSource } from "./feed/changeSource.ts";
import { DeadLetters } from "./feed/deadLetters.ts";
import { FeedCursors } from "./feed/feedCursors.ts";
import { FeedLog } from "./feed/feedLog.ts";
import { FeedTokens } from "./feed/feedToken.ts";
import { InstanceStates } from "./feed/instanceStates.ts";
import { rememberedDefinitions } from "./feed/rememberedDefinitions.ts";
import type { Admission } from "./admission/admission.ts";
import { tokenAdmission } from "./admission/tokenAdmission.ts";
import { unauthenticatedAdmission } from "./admission/unauthenticatedAdmission.ts";
import { Challenges } from "./auth/challenges.ts";
import { fetchKeySet } from "./auth/fetchKeySet.ts";
import { KeySets } from "./auth/keySets.ts";
import { TokenVerifier } from "./auth/tokenVerifier.ts";
import { CrossOrigin } from "./http/crossOrigin.ts";
import type { HandlerSurroundings } from "./http/handle.ts";
import { RequestAudit } from "./http/requestAudit.ts";
import { WireExchanges } from "./http/wire.ts";
import { pixelWorkerFile } from "./pixels/pixelWorkerFile.ts";
import { PixelWorkers } from "./pixels/pixelWorkers.ts";
import { DataPartitions } from "./registry/dataPartitions.ts";
import { tenantGuard } from "./registry/tenantGuard.ts";
import { TenantPurge } from "./registry/tenantPurge.ts";
import { TenantQuotaKeeper } from "./registry/tenantQuotaKeeper.ts";
import { readSettings, type Authentication, type Connection, type Settings } from "./settings.ts";
import { BlobInstanceContent } from "./store/blobInstanceContent.ts";
import { CosmosInstanceIndex, type IndexSurroundings } from "./store/cosmosInstanceIndex.ts";
import { withoutQueryPlans } from "./store/withoutQueryPlans.ts";
import type { InstanceContent } from "./store/instanceContent.ts";
import type { InstanceIndex } from "./store/instanceIndex.ts";
import { RetryBudget } from "./store/cosmosRetry.ts";
import { StudyReach } from "./store/studyReach.ts";
import { StoreProbe } from "./store/storeProbe.ts";
import { TenantContent } from "./store/tenantContent.ts";
import { TenantRegistry } from "./registry/tenantRegistry.ts";
import { meteredBlobs } from "./telemetry/meteredBlobs.ts";
import { meteredCosmos } from "./telemetry/meteredCosmos.ts";
import { Telemetry } from "./telemetry/telemetry.ts";
import { Operations } from "./operations/operations.ts";
import type { OperationWorkers } from "./operations/runOperations.ts";
import { ReindexWorker, type TagStores } from "./tags/reindexWorker.ts";
import { RemovalWorker } from "./tags/removalWorker.ts";
import { TagErrors } from "./tags/tagErrors.ts";
import { TagIndex, type TagIndexStores } from "./tags/tagIndex.ts";
import { TagRegistry } from "./tags/tagRegistry.ts";
import { onlyDefaultTenant } from "./tenancy/onlyDefaultTenant.ts";
import { TenantBudgets } from "./tenancy/tenantBudgets.ts";
import type { Tenants } from "./tenancy/tenants.ts";

import { SealedTokens } from "./tokens/sealedTokens.ts";
import type { ChangeFeedStores } from "./transactions/readChangeFeed.ts";
import type { FeedStores } from "./transactions/readFeed.ts";
import { SearchContinuations } from "./transactions/searchContinuations.ts";
import type { SequencerStores } from "./transactions/sequenceChanges.ts";

/** Content younger than this may belong to a store that is still under way. */
const sweepAgeMilliseconds = 24 * 60 * 60 * 1000;

/** All that the functions work with. */
export interface Runtime extends HandlerSurroundings {
  readonly index: InstanceIndex;
  readonly content: InstanceContent;
  /** Threads that decode, encode and draw pixels. */
  readonly pixels: PixelWorkers;
  /** The continuations of searches. */
  readonly continuations: SearchContinuations;
  readonly probe: StoreProbe;
  /** What `audit` of the surroundings writes to. */
  readonly auditLog: AuditLog;
  /** The tenants there are. */
  readonly tenants: Tenants;
  /** The same as whoever administers the platform sees and changes them. */
  readonly registry: TenantRegistry;
  readonly partitions: DataPartitions;
  readonly tenantContent: TenantContent;
  readonly quotas: TenantQuotaKeeper;
  readonly purge: TenantPurge;
  /** The moment so many milliseconds ago, in ISO 8601 with milliseconds and `Z`. */
  readonly ago: (milliseconds: number) => string;
  /** A text that nobody can guess. */
  readonly newSecret: () => string;
  /** Which studies a restricted caller reaches. */
  readonly reach: StudyReach;
  /** What the pull feed works with. */
  readonly feed: FeedStores & { readonly cursors: FeedCursors };
  /** What the sequenced feed is read with. */
  readonly changeFeed: ChangeFeedStores;
  /** What the sequenced feed is written with. */
  readonly sequencer: SequencerStores;
  /** What extended query tags are kept and indexed with. */
  readonly tags: TagStores;
  readonly operations: Operations;
  readonly operationWorkers: OperationWorkers;
  /** The wall clock, in milliseconds since 1970. */
  readonly milliseconds: () => number;
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

/** Reads the settings and keeps nothing. Throws `SettingsError` when the service could not work with them. */
export function requireSettings(): void {
  readSettings(process.env);
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
    noteAccess,
    author: accessAuthor,
  };
  const states = new InstanceStates(container, surroundings);
  const reach = new StudyReach(container, () => new RetryBudget(surroundings));
  const log = new FeedLog(database.container("feedlog"), surroundings);
  const control = database.container("control");
  const registry = new TenantRegistry(control, surroundings);
  const tenants = settings.authentication.kind === "none" ? onlyDefaultTenant : registry;
  const partitions = new DataPartitions(control, surroundings);
  const guard = tenantGuard(tenants, partitions);
  const content = new BlobInstanceContent(blobs, newContentName, guard);
  const index = new CosmosInstanceIndex(container, surroundings, guard);
  const tenantContent = new TenantContent(blobs);
  const now = (): number => performance.now();
  const { telemetryIntervalMilliseconds: interval } = settings;
  const auditLog = new AuditLog(
    database.container("audit"),
    surroundings,
    settings.auditRetentionDays,
  );
  return {
    exchanges,
    publicBaseURL: settings.publicBaseURL,
    forwarding: settings.forwarding,
    bodyBytesMax: settings.bodyBytesMax,
    tenants,
    registry,
    partitions,
    tenantContent,
    quotas: new TenantQuotaKeeper(log, tenants, surroundings),
    purge: new TenantPurge(
      { container: (id) => database.container(id), content: tenantContent },
      surroundings,
    ),
    ago: (milliseconds) => new Date(Date.now() - milliseconds).toISOString(),
    newSecret: () => randomBytes(24).toString("base64url"),
    admission: admissionTo(tenants, settings.authentication),
    crossOrigin: new CrossOrigin(tenants, settings.authentication.kind === "none"),
    budgets: new TenantBudgets(surroundings),
    auditLog,
    audit: new RequestAudit(auditLog, now, settings.trustedProxies),
    telemetry: new Telemetry(
      { now, milliseconds: () => Date.now() },
      interval === undefined
        ? undefined
        : async () =>
            (await import("./telemetry/openTelemetrySink.ts")).openTelemetrySink(interval),
    ),
    index,
    content,
    pixels: new PixelWorkers(pixelWorkerFile()),
    ...extendedQueryTags({ container, index, content }, control, surroundings),
    continuations: new SearchContinuations(
      new SealedTokens(settings.feedTokenKeys, "search continuation"),
    ),
    reach,
    feed: {
      source: new ChangeSource(container, surroundings),
      states,
      reach,
      tokens: new FeedTokens(settings.feedTokenKeys),
      content,
      clock: surroundings,
      cursors: new FeedCursors(control, surroundings),
    },
    changeFeed: { log, states, reach, content },
    sequencer: { log, deadLetters: new DeadLetters(control, surroundings), tenants },
    milliseconds: () => Date.now(),
    probe: new StoreProbe(container, blobs, surroundings),
    sweepTime: () => ({
      hour: new Date().getUTCHours(),
      before: new Date(Date.now() - sweepAgeMilliseconds),
    }),
  };
}

function admissionTo(tenants: Tenants, authentication: Authentication): Admission {
  if (authentication.kind === "none") {
    return unauthenticatedAdmission(tenants);
  }
  const { platform, allowsLoopback } = authentication;
  const challenges = new Challenges(authentication);
  const keySets = new KeySets({
    fetch: async (uri) => await fetchKeySet(uri, { allowsLoopback }),
    now: () => performance.now(),
  });
  const milliseconds = (): number => Date.now();
  const verifier = new TokenVerifier({ tenants, platform, keySets, challenges, milliseconds });
  return tokenAdmission(tenants, verifier, challenges);
}

function extendedQueryTags(
  stores: TagIndexStores,
  control: Container,
  surroundings: IndexSurroundings,
): Pick<Runtime, "tags" | "operations" | "operationWorkers"> {
  const clock = {
    ...surroundings,
    newOperationId: () => randomBytes(16).toString("hex"),
    milliseconds: () => Date.now(),
  };
  const operations = new Operations(control, clock);
  const tags: TagStores = {
    registry: new TagRegistry(control, operations, clock),
    tagIndex: new TagIndex(stores, clock),
    errors: new TagErrors(control, clock),
  };
  return {
    tags,
    operations,
    operationWorkers: {
      reindex: new ReindexWorker(tags, clock),
      removeExtendedQueryTag: new RemovalWorker(tags, clock),
    },
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
    // The meter comes last: what the others answer themselves costs nothing.
    plugins: [withoutQueryPlans, rememberedDefinitions(() => performance.now()), meteredCosmos],
  };
  return new CosmosClient(allOptions);
}

function blobService(connection: Connection): BlobServiceClient {
  const options: StoragePipelineOptions = {
    retryOptions: { maxTries: 5, retryDelayInMs: 150, maxRetryDelayInMs: 2_000 },
  };
  if (connection.kind === "connectionString") {
    const { url, credential: key } = BlobServiceClient.fromConnectionString(
      connection.connectionString,
    );
    return new BlobServiceClient(url, meteredPipeline(key, options));
  }
  return new BlobServiceClient(
    connection.endpoint,
    meteredPipeline(credential(connection.clientId), options),
  );
}

function meteredPipeline(
  key: Parameters<typeof newPipeline>[0],
  options: StoragePipelineOptions,
): Pipeline {
  const pipeline = newPipeline(key, options);
  pipeline.factories.push(meteredBlobs);
  return pipeline;
}

function credential(clientId: string | undefined): ManagedIdentityCredential {
  return clientId === undefined
    ? new ManagedIdentityCredential()
    : new ManagedIdentityCredential({ clientId });
}
