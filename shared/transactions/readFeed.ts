import { Problem } from "../problem/problem.ts";
import type { ChangeSource, FeedItem } from "../feed/changeSource.ts";
import { cutEpkRange, evenBounds, isInside, tenantEpkRange } from "../feed/epkRange.ts";
import { parseTime, type FeedQuery } from "../feed/feedQuery.ts";
import {
  openContinuation,
  openRange,
  sealContinuation,
  sealRange,
  type FeedFilters,
  type FeedMode,
  type FeedState,
  type RangePosition,
} from "../feed/feedState.ts";
import { invalidToken, type FeedTokens } from "../feed/feedToken.ts";
import {
  instanceKey,
  instanceNow,
  stateOf,
  type EntryState,
  type InstanceNow,
  type InstanceStates,
} from "../feed/instanceStates.ts";
import type { RetryClock } from "../store/cosmosRetry.ts";
import type { InstanceContent } from "../store/instanceContent.ts";
import type { StudyReach } from "../store/studyReach.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { metadataOf, type CompleteEntry } from "./entryMetadata.ts";

/** What reading the feeds takes. */
export interface FeedStores {
  readonly source: ChangeSource;
  readonly states: InstanceStates;
  readonly reach: StudyReach;
  readonly tokens: FeedTokens;
  readonly content: InstanceContent;
  readonly clock: RetryClock;
}

/** One change, or one instance at its newest state. */
export interface FeedEntry {
  /** The same whenever the entry is read, so that a reader can tell what it has seen. */
  readonly id: string;
  readonly action: "create" | "update" | "delete";
  readonly state: EntryState;
  readonly timestamp: string;
  readonly partitionName: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  readonly modality?: string;
  readonly revision: number;
  /** Why the instance was deleted, when somebody said so: a code such as `113001^DCM`, or `expired`. */
  readonly reason?: string;
}

/** A page of the pull feed. */
export interface FeedPage {
  readonly entries: readonly CompleteEntry<FeedEntry>[];
  readonly continuation: string;
  /** Whether reading on at once may bring more. An empty page is not the end; one without more is, for now. */
  readonly hasMore: boolean;
  readonly chargeRU: number;
}

/** How many pages of the database, all filtered out, one answer skips, and for how long. */
const skippedPagesMax = 8;
const skippedMilliseconds = 1_000;
/** How often the database is asked while an answer is held. */
const pollMilliseconds = 250;

/**
 * Reads a page of the pull feed of a tenant.
 *
 * At least once, and for each study in the order of its commits; nothing is lost, whatever happens to the physical
 * partitions. A page holds what one page of the database does, so that the changes of one store or delete that are in one
 * study are not torn apart, and may therefore be longer than asked for.
 *
 * A caller that is restricted gets the entries of what it reaches; of a study that is no longer there, nobody can tell
 * whose it was, so that who is restricted to a patient does not hear of it.
 *
 * Throws `forbidden` when metadata is asked for without the data action `read`, `malformed` for a token that is not good here, and `unavailable` when the database is busy: the continuation that
 * was sent is as good as before.
 */
export async function readFeed(
  stores: FeedStores,
  scope: TenantScope,
  query: FeedQuery,
  serviceURLOf: (partition: string) => string,
  signal: AbortSignal,
): Promise<FeedPage> {
  if (query.includeMetadata) {
    scope.require("read");
  }
  const binding = { tenant: scope.tenant, container: await stores.source.resourceId() };
  let state = initialState(stores.tokens, binding, scope, query);
  const { clock } = stores;
  const deadline = clock.now() + query.waitSeconds * 1000;
  let chargeRU = 0;
  for (;;) {
    const turn = await readTurn(stores, scope, state, query.pageSize);
    state = turn.state;
    chargeRU += turn.chargeRU;
    const isOver = turn.items.length > 0 || clock.now() >= deadline || signal.aborted;
    if (!turn.isCaughtUp || isOver) {
      const entries = await entriesOf(stores, scope, state.mode, turn, query, serviceURLOf);
      return {
        entries,
        continuation: sealContinuation(stores.tokens, binding, state),
        hasMore: !turn.isCaughtUp,
        chargeRU,
      };
    }
    await clock.sleep(Math.min(pollMilliseconds, deadline - clock.now()));
  }
}

/** How far a reader is behind, as far as it can be told. */
export interface FeedLag {
  /** Since the oldest change that the reader has not read; 0 when there is none. */
  readonly seconds: number | undefined;
  /** How many entries the reader has not read. Absent when they are too many to count. */
  readonly entries: number | undefined;
}

const lagPageSize = 1_000;
const lagMilliseconds = 1_000;

/**
 * Measures how far the reader who holds `continuation` is behind, by reading on from it for at most about a second.
 *
 * `now` is in milliseconds since 1970. Throws `malformed` as {@link readFeed} does.
 */
