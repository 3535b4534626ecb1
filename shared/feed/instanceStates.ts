import assert from "node:assert/strict";
import type { Container } from "@azure/cosmos";
import { RetryBudget, type RetryClock } from "../store/cosmosRetry.ts";
import { instanceItemId, type InstanceItem } from "../store/studyItems.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";

/** What names an instance in all of a tenant. */
export interface InstanceName {
  readonly partition: string;
  readonly study: string;
  readonly series: string;
  readonly sop: string;
}

/** What an event's instance is now, as the state of the event tells it. */
export type EntryState = "current" | "replaced" | "deleted";

/** What is known of an instance that is there: its revision, and what its metadata takes. */
export interface InstanceNow extends InstanceName {
  readonly revision: number;
  readonly transferSyntax: string;
  readonly contentName: string;
  /** Base64 of the encoded metadata; absent when it stands beside the content, or was not asked for. */
  readonly metadata?: string;
}

/** How many studies are asked about at a time. */
const studiesAtOnce = 8;
/** How many instances one query names. */
const idsPerQuery = 200;

/** A key for maps by instance. */
export function instanceKey({ partition, study, series, sop }: InstanceName): string {
  return `${partition}/${study}/${series}/${sop}`;
}

/** Cuts an item of the store down to what the feeds need of it; a tombstone to nothing. */
export function instanceNow(item: InstanceItem): InstanceNow | undefined {
  if (item.state === "deleted") {
    return undefined;
  }
  const { partition, study, series, sop, revision, transferSyntax, content, metadata } = item;
  return {
    partition,
    study,
    series,
    sop,
    revision,
    transferSyntax,
    contentName: content.name,
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/**
 * The state of an event: a property of its instance now, of which later events of the same instance may tell more.
 *
 * `now` is the instance as it is, or `undefined` when there is none any more.
 */
export function stateOf(
  event: { readonly action: string; readonly revision: number },
  now: InstanceNow | undefined,
): EntryState {
  if (now === undefined) {
    return "deleted";
  }
  return event.action !== "delete" && event.revision === now.revision ? "current" : "replaced";
}

/** Looks up what instances are now. */
export class InstanceStates {
  readonly #container: Container;
  readonly #clock: RetryClock;

  constructor(container: Container, clock: RetryClock) {
    this.#container = container;
    this.#clock = clock;
  }

  /** The instances among `names` that are there, by their keys. One query for each study, some at a time. */
  async query(
    scope: TenantScope,
    names: Iterable<InstanceName>,
    withMetadata: boolean,
  ): Promise<Map<string, InstanceNow>> {
    scope.require(withMetadata ? "read" : "feed");
    const found = new Map<string, InstanceNow>();
    const queries: (() => Promise<void>)[] = [];
    const studies = Map.groupBy(names, ({ partition, study }) => `${partition}/${study}`);
    for (const members of studies.values()) {
      const ids = [...new Set(members.map(({ series, sop }) => instanceItemId(series, sop)))];
      const [member] = members;
      assert(member !== undefined, "A group has a member.");
      for (let start = 0; start < ids.length; start += idsPerQuery) {
        const some = ids.slice(start, start + idsPerQuery);
        queries.push(async () => {
          for (const row of await this.#queryStudy(scope, member, some, withMetadata)) {
            found.set(instanceKey(row), row);
          }
        });
      }
    }
    const work = queries.values();
    await Promise.all(
      Array.from({ length: Math.min(studiesAtOnce, queries.length) }, async () => {
        for (const query of work) {
          await query();
        }
      }),
    );
    return found;
  }

  async #queryStudy(
    scope: TenantScope,
    { partition, study }: InstanceName,
    ids: readonly string[],
    withMetadata: boolean,
  ): Promise<InstanceNow[]> {
    const budget = new RetryBudget(this.#clock);
    const { resources } = await budget.repeat(
      async () =>
        await this.#container.items
          .query<InstanceNow & { readonly tenant: string }>(
            {
              query:
                "SELECT c.tenant, c.partition, c.study, c.series, c.sop, c.revision, c.transferSyntax," +
                ` c.content.name AS contentName${withMetadata ? ", c.metadata" : ""} FROM c` +
                " WHERE c.tenant = @tenant AND c.partition = @partition AND c.study = @study" +
                ' AND c.kind = "instance" AND c.state = "current" AND ARRAY_CONTAINS(@ids, c.id)',
              parameters: [
                { name: "@tenant", value: scope.tenant },
                { name: "@partition", value: partition },
                { name: "@study", value: study },
                { name: "@ids", value: [...ids] },
              ],
            },
            { partitionKey: [scope.tenant, partition, study] },
          )
          .fetchAll(),
    );
    for (const row of resources) {
      assert(row.tenant === scope.tenant && row.study === study, "A row of the study asked for.");
    }
    return resources;
  }
}
