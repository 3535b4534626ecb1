import assert from "node:assert/strict";
import {
  ChangeFeedStartFrom,
  ErrorResponse,
  type ChangeFeedIteratorResponse,
  type Container,
  type FeedRange,
} from "@azure/cosmos";
import { Problem } from "../problem/problem.ts";
import { isTransient, RetryBudget, statusOf, type RetryClock } from "../store/cosmosRetry.ts";
import type { ChangeItem, InstanceItem } from "../store/studyItems.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { isInside, tenantEpkRange, type EpkRange } from "./epkRange.ts";
import type { FeedPosition, RangePosition } from "./feedState.ts";

/** What the feed is about: the newest state of an instance, or one event. */
export type FeedItem = ChangeItem | InstanceItem;

/** What one look at a range found. */
export interface SourcePage {
  /** In the order in which they were committed, for each study. Of the tenant's own, and nothing else. */
  readonly items: readonly FeedItem[];
  /** Whether there was nothing after the position. Items of other kinds count as something. */
  readonly isCaughtUp: boolean;
  /** The range again, in as many parts as there are physical partitions now, each with its new position. */
  readonly ranges: readonly RangePosition[];
  readonly chargeRU: number;
}

/** What one look at a study found. */
export interface StudyPage extends Omit<SourcePage, "ranges"> {
  readonly position: FeedPosition;
}

/**
 * The native change feed of the container `dicom`, cut down to a tenant.
 *
 * Two guards keep a tenant's reader away from the others: no range is asked for that is not the tenant's, and every item
 * that comes back is checked. Calls throw an `unavailable` problem when the database stays busy past the deadline; the
 * position that was passed is as good as before.
 */
export class ChangeSource {
  readonly #container: Container;
  readonly #clock: RetryClock;
  #resourceId: Promise<string> | undefined;
  #sampleRange: Promise<FeedRange> | undefined;

  constructor(container: Container, clock: RetryClock) {
    this.#container = container;
    this.#clock = clock;
  }

  /** The resource id of the container, which another one of the same name would not have. */
  async resourceId(): Promise<string> {
    this.#resourceId ??= this.#readResourceId();
    try {
      return await this.#resourceId;
    } catch (error) {
      this.#resourceId = undefined;
      throw error;
    }
  }

  async #readResourceId(): Promise<string> {
    const budget = new RetryBudget(this.#clock);
    const { resource } = await budget.repeat(async () => await this.#container.read());
    assert(resource !== undefined, "The container is there.");
    return (resource as unknown as { readonly _rid: string })._rid;
  }

  /** The keys at which physical partitions begin. */
  async partitionBounds(): Promise<string[]> {
    const budget = new RetryBudget(this.#clock);
    const { resources } = await budget.repeat(
      async () => await this.#container.readPartitionKeyRanges().fetchAll(),
    );
    return resources.map(({ minInclusive }) => minInclusive);
  }

  /** Reads what comes next in a range: one page of the first physical partition in it that has any. */
  async readRange(scope: TenantScope, range: RangePosition, pageSize: number): Promise<SourcePage> {
    assert(isInside(range, tenantEpkRange(scope)), "A range lies inside its tenant.");
    const response = await this.#read(scope, pageSize, async () => await this.#startOf(range));
    return {
      ...itemsOf(scope, response),
      ranges: rangesAfter(range, response.continuationToken),
    };
  }

  /** Reads what comes next in a study. */
  async readStudy(
    scope: TenantScope,
    study: { readonly partition: string; readonly study: string },
    position: FeedPosition,
    pageSize: number,
  ): Promise<StudyPage> {
    const response = await this.#read(
      scope,
      pageSize,
      async () => await this.#startOfStudy(scope, study, position),
    );
    const { Continuation: etag } = JSON.parse(response.continuationToken) as {
      Continuation: string;
    };
    const page = itemsOf(scope, response);
    for (const item of page.items) {
      assert(item.partition === study.partition && item.study === study.study, "Of the study.");
    }
    return { ...page, position: { at: "after", etag } };
  }

  async #read(
    scope: TenantScope,
    pageSize: number,
    start: () => Promise<ChangeFeedStartFrom>,
  ): Promise<ChangeFeedIteratorResponse<FeedItem[]>> {
    scope.require("feed");
    const budget = new RetryBudget(this.#clock);
    for (;;) {
      try {
        const iterator = this.#container.items.getChangeFeedIterator<FeedItem>({
          maxItemCount: pageSize,
          changeFeedStartFrom: await start(),
        });
        return (await iterator.readNext()) as unknown as ChangeFeedIteratorResponse<FeedItem[]>;
      } catch (error) {
        if (isOtherContainer(error)) {
          this.#resourceId = undefined;
          throw new Problem(
            "malformed",
            "The continuation is from before the store was made anew.",
            {
              cause: error,
            },
          );
        }
        const failure = withStatus(error);
        if (!isTransient(failure)) {
          throw failure;
        }
        await budget.pause(failure);
      }
    }
  }

  async #startOf({ epkMin, epkMax, position }: RangePosition): Promise<ChangeFeedStartFrom> {
    if (position.at === "time") {
      const range = await this.#feedRange({ epkMin, epkMax });
      return ChangeFeedStartFrom.Time(wholeSecond(position.milliseconds), range);
    }
    const token = {
      rid: await this.resourceId(),
      Continuation: [
        { minInclusive: epkMin, maxExclusive: epkMax, continuationToken: etagOf(position) },
      ],
    };
    return ChangeFeedStartFrom.Continuation(JSON.stringify(token));
  }

  async #startOfStudy(
    scope: TenantScope,
    { partition, study }: { readonly partition: string; readonly study: string },
    position: FeedPosition,
  ): Promise<ChangeFeedStartFrom> {
    const partitionKey = [scope.tenant, partition, study];
    if (position.at === "time") {
      return ChangeFeedStartFrom.Time(wholeSecond(position.milliseconds), partitionKey);
    }
    const token = {
      rid: await this.resourceId(),
      partitionKey,
      Continuation: etagOf(position),
    };
    return ChangeFeedStartFrom.Continuation(JSON.stringify(token));
  }

  // The SDK takes a start time only together with a FeedRange of its own making, and makes none but those of the physical
  // partitions. Ours are made after such a one.
  async #feedRange({ epkMin, epkMax }: EpkRange): Promise<FeedRange> {
    this.#sampleRange ??= this.#readSampleRange();
    let sample: FeedRange;
    try {
      sample = await this.#sampleRange;
    } catch (error) {
      this.#sampleRange = undefined;
      throw error;
    }
    return Object.assign(Object.create(Object.getPrototypeOf(sample) as object) as FeedRange, {
      minInclusive: epkMin,
      maxExclusive: epkMax,
    });
  }

  async #readSampleRange(): Promise<FeedRange> {
    const [sample] = await this.#container.getFeedRanges();
    assert(sample !== undefined, "A container has a physical partition.");
    return sample;
  }
}

