import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startRuntime, type Runtime, type RuntimeOptions } from "../../local/startRuntime.ts";

/** The running service that the suites of one test run share. */
export interface SharedRuntime {
  readonly baseUrl: string;
  readonly cosmosConnectionString: string;
  readonly storageConnectionString: string;
}

declare module "vitest" {
  // Vitest prescribes the interface that is to be extended.
  export interface ProvidedContext {
    readonly runtime: SharedRuntime;
  }
}

/**
 * Starts one runtime on a folder of its own for all suites that talk to the service over HTTP, and ends it after them.
 *
 * Tests use new UIDs, so that they do not meet. After the last of them the log of the host must be free of errors that
 * the service did not expect: an answer of 500 fails the run even where a test was content with it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), "strata-suite-"));
  const unexpected: string[] = [];
  const runtime = await start({
    dataDir,
    log: (role, line) => {
      if (role === "host" && /unexpected: |response cut: /.test(line)) {
        unexpected.push(line);
      }
    },
  });
  const { baseUrl, cosmosConnectionString, storageConnectionString } = runtime;
  project.provide("runtime", { baseUrl, cosmosConnectionString, storageConnectionString });
  return async () => {
    await runtime.stop();
    rmSync(dataDir, { recursive: true, force: true });
    if (unexpected.length > 0) {
      throw new Error(`The service met errors that it does not know:\n${unexpected.join("\n")}`);
    }
  };
}

/** Starts a runtime; again when somebody else took one of the free ports that it had chosen. */
async function start(options: RuntimeOptions, triesLeft = 3): Promise<Runtime> {
  try {
    return await startRuntime(options);
  } catch (error) {
    if (triesLeft > 1 && error instanceof Error && error.message.includes("already in use")) {
      return await start(options, triesLeft - 1);
    }
    throw error;
  }
}
