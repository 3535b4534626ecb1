import { statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildApp } from "./buildApp.ts";
import { billOfMaterials, notices, packagesOf } from "./describePackages.ts";

// Makes the deployable: one bundle of all functions, as `npm start` makes it too; and says what is in it.

const root = process.cwd();
const started = performance.now();
try {
  const { outfile, inputs } = await buildApp({ root });
  const packages = packagesOf(root, inputs);
  const folder = dirname(outfile);
  writeFileSync(join(folder, "sbom.json"), billOfMaterials(root, packages));
  writeFileSync(join(folder, "NOTICES.txt"), notices(packages));
  const kilobytes = Math.round(statSync(outfile).size / 1024);
  const milliseconds = Math.round(performance.now() - started);
  console.log(
    `${outfile}: ${String(kilobytes)} KiB of ${String(packages.length)} packages in ${String(milliseconds)} ms`,
  );
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
