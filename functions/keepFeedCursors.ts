import { FeedCursors, type CursorCondition, type FeedCursor } from "../shared/feed/feedCursors.ts";
import type { DicomwebRequest } from "../shared/http/dicomwebRequest.ts";
import { jsonAnswer, readJsonObject } from "../shared/http/jsonAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { Problem } from "../shared/problem/problem.ts";
import { runtime } from "../shared/runtime.ts";
import { readFeedCursor } from "../shared/transactions/feedCursors.ts";
import { requireContinuation } from "../shared/transactions/readFeed.ts";

// Named cursors of the pull feed, so that a consumer need not keep its continuation itself.
const template = "feed/cursors/{name}";
const bodyBytesMax = 16 * 1024;
const uncached = { "Cache-Control": "no-store" };

registerTransaction({ name: "listFeedCursors", method: "GET", template: "feed/cursors" }, runtime, {
  permission: "read",
  run: async (request, scope) => {
    requireVersion2(request);
    const cursors = await runtime().feed.cursors.list(scope);
    return jsonAnswer(200, { cursors: cursors.map(shown) }, uncached);
  },
});

registerTransaction({ name: "readFeedCursor", method: "GET", template }, runtime, {
  permission: "read",
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
  permission: "read",
  run: async (request, scope) => {
    const name = nameOf(request);
    const { continuation } = await readJsonObject(request, bodyBytesMax);
    if (typeof continuation !== "string") {
      throw new Problem("malformed", 'The body has no "continuation".');
    }
    const { feed } = runtime();
    await requireContinuation(feed, scope, continuation);
    const cursor = await feed.cursors.put(scope, name, continuation, conditionOf(request));
    return jsonAnswer(200, shown(cursor), { ...uncached, ETag: cursor.entityTag });
  },
});

registerTransaction({ name: "deleteFeedCursor", method: "DELETE", template }, runtime, {
  permission: "read",
  run: async (request, scope) => {
    await runtime().feed.cursors.remove(scope, nameOf(request), conditionOf(request));
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

// RFC 9110 §13.1.1 and §13.1.2, as far as they make sense for a single writer: one tag, or "*".
function conditionOf(request: DicomwebRequest): CursorCondition {
  const [ifMatch] = request.header("if-match");
  const [ifNoneMatch] = request.header("if-none-match");
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() !== "*" || ifMatch !== undefined) {
      throw new Problem("malformed", 'Of a cursor, If-None-Match can only be "*", and alone.');
    }
    return { kind: "isAbsent" };
  }
  if (ifMatch === undefined) {
    return { kind: "none" };
  }
  const entityTag = ifMatch.trim();
  return entityTag === "*" ? { kind: "exists" } : { kind: "matches", entityTag };
}

function requireVersion2({ version }: DicomwebRequest): void {
  if (version !== "v2") {
    throw new Problem("notFound", "There is no such resource.");
  }
}