export async function measureLag(
  stores: FeedStores,
  scope: TenantScope,
  continuation: string,
  now: number,
): Promise<FeedLag> {
  const binding = { tenant: scope.tenant, container: await stores.source.resourceId() };
  let state = openContinuation(stores.tokens, binding, continuation, "continuation");
  const deadline = stores.clock.now() + lagMilliseconds;
  let entries = 0;
  let oldest: string | undefined;
  let isCaughtUp = false;
  while (!isCaughtUp && stores.clock.now() < deadline) {
    const turn = await readTurn(stores, scope, state, lagPageSize);
    state = turn.state;
    isCaughtUp = turn.isCaughtUp;
    entries += turn.items.length;
    for (const item of turn.items) {
      const at = timestampOf(item);
      oldest = oldest === undefined || at < oldest ? at : oldest;
    }
  }
  const seconds =
    oldest === undefined ? 0 : Math.max(0, Math.round((now - parseTime("at", oldest)) / 1000));
  return {
    seconds: oldest === undefined && !isCaughtUp ? undefined : seconds,
    entries: isCaughtUp ? entries : undefined,
  };
}

/** Throws a `malformed` problem unless `continuation` is one that this tenant's feed has given out. */
export async function requireContinuation(
  { source, tokens }: FeedStores,
  scope: TenantScope,
  continuation: string,
): Promise<void> {
  const binding = { tenant: scope.tenant, container: await source.resourceId() };
  openContinuation(tokens, binding, continuation, "continuation");
}

/** What was read until there was something to tell, or nothing left. */
interface Turn {
  readonly state: FeedState;
  /** What passed the filters. */
  readonly items: readonly FeedItem[];
  /** All that was read; the instances among it need not be looked up. */
  readonly read: readonly FeedItem[];
  readonly isCaughtUp: boolean;
  readonly chargeRU: number;
}

async function readTurn(
  stores: FeedStores,
  scope: TenantScope,
  first: FeedState,
  pageSize: number,
): Promise<Turn> {
  const deadline = stores.clock.now() + skippedMilliseconds;
  let state = first;
  let chargeRU = 0;
  for (let pages = 1; ; pages += 1) {
    const step = await readOnce(stores.source, scope, state, pageSize);
    state = step.state;
    chargeRU += step.chargeRU;
    const wanted = step.read.filter((item) => isWanted(item, state.mode, state.filters));
    const items = await stores.reach.reachable(scope, wanted);
    if (
      items.length > 0 ||
      step.isCaughtUp ||
      pages >= skippedPagesMax ||
      stores.clock.now() >= deadline
    ) {
      return { ...step, items, chargeRU };
    }
  }
}

type Step = Omit<Turn, "items">;

/** One page of the database; or none, when there was nothing new in all of the scope. */
async function readOnce(
  source: ChangeSource,
  scope: TenantScope,
  state: FeedState,
  pageSize: number,
): Promise<Step> {
  if (state.scope.kind === "study") {
    const { partition, study, position } = state.scope;
    const page = await source.readStudy(scope, { partition, study }, position, pageSize);
    return {
      state: { ...state, scope: { ...state.scope, position: page.position } },
      read: page.items,
      isCaughtUp: page.isCaughtUp,
      chargeRU: page.chargeRU,
    };
  }
  const waiting = [...state.scope.ranges];
  const rest: RangePosition[] = [];
  const done: RangePosition[] = [];
  const read: FeedItem[] = [];
  let chargeRU = 0;
  let isCaughtUp = true;
  for (let range = waiting.shift(); range !== undefined; range = waiting.shift()) {
    // After a page the rest waits for the next turn, except where a reader begins now: what "now" is has to be known
    // before the reader is answered, for every range.
    if (!isCaughtUp && range.position.at !== "now") {
      rest.push(range);
      continue;
    }
    const page = await source.readRange(scope, range, pageSize);
    chargeRU += page.chargeRU;
    read.push(...page.items);
    if (page.isCaughtUp) {
      done.push(...page.ranges);
    } else {
      isCaughtUp = false;
      const [unknown, known] = [
        page.ranges.filter(({ position }) => position.at === "now"),
        page.ranges.filter(({ position }) => position.at !== "now"),
      ];
      waiting.push(...unknown);
      done.push(...known);
    }
  }
  return {
    // The ranges that had their turn come last in the next one.
    state: { ...state, scope: { kind: "ranges", ranges: [...rest, ...done] } },
    read,
    isCaughtUp,
    chargeRU,
  };
}

function isWanted(item: FeedItem, mode: FeedMode, filters: FeedFilters): boolean {
  const admits = (list: readonly string[] | undefined, value: string): boolean =>
    list === undefined || list.includes(value);
  return (
    item.kind === (mode === "all" ? "change" : "instance") &&
    admits(filters.action, actionOf(item)) &&
    admits(filters.modality, item.modality) &&
    admits(filters.sopClass, item.sopClass) &&
    admits(filters.partition, item.partition)
  );
}

