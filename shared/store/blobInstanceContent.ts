import { createHash, type Hash } from "node:crypto";
import type {
  BlobServiceClient,
  BlockBlobClient,
  ContainerClient,
  RestError,
} from "@azure/storage-blob";
import type { ByteSpan } from "../dicom/frameIndex.ts";
import { Problem } from "../problem/problem.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { statusOf } from "./cosmosRetry.ts";
import {
  sideName,
  type ContentWriter,
  type InstanceContent,
  type SideSuffix,
  type StoredContent,
} from "./instanceContent.ts";
import { unguarded, type WriteGuard } from "./writeGuard.ts";

/** The bytes of one block, and the most that is sent in one request. */
const blockBytes = 4 * 1024 * 1024;
/** How many blocks of one object are under way at once. */
const blocksInFlightMax = 3;

const retryAfterSeconds = 2;

/** {@link InstanceContent} in Blob Storage: one container per tenant, one block blob per object. */
export class BlobInstanceContent implements InstanceContent {
  readonly #service: BlobServiceClient;
  readonly #newName: () => string;
  readonly #guard: WriteGuard;

  /** `newName` gives names that never repeat and begin with two hexadecimal digits, evenly spread. */
  constructor(service: BlobServiceClient, newName: () => string, guard: WriteGuard = unguarded) {
    this.#service = service;
    this.#newName = newName;
    this.#guard = guard;
  }

  #container(scope: TenantScope): ContainerClient {
    return this.#service.getContainerClient(scope.contentContainer);
  }

  /** Makes the tenant's container, as long as anything of the tenant may be made. */
  async #make(scope: TenantScope): Promise<void> {
    await this.#guard.require(scope);
    await this.#container(scope).createIfNotExists();
  }

  #blob(scope: TenantScope, name: string): BlockBlobClient {
    return this.#container(scope).getBlockBlobClient(name);
  }

  openWriter(scope: TenantScope): ContentWriter {
    const name = this.#newName();
    return new BlobWriter(
      async () => {
        await this.#make(scope);
      },
      this.#blob(scope, name),
      name,
    );
  }

  async putSide(
    scope: TenantScope,
    name: string,
    suffix: SideSuffix,
    bytes: Uint8Array,
  ): Promise<void> {
    const blob = this.#blob(scope, sideName(name, suffix));
    await inContainer(
      async () => {
        await this.#make(scope);
      },
      async () => await blob.upload(bytes, bytes.byteLength),
    );
  }

  async get(
    scope: TenantScope,
    name: string,
    range?: ByteSpan,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    if (range?.length === 0) {
      return emptyContent();
    }
    const start = range?.offset ?? 0;
    const first = await this.#open(scope, name, start, range?.length, signal);
    return resuming(
      first,
      async (read) => await this.#open(scope, name, start + read, first.length - read, signal),
      signal,
    );
  }

  async #open(
    scope: TenantScope,
    name: string,
    offset: number,
    length: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<OpenDownload> {
    try {
      const response = await this.#blob(scope, name).download(offset, length, {
        maxRetryRequests: 0,
        ...(signal === undefined ? {} : { abortSignal: signal }),
      });
      const { readableStreamBody: stream, contentLength } = response;
      if (stream === undefined || contentLength === undefined) {
        throw new Error("A download without a stream");
      }
      return { stream: stream as AsyncIterable<Uint8Array>, length: contentLength };
    } catch (error) {
      throw contentProblem(error, signal);
    }
  }

  async getBytes(
    scope: TenantScope,
    name: string,
    range?: ByteSpan,
    signal?: AbortSignal,
  ): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await this.get(scope, name, range, signal)) {
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  async remove(scope: TenantScope, name: string): Promise<void> {
    try {
      await this.#blob(scope, name).deleteIfExists();
    } catch (error) {
      if (statusOf(error) !== 404) {
        throw contentProblem(error);
      }
    }
  }

  async *list(scope: TenantScope, shard: string, before: Date): AsyncIterable<string> {
    try {
      const blobs = this.#container(scope).listBlobsFlat({ prefix: shard });
      for await (const blob of blobs) {
        if (blob.properties.lastModified < before) {
          yield blob.name;
        }
      }
    } catch (error) {
      if (statusOf(error) !== 404) {
        throw contentProblem(error);
      }
    }
  }
}

class BlobWriter implements ContentWriter {
  readonly #makeContainer: () => Promise<void>;
  readonly #blob: BlockBlobClient;
  readonly #name: string;
  readonly #hash: Hash = createHash("sha256");
  readonly #blockIds: string[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #chunks: Uint8Array[] = [];
  #chunksBytes = 0;
  #length = 0;
  #failure: unknown;

