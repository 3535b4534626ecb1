import { CosmosClient, type CosmosClientOptions } from "@azure/cosmos";
import { ManagedIdentityCredential } from "@azure/identity";
import { BlobServiceClient } from "@azure/storage-blob";
import { QueueServiceClient } from "@azure/storage-queue";
import type { Settings } from "./hostConfiguration.ts";
import { HostError } from "./hostError.ts";

/** How a binding reaches its service: by a connection string, or by the managed identity at the endpoints of a section. */
export type Connection =
  | { readonly kind: "connectionString"; readonly connectionString: string }
  | {
      readonly kind: "identity";
      readonly name: string;
      /** The settings of the section, by what follows the two underscores, in lower case. */
      readonly section: ReadonlyMap<string, string>;
    };

/**
 * What a binding's `connection` names, looked up in the order of the Functions host: with the prefix `AzureWebJobs`
 * before without, as a connection string before as a section such as `NAME__accountEndpoint`.
 *
 * Throws `HostError` when there is none, and for a section that does not ask for a managed identity.
 */
export function resolveConnection(name: unknown, settings: Settings, fallback: string): Connection {
  const wanted = typeof name === "string" && name !== "" ? name : fallback;
  const keys = [`AzureWebJobs${wanted}`, wanted];
  for (const key of keys) {
    for (const candidate of [`ConnectionStrings__${key}`, `ConnectionStrings:${key}`, key]) {
      const connectionString = settings[candidate];
      if (connectionString !== undefined && connectionString !== "") {
        return { kind: "connectionString", connectionString };
      }
    }
  }
  for (const key of keys) {
    const prefix = `${key.toLowerCase()}__`;
    const section = new Map(
      Object.entries(settings)
        .filter(([setting]) => setting.toLowerCase().startsWith(prefix))
        .map(([setting, value]) => [setting.slice(prefix.length).toLowerCase(), value ?? ""]),
    );
    if (section.size > 0) {
      if (section.get("credential") !== "managedidentity") {
        throw new HostError(`The setting ${key}__credential has to be managedidentity.`);
      }
      return { kind: "identity", name: key, section };
    }
  }
  throw new HostError(`The connection "${wanted}" names no setting.`);
}

/** A client of the database that a connection leads to. */
export function cosmosClient(connection: Connection): CosmosClient {
  const options: CosmosClientOptions =
    connection.kind === "connectionString"
      ? { connectionString: connection.connectionString }
      : {
          endpoint: endpointOf(connection, "accountEndpoint"),
          aadCredentials: credentialOf(connection),
        };
  return new CosmosClient({
    ...options,
    connectionPolicy: { enableBackgroundEndpointRefreshing: false },
  });
}

/** A client of the blob service that a connection leads to. */
export function blobServiceClient(connection: Connection): BlobServiceClient {
  return connection.kind === "connectionString"
    ? BlobServiceClient.fromConnectionString(connection.connectionString)
    : new BlobServiceClient(endpointOf(connection, "blobServiceUri"), credentialOf(connection));
}

/** A client of the queue service that a connection leads to. */
export function queueServiceClient(connection: Connection): QueueServiceClient {
  return connection.kind === "connectionString"
    ? QueueServiceClient.fromConnectionString(connection.connectionString)
    : new QueueServiceClient(endpointOf(connection, "queueServiceUri"), credentialOf(connection));
}

type IdentityConnection = Extract<Connection, { kind: "identity" }>;

function endpointOf({ name, section }: IdentityConnection, suffix: string): string {
  const endpoint = section.get(suffix.toLowerCase());
  if (endpoint === undefined || !URL.canParse(endpoint)) {
    throw new HostError(`The setting ${name}__${suffix} is missing or no URL.`);
  }
  return endpoint;
}

function credentialOf({ section }: IdentityConnection): ManagedIdentityCredential {
  const clientId = section.get("clientid");
  return clientId === undefined
    ? new ManagedIdentityCredential()
    : new ManagedIdentityCredential({ clientId });
}
