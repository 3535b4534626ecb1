import {
  ChangeFeedMode,
  ChangeFeedStartFrom,
  type ChangeFeedPullModelIterator,
  type Container,
  type CosmosClient,
  type FeedRange,
} from "@azure/cosmos";
import { cosmosClient, resolveConnection, type Connection } from "./connections.ts";
import { describeError } from "./describeError.ts";
import { HostError } from "./hostError.ts";
import { pause } from "./pause.ts";
import { invokeWithRetry, type TriggerContext } from "./triggerContext.ts";

/** The position of one function in one feed range, kept in the lease container. */
interface Lease {
  readonly id: string;
  readonly min: string;
  readonly max: string;
  /** Where to go on; absent until the first position is known. */
  readonly continuation?: string;
}

/** The lease document that lists the others, written once all of them exist. */
interface LeaseIndex {
  readonly id: string;
  readonly leases: readonly string[];
}

const feedPollMsDefault = 5_000;
const backoffMsMin = 100;
const backoffMsMax = 5_000;
const statusOk = 200;
const statusNotModified = 304;

/**
 * Runs a Cosmos DB change feed function until the host stops.
 *
 * There is one lease per feed range that the container had at the first start; a range that splits later stays with its
 * lease, whose continuation then covers both halves. Leases run side by side, each one batch at a time. The position
 * moves on after the function has succeeded, or failed for good: without a retry policy a failed batch is lost to the
 * function, as on Azure. When the host stops during a batch, or the position cannot be saved, the batch comes again.
 *
 * Needs the lease container to be there, unless `createLeaseContainerIfNotExists` is set; a container or a server that
 * is missing is asked for again until it answers. One host at a time: leases are not shared out between hosts.
 */
export async function runChangeFeed(context: TriggerContext): Promise<void> {
  const feed = new ChangeFeedListener(context);
  try {
    await feed.run();
  } finally {
    feed.close();
  }
}

/** Identifies the leases that a function uses; two functions with the same would take changes from each other. */
export function leasePrefix(options: Readonly<Record<string, unknown>>): string {
  return [
    textOption(options, "leaseContainerPrefix") ?? "",
    textOption(options, "databaseName") ?? "",
    textOption(options, "containerName") ?? "",
  ].join("_");
}

class ChangeFeedListener {
  readonly #context: TriggerContext;
  readonly #clients: CosmosClient[] = [];
  readonly #monitored: Container;
  readonly #leases: Container;
  readonly #createLeases: (() => Promise<void>) | undefined;
  readonly #prefix: string;
  readonly #name: string;

