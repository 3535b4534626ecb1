import { createPublicKey, createSecretKey } from "node:crypto";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

import { Account } from "./account.ts";
import { emulatorKey } from "./authorization.ts";
import { AdjustableClock, CosmosControl } from "./control.ts";
import { Faults } from "./faults.ts";
import { createGateway } from "./gateway.ts";

/** How to start the server; only the folder is required. */
export interface CosmosServerOptions {
  /** Where the data is kept; made when it is not there. One server at a time can use it. */
  readonly dataDir: string;
  /** The port on 127.0.0.1; 0 or absent is a free one. */
  readonly port?: number;
  /** The master key, in base64; absent is the one that all emulators share. */
  readonly key?: string;
  /** The public key (P-256, PEM) of an issuer whose identity tokens are taken besides the master key's signatures. */
  readonly identityKey?: string;
  /** The private key and the certificate, in PEM, to speak TLS with; absent: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** How many physical partitions a new container has at least. Default 1. */
  readonly physicalPartitions?: number;
  /** A physical partition that outgrows this many bytes is split; absent: never. */
  readonly partitionBytesMax?: number;
  /** Whether the routes that cause faults, splits and merges are there. Default no. */
  readonly admin?: boolean;
}

/** A server that runs. */
export interface CosmosServer {
  /** The base URL, with a slash at its end. */
  readonly endpoint: string;
  readonly key: string;
  /** What `new CosmosClient(…)` takes. */
  readonly connectionString: string;
  /** Splits, merges, throttles and fails on command; what the admin routes do over HTTP. */
  readonly control: CosmosControl;
  /** Ends all connections and lets go of the data folder. */
  close(): Promise<void>;
}

/** The port is taken or not allowed; the message is a sentence for the person who started the server. */
export class PortError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PortError";
  }
}

async function listen(server: Server, port: number): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason = error.code === "EADDRINUSE" ? "is in use" : "cannot be listened on";
      reject(new PortError(`The port ${port} of 127.0.0.1 ${reason}.`, { cause: error }));
    });
    server.listen(port, "127.0.0.1", () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}

const keepAliveMilliseconds = 120_000;

/**
 * Starts a server on a data folder and resolves once it answers.
 *
 * Rejects with `DataFolderError` when the folder cannot be used and with `PortError` when the port cannot, having let
 * go of both. What was acknowledged before an earlier process on the folder ended, however it ended, is there.
 */
export async function startCosmosServer(options: CosmosServerOptions): Promise<CosmosServer> {
  const key = options.key ?? emulatorKey;
  const clock = new AdjustableClock();
  const account = new Account(options.dataDir, {
    physicalPartitions: options.physicalPartitions ?? 1,
    partitionBytesMax: options.partitionBytesMax,
    now: clock.now,
  });
  const control = new CosmosControl(account, clock, new Faults(() => performance.now()));
  let endpoint = "";
  const gateway = createGateway({
    account,
    control,
    hasAdmin: options.admin ?? false,
    keys: {
      // A key object is prepared once; from plain bytes each signature would pay for that again.
      master: createSecretKey(Buffer.from(key, "base64")),
      ...(options.identityKey === undefined
        ? {}
        : { identity: createPublicKey(options.identityKey) }),
    },
    endpoint: () => endpoint,
    now: () => Date.now(),
  });
  // Clients keep connections for long. One that is closed under a request looks like a failure.
  const connections = { keepAliveTimeout: keepAliveMilliseconds, requestTimeout: 60_000 };
  const server =
    options.tls === undefined
      ? createServer(connections, gateway)
      : createTlsServer({ ...connections, ...options.tls }, gateway);
  try {
    const port = await listen(server, options.port ?? 0);
    endpoint = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}/`;
  } catch (error) {
    account.close();
    throw error;
  }
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      server.close(() => {
        account.close();
        resolve();
      });
      server.closeAllConnections();
    });
    await closing;
  };
  return {
    endpoint,
    key,
    control,
    connectionString: `AccountEndpoint=${endpoint};AccountKey=${key};`,
    close,
  };
}
