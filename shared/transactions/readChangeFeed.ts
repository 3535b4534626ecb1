import type { ChangeFeedQuery } from "../feed/changeFeedQuery.ts";
import type { FeedLog, LogEntry } from "../feed/feedLog.ts";
import {
  instanceKey,
  stateOf,
  type EntryState,
  type InstanceStates,
} from "../feed/instanceStates.ts";
import type { InstanceContent } from "../store/instanceContent.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { metadataOf, type CompleteEntry } from "./entryMetadata.ts";

/** What reading the sequenced feed takes. */
export interface ChangeFeedStores {
  readonly log: FeedLog;
  readonly states: InstanceStates;
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
  serviceURL: string,
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
  const page = await log.entries(scope, first, Math.min(first + query.limit, end) - 1);
  return await complete(stores, scope, page, query.includeMetadata, serviceURL);
}

/** The entry with the highest number, or `undefined` when there is none. */
export async function readLatestChange(
  stores: ChangeFeedStores,
  scope: TenantScope,
  includeMetadata: boolean,
  serviceURL: string,
): Promise<CompleteEntry<ChangeFeedEntry> | undefined> {
  const last = await stores.log.lastSequence(scope);
  const page = last === 0 ? [] : await stores.log.entries(scope, last, last);
  const [entry] = await complete(stores, scope, page, includeMetadata, serviceURL);
  return entry;
}

async function complete(
  { states, content }: ChangeFeedStores,
  scope: TenantScope,
  page: readonly LogEntry[],
  includeMetadata: boolean,
  serviceURL: string,
): Promise<CompleteEntry<ChangeFeedEntry>[]> {
  const known = await states.query(scope, page, includeMetadata);
  return page.map((entry) => {
    const now = known.get(instanceKey(entry));
    return {
      entry: { ...entry, state: stateOf(entry, now) },
      metadata: async () =>
        includeMetadata ? await metadataOf(content, scope, now, serviceURL) : undefined,
    };
  });
}
