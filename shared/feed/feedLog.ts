import assert from "node:assert/strict";
import type { Container, JSONObject, OperationInput, SqlParameter } from "@azure/cosmos";
import { RetryBudget, type RetryClock } from "../store/cosmosRetry.ts";
import type { ChangeItem } from "../store/studyItems.ts";
import { tryBatch } from "../store/tryBatch.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";

/** What the log needs from its surroundings besides the database. */
export interface LogSurroundings extends RetryClock {
  /** The wall clock, in ISO 8601 with milliseconds and `Z`. */
  timestamp(): string;
}

/** One event in the total order of its tenant. */
export interface LogEntry {
  /** Of the event. */
  readonly id: string;
  /** 1, 2, 3, … without a gap. */
  readonly sequence: number;
  /** When the event got its number, in ISO 8601 with milliseconds and `Z`. Never goes back. */
  readonly timestamp: string;
  readonly action: ChangeItem["action"];
  readonly partition: string;
  readonly study: string;
  readonly series: string;
  readonly sop: string;
  readonly revision: number;
  /** Why an instance was deleted, when somebody said so. */
  readonly reason?: string;
}

/** How much a tenant has. */
export interface StoredAmount {
  readonly instances: number;
  /** Of the instances as they were received. */
  readonly bytes: number;
}

interface EntryItem extends LogEntry {
  readonly tenant: string;
  readonly segment: string;
  readonly kind: "entry";
  /** The id again, where it is indexed across segments. */
  readonly change: string;
}

/** How far a segment has been written. Committed together with the entries, so what it counts is there. */
interface HeadItem {
  readonly id: typeof headId;
  readonly tenant: string;
  readonly segment: string;
  readonly kind: "head";
  /** The number of the segment's first entry. */
  readonly first: number;
  readonly count: number;
  /** Of the segment's last entry. */
  readonly lastTimestamp: string;
  /** What all entries of the tenant so far, of this segment and those before it, add up to. */
  readonly stored: StoredAmount;
}

type StoredHead = HeadItem & { readonly _etag: string };

const headId = "head";
/** How many entries a segment holds: some ten megabytes, of the twenty gigabytes that a logical partition may have. */
const segmentEntriesDefault = 10_000;
// A batch holds a hundred operations, and one of them is the head.
const entriesPerBatch = 99;
const rememberedTenantsMax = 1_000;

/**
 * The total order of a tenant's events, in the Cosmos container `feedlog`.
 *
 * Entries and the head that counts them are written in one batch, on the condition that nobody else wrote meanwhile. So
 * numbers have no gaps, whoever sees a number can see all before it, and an event has one number however often it is
 * appended and by however many writers at once. A number tells its segment, so an entry is found at once at any offset.
 */
export class FeedLog {
  readonly #container: Container;
  readonly #surroundings: LogSurroundings;
  readonly #segmentEntries: number;
  /** By tenant, a segment that is there; the last one is that or a later one. */
  readonly #segments = new Map<string, number>();

  constructor(
    container: Container,
    surroundings: LogSurroundings,
    segmentEntries: number = segmentEntriesDefault,
  ) {
    this.#container = container;
    this.#surroundings = surroundings;
    this.#segmentEntries = segmentEntries;
  }

