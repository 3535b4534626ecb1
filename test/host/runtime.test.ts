import { spawn, type ChildProcess } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BlobServiceClient } from "@azure/storage-blob";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findFreePort } from "../../local/freePort.ts";
import { isOnPath, startRuntime, type Runtime } from "../../local/startRuntime.ts";
import { makeSampleApp, until, type SampleApp } from "./sampleApp.ts";

const repository = resolve(import.meta.dirname, "../..");
let folder: string;
let project: string;
let app: SampleApp;
const children = new Set<ChildProcess>();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "strata-runtime-"));
  app = makeSampleApp("streaming");
  // A small project with sources of its own, so that the command line can be run without the product.
  project = join(folder, "project");
  mkdirSync(join(project, "functions"), { recursive: true });
  mkdirSync(join(project, "infra"));
  symlinkSync(join(repository, "node_modules"), join(project, "node_modules"));
  writeProject("one");
  writeFileSync(join(project, "package.json"), JSON.stringify({ main: "dist/app.cjs" }));
  writeFileSync(
    join(project, "host.json"),
    JSON.stringify({ version: "2.0", extensions: { http: { routePrefix: "" } } }),
  );
  writeFileSync(
    join(project, "infra", "cosmos.json"),
    JSON.stringify({
      database: "strata",
      containers: [{ id: "a", partitionKey: { paths: ["/id"] } }],
    }),
  );
});
afterAll(async () => {
  for (const child of children) {
    child.kill("SIGKILL");
  }
  await until("all processes are gone", () =>
    [...children].every((child) => child.exitCode !== null || child.signalCode !== null)
      ? true
      : undefined,
  );
  app.remove();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function writeProject(word: string): void {
  writeFileSync(
    join(project, "functions", "health.ts"),
    `import { app } from "@azure/functions";
app.setup({ enableHttpStream: true });
app.http("health", { route: "health/check", handler: () => ({ body: "ok" }) });
app.http("word", { route: "word", handler: () => ({ body: "${word}" }) });
`,
  );
}

interface Run {
  readonly child: ChildProcess;
  readonly output: () => { stdout: string; stderr: string };
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

function run(script: string, environment: Record<string, string>): Run {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(repository, "local", script)],
    { cwd: project, env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] },
  );
  children.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<number | string>((done) => {
    child.once("exit", (code, signal) => {
      done(code ?? signal ?? "");
    });
  });
  return { child, output: () => ({ stdout, stderr }), ended };
}

