import { parseFeedQuery, parseRangesQuery } from "../shared/feed/feedQuery.ts";
import type { Answer } from "../shared/http/answer.ts";
import type { DicomwebRequest } from "../shared/http/dicomwebRequest.ts";
import { jsonAnswer, jsonStream } from "../shared/http/jsonAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { urlOfPartition } from "../shared/http/urlOfPartition.ts";
import { Problem } from "../shared/problem/problem.ts";
import { runtime } from "../shared/runtime.ts";
import { encodeEntries } from "../shared/transactions/entryMetadata.ts";
import { listFeedRanges, readFeed } from "../shared/transactions/readFeed.ts";

// The pull feed: the change feed of the index as its own clients see it, cut down to the caller's tenant.
registerTransaction({ name: "readFeed", method: "GET", template: "feed" }, runtime, {
  permission: "feed",
  partitionUse: "none",
  length: "long",
  run: async (request, scope): Promise<Answer> => {
    requireVersion2(request);
    const ifNoneMatch = request.header("if-none-match");
    const query = parseFeedQuery(request.query, ifNoneMatch);
    const { feed, tenants } = runtime();
    const serviceURLOf = urlOfPartition(request, await tenants.find(scope.tenant));
    const page = await readFeed(feed, scope, query, serviceURLOf, request.signal);
    const headers = {
      ETag: `"${page.continuation}"`,
      Link: `<${nextURL(request, page.continuation)}>; rel="next"`,
      "Cache-Control": "private, no-cache",
      // What lies outside of a restriction costs too, and is not told of.
      ...(scope.isRestricted ? {} : { "x-ms-request-charge": String(page.chargeRU) }),
    };
    if (ifNoneMatch.length > 0 && page.entries.length === 0 && !page.hasMore) {
      return { status: 304, headers };
    }
    const rest = JSON.stringify({ continuation: page.continuation, hasMore: page.hasMore });
    return jsonStream(
      '{"entries":',
      encodeEntries(page.entries, (entry) => entry),
      `,${rest.slice(1)}`,
      headers,
    );
  },
});

registerTransaction({ name: "listFeedRanges", method: "GET", template: "feed/ranges" }, runtime, {
  permission: "feed",
  partitionUse: "none",
  run: async (request, scope) => {
    requireVersion2(request);
    const ranges = await listFeedRanges(runtime().feed, scope, parseRangesQuery(request.query));
    return jsonAnswer(200, { ranges }, { "Cache-Control": "no-store" });
  },
});

function requireVersion2({ version }: DicomwebRequest): void {
  if (version !== "v2") {
    throw new Problem("notFound", "There is no such resource.");
  }
}

// How a reader wants its pages is not in the continuation, so it goes along.
function nextURL({ serviceURL, query }: DicomwebRequest, continuation: string): string {
  const next = new URLSearchParams({ continuation });
  for (const name of ["pageSize", "includeMetadata", "wait"]) {
    const value = query.get(name);
    if (value !== null) {
      next.set(name, value);
    }
  }
  return `${serviceURL}/feed?${next.toString()}`;
}
