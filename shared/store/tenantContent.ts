import type { BlobServiceClient, ContainerClient } from "@azure/storage-blob";
import { Problem } from "../problem/problem.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { statusOf } from "./cosmosRetry.ts";

/** The place of a tenant's content as a whole: one container of the account, and nobody else's. */
export class TenantContent {
  readonly #service: BlobServiceClient;

  constructor(service: BlobServiceClient) {
    this.#service = service;
  }

  /** Makes the place, if it is not there. */
  async make(scope: TenantScope): Promise<void> {
    await this.#try(scope, async (container) => await container.createIfNotExists());
  }

  /** Removes the place with all that is in it, uploads under way included. Says whether it was there. */
  async remove(scope: TenantScope): Promise<boolean> {
    const { succeeded } = await this.#try(
      scope,
      async (container) => await container.deleteIfExists(),
    );
    return succeeded;
  }

  /** Whether the place is there. */
  async exists(scope: TenantScope): Promise<boolean> {
    return await this.#try(scope, async (container) => await container.exists());
  }

  async #try<T>(scope: TenantScope, call: (container: ContainerClient) => Promise<T>): Promise<T> {
    try {
      return await call(this.#service.getContainerClient(scope.contentContainer));
    } catch (error) {
      // A container that was just removed keeps its name for a while (409).
      throw new Problem("unavailable", "The content store is busy or cannot be reached.", {
        cause: Object.assign(new Error("A container could not be changed"), {
          code: statusOf(error),
        }),
        retryAfterSeconds: 30,
      });
    }
  }
}
