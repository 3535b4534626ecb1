import { noCursor, type FeedCursor, type FeedCursors } from "../feed/feedCursors.ts";
import { Problem } from "../problem/problem.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { measureLag, type FeedLag, type FeedStores } from "./readFeed.ts";

/** A cursor, and how far its reader is behind. */
export interface FollowedCursor extends FeedCursor {
  readonly lag: FeedLag;
}

/**
 * Reads a cursor with its lag. `now` is in milliseconds since 1970.
 *
 * Throws `notFound` when there is none. The lag of a cursor that is from before the store was made anew cannot be told.
 */
export async function readFeedCursor(
  stores: FeedStores & { readonly cursors: FeedCursors },
  scope: TenantScope,
  name: string,
  now: number,
): Promise<FollowedCursor> {
  const cursor = await stores.cursors.get(scope, name);
  if (cursor === undefined) {
    throw noCursor();
  }
  try {
    return { ...cursor, lag: await measureLag(stores, scope, cursor.continuation, now) };
  } catch (error) {
    if (error instanceof Problem && error.kind === "malformed") {
      return { ...cursor, lag: { seconds: undefined, entries: undefined } };
    }
    throw error;
  }
}
