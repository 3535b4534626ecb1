import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { DataFolderError } from "./account.ts";
import { PortError, startCosmosServer, type CosmosServerOptions } from "./server.ts";

const usage = `Usage: node local/cosmos/main.ts [options]

  --data DIR         where the data is kept (default ./.data/cosmos)
  --port N           the port on 127.0.0.1 (default: a free one)
  --key KEY          the master key in base64 (default: the well-known emulator key)
  --partitions N     physical partitions of a new container (default 1)
  --split-at BYTES   split a physical partition that outgrows this (default: never)
  --identity-key F   a public key (P-256, PEM): take identity tokens that it verifies, too
  --tls-key F        speak TLS with this private key (PEM) …
  --tls-cert F       … and this certificate (PEM)
  --admin            serve the routes that cause faults, splits and merges
  --help             print this
`;

/** A command line that cannot be followed. */
class UsageError extends Error {}

function parseCount(text: string | undefined, name: string, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+$/u.test(text) ? Number(text) : NaN;
  if (!(value <= max)) throw new UsageError(`--${name} takes an integer from 0 to ${max}.`);
  return value;
}

function readPem(file: string | undefined, name: string): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new UsageError(`--${name} names no file that can be read.`);
  }
}

function parseOptions(): CosmosServerOptions | undefined {
  const { values } = parseArgs({
    options: {
      data: { type: "string", default: "./.data/cosmos" },
      port: { type: "string" },
      key: { type: "string" },
      partitions: { type: "string" },
      "split-at": { type: "string" },
      "identity-key": { type: "string" },
      "tls-key": { type: "string" },
      "tls-cert": { type: "string" },
      admin: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const port = parseCount(values.port, "port", 65_535);
  const physicalPartitions = parseCount(values.partitions, "partitions", 256);
  const partitionBytesMax = parseCount(values["split-at"], "split-at", Number.MAX_SAFE_INTEGER);
  const key = values.key;
  if (physicalPartitions === 0) throw new UsageError("--partitions takes at least 1.");
  if (key !== undefined && !/^[A-Za-z0-9+/]+={0,2}$/u.test(key)) {
    throw new UsageError("--key takes a key in base64.");
  }
  const identityKey = readPem(values["identity-key"], "identity-key");
  const tlsKey = readPem(values["tls-key"], "tls-key");
  const tlsCert = readPem(values["tls-cert"], "tls-cert");
  if ((tlsKey === undefined) !== (tlsCert === undefined)) {
    throw new UsageError("--tls-key and --tls-cert go together.");
  }
  return {
    dataDir: values.data,
    admin: values.admin,
    ...(port === undefined ? {} : { port }),
    ...(key === undefined ? {} : { key }),
    ...(identityKey === undefined ? {} : { identityKey }),
    ...(tlsKey === undefined || tlsCert === undefined
      ? {}
      : { tls: { key: tlsKey, cert: tlsCert } }),
    ...(physicalPartitions === undefined ? {} : { physicalPartitions }),
    ...(partitionBytesMax === undefined ? {} : { partitionBytesMax }),
  };
}

async function run(): Promise<void> {
  const options = parseOptions();
  if (options === undefined) {
    process.stdout.write(usage);
    return;
  }
  const server = await startCosmosServer(options);
  const { endpoint, connectionString } = server;
  process.stdout.write(
    process.stdout.isTTY
      ? `Cosmos DB server ready at ${endpoint}\nData folder: ${options.dataDir}\nConnection string: ${connectionString}\nCtrl-C ends it.\n`
      : `${JSON.stringify({ ready: true, endpoint, connectionString })}\n`,
  );
  const end = (): void => {
    void server.close().then(() => {
      process.exit(0);
    });
  };
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
}

function explain(error: unknown): string {
  if (
    error instanceof UsageError ||
    error instanceof DataFolderError ||
    error instanceof PortError
  ) {
    return error.message;
  }
  // The parser of the command line throws plain errors with codes of its own.
  if (
    error instanceof TypeError &&
    "code" in error &&
    String(error.code).startsWith("ERR_PARSE_ARGS")
  ) {
    return `${error.message.split("\n")[0] ?? ""} Try --help.`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  await run();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
}
