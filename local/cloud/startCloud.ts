import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import { CosmosClient } from "@azure/cosmos";
import { startAzurite } from "../azurite.ts";
import { findFreePort } from "../freePort.ts";
import { provisionCosmos } from "../provisionCosmos.ts";
import { RuntimeError } from "../runtimeError.ts";
import {
  SupervisedProcess,
  childArguments,
  type ProcessSpecification,
} from "../supervisedProcess.ts";
import { makeLoopbackCertificate } from "./certificate.ts";
import { startIdentityEndpoint, type IdentityEndpoint } from "./identityEndpoint.ts";

/** How the stand-ins of a cloud are started. */
export interface CloudOptions {
  /** The project folder. */
  readonly root: string;
  /** The folder with what is deployed: package.json, host.json and the bundle. */
  readonly appRoot: string;
  /** Keeps everything; made when absent. */
  readonly dataDir: string;
  /** Receives each line that a process writes. */
  readonly log: (line: string) => void;
}

/** Stand-ins for what a deployment has around its app: a database and storage that know identities alone, over TLS. */
export interface Cloud {
  /** A value for each setting that a deployment may give to the app, by its name. */
  readonly settings: ReadonlyMap<string, string>;
  readonly identity: IdentityEndpoint;
  /** The audience of the tokens of platform administrators. */
  readonly platformAudience: string;
  /**
   * Serves the app with these settings and no others, and returns its URL once it listens. Rejects when it does not
   * start; it is not started again when it dies.
   */
  startApp(settings: ReadonlyMap<string, string>): Promise<string>;
  stop(): Promise<void>;
}

const clientId = "11111111-1111-1111-1111-111111111111";
const platformAudience = "api://strata-platform";
const graceMs = 2_800;

/** Starts the stand-ins, each in a process of its own, and makes the database and its containers. */
export async function startCloud({ root, appRoot, dataDir, log }: CloudOptions): Promise<Cloud> {
  mkdirSync(dataDir, { recursive: true });
  const certificate = await makeLoopbackCertificate(dataDir);
  const { keyFile, certFile } = certificate;
  const identity = await startIdentityEndpoint(clientId, certificate);
  const identityKeyFile = join(dataDir, "identity-key.pem");
  writeFileSync(identityKeyFile, identity.publicKey);
  const processes: SupervisedProcess[] = [];
  const callbacks: Pick<ProcessSpecification, "log" | "onReady" | "onGivenUp"> = {
    log,
    onReady: () => undefined,
    onGivenUp: log,
  };
  const adopt = (specification: ProcessSpecification): SupervisedProcess => {
    const created = new SupervisedProcess(specification);
    processes.unshift(created);
    return created;
  };
  const stop = async (): Promise<void> => {
    for (const child of processes) {
      await child.stop(graceMs);
    }
    await identity.close();
  };
  try {
    const cosmos = adopt({
      title: "The Cosmos DB server",
      command: process.execPath,
      arguments: [
        ...childArguments,
        join(import.meta.dirname, "..", "cosmos", "main.ts"),
        "--data",
        join(dataDir, "cosmos"),
        "--port",
        String(await findFreePort()),
        "--identity-key",
        identityKeyFile,
        "--tls-key",
        keyFile,
        "--tls-cert",
        certFile,
      ],
      environment: process.env,
      folder: root,
      printsReadiness: true,
      ...callbacks,
    });
    const { connectionString, endpoint } = await cosmos.start();
    const storage = await startAzurite({
      dataDir: join(dataDir, "azurite"),
      tls: { keyFile, certFile },
      onCreated: (azurite) => {
        processes.unshift(azurite);
      },
      ...callbacks,
    });
    if (connectionString === undefined || endpoint === undefined) {
      throw new RuntimeError("The Cosmos DB server did not tell how to connect to it.");
    }
    await provision(root, connectionString, certificate.cert);
    const storageEndpoint = (service: "Blob" | "Queue"): string =>
      new RegExp(`${service}Endpoint=([^;]+)`).exec(storage)?.[1] ?? "";
    return {
      identity,
      platformAudience,
      settings: new Map([
        ["APPLICATIONINSIGHTS_AUTHENTICATION_STRING", `ClientId=${clientId};Authorization=AAD`],
        // Nothing listens there: telemetry that cannot be delivered must not hold the app up.
        [
          "APPLICATIONINSIGHTS_CONNECTION_STRING",
          `InstrumentationKey=${randomUUID()};IngestionEndpoint=https://127.0.0.1:9/`,
        ],
        ["AUDIT_RETENTION_DAYS", "2192"],
        ["AUTHENTICATION", "tokens"],
        ["AUTHORIZATION_URI", identity.issuer],
        ["AzureWebJobsStorage__blobServiceUri", storageEndpoint("Blob")],
        ["AzureWebJobsStorage__clientId", clientId],
        ["AzureWebJobsStorage__credential", "managedidentity"],
        ["AzureWebJobsStorage__queueServiceUri", storageEndpoint("Queue")],
        ["AzureWebJobsStorage__tableServiceUri", storageEndpoint("Blob")],
        ["CONTENT__blobServiceUri", storageEndpoint("Blob")],
        ["CONTENT__clientId", clientId],
        ["CONTENT__credential", "managedidentity"],
        ["COSMOS_DATABASE", databaseName],
        ["COSMOS__accountEndpoint", endpoint],
        ["COSMOS__clientId", clientId],
        ["COSMOS__credential", "managedidentity"],
        // What the platform puts in the place of a reference to the vault.
        ["FEED_TOKEN_KEYS", `first:${randomBytes(32).toString("base64")}`],
        ["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", String(5 * 1024 ** 3)],
        // Nothing listens there either.
        ["OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:9"],
        ["OTEL_METRIC_EXPORT_INTERVAL", "30000"],
        ["PLATFORM_ADMIN_ROLE", "Strata Platform Admin"],
        ["PLATFORM_AUDIENCE", platformAudience],
        ["PLATFORM_ISSUER", identity.issuer],
        ["PLATFORM_JWKS_URI", identity.jwksUri],
        ["PUBLIC_BASE_URL", "https://images.hospital.example"],
        ["RESOURCE_ID", platformAudience],
        ["REQUEST_BODY_BYTES_MAX", String(4 * 1024 ** 3)],
        ["TRUSTED_FORWARDED_HOSTS", "images.hospital.example"],
        ["TRUSTED_FORWARDED_PREFIXES", "/dicom"],
        ["TRUSTED_PROXIES", "1"],
      ]),
      startApp: async (settings) => {
        const port = await findFreePort();
        const host = adopt({
          title: "The Functions host",
          command: process.execPath,
          arguments: [
            ...childArguments,
            join(import.meta.dirname, "..", "host", "main.ts"),
            "--app",
            appRoot,
            "--port",
            String(port),
          ],
          environment: {
            PATH: process.env["PATH"],
            NODE_EXTRA_CA_CERTS: certFile,
            ...identity.environment,
            // Of the platform, like those before: the listener, without which no key set of this machine is taken.
            EMBEDDED_RUNTIME_LISTENER: `127.0.0.1:${String(port)}`,
            ...Object.fromEntries(settings),
          },
          folder: appRoot,
          printsReadiness: true,
          ...callbacks,
        });
        await host.start();
        return `http://127.0.0.1:${String(port)}`;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const databaseName = "strata";

async function provision(root: string, connectionString: string, ca: string): Promise<void> {
  const client = new CosmosClient({ connectionString, agent: new Agent({ ca }) });
  try {
    await provisionCosmos(client, join(root, "infra", "cosmos.json"), databaseName);
  } finally {
    client.dispose();
  }
}