  constructor(makeContainer: () => Promise<void>, blob: BlockBlobClient, name: string) {
    this.#makeContainer = makeContainer;
    this.#blob = blob;
    this.#name = name;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    this.#length += chunk.byteLength;
    let rest = chunk;
    while (this.#chunksBytes + rest.byteLength > blockBytes) {
      const fits = blockBytes - this.#chunksBytes;
      this.#chunks.push(rest.subarray(0, fits));
      this.#chunksBytes += fits;
      rest = rest.subarray(fits);
      await this.#stage();
    }
    if (rest.byteLength > 0) {
      this.#chunks.push(rest);
      this.#chunksBytes += rest.byteLength;
    }
  }

  #take(): Buffer {
    const bytes = Buffer.concat(this.#chunks, this.#chunksBytes);
    this.#chunks = [];
    this.#chunksBytes = 0;
    return bytes;
  }

  async #stage(): Promise<void> {
    while (this.#inFlight.size >= blocksInFlightMax) {
      await Promise.race(this.#inFlight);
    }
    this.#throwFailure();
    const bytes = this.#take();
    // All ids of a blob have to be equally long.
    const id = Buffer.from(String(this.#blockIds.length).padStart(8, "0")).toString("base64");
    this.#blockIds.push(id);
    const task = inContainer(
      this.#makeContainer,
      async () =>
        await this.#blob.stageBlock(id, bytes, bytes.byteLength, {
          abortSignal: this.#abort.signal,
        }),
    ).then(
      () => undefined,
      (error: unknown) => {
        this.#failure ??= error;
      },
    );
    this.#inFlight.add(task);
    void task.finally(() => this.#inFlight.delete(task));
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) {
      throw contentProblem(this.#failure);
    }
  }

  async commit(): Promise<StoredContent> {
    if (this.#blockIds.length === 0) {
      const bytes = this.#take();
      await inContainer(
        this.#makeContainer,
        async () => await this.#blob.upload(bytes, bytes.byteLength),
      );
    } else {
      await this.#stage();
      await Promise.all(this.#inFlight);
      this.#throwFailure();
      try {
        await this.#blob.commitBlockList(this.#blockIds);
      } catch (error) {
        throw contentProblem(error);
      }
    }
    return { name: this.#name, length: this.#length, sha256: this.#hash.digest("hex") };
  }

  async abort(): Promise<void> {
    // Blocks that were staged and never committed are not a blob; the account discards them by itself.
    this.#abort.abort();
    this.#chunks = [];
    this.#chunksBytes = 0;
    await Promise.all(this.#inFlight);
  }
}

// The container of a tenant is made when the tenant is taken on. The first store makes up for it where that was never
// done, as in a new account; asking each time would cost a request.
async function inContainer<T>(make: () => Promise<void>, write: () => Promise<T>): Promise<T> {
  try {
    try {
      return await write();
    } catch (error) {
      if ((error as Partial<RestError>).code !== "ContainerNotFound") {
        throw error;
      }
      await make();
      return await write();
    }
  } catch (error) {
    throw contentProblem(error);
  }
}

interface OpenDownload {
  readonly stream: AsyncIterable<Uint8Array>;
  /** How many bytes it has when it is whole. */
  readonly length: number;
}

/** How often a download is taken up again where it broke off. */
const resumptionsMax = 3;

// The SDK takes a connection that breaks in the middle of a body for a caller who has lost interest, and gives up. Names
// are never written twice, so that what follows at an offset is always of the same object.
async function* resuming(
  first: OpenDownload,
  reopen: (read: number) => Promise<OpenDownload>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let { stream } = first;
  let read = 0;
  for (let resumptions = 0; ; resumptions += 1) {
    let failure: unknown;
    try {
      for await (const chunk of stream) {
        read += chunk.byteLength;
        yield chunk;
      }
    } catch (error) {
      failure = error;
    }
    if (read === first.length) {
      return;
    }
    if (signal?.aborted === true || resumptions >= resumptionsMax) {
      throw contentProblem(failure ?? new Error("A download that ended early"), signal);
    }
    ({ stream } = await reopen(read));
  }
}

function contentProblem(error: unknown, signal?: AbortSignal): unknown {
  if (error instanceof Problem) {
    return error;
  }
  const status = statusOf(error);
  if (status === 404) {
    return new Problem("notFound", "The content is gone.", { cause: error });
  }
  if (signal?.aborted === true) {
    return error;
  }
  return new Problem("unavailable", "The content store is busy or cannot be reached.", {
    cause: error,
    retryAfterSeconds,
  });
}

async function* emptyContent(): AsyncGenerator<Uint8Array> {
  // Nothing to yield: Blob Storage has no range of zero bytes.
}
