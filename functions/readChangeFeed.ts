import { parseChangeFeedQuery, parseLatestChangeQuery } from "../shared/feed/changeFeedQuery.ts";
import { jsonStream, jsonText } from "../shared/http/jsonAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { urlOfPartition } from "../shared/http/urlOfPartition.ts";
import { runtime } from "../shared/runtime.ts";
import { encodeEntries } from "../shared/transactions/entryMetadata.ts";
import {
  readChangeFeed,
  readLatestChange,
  type ChangeFeedEntry,
} from "../shared/transactions/readChangeFeed.ts";

// The change feed of the Azure service: a total order of the tenant's events.
registerTransaction({ name: "readChangeFeed", method: "GET", template: "changefeed" }, runtime, {
  permission: "feed",
  partitionUse: "none",
  run: async (request, scope) => {
    const query = parseChangeFeedQuery(request.query, request.version);
    const { changeFeed, tenants } = runtime();
    const serviceURLOf = urlOfPartition(request, await tenants.find(scope.tenant));
    const entries = await readChangeFeed(changeFeed, scope, query, serviceURLOf);
    return jsonStream("", encodeEntries(entries, shown), "", { "Cache-Control": "no-store" });
  },
});

registerTransaction(
  { name: "readLatestChange", method: "GET", template: "changefeed/latest" },
  runtime,
  {
    permission: "feed",
    partitionUse: "none",
    run: async (request, scope) => {
      const { includeMetadata } = parseLatestChangeQuery(request.query);
      const { changeFeed, tenants } = runtime();
      const serviceURLOf = urlOfPartition(request, await tenants.find(scope.tenant));
      const entry = await readLatestChange(changeFeed, scope, includeMetadata, serviceURLOf);
      const texts = encodeEntries(entry === undefined ? [] : [entry], shown);
      const { value: text } = await texts.next();
      return text === undefined
        ? { status: 204 }
        : jsonText(200, text, { "Cache-Control": "no-store" });
    },
  },
);

// The names of actions and states begin with a capital here and nowhere else, and times have an offset.
function shown(entry: ChangeFeedEntry): object {
  return {
    sequence: entry.sequence,
    partitionName: entry.partition,
    studyInstanceUid: entry.study,
    seriesInstanceUid: entry.series,
    sopInstanceUid: entry.sop,
    action: capitalised(entry.action),
    timestamp: entry.timestamp.replace(/Z$/, "+00:00"),
    state: capitalised(entry.state),
    ...(entry.reason === undefined ? {} : { reason: entry.reason }),
  };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
