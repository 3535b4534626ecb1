import { statSync } from "node:fs";
import { buildApp } from "./buildApp.ts";

// Makes the deployable: one bundle of all functions, as `npm start` makes it too.

const started = performance.now();
try {
  const { outfile } = await buildApp({ root: process.cwd() });
  const kilobytes = Math.round(statSync(outfile).size / 1024);
  const milliseconds = Math.round(performance.now() - started);
  console.log(`${outfile}: ${String(kilobytes)} KiB in ${String(milliseconds)} ms`);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