  /**
   * Appends events in their order and says how many of them were new: those that the log has already are left out.
   *
   * Throws an `unavailable` problem when the database stays busy. Part of the events may then have been appended, and
   * appending all of them again is right.
   */
  async append(scope: TenantScope, changes: readonly ChangeItem[]): Promise<number> {
    scope.require("write");
    for (const change of changes) {
      assert(change.tenant === scope.tenant, "A change of the tenant.");
    }
    let pending = [...new Map(changes.map((change) => [change.id, change])).values()];
    let appended = 0;
    const budget = new RetryBudget(this.#surroundings);
    while (pending.length > 0) {
      const head = await budget.repeat(async () => await this.#readHead(scope));
      // Which of them the log has is asked after the head was read: who appends one from now on changes the head, and the
      // batch below fails.
      const candidates = pending.slice(0, entriesPerBatch);
      const known = await budget.repeat(async () => await this.#known(scope, candidates));
      const fresh = candidates.filter(({ id }) => !known.has(id));
      if (fresh.length === 0) {
        pending = pending.slice(candidates.length);
        continue;
      }
      const { operations, segment, count } = this.#planBatch(scope, head, fresh);
      const failure = await tryBatch(
        this.#container,
        [scope.tenant, segmentName(segment)],
        operations,
      );
      if (failure !== undefined) {
        await budget.pause(failure);
        continue;
      }
      this.#remember(scope, segment);
      appended += count;
      const done = new Set([...known, ...fresh.slice(0, count).map(({ id }) => id)]);
      pending = pending.filter(({ id }) => !done.has(id));
    }
    return appended;
  }

  #planBatch(
    scope: TenantScope,
    head: StoredHead | undefined,
    fresh: readonly ChangeItem[],
  ): { operations: OperationInput[]; segment: number; count: number } {
    const isFull = head !== undefined && head.count >= this.#segmentEntries;
    const continued = isFull ? undefined : head;
    const segment =
      head === undefined ? 0 : segmentOf(head.first, this.#segmentEntries) + (isFull ? 1 : 0);
    const first = segment * this.#segmentEntries + 1;
    const count = Math.min(fresh.length, this.#segmentEntries - (continued?.count ?? 0));
    const now = this.#surroundings.timestamp();
    const timestamp = head !== undefined && head.lastTimestamp > now ? head.lastTimestamp : now;
    const keys = { tenant: scope.tenant, segment: segmentName(segment) };
    const entries = fresh.slice(0, count).map((change, i): EntryItem => ({
      id: change.id,
      ...keys,
      kind: "entry",
      change: change.id,
      sequence: first + (continued?.count ?? 0) + i,
      timestamp,
      action: change.action,
      partition: change.partition,
      study: change.study,
      series: change.series,
      sop: change.sop,
      revision: change.revision,
      ...(change.reason === undefined ? {} : { reason: change.reason }),
    }));
    const newHead: HeadItem = {
      id: headId,
      ...keys,
      kind: "head",
      first,
      count: (continued?.count ?? 0) + count,
      lastTimestamp: timestamp,
      stored: addedUp(head?.stored ?? nothingStored, fresh.slice(0, count)),
    };
    return {
      segment,
      count,
      operations: [
        continued === undefined
          ? { operationType: "Create", resourceBody: asJson(newHead) }
          : {
              operationType: "Replace",
              id: headId,
              ifMatch: continued._etag,
              resourceBody: asJson(newHead),
            },
        ...entries.map((entry): OperationInput => ({
          operationType: "Create",
          resourceBody: asJson(entry),
        })),
      ],
    };
  }

  /**
   * How much the tenant has, as far as its events are in the log. Each is counted once, with the batch that appends it.
   */
  async stored(scope: TenantScope): Promise<StoredAmount> {
    const head = await this.#withRetries(async () => await this.#readHead(scope));
    return head?.stored ?? nothingStored;
  }

  /** The number of the last entry; 0 when there is none. */
  async lastSequence(scope: TenantScope): Promise<number> {
    scope.require("feed");
    const head = await this.#withRetries(async () => await this.#readHead(scope));
    return head === undefined ? 0 : head.first + head.count - 1;
  }

  /** The number of the first entry whose timestamp is not before `timestamp`; that of the next one when there is none. */
  async firstSequenceAt(scope: TenantScope, timestamp: string): Promise<number> {
    scope.require("feed");
    const [head] = await this.#query<HeadItem>(
      scope,
      undefined,
      'SELECT TOP 1 * FROM c WHERE c.tenant = @tenant AND c.kind = "head" AND c.lastTimestamp >= @time ORDER BY c.first ASC',
      [{ name: "@time", value: timestamp }],
    );
    if (head === undefined) {
      return (await this.lastSequence(scope)) + 1;
    }
    const [entry] = await this.#query<EntryItem>(
      scope,
      head.segment,
      "SELECT TOP 1 * FROM c WHERE c.tenant = @tenant AND c.segment = @segment" +
        ' AND c.kind = "entry" AND c.timestamp >= @time ORDER BY c.sequence ASC',
      [{ name: "@time", value: timestamp }],
    );
    assert(entry !== undefined, "The last entry of a segment has the timestamp of its head.");
    return entry.sequence;
  }

  /** The entries from `first` to `last`, both included, which have to be there. */
  async entries(scope: TenantScope, first: number, last: number): Promise<LogEntry[]> {
    scope.require("feed");
    const entries: LogEntry[] = [];
    for (let from = first; from <= last;) {
      const segment = segmentOf(from, this.#segmentEntries);
      const to = Math.min(last, (segment + 1) * this.#segmentEntries);
      entries.push(
        ...(await this.#query<EntryItem>(
          scope,
          segmentName(segment),
          "SELECT * FROM c WHERE c.tenant = @tenant AND c.segment = @segment" +
            ' AND c.kind = "entry" AND c.sequence >= @from AND c.sequence <= @to ORDER BY c.sequence ASC',
          [
            { name: "@from", value: from },
            { name: "@to", value: to },
          ],
        )),
      );
      from = to + 1;
    }
    assert(
      entries.length === Math.max(0, last - first + 1) &&
        entries.every(({ sequence }, i) => sequence === first + i),
      "Numbers have no gaps.",
    );
    return entries;
  }

  /** The head of the last segment. */
  async #readHead(scope: TenantScope): Promise<StoredHead | undefined> {
    const remembered = this.#segments.get(scope.tenant);
    if (remembered === undefined) {
      const [head] = await this.#query<StoredHead>(
        scope,
        undefined,
        'SELECT TOP 1 * FROM c WHERE c.tenant = @tenant AND c.kind = "head" ORDER BY c.first DESC',
        [],
      );
      if (head !== undefined) {
        this.#remember(scope, segmentOf(head.first, this.#segmentEntries));
      }
      return head;
    }
    let segment = remembered;
    let head = await this.#readHeadOf(scope, segment);
    while (head !== undefined && head.count >= this.#segmentEntries) {
      const next = await this.#readHeadOf(scope, segment + 1);
      if (next === undefined) {
        break;
      }
      segment += 1;
      head = next;
    }
    if (head === undefined) {
      // The container was made anew.
      this.#segments.delete(scope.tenant);
      return undefined;
    }
    this.#remember(scope, segment);
    return head;
  }

  async #readHeadOf(scope: TenantScope, segment: number): Promise<StoredHead | undefined> {
    const { resource } = await this.#container
      .item(headId, [scope.tenant, segmentName(segment)])
      .read<StoredHead>();
    assert(resource === undefined || resource.tenant === scope.tenant, "A row of the tenant.");
    return resource;
  }

