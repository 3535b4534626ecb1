import { FeedCursors, type FeedCursor } from "../shared/feed/feedCursors.ts";
import type { DicomwebRequest } from "../shared/http/dicomwebRequest.ts";
import { jsonAnswer, readJsonObject } from "../shared/http/jsonAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { writeConditionOf } from "../shared/http/writeCondition.ts";
import { Problem } from "../shared/problem/problem.ts";
import { runtime } from "../shared/runtime.ts";
import { readFeedCursor } from "../shared/transactions/feedCursors.ts";
import { requireContinuation } from "../shared/transactions/readFeed.ts";

// Named cursors of the pull feed, so that a consumer need not keep its continuation itself.
const template = "feed/cursors/{name}";
const bodyBytesMax = 16 * 1024;
const uncached = { "Cache-Control": "no-store" };

registerTransaction({ name: "listFeedCursors", method: "GET", template: "feed/cursors" }, runtime, {
  permission: "feed",
  partitionUse: "none",
  run: async (request, scope) => {
    requireVersion2(request);
    const cursors = await runtime().feed.cursors.list(scope);
    return jsonAnswer(200, { cursors: cursors.map(shown) }, uncached);
  },
});

registerTransaction({ name: "readFeedCursor", method: "GET", template }, runtime, {
  permission: "feed",
  partitionUse: "none",
  run: async (request, scope) => {
    const { feed, milliseconds } = runtime();
    const cursor = await readFeedCursor(feed, scope, nameOf(request), milliseconds());
    const { seconds, entries } = cursor.lag;
    return jsonAnswer(
      200,
      {
        ...shown(cursor),
        // What cannot be told is left out.
        lag: {
          ...(seconds === undefined ? {} : { seconds }),
          ...(entries === undefined ? {} : { entries }),
        },
      },
      { ...uncached, ETag: cursor.entityTag },
    );
  },
});

registerTransaction({ name: "storeFeedCursor", method: "PUT", template }, runtime, {
  permission: "feed",
  partitionUse: "none",
  run: async (request, scope) => {
    const name = nameOf(request);
    const { continuation } = await readJsonObject(request, bodyBytesMax);
    if (typeof continuation !== "string") {
      throw new Problem("malformed", 'The body has no "continuation".');
    }
    const { feed } = runtime();
    await requireContinuation(feed, scope, continuation);
    const cursor = await feed.cursors.put(scope, name, continuation, writeConditionOf(request));
    return jsonAnswer(200, shown(cursor), { ...uncached, ETag: cursor.entityTag });
  },
});

registerTransaction({ name: "deleteFeedCursor", method: "DELETE", template }, runtime, {
  permission: "feed",
  partitionUse: "none",
  run: async (request, scope) => {
    await runtime().feed.cursors.remove(scope, nameOf(request), writeConditionOf(request));
    return { status: 204 };
  },
});

function nameOf(request: DicomwebRequest): string {
  requireVersion2(request);
  return FeedCursors.requireName(request.segments[2] ?? "");
}

function shown({ name, continuation, updatedAt }: FeedCursor): object {
  return { name, continuation, updatedAt };
}

function requireVersion2({ version }: DicomwebRequest): void {
  if (version !== "v2") {
    throw new Problem("notFound", "There is no such resource.");
  }
}
