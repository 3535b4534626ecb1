import { join } from "node:path";
import { findFreePort } from "./freePort.ts";
import {
  SupervisedProcess,
  childArguments,
  type ProcessSpecification,
} from "./supervisedProcess.ts";
import { RuntimeError } from "./runtimeError.ts";

/** What the caller decides about the process. */
export type AzuriteOptions = Pick<ProcessSpecification, "log" | "onReady" | "onGivenUp"> & {
  /** Keeps blobs, queues and the journal; made when absent. */
  readonly dataDir: string;
  /** The files of a private key and a certificate: TLS, and identity tokens besides shared keys. */
  readonly tls?: { readonly keyFile: string; readonly certFile: string };
  /** Receives the process before it is started, so that it can be stopped at any moment. */
  readonly onCreated: (process: SupervisedProcess) => void;
};

/**
 * Starts Azurite's blob and queue services in a process of their own on free ports of 127.0.0.1 and waits until it serves; a process that dies is started again on the
 * same ports. Resolves to the connection string for the storage clients. What it has acknowledged survives the killing of the process at any moment.
 *
 * Rejects with `RuntimeError` when the folder cannot be used or its content is damaged.
 */
export async function startAzurite(options: AzuriteOptions): Promise<string> {
  const blobPort = await findFreePort();
  const queuePort = await findFreePort();
  const azurite = new SupervisedProcess({
    title: "Azurite",
    command: process.execPath,
    arguments: [
      ...childArguments,
      join(import.meta.dirname, "azurite", "main.ts"),
      "--data",
      options.dataDir,
      "--blob-port",
      String(blobPort),
      "--queue-port",
      String(queuePort),
      ...(options.tls === undefined
        ? []
        : ["--tls-key", options.tls.keyFile, "--tls-cert", options.tls.certFile]),
    ],
    environment: process.env,
    folder: process.cwd(),
    printsReadiness: true,
    log: options.log,
    onReady: options.onReady,
    onGivenUp: options.onGivenUp,
  });
  options.onCreated(azurite);
  const readiness = await azurite.start();
  if (readiness.connectionString === undefined) {
    throw new RuntimeError("Azurite did not tell how to connect to it.");
  }
  return readiness.connectionString;
}
