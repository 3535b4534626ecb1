import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { ChangeFeedStartFrom, CosmosClient, type Container } from "@azure/cosmos";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { drainFeed, hierarchicalKey } from "./cosmosFixture.ts";

const main = fileURLToPath(new URL("../../local/cosmos/main.ts", import.meta.url));

interface Running {
  readonly child: ChildProcess;
  readonly endpoint: string;
  readonly connectionString: string;
}

let folder: string;
const children = new Set<ChildProcess>();

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "strata-cosmos-process-"));
});

afterEach(async () => {
  for (const child of children) await end(child, "SIGKILL");
  children.clear();
  rmSync(folder, { recursive: true, force: true });
});

function run(...args: string[]): {
  child: ChildProcess;
  output: () => string;
  errors: () => string;
} {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  let output = "";
  let errors = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  return { child, output: () => output, errors: () => errors };
}

async function start(...args: string[]): Promise<Running> {
  const { child, output, errors } = run(...args);
  await expect
    .poll(() => output().includes("\n") || child.exitCode !== null, { timeout: 20_000 })
    .toBe(true);
  expect(errors()).toBe("");
  expect(output().split("\n")).toHaveLength(2);
  const ready = JSON.parse(output()) as {
    ready: boolean;
    endpoint: string;
    connectionString: string;
  };
  expect(ready.ready).toBe(true);
  return { child, ...ready };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
  return child.exitCode;
}

async function failure(...args: string[]): Promise<string> {
  const { child, output, errors } = run(...args);
  await once(child, "close");
  expect(child.exitCode).toBe(1);
  expect(output()).toBe("");
  return errors();
}

async function openContainer(
  connectionString: string,
): Promise<{ client: CosmosClient; container: Container }> {
  const client = new CosmosClient(connectionString);
  const { database } = await client.databases.createIfNotExists({ id: "db" });
  const { container } = await database.containers.createIfNotExists({
    id: "c",
    partitionKey: hierarchicalKey,
  });
  return { client, container };
}

describe("starting and ending", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s ends it with success, and what was written is there again",
    async (signal) => {
      const first = await start("--data", folder);
      const { client, container } = await openContainer(first.connectionString);
      await container.items.create({ id: "i", tenant: "t", partition: "p", study: "s" });
      client.dispose();
      expect(await end(first.child, signal)).toBe(0);
      const second = await start("--data", folder);
      const again = await openContainer(second.connectionString);
      expect((await again.container.item("i", ["t", "p", "s"]).read()).statusCode).toBe(200);
      again.client.dispose();
    },
  );

  test("a second server on one folder is refused in one sentence", async () => {
    await start("--data", folder);
    expect(await failure("--data", folder)).toBe(
      `Another server is using the data folder ${folder}.\n`,
    );
  });

  test("a busy port is refused in one sentence", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    expect(await failure("--data", folder, "--port", String(port))).toBe(
      `The port ${port} of 127.0.0.1 is in use.\n`,
    );
    taken.close();
  });

  test("a data folder that is a file is refused in one sentence", async () => {
    const file = path.join(folder, "file");
    writeFileSync(file, "");
    expect(await failure("--data", file)).toBe(`The data folder ${file} cannot be created.\n`);
  });

  test("a data folder whose database cannot be opened is refused in one sentence", async () => {
    mkdirSync(path.join(folder, "cosmos.db"));
    expect(await failure("--data", folder)).toBe(
      `The data folder ${folder} cannot be written to.\n`,
    );
  });

  test.each<[string, (file: string) => void]>([
    [
      "is no database",
      (file) => {
        writeFileSync(file, "not a database at all ".repeat(500));
      },
    ],
    [
      "was cut short",
      (file) => {
        truncateSync(file, 8192);
      },
    ],
  ])("data that %s is refused in one sentence", async (_, damage) => {
    const first = await start("--data", folder);
    const { client, container } = await openContainer(first.connectionString);
    for (let i = 0; i < 50; i++) {
      await container.items.create({
        id: `i${i}`,
        tenant: "t",
        partition: "p",
        study: "s",
        text: "x".repeat(2_000),
      });
    }
    client.dispose();
    await end(first.child, "SIGTERM");
    damage(path.join(folder, "cosmos.db"));
    expect(await failure("--data", folder)).toMatch(
      /^The data in .*cosmos\.db is damaged[^\n]*\n$/u,
    );
  });

  test.each([
    ["--port", "http"],
    ["--port", "70000"],
    ["--partitions", "0"],
    ["--split-at", "1GB"],
    ["--key", "no base64!"],
    ["--unknown", "x"],
  ])("%s %s is refused in one sentence", async (...args) => {
    expect(await failure("--data", folder, ...args)).toMatch(/^[^\n]+\n$/u);
  });

  test("the port, the key and the partitions are those asked for", async () => {
    const key = Buffer.from("a key of our own").toString("base64");
    const { connectionString } = await start("--data", folder, "--key", key, "--partitions", "3");
    expect(connectionString).toContain(`AccountKey=${key};`);
    const { client, container } = await openContainer(connectionString);
    expect((await container.readPartitionKeyRanges().fetchAll()).resources).toHaveLength(3);
    client.dispose();
  });
});

