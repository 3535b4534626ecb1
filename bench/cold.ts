import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildApp } from "../local/buildApp.ts";
import { printTable } from "./support/table.ts";

// How long it takes to load the app, which is what a cold start adds to that of the platform; against loading the
// packages that it is made of without bundling them.

const rounds = 9;
const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "strata-bench-"));

// The worker supplies this module; here it takes what is registered and does nothing.
const prelude = `
  const Module = require("node:module");
  const load = Module._load;
  const nothing = { dispose() {} };
  const core = { registerFunction: () => nothing, registerHook: () => nothing, setProgrammingModel() {}, log() {}, version: "0" };
  Module._load = (name, ...rest) => name === "@azure/functions-core" ? core : load(name, ...rest);
`;

try {
  const outfile = join(folder, "app.cjs");
  await buildApp({ root, outfile });
  const bundle = medianLoadMs(`require(${JSON.stringify(outfile)})`);
  const packages = medianLoadMs(
    ["@azure/functions", "@azure/cosmos", "@azure/storage-blob", "@azure/identity"]
      .map((name) => `require(${JSON.stringify(name)})`)
      .join(";"),
  );
  printTable([
    { what: "load the app", value: bundle, unit: "ms", floor: packages, floorName: "its packages" },
    { what: "size of the app", value: statSync(outfile).size / 1e6, unit: "MB" },
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function medianLoadMs(load: string): number {
  const script = `${prelude}const t = performance.now(); ${load}; process.stdout.write(String(performance.now() - t)); process.exit(0);`;
  const times = Array.from({ length: rounds }, () =>
    Number(
      execFileSync(process.execPath, ["-e", script], {
        cwd: root,
        env: { ...process.env, NODE_NO_WARNINGS: "1" },
      }),
    ),
  );
  return times.toSorted((one, other) => one - other)[Math.floor(rounds / 2)] ?? 0;
}