  #remember(scope: TenantScope, segment: number): void {
    if (this.#segments.size >= rememberedTenantsMax) {
      this.#segments.clear();
    }
    this.#segments.set(scope.tenant, segment);
  }

  /** Which of the changes are in the log, in whichever segment. */
  async #known(scope: TenantScope, changes: readonly ChangeItem[]): Promise<Set<string>> {
    const names = changes.map((_, i) => `@id${i}`);
    const rows = await this.#query<{ readonly tenant: string; readonly change: string }>(
      scope,
      undefined,
      `SELECT c.tenant, c.change FROM c WHERE c.tenant = @tenant AND c.change IN (${names.join(", ")})`,
      changes.map(({ id }, i) => ({ name: `@id${i}`, value: id })),
    );
    return new Set(rows.map(({ change }) => change));
  }

  async #query<T extends { readonly tenant: string }>(
    scope: TenantScope,
    segment: string | undefined,
    query: string,
    parameters: readonly SqlParameter[],
  ): Promise<T[]> {
    const { resources } = await this.#withRetries(
      async () =>
        await this.#container.items
          .query<T>(
            {
              query,
              parameters: [
                { name: "@tenant", value: scope.tenant },
                ...(segment === undefined ? [] : [{ name: "@segment", value: segment }]),
                ...parameters,
              ],
            },
            { partitionKey: segment === undefined ? [scope.tenant] : [scope.tenant, segment] },
          )
          .fetchAll(),
    );
    for (const { tenant } of resources) {
      assert(tenant === scope.tenant, "A row of another tenant.");
    }
    return resources;
  }

  async #withRetries<T>(call: () => Promise<T>): Promise<T> {
    return await new RetryBudget(this.#surroundings).repeat(call);
  }
}

const nothingStored: StoredAmount = { instances: 0, bytes: 0 };

const instancesBy: Readonly<Record<ChangeItem["action"], number>> = {
  create: 1,
  update: 0,
  delete: -1,
};

function addedUp(stored: StoredAmount, changes: readonly ChangeItem[]): StoredAmount {
  return changes.reduce(
    ({ instances, bytes }, change) => ({
      instances: instances + instancesBy[change.action],
      bytes: bytes + change.bytes,
    }),
    stored,
  );
}

function segmentOf(sequence: number, segmentEntries: number): number {
  return Math.floor((sequence - 1) / segmentEntries);
}

function segmentName(segment: number): string {
  return String(segment).padStart(8, "0");
}

function asJson(item: object): JSONObject {
  return item as unknown as JSONObject;
}