test("--split-at splits a partition that outgrows it, and nothing is lost on the way", async () => {
  const { connectionString } = await start("--data", folder, "--split-at", "20000");
  const { client, container } = await openContainer(connectionString);
  const text = "x".repeat(1_000);
  for (let i = 0; i < 60; i++) {
    await container.items.create({
      id: `i${i}`,
      tenant: `t${i}`,
      partition: "p",
      study: "s",
      text,
    });
  }
  const { resources } = await container.readPartitionKeyRanges().fetchAll();
  expect(resources.length).toBeGreaterThanOrEqual(3);
  const { items } = await drainFeed(container, {
    changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
  });
  expect(new Set(items.map(({ id }) => id)).size).toBe(60);
  client.dispose();
});

test("--admin alone opens the routes that cause faults", async () => {
  const { endpoint } = await start("--data", folder, "--admin");
  expect((await fetch(`${endpoint}_admin/faults`)).status).toBe(200);
});

// Goal: what was acknowledged survives the death of the process at any moment, once.
// Method: writers of single items and of batches run until the process is killed, three times over; what they were
// told is compared with what a new process on the same folder has, in the items and in the feed.
test("kill -9 in a write storm loses nothing that was acknowledged", async () => {
  const acknowledged = new Map<string, number>();
  const attempted = new Set<string>();
  const batches = new Map<string, number>();
  for (let round = 0; round < 3; round++) {
    const { child, connectionString } = await start("--data", folder, "--partitions", "2");
    const { client, container } = await openContainer(connectionString);
    let isAlive = true;
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let i = 0; isAlive; i++) {
        const study = `s${round}-${writer}-${i}`;
        const document = { tenant: "t", partition: "p", study };
        const single = { ...document, id: "single", v: i };
        attempted.add(study);
        try {
          if (writer % 2 === 0) {
            await container.items.create(single);
            acknowledged.set(study, i);
          } else {
            const operations = Array.from({ length: 5 }, (__, n) => ({
              operationType: "Create",
              resourceBody: { ...document, id: `b${n}`, v: i },
            }));
            const { code } = await container.items.batch(operations as never, ["t", "p", study]);
            if (code === 200) batches.set(study, i);
          }
        } catch {
          return;
        }
      }
    });
    const enough = (round + 1) * 60;
    await expect
      .poll(() => acknowledged.size, { interval: 5, timeout: 30_000 })
      .toBeGreaterThan(enough);
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    isAlive = false;
    await exit;
    client.dispose();
    await Promise.all(writers);
  }
  const { connectionString } = await start("--data", folder);
  const { client, container } = await openContainer(connectionString);
  const { items } = await drainFeed(container, {
    changeFeedStartFrom: ChangeFeedStartFrom.Beginning(["t"]),
    maxItemCount: 1_000,
  });
  const { resources } = await container.items
    .query<Record<string, unknown>>("SELECT * FROM c", { partitionKey: ["t"] })
    .fetchAll();
  const name = (entry: Record<string, unknown>): string =>
    `${String(entry["study"])}/${String(entry["id"])}`;
  expect(items.map(name).toSorted()).toEqual(resources.map(name).toSorted());
  expect(new Set(items.map(name)).size).toBe(items.length);
  const stored = new Map(resources.map((entry) => [name(entry), entry["v"]]));
  for (const [study, v] of acknowledged) expect(stored.get(`${study}/single`)).toBe(v);
  for (const [study, v] of batches) {
    for (let n = 0; n < 5; n++) expect(stored.get(`${study}/b${n}`)).toBe(v);
  }
  // A batch is there whole or not at all, and nothing is there that nobody wrote.
  const perStudy = Map.groupBy(resources, (entry) => String(entry["study"]));
  for (const [study, group] of perStudy) {
    expect(attempted.has(study)).toBe(true);
    expect([1, 5]).toContain(group.length);
  }
  const positions = items.filter(({ id }) => id === "single").map((entry) => Number(entry["_lsn"]));
  expect(new Set(positions).size).toBe(positions.length);
  client.dispose();
});
