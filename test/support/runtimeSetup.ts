import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonWebKey } from "node:crypto";
import type { TestProject } from "vitest/node";
import { startDevelopmentIssuer } from "../../local/issuer/developmentIssuer.ts";
import { platformSettings } from "../../local/issuer/registerTenants.ts";
import { startRuntime, type Runtime, type RuntimeOptions } from "../../local/startRuntime.ts";

/** The running service that the suites of one test run share. */
export interface SharedRuntime {
  readonly baseUrl: string;
  readonly cosmosConnectionString: string;
  readonly storageConnectionString: string;
}

/** The same service once more, on the same stores and another database, where callers need tokens. */
export interface TokenRuntime {
  readonly baseUrl: string;
  readonly database: string;
  /** Of the platform, and of the tenants that tests register. */
  readonly issuer: {
    readonly url: string;
    readonly jwksUri: string;
    readonly kid: string;
    readonly privateKey: JsonWebKey;
  };
}

declare module "vitest" {
  // Vitest prescribes the interface that is to be extended.
  export interface ProvidedContext {
    readonly runtime: SharedRuntime;
    readonly tokenRuntime: TokenRuntime;
  }
}

const tokenDatabase = "strata-tokens";

/**
 * Starts one runtime on a folder of its own for all suites that talk to the service over HTTP, and ends it after them.
 *
 * Tests use new UIDs, so that they do not meet. After the last of them the log of the host must be free of errors that
 * the service did not expect: an answer of 500 fails the run even where a test was content with it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), "strata-suite-"));
  const unexpected: string[] = [];
  const log: RuntimeOptions["log"] = (role, line) => {
    if (role === "host" && /unexpected: |response cut: /.test(line)) {
      unexpected.push(line);
    }
  };
  const runtime = await start({
    dataDir,
    settings: {
      TRUSTED_FORWARDED_HOSTS: "imaging.example.org, viewer.example.org:8443",
      TRUSTED_FORWARDED_PREFIXES: "/pacs,/hospital/dicom",
    },
    log,
  });
  const { baseUrl, cosmosConnectionString, storageConnectionString } = runtime;
  project.provide("runtime", { baseUrl, cosmosConnectionString, storageConnectionString });
  const issuer = await startDevelopmentIssuer();
  const [, endpoint, key] =
    /^AccountEndpoint=(.+?);AccountKey=(.+?);/.exec(cosmosConnectionString) ?? [];
  const tokenRuntime = await start({
    dataDir: join(dataDir, "tokens"),
    // What the first one has built.
    appRoot: process.cwd(),
    environment: {
      ...process.env,
      COSMOS_ENDPOINT: endpoint,
      COSMOS_KEY: key,
      COSMOS_DATABASE: tokenDatabase,
      STORAGE_CONNECTION_STRING: storageConnectionString,
    },
    settings: platformSettings(issuer),
    log,
  });
  const { url, jwksUri, kid, privateKey } = issuer;
  project.provide("tokenRuntime", {
    baseUrl: tokenRuntime.baseUrl,
    database: tokenDatabase,
    issuer: { url, jwksUri, kid, privateKey },
  });
  return async () => {
    await tokenRuntime.stop();
    await runtime.stop();
    await issuer.close();
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
