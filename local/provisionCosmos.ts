import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { ContainerDefinition, CosmosClient } from "@azure/cosmos";
import { RuntimeError } from "./runtimeError.ts";

const tryForMs = 30_000;

/**
 * Creates the database and the containers that `file` describes where they are missing. Existing ones keep what they hold,
 * and get the indexing policy of `file`, without which newer queries are refused. A server that is still starting is asked
 * again for a while.
 *
 * Rejects with `RuntimeError` when the file cannot be read or the server refuses.
 */
export async function provisionCosmos(
  client: CosmosClient,
  file: string,
  databaseId: string,
): Promise<void> {
  const containers = readDefinitions(file);
  const deadline = performance.now() + tryForMs;
  for (;;) {
    try {
      const { database } = await client.databases.createIfNotExists({ id: databaseId });
      for (const definition of containers) {
        const { container, resource } = await database.containers.createIfNotExists(definition);
        const { indexingPolicy } = definition;
        if (
          resource !== undefined &&
          indexingPolicy !== undefined &&
          !isDeepStrictEqual(resource.indexingPolicy, indexingPolicy)
        ) {
          await container.replace({ ...resource, indexingPolicy });
        }
      }
      return;
    } catch (cause) {
      const code = (cause as { code?: unknown }).code;
      const isRefused =
        typeof code === "number" && code >= 400 && code < 500 && code !== 408 && code !== 429;
      if (isRefused || performance.now() > deadline) {
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new RuntimeError(`The Cosmos DB containers could not be created: ${message}`, {
          cause,
        });
      }
      await new Promise((done) => {
        setTimeout(done, 200);
      });
    }
  }
}

function readDefinitions(file: string): ContainerDefinition[] {
  try {
    const value = JSON.parse(readFileSync(file, "utf8")) as { containers: ContainerDefinition[] };
    return value.containers.map((definition) => definition);
  } catch (cause) {
    throw new RuntimeError(`${file} does not describe the Cosmos DB containers.`, { cause });
  }
}