// The header that the SDK makes of a token: none, which is the beginning; "*", which is now; or a position.
function etagOf(position: Exclude<FeedPosition, { at: "time" }>): string {
  switch (position.at) {
    case "beginning":
      return "";
    case "now":
      return "*";
    case "after":
      return position.etag;
  }
}

// The database knows when an item was written to the second.
function wholeSecond(milliseconds: number): Date {
  // oxlint-disable-next-line no-restricted-globals -- a given time and not the present one.
  return new Date(Math.floor(milliseconds / 1000) * 1000);
}

/** What a range becomes: the parts that the SDK found it to lie on, each with its position. */
function rangesAfter(range: RangePosition, continuationToken: string): RangePosition[] {
  const { Continuation: parts } = JSON.parse(continuationToken) as {
    Continuation: {
      minInclusive: string;
      maxExclusive: string;
      continuationToken: string | undefined;
    }[];
  };
  const ranges = parts.map(
    ({ minInclusive: epkMin, maxExclusive: epkMax, continuationToken: etag }): RangePosition => ({
      epkMin: epkMin < range.epkMin ? range.epkMin : epkMin,
      epkMax: epkMax > range.epkMax ? range.epkMax : epkMax,
      // A part that has not been looked at is where the whole was. The SDK's own token has forgotten where that is.
      position:
        etag === undefined || etag === "" || etag === "*" ? range.position : { at: "after", etag },
    }),
  );
  const sorted = ranges.toSorted((a, b) => (a.epkMin < b.epkMin ? -1 : 1));
  assert(
    sorted[0]?.epkMin === range.epkMin &&
      sorted.at(-1)?.epkMax === range.epkMax &&
      sorted.every(({ epkMin }, i) => i === 0 || sorted[i - 1]?.epkMax === epkMin),
    "The parts cover the range and do not overlap.",
  );
  return ranges;
}

function itemsOf(
  scope: TenantScope,
  response: ChangeFeedIteratorResponse<FeedItem[]>,
): Omit<SourcePage, "ranges"> {
  const rows = (response.result ?? []) as readonly FeedItem[];
  for (const row of rows) {
    // The second guard of two; the first is the range.
    assert(row.tenant === scope.tenant, "A row of another tenant.");
  }
  return {
    items: rows.filter(({ kind }) => kind === "instance" || kind === "change"),
    isCaughtUp: response.statusCode === 304,
    chargeRU: response.requestCharge,
  };
}

function isOtherContainer(error: unknown): boolean {
  return error instanceof ErrorResponse && /not for the current container/.test(error.message);
}

// The SDK wraps some failures, that of its look at the physical partitions among them, and loses their status.
function withStatus(error: unknown): unknown {
  return error instanceof ErrorResponse && statusOf(error) === undefined
    ? Object.assign(error, { code: 503 })
    : error;
}
