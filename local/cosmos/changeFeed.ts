import type { Container } from "./container.ts";
import type { LoggedChange } from "./documentTable.ts";
import type { EpkRange } from "./effectivePartitionKey.ts";
import { badRequest } from "./gatewayError.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { pageCharge } from "./requestCharge.ts";

/** Where reading a feed begins. */
export type FeedStart =
  | { readonly kind: "beginning" }
  | { readonly kind: "now" }
  | { readonly kind: "time"; readonly seconds: number }
  /** After a position: the entity tag of an earlier page. */
  | { readonly kind: "after"; readonly lsn: number };

/** The part of a container that a feed is about. */
export interface FeedScope {
  readonly span: EpkRange;
  /** Whether the span is that of one full key. */
  readonly isFullKey: boolean;
}

/** A page of a feed; with no documents it is answered as 304. */
export interface FeedPage {
  readonly documents: readonly string[];
  /** The position to go on from. */
  readonly lsn: number;
  readonly requestCharge: number;
}

const pageBytesMax = 4 * 1024 * 1024;

/** Reads `If-None-Match` and `If-Modified-Since` as a start; the first wins. */
export function parseFeedStart(
  ifNoneMatch: string | undefined,
  ifModifiedSince: string | undefined,
): FeedStart {
  if (ifNoneMatch === "*") return { kind: "now" };
  if (ifNoneMatch !== undefined) {
    const match = /^"?(\d{1,15})"?$/u.exec(ifNoneMatch);
    if (match === null) throw badRequest("The continuation of the change feed is invalid.");
    return { kind: "after", lsn: Number(match[1]) };
  }
  if (ifModifiedSince === undefined) return { kind: "beginning" };
  const time = Date.parse(ifModifiedSince);
  if (Number.isNaN(time)) throw badRequest("If-Modified-Since is not a date.");
  return { kind: "time", seconds: Math.floor(time / 1000) };
}

/** Collects entries until the page is full, and then those that share the log position of the last one. */
function fillPage<Entry extends { readonly lsn: number }>(
  entries: Iterable<Entry>,
  encode: (entry: Entry) => string,
  itemsMax: number,
): { documents: string[]; lsn: number; bytes: number } {
  const documents: string[] = [];
  let lsn = 0;
  let bytes = 0;
  for (const entry of entries) {
    const isFull = documents.length >= itemsMax || bytes >= pageBytesMax;
    // A transactional batch is one position. A page that ended inside it could not be continued.
    if (isFull && entry.lsn !== lsn) break;
    const text = encode(entry);
    documents.push(text);
    bytes += text.length;
    lsn = entry.lsn;
  }
  return { documents, lsn, bytes };
}

/**
 * Reads a page of the latest versions that changed in a span of keys, in the order of the log.
 *
 * Each item appears at its newest version only; deleted and expired ones do not appear. A page holds at least one
 * whole log position, so it may be longer than `itemsMax`.
 */
export function readLatestVersions(
  container: Container,
  scope: FeedScope,
  start: FeedStart,
  itemsMax: number,
): FeedPage {
  const current = container.lsn;
  if (start.kind === "now") return { documents: [], lsn: current, requestCharge: 1 };
  const page = fillPage(
    container.table.latestVersions({
      range: scope.span,
      isFullKey: scope.isFullKey,
      afterLsn: start.kind === "after" ? start.lsn : 0,
      afterTs: start.kind === "time" ? start.seconds : -1,
      now: container.nowSeconds(),
    }),
    (document) => `${document.body.slice(0, -1)},"_lsn":${document.lsn}}`,
    itemsMax,
  );
  return toPage(page, current, start);
}

function toPage(
  page: { documents: string[]; lsn: number; bytes: number },
  current: number,
  start: FeedStart,
): FeedPage {
  const { documents, bytes } = page;
  if (documents.length === 0) {
    // A position that lies ahead of the log must not move backwards: what follows it was never promised here.
    const lsn = start.kind === "after" ? Math.max(current, start.lsn) : current;
    return { documents, lsn, requestCharge: 1 };
  }
  return { documents, lsn: page.lsn, requestCharge: pageCharge(documents.length, bytes) };
}

function encodeChange(container: Container, change: LoggedChange): string {
  const metadata: JsonObject = {
    lsn: change.lsn,
    crts: change.ts,
    operationType: change.operationType,
  };
  if (change.previousLsn !== null) metadata["previousImageLSN"] = change.previousLsn;
  if (change.operationType === "delete") {
    metadata["timeToLiveExpired"] = change.isExpiry;
    metadata["id"] = change.id;
    metadata["partitionKey"] = keyObject(container, change);
  }
  const parts = [`"metadata":${JSON.stringify(metadata)}`];
  parts.unshift(`"current":${change.current ?? "{}"}`);
  if (change.previous !== null) parts.push(`"previous":${change.previous}`);
  return `{${parts.join(",")}}`;
}

function keyObject(container: Container, change: LoggedChange): JsonObject {
  const document = JSON.parse(change.previous ?? "{}") as JsonObject;
  const key: JsonObject = {};
  const values = container.keyOf(document);
  container.definition.keyPaths.forEach((names, i) => {
    const value: JsonValue | undefined = values[i];
    if (value !== undefined) key[names.join(".")] = value;
  });
  return key;
}

/**
 * Reads a page of all versions and deletes in a span of keys, in the order of the log.
 *
 * As in the service it begins now or at a continuation, and reaches back as far as the retention of the container's
 * change feed policy: a container without one keeps no such log, and is refused.
 */
export function readAllVersions(
  container: Container,
  scope: FeedScope,
  start: FeedStart,
  itemsMax: number,
): FeedPage {
  const retention = container.definition.changeFeedRetentionMinutes;
  if (retention === 0) {
    throw badRequest(
      "The container keeps no versions and deletes: its change feed policy has no retention.",
    );
  }
  if (start.kind === "beginning" || start.kind === "time") {
    throw badRequest(
      "You must read the change feed from within the retention period: start from now or from a continuation.",
    );
  }
  container.purgeExpired();
  container.trimLog();
  const current = container.lsn;
  if (start.kind === "now") return { documents: [], lsn: current, requestCharge: 1 };
  if (start.lsn < container.trimmedLsn) {
    throw badRequest(
      "You must read the change feed from within the retention period: the continuation is older.",
    );
  }
  const page = fillPage(
    container.table.allChanges(scope.span, start.lsn),
    (change) => encodeChange(container, change),
    itemsMax,
  );
  return toPage(page, current, start);
}
