import type { Operation } from "../operations/operation.ts";
import type { OperationWorker, StepResult } from "../operations/runOperations.ts";
import type { RetryClock } from "../store/cosmosRetry.ts";
import { maintenanceScope, type TenantScope } from "../tenancy/tenantScope.ts";
import type { ExtendedQueryTag } from "./extendedQueryTag.ts";
import type { NewTagError, TagErrors } from "./tagErrors.ts";
import type { ListedStudy, TagIndex } from "./tagIndex.ts";
import { listAgeMilliseconds, type TagRegistry } from "./tagRegistry.ts";

/** What indexing what is stored takes. */
export interface TagStores {
  readonly registry: TagRegistry;
  readonly tagIndex: TagIndex;
  readonly errors: TagErrors;
}

/** Time, as the worker needs it. */
export interface WorkerClock extends RetryClock {
  /** The wall clock, in milliseconds since 1970. */
  milliseconds(): number;
}

/** Where an operation goes on. */
interface Position {
  /** The wall clock when the first step was done: from then on no list is read any more that lacks the tags. */
  readonly begunAt: number;
  /** The place of the last study that is done, in the order in which studies were made. */
  readonly after: string;
  /** The place of the last study that there was at the beginning. */
  readonly last: string;
  readonly done: number;
  readonly count: number;
}

/** A step takes about as long as this, or as a few large studies: each one that is done counts. */
const stepMilliseconds = 3_000;
const studiesPerQuery = 32;
const studiesAtOnce = 4;

/**
 * Indexes what a tenant has stored by the extended query tags of an operation, study by study, the oldest first.
 *
 * The studies are those that there are at the first step: whatever is stored later, or by a list that lacks the tags, is
 * brought in by {@link indexLateInstances}. Searches may use the tags only once every host has heard of them.
 */
export class ReindexWorker implements OperationWorker {
  readonly #stores: TagStores;
  readonly #clock: WorkerClock;

  constructor(stores: TagStores, clock: WorkerClock) {
    this.#stores = stores;
    this.#clock = clock;
  }

  async step(scope: TenantScope, operation: Operation): Promise<StepResult> {
    const { tags: all } = await this.#stores.registry.latest(scope);
    const tags = all.filter((tag) => tag.operation === operation.id);
    let position = await this.#positionOf(scope, operation);
    const end = this.#clock.now() + stepMilliseconds;
    while (position.after < position.last) {
      const studies = await this.#stores.tagIndex.studies(
        scope,
        position.after,
        position.last,
        studiesPerQuery,
      );
      for (let start = 0; start < studies.length; start += studiesAtOnce) {
        const some = studies.slice(start, start + studiesAtOnce);
        await Promise.all(some.map(async (study) => await this.#index(scope, study, tags)));
        position = {
          ...position,
          after: some.at(-1)?.order ?? position.last,
          done: position.done + some.length,
        };
        if (this.#clock.now() >= end && position.after < position.last) {
          return {
            isDone: false,
            position: JSON.stringify(position),
            // A study that was deleted meanwhile is never come to.
            percentComplete: Math.min(Math.floor((100 * position.done) / position.count), 99),
          };
        }
      }
      if (studies.length === 0) {
        break;
      }
    }
    const rest = position.begunAt + listAgeMilliseconds - this.#clock.milliseconds();
    await this.#clock.sleep(Math.min(Math.max(rest, 0), listAgeMilliseconds));
    await this.#stores.registry.finishAdding(scope, operation.id);
    return { isDone: true };
  }

  async giveUp(scope: TenantScope, { id }: Operation): Promise<void> {
    await this.#stores.registry.release(scope, id);
  }

  async #positionOf(scope: TenantScope, { position }: Operation): Promise<Position> {
    if (position !== undefined) {
      return JSON.parse(position) as Position;
    }
    const begunAt = this.#clock.milliseconds();
    const { count, last } = await this.#stores.tagIndex.extent(scope);
    return { begunAt, after: "", last, done: 0, count };
  }

  async #index(
    { tenant }: TenantScope,
    { partition, study }: ListedStudy,
    tags: readonly ExtendedQueryTag[],
  ): Promise<void> {
    const scope = maintenanceScope(tenant, partition);
    const errors = await this.#stores.tagIndex.indexStudy(scope, study, tags);
    await keepErrors(this.#stores, scope, errors);
  }
}

/** Keeps the errors of a study, and then marks their tags: a mark without errors would be nothing to look at. */
export async function keepErrors(
  { errors, registry }: TagStores,
  scope: TenantScope,
  found: readonly NewTagError[],
): Promise<void> {
  if (found.length > 0) {
    await errors.put(scope, found);
    await registry.markErrors(scope, new Set(found.map(({ registration }) => registration)));
  }
}
