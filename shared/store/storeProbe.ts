import type { Container } from "@azure/cosmos";
import type { BlobServiceClient } from "@azure/storage-blob";
import { statusOf, type RetryClock } from "./cosmosRetry.ts";

/** Whether one thing that the service needs works. */
export interface ProbeResult {
  readonly name: "content" | "index";
  readonly healthy: boolean;
  /** What was tried, or the status with which it failed. */
  readonly description: string;
}

/** How long an answer is good for, so that watching the service costs little. */
const validMilliseconds = 2_000;
const timeoutMilliseconds = 3_000;

// No tenant can have this name: the alphabet of tenants has no "$". Nothing that looks for events or instances finds it.
const probeKey = "$probe";
const probeContainer = "strata-probe";

/** Tries whether a store and a query would succeed now, by doing what they do: writing and reading, in both stores. */
export class StoreProbe {
  readonly #container: Container;
  readonly #blobs: BlobServiceClient;
  readonly #clock: RetryClock;
  #last: { readonly at: number; readonly results: Promise<readonly ProbeResult[]> } | undefined;

  constructor(container: Container, blobs: BlobServiceClient, clock: RetryClock) {
    this.#container = container;
    this.#blobs = blobs;
    this.#clock = clock;
  }

  /** One result for each thing that is needed. Never throws, and never takes much longer than three seconds. */
  async probe(): Promise<readonly ProbeResult[]> {
    const now = this.#clock.now();
    if (this.#last === undefined || now - this.#last.at > validMilliseconds) {
      this.#last = {
        at: now,
        results: Promise.all([
          this.#attempt("index", async (signal) => {
            await this.#tryIndex(signal);
          }),
          this.#attempt("content", async (signal) => {
            await this.#tryContent(signal);
          }),
        ]),
      };
    }
    return await this.#last.results;
  }

  async #attempt(
    name: ProbeResult["name"],
    attempt: (signal: AbortSignal) => Promise<void>,
  ): Promise<ProbeResult> {
    try {
      await attempt(AbortSignal.timeout(timeoutMilliseconds));
      return { name, healthy: true, description: "A write and a read succeeded." };
    } catch (error) {
      return {
        name,
        healthy: false,
        description: `Failed with ${String(statusOf(error) ?? "an error")}.`,
      };
    }
  }

  async #tryIndex(abortSignal: AbortSignal): Promise<void> {
    const item = {
      id: "probe",
      tenant: probeKey,
      partition: probeKey,
      study: probeKey,
      kind: "probe",
      ttl: 60,
    };
    await this.#container.items.upsert(item, { abortSignal });
    const { resources } = await this.#container.items
      .query<string>(
        {
          query: "SELECT VALUE c.id FROM c WHERE c.tenant = @tenant AND c.kind = @kind",
          parameters: [
            { name: "@tenant", value: probeKey },
            { name: "@kind", value: "probe" },
          ],
        },
        { partitionKey: [probeKey, probeKey], abortSignal },
      )
      .fetchAll();
    if (resources.length !== 1) {
      throw new Error("What was written was not found");
    }
  }

  async #tryContent(abortSignal: AbortSignal): Promise<void> {
    const container = this.#blobs.getContainerClient(probeContainer);
    const blob = container.getBlockBlobClient("probe");
    try {
      await blob.upload("probe", 5, { abortSignal });
    } catch (error) {
      if (statusOf(error) !== 404) {
        throw error;
      }
      await container.createIfNotExists({ abortSignal });
      await blob.upload("probe", 5, { abortSignal });
    }
    const { contentLength } = await blob.getProperties({ abortSignal });
    if (contentLength !== 5) {
      throw new Error("What was written was not found");
    }
  }
}
