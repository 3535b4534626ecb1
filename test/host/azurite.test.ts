import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BlobServiceClient, type ContainerClient } from "@azure/storage-blob";
import { QueueServiceClient } from "@azure/storage-queue";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findFreePort } from "../../local/freePort.ts";

let dataDir: string;
let ports: [blob: number, queue: number];
let azurite: ChildProcess;
let connectionString: string;
let container: ContainerClient;

/** Starts Azurite on the same folder and ports as before; resolves when it serves. */
async function start(): Promise<void> {
  const [blobPort, queuePort] = ports.map(String);
  azurite = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      resolve(import.meta.dirname, "../../local/azurite/main.ts"),
      "--data",
      dataDir,
      "--blob-port",
      blobPort ?? "",
      "--queue-port",
      queuePort ?? "",
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = (await once(azurite.stdout ?? azurite, "data")) as [Buffer];
  ({ connectionString } = JSON.parse(line.toString()) as { connectionString: string });
}

async function end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  const ended = once(azurite, "exit");
  azurite.kill(signal);
  await ended;
}

async function kill(): Promise<void> {
  await end("SIGKILL");
  await start();
}

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "strata-azurite-"));
  ports = [await findFreePort(), await findFreePort()];
  await start();
  container =
    BlobServiceClient.fromConnectionString(connectionString).getContainerClient("content");
  await container.create();
});
afterAll(() => {
  azurite.kill("SIGKILL");
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

async function read(name: string): Promise<string> {
  return (await container.getBlobClient(name).downloadToBuffer()).toString();
}

// Loki's indexes order texts that look like numbers as numbers: names that are equal as numbers must stay apart.
test("names that look alike as numbers are different blobs, for reading and for deleting", async () => {
  const names = [
    "1",
    "01",
    "1.0",
    "1e0",
    " 1",
    "+1",
    "0x1",
    "1.",
    "true",
    "Infinity",
    "NaN",
    "a",
    "A",
  ];
  for (const name of names) {
    await container.getBlockBlobClient(name).upload(name, Buffer.byteLength(name));
  }
  for (const name of names) {
    expect(await read(name)).toBe(name);
  }
  for (const [index, name] of names.entries()) {
    await container.deleteBlob(name);
    const left: string[] = [];
    for await (const blob of container.listBlobsFlat()) {
      left.push(blob.name);
    }
    expect(left.toSorted()).toEqual(names.slice(index + 1).toSorted());
  }
});

test("blobs of many blocks, snapshots, metadata and queue messages survive a kill", async () => {
  const blob = container.getBlockBlobClient("blocks");
  const ids = Array.from({ length: 20 }, (_, n) =>
    Buffer.from(String(n).padStart(4, "0")).toString("base64"),
  );
  for (const [n, id] of ids.entries()) {
    await blob.stageBlock(id, `${String(n)};`, `${String(n)};`.length);
  }
  await blob.commitBlockList(ids, { metadata: { kind: "test" } });
  const snapshot = await blob.createSnapshot();
  await blob.upload("overwritten", 11);
  const staged = container.getBlockBlobClient("staged");
  await staged.stageBlock(ids[0] ?? "", "later", 5);
  const queue =
    QueueServiceClient.fromConnectionString(connectionString).getQueueClient("messages");
  await queue.create();
  await queue.sendMessage("kept");
  const removed = await queue.sendMessage("removed");
  await queue.deleteMessage(removed.messageId, removed.popReceipt);

  await kill();

  expect(await read("blocks")).toBe("overwritten");
  const old = blob.withSnapshot(snapshot.snapshot ?? "");
  expect((await old.downloadToBuffer()).toString()).toBe(
    ids.map((_, n) => `${String(n)};`).join(""),
  );
  expect((await old.getProperties()).metadata).toEqual({ kind: "test" });
  await staged.commitBlockList([ids[0] ?? ""]);
  expect(await read("staged")).toBe("later");
  const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: 32 });
  expect(peekedMessageItems.map(({ messageText }) => messageText)).toEqual(["kept"]);
});

test("any run of writes, deletes and kills ends in the state that a map would have", async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        name: fc.integer({ min: 0, max: 9 }),
        text: fc.string({ maxLength: 20 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ name: fc.integer({ min: 0, max: 9 }), text: fc.constant(undefined) }),
    },
    { weight: 1, arbitrary: fc.constant("kill" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const expected = new Map<string, string>();
      for await (const { name } of container.listBlobsFlat({ prefix: "model/" })) {
        await container.deleteBlob(name, { deleteSnapshots: "include" });
      }
      for (const action of steps) {
        if (action === "kill") {
          await kill();
          continue;
        }
        const name = `model/${String(action.name)}`;
        if (action.text === undefined) {
          await container.getBlobClient(name).deleteIfExists();
          expected.delete(name);
        } else {
          await container
            .getBlockBlobClient(name)
            .upload(action.text, Buffer.byteLength(action.text));
          expected.set(name, action.text);
        }
      }
      const found = new Map<string, string>();
      for await (const { name } of container.listBlobsFlat({ prefix: "model/" })) {
        found.set(name, await read(name));
      }
      expect(found).toEqual(expected);
    }),
    { seed: 20_261_121, numRuns: 8, verbose: true },
  );
});

test("a stop writes a snapshot and leaves no journal behind", async () => {
  await container.getBlockBlobClient("last").upload("last", 4);
  await end("SIGTERM");
  expect(readdirSync(dataDir).filter((name) => name.includes(".journal."))).toEqual([]);
  await start();
  expect(await read("last")).toBe("last");
});
