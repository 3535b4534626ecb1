import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where the entry of a worker thread is: beside the bundle of the app, or beside this file among the sources. */
export function pixelWorkerFile(): string {
  const bundled = join(import.meta.dirname, "pixelWorker.cjs");
  return existsSync(bundled) ? bundled : join(import.meta.dirname, "pixelWorker.ts");
}
