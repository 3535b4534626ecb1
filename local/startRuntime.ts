import { randomBytes } from "node:crypto";
import { accessSync, constants, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { CosmosClient } from "@azure/cosmos";
import { startAzurite } from "./azurite.ts";
import { buildApp, type BuiltApp } from "./buildApp.ts";
import { lockFolder, type FolderLock } from "./folderLock.ts";
import { findFreePort, isPortFree } from "./freePort.ts";
import { provisionCosmos } from "./provisionCosmos.ts";
import { RuntimeError } from "./runtimeError.ts";
import {
  SupervisedProcess,
  childArguments,
  type ProcessSpecification,
} from "./supervisedProcess.ts";

/** The processes that a runtime may consist of. */
export type ProcessRole = "cosmos" | "azurite" | "host";

/** How a runtime is started. */
export interface RuntimeOptions {
  /** Keeps everything that is stored, and `runtime.json`; made when absent. */
  readonly dataDir: string;
  /** Of the service; 0 or absent takes a free one. */
  readonly port?: number;
  /** The project folder; default the current one. */
  readonly root?: string;
  /** The folder of the app to serve instead of building the one in `root`: package.json, host.json and the bundle. */
  readonly appRoot?: string;
  /** Settings for the app, over those that the runtime makes up. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where the settings for existing services are looked up; default the environment of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Arguments for the Cosmos DB server besides folder and port. */
  readonly cosmosArguments?: readonly string[];
  /** Builds on every change of a source and starts the host anew. */
  readonly isWatching?: boolean;
  /** Serves the app with the `func` of Azure Functions Core Tools instead of the host of this project. */
  readonly usesCoreTools?: boolean;
  /** Arguments for the host besides app and port. */
  readonly hostArguments?: readonly string[];
  /** Receives each line that a process writes. */
  readonly log?: (role: ProcessRole | "build", line: string) => void;
  /** How long the app may take until its health check answers 200. Default 60000. */
  readonly healthTimeoutMs?: number;
  /** Gives the start up; what has been started ends. */
  readonly signal?: AbortSignal;
}

/** A running service with all that it needs. */
export interface Runtime {
  readonly baseUrl: string;
  readonly cosmosConnectionString: string;
  readonly storageConnectionString: string;
  /** The process ids now, by role; a role that an existing service fills has none. */
  pids(): Readonly<Partial<Record<ProcessRole, number>>>;
  /** Resolves with a sentence when a process has died too often and the runtime has stopped itself. */
  readonly failed: Promise<string>;
  /** Ends all processes, the host first, within five seconds. Safe to call twice. */
  stop(): Promise<void>;
}

/** Above what the service accepts as a single upload on Azure, where the limit has to be set as well. */
const bodyBytesMax = 4 * 1024 ** 3;
const orphanWaitMs = 5_000;
const hostGraceMs = 2_800;
const serviceGraceMs = 1_800;
const healthTimeoutMsDefault = 60_000;

/**
 * Builds the function app and starts everything that it needs, each in a process of its own: the Cosmos DB server,
 * Azurite and the Functions host. Resolves once `GET /health/check` answers 200.
 *
 * With `COSMOS_ENDPOINT` and `COSMOS_KEY`, or `STORAGE_CONNECTION_STRING`, in the environment those services are used
 * and none is started. Rejects with `RuntimeError`, one clear sentence, and leaves nothing running, when the port is
 * taken, the folder is not writable, damaged or in use by another runtime, or the app does not become healthy.
 */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const starting = new Starting(options);
  const { signal } = options;
  let onAbort: (() => void) | undefined;
  const interrupted = new Promise<never>((_done, fail) => {
    onAbort = (): void => {
      fail(new RuntimeError("The start was interrupted."));
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
  const run = starting.run();
  try {
    return await Promise.race([run, interrupted]);
  } catch (error) {
    await starting.stop();
    await run.catch(() => undefined);
    throw error;
  } finally {
    if (onAbort !== undefined) {
      signal?.removeEventListener("abort", onAbort);
    }
  }
}

/** The state of one runtime from its first process on. */
class Starting {
  readonly #options: RuntimeOptions;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #root: string;
  readonly #dataDir: string;
  readonly #pids: Partial<Record<ProcessRole, number>> = {};
  readonly #processes = new Map<ProcessRole, SupervisedProcess>();
  #fail: (reason: string) => void = () => undefined;
  readonly #failed: Promise<string>;
  #givenUp: string | undefined;
  #lock: FolderLock | undefined;
  #app: BuiltApp | undefined;
  #description: Readonly<Record<string, string>> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#environment = options.environment ?? process.env;
    this.#root = resolve(options.root ?? ".");
    this.#dataDir = resolve(options.dataDir);
    this.#failed = new Promise<string>((done) => {
      this.#fail = (reason): void => {
        this.#givenUp = reason;
        void (async (): Promise<void> => {
          await this.stop();
          done(reason);
        })();
      };
    });
  }

  async run(): Promise<Runtime> {
    const { port: wantedPort = 0 } = this.#options;
    await this.#takeFolder();
    if (wantedPort !== 0 && !(await isPortFree(wantedPort))) {
      throw new RuntimeError(
        `Port ${String(wantedPort)} is already in use; set PORT to another one.`,
      );
    }
    const [, cosmos, storage] = await allOrFirstError([
      this.#build(),
      this.#startCosmos(),
      this.#startStorage(),
    ]);
    this.#assertWanted();
    const database = this.#environment["COSMOS_DATABASE"] ?? "strata";
    await this.#provision(cosmos, database);
    // Not before it is needed: what is free now may be taken by the time the services have started.
    const port = wantedPort === 0 ? await findFreePort() : wantedPort;
    const baseUrl = `http://127.0.0.1:${String(port)}`;
    this.#description = {
      baseUrl,
      cosmosConnectionString: cosmos,
      storageConnectionString: storage,
    };
    await this.#startHost(port, {
      COSMOS: cosmos,
      COSMOS_DATABASE: database,
      CONTENT: storage,
      AzureWebJobsStorage: storage,
    });
    await this.#waitUntilHealthy(baseUrl);
    this.#writeDescription();
    return {
      baseUrl,
      cosmosConnectionString: cosmos,
      storageConnectionString: storage,
      pids: () => ({ ...this.#pids }),
      failed: this.#failed,
      stop: async () => {
        await this.stop();
      },
    };
  }

  async stop(): Promise<void> {
    this.#stopping ??= (async (): Promise<void> => {
      await this.#app?.stop();
      await this.#processes.get("host")?.stop(hostGraceMs);
      await Promise.all(
        [...this.#processes]
          .filter(([role]) => role !== "host")
          .map(async ([, child]) => {
            await child.stop(serviceGraceMs);
          }),
      );
      this.#lock?.release();
    })();
    await this.#stopping;
  }

  async #takeFolder(): Promise<void> {
    try {
      mkdirSync(this.#dataDir, { recursive: true });
      accessSync(this.#dataDir, constants.W_OK | constants.X_OK);
      this.#lock = await lockFolder(this.#dataDir);
    } catch (cause) {
      throw new RuntimeError(
        `${this.#dataDir} cannot be written to; set DATA_DIR to a folder that can.`,
        {
          cause,
        },
      );
    }
    if (this.#lock === undefined) {
      throw new RuntimeError(
        `${this.#dataDir} is in use by another runtime; stop it or set DATA_DIR.`,
      );
    }
    await this.#waitForOrphans();
  }

  /** After a supervisor was killed its children take a moment to notice and end; the folder is theirs until then. */
  async #waitForOrphans(): Promise<void> {
    let pids: number[];
    try {
      const text = readFileSync(join(this.#dataDir, "runtime.json"), "utf8");
      pids = Object.values((JSON.parse(text) as { pids: Record<string, number> }).pids);
    } catch {
      return;
    }
    const deadline = performance.now() + orphanWaitMs;
    while (pids.some(isAlive) && performance.now() < deadline) {
      await pause(50);
    }
  }

  async #build(): Promise<void> {
    if (this.#options.appRoot !== undefined) {
      return;
    }
    let isFirst = true;
    const onBuild = (errors: readonly string[]): void => {
      for (const error of errors) {
        this.#log("build", error);
      }
      if (!isFirst && errors.length === 0) {
        this.#processes.get("host")?.restart();
      }
      isFirst = false;
    };
    try {
      this.#app = await buildApp({
        root: this.#root,
        ...(this.#options.isWatching === true ? { onBuild } : {}),
      });
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new RuntimeError(`The function app does not build: ${message}`, { cause });
    }
  }

  async #startCosmos(): Promise<string> {
    const { COSMOS_ENDPOINT: endpoint, COSMOS_KEY: key } = this.#environment;
    if (endpoint !== undefined && key !== undefined) {
      return `AccountEndpoint=${endpoint};AccountKey=${key};`;
    }
    const cosmos = this.#adopt("cosmos", {
      title: "The Cosmos DB server",
      command: process.execPath,
      arguments: [
        ...childArguments,
        join(import.meta.dirname, "cosmos", "main.ts"),
        "--data",
        join(this.#dataDir, "cosmos"),
        "--port",
        String(await findFreePort()),
        ...(this.#options.cosmosArguments ?? []),
      ],
      environment: this.#environment,
      folder: this.#root,
      printsReadiness: true,
      ...this.#callbacks("cosmos"),
    });
    const readiness = await cosmos.start();
    if (readiness.connectionString === undefined) {
      throw new RuntimeError("The Cosmos DB server did not tell how to connect to it.");
    }
    return readiness.connectionString;
  }

  async #startStorage(): Promise<string> {
    const given = this.#environment["STORAGE_CONNECTION_STRING"];
    if (given !== undefined) {
      return given;
    }
    return await startAzurite({
      dataDir: join(this.#dataDir, "azurite"),
      ...this.#callbacks("azurite"),
      onCreated: (azurite) => {
        this.#processes.set("azurite", azurite);
      },
    });
  }

  async #provision(connectionString: string, database: string): Promise<void> {
    const file = join(this.#root, "infra", "cosmos.json");
    const client = new CosmosClient({ connectionString });
    try {
      await provisionCosmos(client, file, database);
    } finally {
      client.dispose();
    }
  }

  async #startHost(port: number, services: Readonly<Record<string, string>>): Promise<void> {
    const environment = {
      AUTHENTICATION: "none",
      FEED_TOKEN_KEYS: this.#feedTokenKeys(),
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: String(bodyBytesMax),
      ...this.#environment,
      ...services,
      AZURE_FUNCTIONS_ENVIRONMENT: "Development",
      FUNCTIONS_WORKER_RUNTIME: "node",
      EMBEDDED_RUNTIME_LISTENER: `127.0.0.1:${String(port)}`,
      ...this.#options.settings,
    };
    const appRoot = this.#options.appRoot ?? this.#root;
    const usesCoreTools = this.#options.usesCoreTools === true;
    const host = this.#adopt("host", {
      title: "The Functions host",
      command: usesCoreTools ? "func" : process.execPath,
      arguments: usesCoreTools
        ? ["start", "--port", String(port)]
        : [
            ...childArguments,
            join(import.meta.dirname, "host", "main.ts"),
            "--app",
            appRoot,
            "--port",
            String(port),
            ...(this.#options.hostArguments ?? []),
          ],
      environment,
      folder: appRoot,
      printsReadiness: !usesCoreTools,
      ...this.#callbacks("host"),
    });
    await host.start();
  }

  /** The key that seals the tokens of the feed: made once, and kept with the data that the tokens are good for. */
  #feedTokenKeys(): string {
    const file = join(this.#dataDir, "feed-token-keys");
    try {
      return readFileSync(file, "utf8").trim();
    } catch {
      const keys = `local:${randomBytes(32).toString("base64")}`;
      writeFileSync(file, `${keys}\n`, { mode: 0o600 });
      return keys;
    }
  }

  async #waitUntilHealthy(baseUrl: string): Promise<void> {
    const deadline = performance.now() + (this.#options.healthTimeoutMs ?? healthTimeoutMsDefault);
    let last = "nothing answered";
    for (;;) {
      this.#assertWanted();
      try {
        const answer = await fetch(`${baseUrl}/health/check`, {
          signal: AbortSignal.timeout(5_000),
        });
        const body = await answer.text();
        if (answer.status === 200) {
          return;
        }
        last = `${String(answer.status)} ${body}`.trim();
      } catch (error) {
        last = error instanceof Error ? error.message : String(error);
      }
      if (performance.now() > deadline) {
        throw new RuntimeError(`The service did not become healthy: ${last}`);
      }
      await pause(50);
    }
  }

  #assertWanted(): void {
    if (this.#stopping !== undefined) {
      throw new RuntimeError(this.#givenUp ?? "The start was interrupted.");
    }
  }

  #callbacks(role: ProcessRole): {
    log: (line: string) => void;
    onReady: (pid: number) => void;
    onGivenUp: (reason: string) => void;
  } {
    return {
      log: (line) => {
        this.#log(role, line);
      },
      onReady: (pid) => {
        this.#pids[role] = pid;
        this.#writeDescription();
      },
      onGivenUp: (reason) => {
        if (role === "host" && this.#options.isWatching === true) {
          // The next change of a source is another chance.
          this.#log("build", `${reason} It is started again after the next change.`);
        } else {
          this.#fail(reason);
        }
      },
    };
  }

  #adopt(role: ProcessRole, specification: ProcessSpecification): SupervisedProcess {
    const created = new SupervisedProcess(specification);
    this.#processes.set(role, created);
    return created;
  }

  #log(role: ProcessRole | "build", line: string): void {
    this.#options.log?.(role, line);
  }

  /** Writes `runtime.json`: where everything is, for tools and tests, and for the next start. */
  #writeDescription(): void {
    const file = join(this.#dataDir, "runtime.json");
    const content = { ...this.#description, pids: this.#pids };
    writeFileSync(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`);
    renameSync(`${file}.new`, file);
  }
}

/** Whether a program of this name is on the PATH. */
export function isOnPath(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  return (environment["PATH"] ?? "").split(delimiter).some((folder) =>
    ["", ".exe", ".cmd"].some((extension) => {
      try {
        accessSync(join(folder, name + extension), constants.X_OK);
        return folder !== "";
      } catch {
        return false;
      }
    }),
  );
}

/** Waits for all, so that nothing is still starting when the first error is thrown. */
async function allOrFirstError<A, B, C>(
  work: [Promise<A>, Promise<B>, Promise<C>],
): Promise<[A, B, C]> {
  await Promise.allSettled(work);
  return await Promise.all(work);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function pause(milliseconds: number): Promise<void> {
  await new Promise((done) => {
    setTimeout(done, milliseconds);
  });
}