async function untilReady(started: Run): Promise<void> {
  await until(
    "the ready message",
    () => {
      if (started.child.exitCode !== null) {
        throw new Error(started.output().stderr);
      }
      return started.output().stdout.includes("Strata is ready at") ? true : undefined;
    },
    60_000,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function pidsIn(dataDir: string): number[] {
  const text = readFileSync(join(dataDir, "runtime.json"), "utf8");
  return Object.values((JSON.parse(text) as { pids: Record<string, number> }).pids);
}

describe("the command line", () => {
  test("serves on PORT, says so once, and ends with all its children on SIGTERM", async () => {
    const port = await findFreePort();
    const dataDir = join(folder, "cli");
    const started = run("start.ts", { PORT: String(port), DATA_DIR: dataDir });
    await untilReady(started);
    expect(started.output().stdout).toContain(`http://127.0.0.1:${String(port)}`);
    expect(await (await fetch(`http://127.0.0.1:${String(port)}/word`)).text()).toBe("one");
    const pids = pidsIn(dataDir);
    expect(pids).toHaveLength(3);
    started.child.kill("SIGTERM");
    expect(await started.ended).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  // npm tells only its shell to end, which does not pass it on.
  test("when the shell that npm runs it in is ended, it ends too", async () => {
    const dataDir = join(folder, "npm");
    const port = await findFreePort();
    const shell = spawn(
      "sh",
      ["-c", `'${process.execPath}' '${join(repository, "local", "start.ts")}'; true`],
      {
        cwd: project,
        env: {
          ...process.env,
          PORT: String(port),
          DATA_DIR: dataDir,
          npm_lifecycle_event: "start",
        },
        stdio: "ignore",
      },
    );
    children.add(shell);
    const url = `http://127.0.0.1:${String(port)}/word`;
    await until("the service", async () => await fetch(url).catch(() => undefined), 60_000);
    await until("all processes", () => (pidsIn(dataDir).length === 3 ? true : undefined));
    shell.kill("SIGTERM");
    await until("its processes are gone", () => (pidsIn(dataDir).some(isAlive) ? undefined : true));
  });

  test("a signal during the start ends it with nothing left behind", async () => {
    const dataDir = join(folder, "interrupted");
    const started = run("start.ts", { PORT: String(await findFreePort()), DATA_DIR: dataDir });
    const pids = await until("a first process", () => {
      try {
        return pidsIn(dataDir);
      } catch {
        return undefined;
      }
    });
    started.child.kill("SIGINT");
    expect(await started.ended).toBe(0);
    await until("its children are gone", () => (pids.some(isAlive) ? undefined : true));
  });

  test("when it is killed its children end by themselves, and a new start takes over", async () => {
    const port = await findFreePort();
    const dataDir = join(folder, "killed");
    const first = run("start.ts", { PORT: String(port), DATA_DIR: dataDir });
    await untilReady(first);
    const pids = pidsIn(dataDir);
    first.child.kill("SIGKILL");
    await first.ended;
    const second = run("start.ts", { PORT: String(port), DATA_DIR: dataDir });
    await until("the orphans are gone", () => (pids.some(isAlive) ? undefined : true));
    // The port was taken at the moment of the second start if the old host was still there: then it says so.
    const outcome = await Promise.race([second.ended, untilReady(second).then(() => "ready")]);
    if (outcome === "ready") {
      second.child.kill("SIGTERM");
      expect(await second.ended).toBe(0);
    }
    expect(outcome).toBe("ready");
  });

  test.each([
    ["not a number", { PORT: "seventy" }, "PORT must be a number"],
    ["out of range", { PORT: "70000" }, "PORT must be a number"],
  ])("a PORT that is %s is one sentence and exit code 1", async (_name, environment, sentence) => {
    const started = run("start.ts", { DATA_DIR: join(folder, "never"), ...environment });
    expect(await started.ended).toBe(1);
    expect(started.output().stderr.trim().split("\n")).toHaveLength(1);
    expect(started.output().stderr).toContain(sentence);
  });

  test("damaged data is one sentence and exit code 1", async () => {
    const dataDir = join(folder, "damagedForCli");
    mkdirSync(join(dataDir, "azurite"), { recursive: true });
    writeFileSync(join(dataDir, "azurite", "__azurite_db_queue__.json"), "{ damaged");
    const started = run("start.ts", { PORT: String(await findFreePort()), DATA_DIR: dataDir });
    expect(await started.ended).toBe(1);
    expect(started.output().stderr.trim().split("\n")).toEqual([
      expect.stringContaining("The data of Azurite is damaged"),
    ]);
  });

  test("a change of a source is served soon after with dev.ts", async () => {
    const port = await findFreePort();
    const started = run("dev.ts", { PORT: String(port), DATA_DIR: join(folder, "dev") });
    await untilReady(started);
    writeProject("two");
    await until("the new word", async () => {
      const answer = await fetch(`http://127.0.0.1:${String(port)}/word`).catch(() => undefined);
      return (await answer?.text()) === "two" ? true : undefined;
    });
    // An app that fails while loading, and one that does not compile, wait for the change that mends them.
    writeFileSync(join(project, "functions", "broken.ts"), "throw new Error('for now');");
    await until(
      "the host is given up",
      () =>
        started.output().stderr.includes("started again after the next change") ? true : undefined,
      40_000,
    );
    writeFileSync(join(project, "functions", "broken.ts"), "const = 1;");
    await until("the error is shown", () =>
      started.output().stderr.includes("functions/broken.ts:1") ? true : undefined,
    );
    rmSync(join(project, "functions", "broken.ts"));
    writeProject("three");
    await until("the third word", async () => {
      const answer = await fetch(`http://127.0.0.1:${String(port)}/word`).catch(() => undefined);
      return (await answer?.text()) === "three" ? true : undefined;
    });
    started.child.kill("SIGTERM");
    expect(await started.ended).toBe(0);
  });

  test("start:func says in one sentence that func is missing", async () => {
    const started = run("startFunc.ts", { PATH: "/nowhere" });
    expect(await started.ended).toBe(1);
    expect(started.output().stderr.trim().split("\n")).toHaveLength(1);
    expect(isOnPath("node", { PATH: join(process.execPath, "..") })).toBe(true);
  });
});

describe("what cannot start", () => {
  const start = async (options: { dataDir: string; port?: number }): Promise<Runtime> =>
    await startRuntime({ root: project, appRoot: app.folder, healthTimeoutMs: 20_000, ...options });

  test("a busy port is named", async () => {
    const server = createServer();
    const port = await findFreePort();
    await new Promise<void>((done) => {
      server.listen(port, "127.0.0.1", done);
    });
    await expect(start({ dataDir: join(folder, "busy"), port })).rejects.toThrow(
      `Port ${String(port)} is already in use`,
    );
    server.close();
  });

  test("a folder that cannot be made is named", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(start({ dataDir: join(folder, "file", "data") })).rejects.toThrow(
      "cannot be written to",
    );
  });

  test("a second runtime on one folder is refused, and the first goes on", async () => {
    const dataDir = join(folder, "shared");
    const first = await start({ dataDir });
    await expect(start({ dataDir })).rejects.toThrow("in use by another runtime");
    expect((await fetch(`${first.baseUrl}/health/check`)).status).toBe(200);
    await first.stop();
  });

  test("damaged blob metadata is told apart and nothing is left running", async () => {
    const dataDir = join(folder, "damagedBlobs");
    const first = await start({ dataDir });
    const pids = Object.values(first.pids());
    await first.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    writeFileSync(join(dataDir, "azurite", "__azurite_db_blob__.json"), "{ damaged");
    await expect(start({ dataDir })).rejects.toThrow("The data of Azurite is damaged");
    await until("nothing is running", () => (pidsIn(dataDir).some(isAlive) ? undefined : true));
  });

  test("a damaged database is told apart and nothing is left running", async () => {
    const dataDir = join(folder, "damagedDatabase");
    await (await start({ dataDir })).stop();
    for (const name of readdirSync(join(dataDir, "cosmos"))) {
      writeFileSync(join(dataDir, "cosmos", name), Buffer.alloc(8_192, "damaged "));
    }
    await expect(start({ dataDir })).rejects.toThrow(/damaged/u);
    await until("nothing is running", () => (pidsIn(dataDir).some(isAlive) ? undefined : true));
  });

  test("a journal that is damaged in the middle is told apart", async () => {
    const dataDir = join(folder, "damagedJournal");
    await (await start({ dataDir })).stop();
    writeFileSync(
      join(dataDir, "azurite", "__azurite_db_blob__.json.journal.99"),
      "nonsense\n{}\n",
    );
    await expect(start({ dataDir })).rejects.toThrow("damaged at line 1");
  });

  test("an app that does not load is refused with its reason", async () => {
    const broken = makeSampleApp("streaming");
    writeFileSync(join(broken.folder, "dist", "app.cjs"), "throw new Error('no such luck');");
    await expect(
      startRuntime({ root: project, appRoot: broken.folder, dataDir: join(folder, "broken") }),
    ).rejects.toThrow("no such luck");
    broken.remove();
  });
});

describe("a running service", () => {
  test("two runtimes live side by side with data of their own", async () => {
    const runtimes = await Promise.all(
      ["left", "right"].map(
        async (name) =>
          await startRuntime({ root: project, appRoot: app.folder, dataDir: join(folder, name) }),
      ),
    );
    for (const [index, { storageConnectionString }] of runtimes.entries()) {
      const container =
        BlobServiceClient.fromConnectionString(storageConnectionString).getContainerClient(
          "content",
        );
      await container.create();
      await container.getBlockBlobClient("name").upload(String(index), 1);
    }
    const read = await Promise.all(
      runtimes.map(async ({ storageConnectionString }) => {
        const container =
          BlobServiceClient.fromConnectionString(storageConnectionString).getContainerClient(
            "content",
          );
        return (await container.getBlobClient("name").downloadToBuffer()).toString();
      }),
    );
    expect(read).toEqual(["0", "1"]);
    await Promise.all(
      runtimes.map(async (runtime) => {
        await runtime.stop();
      }),
    );
  });

  // Goal: what Azurite has acknowledged is there, whole and once, after its process was killed at any moment.
  // Method: write, overwrite and delete blobs from several writers; kill in the middle; compare with what was answered.
  test("acknowledged blobs survive the killing of Azurite", async () => {
    const runtime = await startRuntime({
      root: project,
      appRoot: app.folder,
      dataDir: join(folder, "blobs"),
    });
    const service = BlobServiceClient.fromConnectionString(runtime.storageConnectionString, {
      retryOptions: { maxTries: 1 },
    });
    const container = service.getContainerClient("content");
    await container.create();
    for (const round of [1, 2]) {
      const expected = new Map<string, string | undefined>();
      const unsure = new Set<string>();
      let isKilled = false;
      const pid = runtime.pids().azurite ?? 0;
      const writer = async (writerNumber: number): Promise<void> => {
        for (let n = 0; !isKilled; n++) {
          const name = `${String(round)}/${String(writerNumber)}/${String(n)}`;
          const blob = container.getBlockBlobClient(name);
          const write = async (
            content: string | undefined,
            send: () => Promise<unknown>,
          ): Promise<boolean> => {
            try {
              await send();
              expected.set(name, content);
              return true;
            } catch {
              // Not acknowledged: either state is right.
              unsure.add(name);
              return false;
            }
          };
          const first = `first ${name}`;
          const second = `second ${name}`;
          if (!(await write(first, async () => await blob.upload(first, first.length)))) return;
          if (
            n % 3 === 1 &&
            !(await write(second, async () => await blob.upload(second, second.length)))
          )
            return;
          if (n % 3 === 2 && !(await write(undefined, async () => await blob.delete()))) return;
          if (writerNumber === 0 && n === 20) {
            isKilled = true;
            process.kill(pid, "SIGKILL");
          }
        }
      };
      await Promise.all(
        [0, 1, 2, 3].map(async (n) => {
          await writer(n);
        }),
      );
      await until("Azurite is back", async () => {
        const isBack = runtime.pids().azurite !== pid;
        return isBack && (await service.getProperties().catch(() => undefined)) !== undefined
          ? true
          : undefined;
      });
      const found = new Map<string, string>();
      for await (const { name } of container.listBlobsFlat({ prefix: `${String(round)}/` })) {
        expect(found.has(name)).toBe(false);
        found.set(name, (await container.getBlobClient(name).downloadToBuffer()).toString());
      }
      expect(expected.size).toBeGreaterThan(20);
      for (const [name, content] of expected) {
        if (!unsure.has(name)) {
          expect([name, found.get(name)]).toEqual([name, content]);
        }
      }
    }
    await runtime.stop();
  });

  test("a killed host is back on the same port, and one that dies again and again ends the runtime", async () => {
    const runtime = await startRuntime({
      root: project,
      appRoot: app.folder,
      dataDir: join(folder, "deaths"),
    });
    const pid = runtime.pids().host ?? 0;
    process.kill(pid, "SIGKILL");
    await until("the host is back", async () => {
      const answer = await fetch(`${runtime.baseUrl}/health/check`).catch(() => undefined);
      return answer?.status === 200 && runtime.pids().host !== pid ? true : undefined;
    });
    const bundle = join(app.folder, "dist", "app.cjs");
    const whole = readFileSync(bundle);
    writeFileSync(bundle, "throw new Error('broken meanwhile');");
    process.kill(runtime.pids().host ?? 0, "SIGKILL");
    expect(await runtime.failed).toContain("The Functions host");
    writeFileSync(bundle, whole);
    expect(Object.values(runtime.pids()).filter(isAlive)).toEqual([]);
  });
});
