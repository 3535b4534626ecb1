import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import {
  CosmosClient,
  PartitionKeyKind,
  type ChangeFeedIteratorOptions,
  type Container,
  type ContainerDefinition,
  type Database,
  type PartitionKeyDefinition,
} from "@azure/cosmos";

import {
  startCosmosServer,
  type CosmosServer,
  type CosmosServerOptions,
} from "../../local/cosmos/server.ts";

/** The key of the containers of the product: three levels. */
export const hierarchicalKey: PartitionKeyDefinition = {
  paths: ["/tenant", "/partition", "/study"],
  kind: PartitionKeyKind.MultiHash,
  version: 2,
};

/** A server on a folder of its own, with one client and one database, that can be stopped and started again. */
export class CosmosFixture {
  readonly dataDir: string = mkdtempSync(path.join(tmpdir(), "strata-cosmos-"));
  readonly #options: Omit<CosmosServerOptions, "dataDir">;
  #server: CosmosServer | undefined;
  #client: CosmosClient | undefined;

  private constructor(options: Omit<CosmosServerOptions, "dataDir">) {
    this.#options = options;
  }

  static async start(options: Omit<CosmosServerOptions, "dataDir"> = {}): Promise<CosmosFixture> {
    const fixture = new CosmosFixture(options);
    await fixture.#open();
    return fixture;
  }

  async #open(): Promise<void> {
    this.#server = await startCosmosServer({ ...this.#options, dataDir: this.dataDir });
    this.#client = new CosmosClient(this.#server.connectionString);
    await this.#client.databases.createIfNotExists({ id: "db" });
  }

  get server(): CosmosServer {
    if (this.#server === undefined) throw new Error("The server is not running.");
    return this.#server;
  }

  get client(): CosmosClient {
    if (this.#client === undefined) throw new Error("The server is not running.");
    return this.#client;
  }

  get database(): Database {
    return this.client.database("db");
  }

  async container(
    id: string,
    definition: Omit<ContainerDefinition, "id"> = { partitionKey: hierarchicalKey },
  ): Promise<Container> {
    return (await this.database.containers.createIfNotExists({ id, ...definition })).container;
  }

  /** Sends a signed request without the SDK, for what the SDK would not send. */
  async request(
    method: string,
    link: string,
    options: { headers?: Record<string, string>; body?: string; date?: Date } = {},
  ): Promise<Response> {
    const date = (options.date ?? new Date()).toUTCString();
    const segments = link.split("/");
    const isResource = segments.length % 2 === 0;
    const type = segments.at(isResource ? -2 : -1) ?? "";
    const signed = isResource ? link : segments.slice(0, -1).join("/");
    const text = `${method.toLowerCase()}\n${type}\n${signed}\n${date.toLowerCase()}\n\n`;
    const key = Buffer.from(this.server.key, "base64");
    const signature = createHmac("sha256", key).update(text).digest("base64");
    return await fetch(`${this.server.endpoint}${link}`, {
      method,
      headers: {
        authorization: encodeURIComponent(`type=master&ver=1.0&sig=${signature}`),
        "x-ms-date": date,
        "x-ms-version": "2020-07-15",
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: options.body }),
    });
  }

  async restart(): Promise<void> {
    await this.#server?.close();
    await this.#open();
  }

  async stop(): Promise<void> {
    this.#client?.dispose();
    await this.#server?.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

/** The error that `run` is refused with, as the SDK throws it. */
export async function refusal(
  run: Promise<unknown>,
): Promise<{ code: unknown; substatus: unknown; message: string }> {
  try {
    await run;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { code, substatus } = error as Error & { code?: unknown; substatus?: unknown };
    return { code, substatus, message: error.message };
  }
  throw new Error("The request was not refused.");
}

/**
 * Reads a feed until there is nothing new; returns the items and the continuation.
 *
 * One 304 does not say so: when a range has been split since the last page, the SDK answers 304 before it has asked the
 * children. It is the end when another 304 leaves the continuation as it was.
 */
export async function drainFeed(
  container: Container,
  options: ChangeFeedIteratorOptions,
): Promise<{ items: Record<string, unknown>[]; continuation: string; pages: number[] }> {
  const iterator = container.items.getChangeFeedIterator<Record<string, unknown>>(options);
  const items: Record<string, unknown>[] = [];
  const pages: number[] = [];
  let continuation = "";
  while (iterator.hasMoreResults) {
    const page = await iterator.readNext();
    const isAtEnd = page.statusCode === 304 && page.continuationToken === continuation;
    continuation = page.continuationToken;
    if (isAtEnd) break;
    if (page.statusCode === 304) continue;
    items.push(...page.result);
    pages.push(page.result.length);
  }
  return { items, continuation, pages };
}

/** Texts in the order of their code units. */
export function sorted(texts: readonly unknown[]): string[] {
  return texts.map(String).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