function actionOf(item: FeedItem): FeedEntry["action"] {
  if (item.kind === "change") {
    return item.action;
  }
  if (item.state === "deleted") {
    return "delete";
  }
  return item.revision === 1 ? "create" : "update";
}

async function entriesOf(
  stores: FeedStores,
  scope: TenantScope,
  mode: FeedMode,
  { items, read }: Pick<Turn, "items" | "read">,
  { includeMetadata }: FeedQuery,
  serviceURLOf: (partition: string) => string,
): Promise<FeedPage["entries"]> {
  // A page of the database mostly holds the instances of its events, each as it is now.
  const known = new Map<string, InstanceNow | undefined>();
  for (const item of read) {
    if (item.kind === "instance") {
      known.set(instanceKey(item), instanceNow(item));
    }
  }
  if (mode === "all") {
    const unknown = items.filter((item) => !known.has(instanceKey(item)));
    for (const [key, now] of await stores.states.query(scope, unknown, includeMetadata)) {
      known.set(key, now);
    }
  }
  return items.map((item) => {
    const now = known.get(instanceKey(item));
    return {
      entry: entryOf(item, now),
      metadata: async () =>
        includeMetadata
          ? await metadataOf(stores.content, scope, now, serviceURLOf(item.partition))
          : undefined,
    };
  });
}

function timestampOf(item: FeedItem): string {
  return item.kind === "change" ? item.at : item.stamp.at;
}

function entryOf(item: FeedItem, now: InstanceNow | undefined): FeedEntry {
  const { partition, study, series, sop, sopClass, modality, revision } = item;
  const reason = "reason" in item ? item.reason : undefined;
  return {
    id:
      item.kind === "change"
        ? item.id.slice("change:".length)
        : `${item.stamp.version}.${series}.${sop}`,
    action: actionOf(item),
    state: item.kind === "change" ? stateOf(item, now) : item.state,
    timestamp: timestampOf(item),
    partitionName: partition,
    studyInstanceUid: study,
    seriesInstanceUid: series,
    sopInstanceUid: sop,
    sopClassUid: sopClass,
    ...(modality === "" ? {} : { modality }),
    revision,
    ...(reason === undefined ? {} : { reason }),
  };
}

function initialState(
  tokens: FeedTokens,
  binding: { readonly tenant: string; readonly container: string },
  scope: TenantScope,
  query: FeedQuery,
): FeedState {
  const whole = tenantEpkRange(scope);
  const range =
    query.range === undefined ? undefined : openRange(tokens, binding, query.range, "range");
  if (range !== undefined && !isInside(range, whole)) {
    throw invalidToken("range");
  }
  if (query.continuation !== undefined) {
    const { token, parameter } = query.continuation;
    const state = openContinuation(tokens, binding, token, parameter);
    if (
      state.scope.kind === "ranges" &&
      !state.scope.ranges.every((known) => isInside(known, whole))
    ) {
      throw invalidToken(parameter);
    }
    requireSameMode(range?.mode, state.mode);
    return state;
  }
  if (query.mode !== undefined) {
    requireSameMode(range?.mode, query.mode);
  }
  const mode = query.mode ?? range?.mode ?? "latest";
  const position = query.start;
  const { filters, study } = query;
  if (study !== undefined) {
    const partition = filters.partition?.[0] ?? scope.partition;
    return { mode, filters, scope: { kind: "study", partition, study, position } };
  }
  const { epkMin, epkMax } = range ?? whole;
  return { mode, filters, scope: { kind: "ranges", ranges: [{ epkMin, epkMax, position }] } };
}

function requireSameMode(ofRange: FeedMode | undefined, mode: FeedMode): void {
  if (ofRange !== undefined && ofRange !== mode) {
    throw new Problem("malformed", `"range" is for readers in the mode "${ofRange}".`);
  }
}

/**
 * Lists ranges that together cover a tenant exactly and do not overlap: at least one for each physical partition that the
 * tenant lies on, and at least `minimum`. With a mode they are good for readers in that mode only.
 */
export async function listFeedRanges(
  { source, tokens }: FeedStores,
  scope: TenantScope,
  { minimum, mode }: { readonly minimum: number; readonly mode: FeedMode | undefined },
): Promise<readonly string[]> {
  scope.require("feed");
  const binding = { tenant: scope.tenant, container: await source.resourceId() };
  const whole = tenantEpkRange(scope);
  let ranges = cutEpkRange(whole, await source.partitionBounds());
  if (ranges.length < minimum) {
    const bounds = evenBounds(scope, minimum);
    ranges = ranges.flatMap((range) => cutEpkRange(range, bounds));
  }
  return ranges.map((range) =>
    sealRange(tokens, binding, mode === undefined ? range : { ...range, mode }),
  );
}
