import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";

/** A function app in a folder of its own, bundled as the product is. */
export interface SampleApp {
  readonly folder: string;
  remove(): void;
}

/** Bundles `fixtures/<name>.ts` and puts package.json, host.json and more files beside it. */
export function makeSampleApp(
  name: string,
  files: Readonly<Record<string, unknown>> = {},
): SampleApp {
  const folder = mkdtempSync(join(tmpdir(), "strata-host-"));
  buildSync({
    entryPoints: [join(import.meta.dirname, "fixtures", `${name}.ts`)],
    outfile: join(folder, "dist", "app.cjs"),
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["@azure/functions-core"],
    logLevel: "error",
  });
  const all = {
    "package.json": { name: "sample", main: "dist/app.cjs" },
    "host.json": { version: "2.0", extensions: { http: { routePrefix: "" } } },
    ...files,
  };
  for (const [file, content] of Object.entries(all)) {
    writeFileSync(join(folder, file), JSON.stringify(content));
  }
  return {
    folder,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until `probe` answers something other than undefined; fails with `what` when that takes too long. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  limitMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) {
      return value;
    }
    if (performance.now() > deadline) {
      throw new Error(`Waited in vain: ${what}.`);
    }
    await new Promise((done) => {
      setTimeout(done, 20);
    });
  }
}
