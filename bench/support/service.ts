import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CosmosClient, type Container } from "@azure/cosmos";
import {
  BlobServiceClient,
  ContainerSASPermissions,
  type ContainerClient,
} from "@azure/storage-blob";
import { startRuntime } from "../../local/startRuntime.ts";
import { closeConnections, request, type Answered, type RequestOptions } from "./request.ts";

/** A service of its own to measure, and what is below it. */
export interface MeasuredService {
  /** Sends a request to a path below `/v2/`. */
  readonly call: (path: string, options?: RequestOptions) => Promise<Answered>;
  /** Stores files in one request. */
  readonly store: (files: readonly Uint8Array[]) => Promise<Answered>;
  /** The same Azurite, by its client. */
  readonly blobs: ContainerClient;
  /** The same Azurite, by bare requests: the URL of a blob that anybody may read and write. */
  readonly blobURL: (name: string) => string;
  readonly putBare: (name: string, bytes: Uint8Array) => Promise<Answered>;
  /** The same database, by its client. */
  readonly dicom: Container;
  /** Begins to watch how much memory the process that serves takes at most. Tells it, in megabytes; NaN off Linux. */
  readonly watchMemory: () => () => number;
}

const boundary = "a-boundary-of-the-benchmarks";

/** Starts the whole service on a temporary folder, measures it, and ends it. `environment` may name another database. */
export async function withService(
  measure: (service: MeasuredService) => Promise<void>,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "strata-bench-"));
  const runtime = await startRuntime({
    dataDir,
    root: join(import.meta.dirname, "..", ".."),
    environment,
  });
  const cosmos = new CosmosClient(runtime.cosmosConnectionString);
  try {
    const blobs = BlobServiceClient.fromConnectionString(
      runtime.storageConnectionString,
    ).getContainerClient("bench");
    await blobs.create();
    const shared = new URL(
      await blobs.generateSasUrl({
        permissions: ContainerSASPermissions.parse("rw"),
        expiresOn: new Date(Date.now() + 24 * 3_600_000),
      }),
    );
    const blobURL = (name: string): string =>
      `${shared.origin}${shared.pathname}/${name}${shared.search}`;
    const call = async (path: string, options?: RequestOptions): Promise<Answered> =>
      await request(`${runtime.baseUrl}/v2/${path}`, options);
    await measure({
      call,
      store: async (files) =>
        await call("studies", {
          method: "POST",
          headers: {
            "Content-Type": `multipart/related; type="application/dicom"; boundary=${boundary}`,
          },
          body: Buffer.concat([
            ...files.flatMap((file) => [
              Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`),
              file,
              Buffer.from("\r\n"),
            ]),
            Buffer.from(`--${boundary}--\r\n`),
          ]),
        }),
      blobs,
      blobURL,
      putBare: async (name, bytes) =>
        await request(blobURL(name), {
          method: "PUT",
          headers: { "x-ms-blob-type": "BlockBlob", "Content-Length": String(bytes.length) },
          body: bytes,
          expected: 201,
        }),
      dicom: cosmos.database("strata").container("dicom"),
      watchMemory: () => watchMemory(runtime.pids().host ?? 0),
    });
  } finally {
    closeConnections();
    cosmos.dispose();
    await runtime.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function watchMemory(pid: number): () => number {
  try {
    // Forgets the peak so far (proc(5), clear_refs).
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    return () => Number.NaN;
  }
  return () => {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
  };
}
