import type { Checkpoints } from "./checkpoints.ts";
import type { FeedClient, FeedEntry, FeedRequest } from "./feedClient.ts";

/** What a consumer does, and how. */
export interface FollowOptions {
  readonly client: FeedClient;
  /** Handles a page. Only when it resolves is the position kept: what it rejects comes again. */
  readonly onEntries: (entries: readonly FeedEntry[], reader: number) => Promise<void>;
  /** How many readers share the tenant at least, when there are no positions yet. Default 1. */
  readonly readers?: number;
  /** What is read, when there are no positions yet: later the positions carry it. */
  readonly request?: Omit<FeedRequest, "continuation" | "range" | "wait">;
  readonly checkpoints?: Checkpoints;
  /** Whether to wait for what comes, or to return once everything has been read. Default to return. */
  readonly isEndless?: boolean;
  readonly onProgress?: (progress: FollowProgress) => void;
  /** Ends the readers after the pages that they are at. */
  readonly signal?: AbortSignal;
}

/** How far the readers are. */
export interface FollowProgress {
  readonly readers: number;
  readonly entries: number;
  /** How many readers had nothing left to read when they last looked. */
  readonly readersAtEnd: number;
  /** The time of the entry that was read last, by the reader who is furthest behind; absent when all are at their end. */
  readonly oldestTimestamp: string | undefined;
}

const waitSeconds = 20;

/**
 * Follows the feed of a tenant with several readers, each on its own range, and keeps the position of each after each
 * page it has handled.
 *
 * Every entry is handled at least once, and those of one study in the order of their commits. A handler that has to act
 * once remembers the ids of what it has handled since the last position. Rejects with what the handler or the service
 * rejects with, after all readers have stopped.
 */
export async function followFeed(options: FollowOptions): Promise<void> {
  const { client, checkpoints, request = {}, readers = 1, signal } = options;
  const known = await checkpoints?.load();
  const starts: FeedRequest[] =
    known === undefined
      ? (await client.ranges(readers, signal)).map((range) => ({ ...request, range }))
      : known.map((continuation) => ({ ...pagesOf(request), continuation }));
  const states = starts.map(() => ({ isAtEnd: false, timestamp: undefined as string | undefined }));
  const failure = new AbortController();
  let entries = 0;
  const isStopped = (): boolean => signal?.aborted === true || failure.signal.aborted;
  const requestSignal =
    signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
  const report = (): void => {
    const behind = states.flatMap(({ isAtEnd, timestamp }) =>
      isAtEnd || timestamp === undefined ? [] : [timestamp],
    );
    options.onProgress?.({
      readers: states.length,
      entries,
      readersAtEnd: states.filter(({ isAtEnd }) => isAtEnd).length,
      oldestTimestamp: behind.toSorted()[0],
    });
  };
  const turn = async (reader: number, next: FeedRequest): Promise<FeedRequest | undefined> => {
    const page = await client.read(next, requestSignal);
    if (page.entries.length > 0) {
      await options.onEntries(page.entries, reader);
    }
    await checkpoints?.save(reader, starts.length, page.continuation);
    entries += page.entries.length;
    const state = states[reader];
    if (state !== undefined) {
      state.isAtEnd = !page.hasMore;
      state.timestamp = page.entries.at(-1)?.timestamp ?? state.timestamp;
    }
    report();
    if (!page.hasMore && options.isEndless !== true) {
      return undefined;
    }
    return {
      ...pagesOf(request),
      continuation: page.continuation,
      ...(page.hasMore ? {} : { wait: waitSeconds }),
    };
  };
  const run = async (reader: number, start: FeedRequest | undefined): Promise<void> => {
    for (let next = start; next !== undefined && !isStopped();) {
      next = await turn(reader, next);
    }
  };
  const ending = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      if (signal?.aborted !== true) {
        failure.abort(error);
      }
    }
  };
  // Each reader gets a position before any goes on: only together do they cover the tenant.
  const seconds: (FeedRequest | undefined)[] = [];
  for (const [reader, start] of starts.entries()) {
    if (!isStopped()) {
      await ending(
        turn(reader, start).then((next) => {
          seconds[reader] = next;
        }),
      );
    }
  }
  await Promise.all(starts.map(async (_, reader) => await ending(run(reader, seconds[reader]))));
  failure.signal.throwIfAborted();
}

// How pages are cut, and whether they hold metadata, is said with each request; all else is in the position.
function pagesOf({ pageSize, includeMetadata }: FeedRequest): FeedRequest {
  return {
    ...(pageSize === undefined ? {} : { pageSize }),
    ...(includeMetadata === undefined ? {} : { includeMetadata }),
  };
}
