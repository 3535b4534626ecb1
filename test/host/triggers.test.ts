import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CosmosClient, type Container } from "@azure/cosmos";
import { BlobServiceClient } from "@azure/storage-blob";
import { QueueServiceClient, type QueueClient } from "@azure/storage-queue";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRuntime, type Runtime } from "../../local/startRuntime.ts";
import { makeSampleApp, until, type SampleApp } from "./sampleApp.ts";

interface Seen {
  timer: { isPastDue: boolean; scheduleStatus?: { next: string } }[];
  startup?: unknown[];
  queue: { message: { n: number }; dequeueCount: number }[];
  feed: string[];
  flaky: { id: string; retryCount: number }[];
  lossy: string[];
}

let app: SampleApp;
let dataDir: string;
let runtime: Runtime;
let client: CosmosClient;
let items: Container;
let leases: Container;
let jobs: QueueClient;

async function start(): Promise<void> {
  runtime = await startRuntime({
    dataDir,
    appRoot: app.folder,
    cosmosArguments: ["--admin"],
    settings: { SCHEDULE: "* * * * * *", SEEN_FILE: join(dataDir, "seen") },
  });
  client?.dispose();
  client = new CosmosClient(runtime.cosmosConnectionString);
  const { database } = await client.databases.createIfNotExists({ id: "test" });
  items = (
    await database.containers.createIfNotExists({ id: "items", partitionKey: { paths: ["/id"] } })
  ).container;
  leases = (
    await database.containers.createIfNotExists({ id: "leases", partitionKey: { paths: ["/id"] } })
  ).container;
  jobs = QueueServiceClient.fromConnectionString(runtime.storageConnectionString).getQueueClient(
    "jobs",
  );
}

async function seen(): Promise<Seen> {
  return (await (await fetch(`${runtime.baseUrl}/seen`)).json()) as Seen;
}

async function untilSeen(what: string, test: (state: Seen) => boolean): Promise<Seen> {
  return await until(what, async () => {
    // The host may be away for a moment while it is started again.
    const state = await seen().catch(() => undefined);
    return state !== undefined && test(state) ? state : undefined;
  });
}

async function untilLeased(name: string): Promise<void> {
  const id = `${name}_test_items.info`;
  await until(`the leases of ${name}`, async () => {
    const { statusCode } = await leases.item(id, id).read();
    return statusCode === 200 ? true : undefined;
  });
}

beforeAll(async () => {
  app = makeSampleApp("triggers", {
    "host.json": {
      version: "2.0",
      extensions: {
        http: { routePrefix: "" },
        queues: { maxDequeueCount: 3, maxPollingInterval: "00:00:00.200" },
      },
    },
  });
  dataDir = mkdtempSync(join(tmpdir(), "strata-triggers-"));
  // The host starts before the containers and the queue exist: its triggers wait for them.
  await start();
});
afterAll(async () => {
  client.dispose();
  await runtime.stop();
  app.remove();
  rmSync(dataDir, { recursive: true, force: true });
});

describe("timer", () => {
  test("fires again and again, and once at startup where asked to", async () => {
    const state = await untilSeen("two ticks", ({ timer }) => timer.length >= 2);
    expect(state.timer[0]?.isPastDue).toBe(false);
    expect(state.startup).toHaveLength(1);
  });

  test("keeps when it is due next in a blob", async () => {
    const service = BlobServiceClient.fromConnectionString(runtime.storageConnectionString);
    const blob = service
      .getContainerClient("azure-webjobs-hosts")
      .getBlockBlobClient("timers/local/onStartup/status");
    const status = await until("the status", async () => {
      const bytes = await blob.downloadToBuffer().catch(() => undefined);
      return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as { Next: string });
    });
    expect(status.Next).toMatch(/^\d{4}-01-01T00:00:00\.000Z$/u);
  });

  test("can be fired by hand", async () => {
    const before = (await seen()).startup?.length ?? 0;
    const answer = await fetch(`${runtime.baseUrl}/admin/functions/onStartup`, {
      method: "POST",
      body: "{}",
    });
    expect(answer.status).toBe(202);
    await untilSeen("one more run", ({ startup }) => (startup?.length ?? 0) > before);
  });
});

describe("queue", () => {
  test("messages are decoded, handled and deleted; one that fails ends in the poison queue", async () => {
    await jobs.createIfNotExists();
    const encode = (value: unknown): string =>
      Buffer.from(JSON.stringify(value)).toString("base64");
    for (let n = 0; n < 20; n++) {
      await jobs.sendMessage(encode({ n }));
    }
    await jobs.sendMessage(encode({ n: 99, fails: true }));
    const state = await untilSeen(
      "all messages",
      ({ queue }) =>
        queue.filter(({ message }) => message.n === 99).length === 3 && queue.length >= 23,
    );
    expect(
      state.queue
        .map(({ message }) => message.n)
        .filter((n) => n < 99)
        .toSorted((a, b) => a - b),
    ).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(
      state.queue.filter(({ message }) => message.n === 99).map(({ dequeueCount }) => dequeueCount),
    ).toEqual([1, 2, 3]);
    const poison = QueueServiceClient.fromConnectionString(
      runtime.storageConnectionString,
    ).getQueueClient("jobs-poison");
    const text = await until("the poison message", async () => {
      const answer = await poison.peekMessages().catch(() => undefined);
      return answer?.peekedMessageItems[0]?.messageText;
    });
    expect(JSON.parse(Buffer.from(text, "base64").toString())).toEqual({ n: 99, fails: true });
    await until("the queue is empty", async () => {
      const { approximateMessagesCount } = await jobs.getProperties();
      return approximateMessagesCount === 0 ? true : undefined;
    });
  });
});

