import type { Operation } from "../operations/operation.ts";
import type { OperationWorker, StepResult } from "../operations/runOperations.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { TagStores, WorkerClock } from "./reindexWorker.ts";

/** A step takes about as long as this. */
const stepMilliseconds = 3_000;

/** Takes the values and errors of an extended query tag away, and then the tag itself. */
export class RemovalWorker implements OperationWorker {
  readonly #stores: TagStores;
  readonly #clock: WorkerClock;

  constructor(stores: TagStores, clock: WorkerClock) {
    this.#stores = stores;
    this.#clock = clock;
  }

  async step(scope: TenantScope, { id, steps }: Operation): Promise<StepResult> {
    const { registry, tagIndex, errors } = this.#stores;
    const { tags } = await registry.latest(scope);
    const end = this.#clock.now() + stepMilliseconds;
    for (const tag of tags.filter(({ operation }) => operation === id)) {
      while ((await tagIndex.removeSome(scope, tag)) || (await errors.removeSome(scope, tag))) {
        if (this.#clock.now() >= end) {
          // What is left is found again by looking for it.
          return { isDone: false, position: String(steps + 1), percentComplete: 0 };
        }
      }
    }
    await registry.finishRemoving(scope, id);
    return { isDone: true };
  }

  async giveUp(scope: TenantScope, { id }: Operation): Promise<void> {
    await this.#stores.registry.release(scope, id);
  }
}
