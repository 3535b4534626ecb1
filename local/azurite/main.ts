import { accessSync, constants, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { lockFolder } from "../folderLock.ts";
import { DamagedJournal } from "./journal.ts";
import { journalLoki, type LokiModule } from "./journalLoki.ts";

// The process that runs Azurite's blob and queue services out of the unmodified package, with a journal under its
// metadata. Prints one line of JSON on standard output once both listen. Ends on SIGTERM and SIGINT.

/** Azurite's servers, as far as they are used here; the package has no type declarations. */
interface AzuriteServer {
  start(): Promise<void>;
  close(): Promise<void>;
}
type Constructor<Arguments extends unknown[], Instance> = new (...args: Arguments) => Instance;
interface DefaultExport<T> {
  readonly default: T;
}

/** The account and key that every storage emulator and client knows; they open nothing but this process. */
const accountName = "devstoreaccount1";
const accountKey =
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** How long another process on the same folder, whose supervisor has gone, may take to end. */
const lockWaitMs = 5_000;
const closeMs = 1_500;

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    "blob-port": { type: "string", default: "0" },
    "queue-port": { type: "string", default: "0" },
    // With both, the services speak TLS and take identity tokens besides shared keys.
    "tls-key": { type: "string" },
    "tls-cert": { type: "string" },
  },
});

try {
  await run();
} catch (error) {
  process.stderr.write(`${sentenceFor(error)}\n`);
  process.exit(1);
}

async function run(): Promise<void> {
  if (values.data === undefined) {
    throw new Error("--data must name the folder that keeps the blobs and queues.");
  }
  const folder = values.data;
  mkdirSync(folder, { recursive: true });
  accessSync(folder, constants.W_OK);
  if ((await lockFolder(folder, lockWaitMs)) === undefined) {
    throw new Error(`${folder} is in use by another process.`);
  }
  const servers = createServers(folder);
  for (const server of servers) {
    await server.start();
  }
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) {
      return;
    }
    isStopping = true;
    // The journal has everything already: a slow end may be cut short.
    setTimeout(() => process.exit(0), closeMs).unref();
    Promise.allSettled(
      servers.map(async (server) => {
        await server.close();
      }),
    ).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  const protocol = values["tls-key"] === undefined ? "http" : "https";
  const endpoint = `${protocol}://127.0.0.1:${values["blob-port"]}`;
  const connectionString = [
    `DefaultEndpointsProtocol=${protocol}`,
    `AccountName=${accountName}`,
    `AccountKey=${accountKey}`,
    `BlobEndpoint=${endpoint}/${accountName}`,
    `QueueEndpoint=${protocol}://127.0.0.1:${values["queue-port"]}/${accountName}`,
  ].join(";");
  process.stdout.write(`${JSON.stringify({ ready: true, endpoint, connectionString })}\n`);
}

function createServers(folder: string): AzuriteServer[] {
  // Azurite looks for accounts in the environment only.
  process.env["AZURITE_ACCOUNTS"] = `${accountName}:${accountKey}`;
  const require = createRequire(import.meta.url);
  const azurite = dirname(require.resolve("azurite/package.json"));
  const requireAzurite = createRequire(join(azurite, "package.json"));
  journalLoki(requireAzurite("lokijs") as LokiModule);
  const load = <T>(path: string): T =>
    (requireAzurite(join(azurite, "dist", "src", path)) as DefaultExport<T>).default;

  return (["blob", "queue"] as const).map((service) => {
    const title = service === "blob" ? "Blob" : "Queue";
    const Configuration = load<Constructor<unknown[], object>>(`${service}/${title}Configuration`);
    const Server = load<Constructor<[object], AzuriteServer>>(`${service}/${title}Server`);
    const configuration = new Configuration(
      "127.0.0.1",
      Number(values[`${service}-port`]),
      undefined, // keep-alive: the default
      join(folder, `__azurite_db_${service}__.json`),
      join(folder, `__azurite_db_${service}_extent__.json`),
      [
        {
          locationId: "Default",
          locationPath: join(folder, `__${service}storage__`),
          maxConcurrency: 50,
        },
      ],
      false, // access log
      undefined,
      false, // debug log
      undefined,
      false, // loose
      true, // skip the check of the API version: clients may be newer than Azurite
      values["tls-cert"] ?? "",
      values["tls-key"] ?? "",
      "", // password of a PFX file
      values["tls-key"] === undefined ? undefined : "basic", // identity tokens
    );
    return new Server(configuration);
  });
}

function sentenceFor(error: unknown): string {
  const cause = error as NodeJS.ErrnoException;
  const folder = values.data ?? "";
  if (error instanceof DamagedJournal) {
    return `The data of Azurite is damaged: ${error.message}`;
  }
  switch (cause.code) {
    case "EADDRINUSE":
      return "A port that Azurite was to listen on is already in use.";
    case "EACCES":
    case "EROFS":
    case "EPERM":
      return `${folder} cannot be written to.`;
    default:
      return `Azurite cannot start: ${error instanceof Error ? error.message : String(error)}`;
  }
}
