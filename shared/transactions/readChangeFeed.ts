import type { ChangeFeedQuery } from "../feed/changeFeedQuery.ts";
import type { FeedLog, LogEntry } from "../feed/feedLog.ts";
import {
  instanceKey,
  stateOf,
  type EntryState,
  type InstanceStates,
} from "../feed/instanceStates.ts";
import type { InstanceContent } from "../store/instanceContent.ts";
import type { StudyReach } from "../store/studyReach.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { metadataOf, type CompleteEntry } from "./entryMetadata.ts";

/** What reading the sequenced feed takes. */
export interface ChangeFeedStores {
  readonly log: FeedLog;
  readonly states: InstanceStates;
  readonly reach: StudyReach;
  readonly content: InstanceContent;
}

/** An event with its number, as it is told now. */
export interface ChangeFeedEntry extends LogEntry {
  readonly state: EntryState;
}

/**
 * Reads a page of the sequenced feed.
 *
 * A time window is a run of numbers, because timestamps never go back; so an offset costs nothing, however large. What a
 * reader has seen has nothing before it that may still come.
 */
export async function readChangeFeed(
  stores: ChangeFeedStores,
  scope: TenantScope,
  query: ChangeFeedQuery,
  serviceURLOf: (partition: string) => string,
): Promise<readonly CompleteEntry<ChangeFeedEntry>[]> {
  const { log } = stores;
  const last = await log.lastSequence(scope);
  let first = query.offset + 1;
  let end = last + 1;
  if (query.by === "time") {
    if (query.startTime !== undefined) {
      first = (await log.firstSequenceAt(scope, query.startTime)) + query.offset;
    }
    if (query.endTime !== undefined) {
      end = Math.min(end, await log.firstSequenceAt(scope, query.endTime));
    }
  }
  const page = await firstReachable(stores, scope, first, end, query.limit);
  return await complete(stores, scope, page, query.includeMetadata, serviceURLOf);
}

/** The entry with the highest number, or `undefined` when there is none. */
export async function readLatestChange(
  stores: ChangeFeedStores,
  scope: TenantScope,
  includeMetadata: boolean,
  serviceURLOf: (partition: string) => string,
): Promise<CompleteEntry<ChangeFeedEntry> | undefined> {
  const last = await stores.log.lastSequence(scope);
  const page = await lastReachable(stores, scope, last);
  const [entry] = await complete(stores, scope, page, includeMetadata, serviceURLOf);
  return entry;
}

/** How many entries are looked at for a restricted caller at a time, and altogether. */
const chunkEntries = 1_000;
const scannedEntriesMax = 20_000;

/**
 * The first entries from `first` on, before `end`, that the caller reaches: as many as asked for, so that an empty page is
 * the end. Only where twenty thousand of others lie in between, it is not.
 */
async function firstReachable(
  { log, reach }: ChangeFeedStores,
  scope: TenantScope,
  first: number,
  end: number,
  limit: number,
): Promise<readonly LogEntry[]> {
  if (!scope.isRestricted) {
    return await log.entries(scope, first, Math.min(first + limit, end) - 1);
  }
  const found: LogEntry[] = [];
  const stop = Math.min(end, first + scannedEntriesMax);
  for (let from = first; from < stop && found.length < limit; from += chunkEntries) {
    const chunk = await log.entries(scope, from, Math.min(from + chunkEntries, stop) - 1);
    found.push(...(await reach.reachable(scope, chunk)));
  }
  return found.slice(0, limit);
}

/** The last entry up to `last` that the caller reaches, among the last twenty thousand. */
async function lastReachable(
  { log, reach }: ChangeFeedStores,
  scope: TenantScope,
  last: number,
): Promise<readonly LogEntry[]> {
  const size = scope.isRestricted ? chunkEntries : 1;
  for (let to = last; to > Math.max(0, last - scannedEntriesMax); to -= size) {
    const chunk = await log.entries(scope, Math.max(1, to - size + 1), to);
    const found = (await reach.reachable(scope, chunk)).at(-1);
    if (found !== undefined) {
      return [found];
    }
  }
  return [];
}

async function complete(
  { states, content }: ChangeFeedStores,
  scope: TenantScope,
  page: readonly LogEntry[],
  includeMetadata: boolean,
  serviceURLOf: (partition: string) => string,
): Promise<CompleteEntry<ChangeFeedEntry>[]> {
  if (includeMetadata) {
    scope.require("read");
  }
  const known = await states.query(scope, page, includeMetadata);
  return page.map((entry) => {
    const now = known.get(instanceKey(entry));
    return {
      entry: { ...entry, state: stateOf(entry, now) },
      metadata: async () =>
        includeMetadata
          ? await metadataOf(content, scope, now, serviceURLOf(entry.partition))
          : undefined,
    };
  });
}