  constructor(context: TriggerContext) {
    this.#context = context;
    const { options, configuration, target } = context;
    this.#name = target.metadata.name;
    this.#prefix = leasePrefix(options);
    const database = textOption(options, "databaseName");
    const container = textOption(options, "containerName");
    if (database === undefined || container === undefined) {
      throw new HostError("It names no database or no container.");
    }
    if (options["startFromBeginning"] === true && options["startFromTime"] !== undefined) {
      throw new HostError("It has both startFromBeginning and startFromTime.");
    }
    const leaseDatabase = textOption(options, "leaseDatabaseName") ?? database;
    const leaseContainer = textOption(options, "leaseContainerName") ?? "leases";
    if (leaseDatabase === database && leaseContainer === container) {
      throw new HostError("Its lease container is the container that it watches.");
    }
    const { settings } = configuration;
    const monitored = this.#open(resolveConnection(options["connection"], settings, "CosmosDB"));
    const leases = this.#open(
      resolveConnection(options["leaseConnection"] ?? options["connection"], settings, "CosmosDB"),
    );
    this.#monitored = monitored.database(database).container(container);
    this.#leases = leases.database(leaseDatabase).container(leaseContainer);
    this.#createLeases =
      options["createLeaseContainerIfNotExists"] === true
        ? async (): Promise<void> => {
            const created = await leases.databases.createIfNotExists({ id: leaseDatabase });
            await created.database.containers.createIfNotExists({
              id: leaseContainer,
              partitionKey: { paths: ["/id"] },
              defaultTtl: -1,
            });
          }
        : undefined;
  }

  async run(): Promise<void> {
    const { signal } = this.#context;
    const leases = await this.#untilItWorks("The leases", async () => await this.#openLeases());
    if (leases !== undefined && !signal.aborted) {
      await Promise.all(
        leases.map(async ({ lease, range }) => {
          await this.#follow(lease, range);
        }),
      );
    }
  }

  close(): void {
    for (const client of this.#clients) {
      client.dispose();
    }
  }

  #open(connection: Connection): CosmosClient {
    const client = cosmosClient(connection);
    this.#clients.push(client);
    return client;
  }

  /** The leases of earlier runs, or new ones, one for each feed range. */
  async #openLeases(): Promise<{ lease: Lease; range: FeedRange | undefined }[]> {
    await this.#createLeases?.();
    const indexId = `${this.#prefix}.info`;
    const { resource: index } = await this.#leases.item(indexId, indexId).read<LeaseIndex>();
    if (index !== undefined) {
      return await Promise.all(
        index.leases.map(async (id) => {
          const { resource: lease } = await this.#leases.item(id, id).read<Lease>();
          if (lease === undefined) {
            throw new Error(`The lease ${id} is missing.`);
          }
          return { lease, range: undefined };
        }),
      );
    }
    const ranges = await this.#monitored.getFeedRanges();
    const opened = await Promise.all(ranges.map(async (range) => await this.#createLease(range)));
    // Written last: as long as it is missing, the next start makes all leases anew.
    await this.#leases.items.upsert<LeaseIndex>({
      id: indexId,
      leases: opened.map(({ lease }) => lease.id),
    });
    return opened;
  }

  /**
   * Makes the lease of a range with its first position, from which on nothing is missed.
   *
   * A start at the beginning is a continuation without a value, which also holds after a split. A start now needs the
   * answer of a first, by nature empty, page. So does a start at a time; where its first page has changes, they are read
   * again from that time.
   */
  async #createLease(range: FeedRange): Promise<{ lease: Lease; range: FeedRange | undefined }> {
    const { options } = this.#context;
    const { minInclusive: min, maxExclusive: max } = range as unknown as Record<
      "minInclusive" | "maxExclusive",
      string
    >;
    const id = `${this.#prefix}..${min === "" ? "00" : min}-${max}`;
    let lease: Lease = { id, min, max };
    if (options["startFromBeginning"] === true) {
      const { resource } = await this.#monitored.read();
      const continuation = { minInclusive: min, maxExclusive: max, continuationToken: "" };
      lease = {
        ...lease,
        continuation: JSON.stringify({ rid: resource?._rid, Continuation: [continuation] }),
      };
    } else {
      const first = await this.#iterator(lease, range).readNext();
      if (first.statusCode !== statusNotModified && first.statusCode !== statusOk) {
        throw new Error(`The change feed answered ${String(first.statusCode)}.`);
      }
      if (first.count === 0) {
        lease = { ...lease, continuation: first.continuationToken };
      } else if (options["startFromTime"] === undefined) {
        throw new Error("The change feed did not start at its end.");
      }
    }
    await this.#leases.items.upsert<Lease>(lease);
    return { lease, range };
  }

  #iterator(
    lease: Pick<Lease, "id" | "min" | "max" | "continuation">,
    range: FeedRange | undefined,
  ): ChangeFeedPullModelIterator<Record<string, unknown>> {
    const { options } = this.#context;
    const maxItems = Number(options["maxItemsPerInvocation"] ?? 0);
    return this.#monitored.items.getChangeFeedIterator<Record<string, unknown>>({
      changeFeedStartFrom:
        lease.continuation !== undefined
          ? ChangeFeedStartFrom.Continuation(lease.continuation)
          : this.#firstPosition(range),
      ...(maxItems > 0 ? { maxItemCount: maxItems } : {}),
      ...(isAllVersions(options) ? { changeFeedMode: ChangeFeedMode.AllVersionsAndDeletes } : {}),
    });
  }

  #firstPosition(range: FeedRange | undefined): ChangeFeedStartFrom {
    const { options } = this.#context;
    const time = options["startFromTime"];
    if (time !== undefined) {
      const date = new Date(typeof time === "string" ? time : Number.NaN);
      if (Number.isNaN(date.getTime())) {
        throw new HostError("Its startFromTime is no time.");
      }
      return ChangeFeedStartFrom.Time(date, range);
    }
    return ChangeFeedStartFrom.Now(range);
  }

  /** Reads one lease's changes and hands them to the function until the host stops. */
  async #follow(opened: Lease, knownRange: FeedRange | undefined): Promise<void> {
    const { options, signal, log } = this.#context;
    const pollMs = Number(options["feedPollDelay"] ?? feedPollMsDefault);
    let lease = opened;
    let range = knownRange;
    let iterator: ChangeFeedPullModelIterator<Record<string, unknown>> | undefined;
    let backoffMs = backoffMsMin;
    while (!signal.aborted) {
      let page;
      try {
        if (iterator === undefined && lease.continuation === undefined) {
          range ??= await this.#findRange(lease);
        }
        iterator ??= this.#iterator(lease, range);
        page = await iterator.readNext();
        if (page.statusCode !== statusOk && page.statusCode !== statusNotModified) {
          throw new Error(`The change feed answered ${String(page.statusCode)}.`);
        }
        backoffMs = backoffMsMin;
      } catch (error) {
        // The iterator may have lost its place with the error; a new one goes on from the saved position.
        iterator = undefined;
        if (backoffMs === backoffMsMin) {
          log(
            "warning",
            "host",
            `The change feed of ${this.#name} cannot be read: ${describeError(error)}`,
          );
        }
        await pause(backoffMs, signal);
        backoffMs = Math.min(backoffMsMax, backoffMs * 2);
        continue;
      }
      if (page.statusCode === statusNotModified || page.count === 0) {
        if (page.statusCode === statusNotModified) {
          await pause(pollMs, signal);
        }
        continue;
      }
      const outcome = await invokeWithRetry(
        this.#context,
        { json: JSON.stringify(page.result) },
        {},
      );
      if (outcome === "stopped") {
        return;
      }
      if (outcome === "failed") {
        log("error", "host", `${this.#name} has lost a batch of ${String(page.count)} changes.`);
      }
      const next = { ...lease, continuation: page.continuationToken };
      await this.#untilItWorks("The position", async () => {
        await this.#leases.items.upsert<Lease>(next);
      });
      lease = next;
    }
  }

  /** The feed range of a lease that has not got beyond its start; the client takes none that it has not made. */
  async #findRange(lease: Lease): Promise<FeedRange> {
    const ranges = await this.#monitored.getFeedRanges();
    const found = ranges.find((range) => {
      const { minInclusive, maxExclusive } = range as unknown as Record<string, string>;
      return minInclusive === lease.min && maxExclusive === lease.max;
    });
    if (found === undefined) {
      throw new Error(`The range of the lease ${lease.id} has been split before its first batch.`);
    }
    return found;
  }

  /** Does `work` until it succeeds; undefined when the host stops before. */
  async #untilItWorks<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    const { signal, log } = this.#context;
    let backoffMs = backoffMsMin;
    // Tried once even when the host is stopping: what the function has done need not be done again.
    do {
      try {
        return await work();
      } catch (error) {
        if (error instanceof HostError) {
          throw error;
        }
        if (backoffMs === backoffMsMin) {
          log(
            "warning",
            "host",
            `${what} of ${this.#name} cannot be reached yet: ${describeError(error)}`,
          );
        }
        await pause(backoffMs, signal);
        backoffMs = Math.min(backoffMsMax, backoffMs * 2);
      }
    } while (!signal.aborted);
    return undefined;
  }
}

function isAllVersions(options: Readonly<Record<string, unknown>>): boolean {
  return textOption(options, "changeFeedMode")?.toLowerCase() === "allversionsanddeletes";
}

function textOption(options: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