describe("change feed", () => {
  test("from the beginning every document is seen, also those written before the leases", async () => {
    for (let n = 0; n < 25; n++) {
      await items.items.create({ id: `first-${String(n)}` });
    }
    const state = await untilSeen("all documents", ({ feed }) => new Set(feed).size >= 25);
    expect(new Set(state.feed)).toEqual(
      new Set(Array.from({ length: 25 }, (_, n) => `first-${String(n)}`)),
    );
  });

  test("with a retry policy a batch is tried until it succeeds, and nothing after it is skipped", async () => {
    await items.items.create({ id: "stubborn", failures: 3 });
    await items.items.create({ id: "after-stubborn" });
    const state = await untilSeen("both", ({ flaky }) => {
      const ids = flaky.map(({ id }) => id);
      return ids.includes("stubborn") && ids.includes("after-stubborn");
    });
    expect(state.flaky.find(({ id }) => id === "stubborn")?.retryCount).toBe(3);
  });

  test("without one a failed batch is lost, as on Azure, and the next is handled", async () => {
    await untilLeased("lossy");
    await items.items.create({ id: "loses", failures: 1 });
    await untilSeen("another trigger has it", ({ feed }) => feed.includes("loses"));
    await until("the batch is given up", async () => {
      await items.items.upsert({ id: "after-lost" });
      return (await seen()).lossy.includes("after-lost") ? true : undefined;
    });
    expect((await seen()).lossy).not.toContain("loses");
  });

  test.each(["cosmos", "host", "azurite"] as const)(
    "nothing is lost when %s is killed while documents are written",
    async (role) => {
      const acknowledged: string[] = [];
      const pid = runtime.pids()[role] ?? 0;
      expect(pid).toBeGreaterThan(0);
      for (let n = 0; n < 60; n++) {
        if (n === 20) {
          process.kill(pid, "SIGKILL");
        }
        const id = `${role}-${String(n)}`;
        await until(`${id} is written`, async () => {
          const written = await items.items.upsert({ id }).catch(() => undefined);
          return written === undefined ? undefined : true;
        });
        acknowledged.push(id);
      }
      await until(`${role} has another process`, () => {
        const now = runtime.pids()[role];
        return now !== undefined && now !== pid ? true : undefined;
      });
      // What a killed host had seen is on disk only.
      await until("all documents have been seen", () => {
        const known = new Set(readFileSync(join(dataDir, "seen"), "utf8").split("\n"));
        return acknowledged.every((id) => known.has(id)) ? true : undefined;
      });
    },
  );

  test("nothing is lost when ranges split and merge while documents are written", async () => {
    const endpoint = /AccountEndpoint=([^;]+)/u.exec(runtime.cosmosConnectionString)?.[1] ?? "";
    const change = async (action: "split" | "merge", more: object): Promise<string[]> => {
      const answer = await fetch(`${endpoint}_admin/${action}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ database: "test", container: "items", ...more }),
      });
      expect(answer.status).toBe(200);
      const { ranges } = (await answer.json()) as { ranges: { id: string; epkMin: string }[] };
      return ranges.toSorted((a, b) => (a.epkMin < b.epkMin ? -1 : 1)).map(({ id }) => id);
    };
    const written: string[] = [];
    const write = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) {
        const id = `ranges-${String(written.length)}`;
        await items.items.create({ id });
        written.push(id);
      }
    };
    await write(20);
    const halves = await change("split", {});
    expect(halves.length).toBeGreaterThan(1);
    await write(20);
    const quarters = await change("split", { range: halves[0] });
    await write(20);
    // A new host goes on from positions in ranges that are no more.
    const before = runtime.pids().host;
    process.kill(before ?? 0, "SIGKILL");
    await write(20);
    await change("merge", { ranges: quarters.slice(0, 2) });
    await write(20);
    await until("all documents have been seen", () => {
      const known = new Set(readFileSync(join(dataDir, "seen"), "utf8").split("\n"));
      return written.every((id) => known.has(id)) ? true : undefined;
    });
    await until("the host is back", () => (runtime.pids().host === before ? undefined : true));
  });

  test("a new start goes on where the last one ended", async () => {
    await items.items.create({ id: "before-stop" });
    await untilSeen("it", ({ feed }) => feed.includes("before-stop"));
    await runtime.stop();
    await start();
    await items.items.create({ id: "after-start" });
    const state = await untilSeen("the new document", ({ feed }) => feed.includes("after-start"));
    expect(state.feed).not.toContain("first-0");
  });
});
