import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/*
 * `npm run bench` runs every benchmark there is, one after the other; `npm run bench NAME…` runs those. Each file of this
 * folder is one, starts what it measures by itself, and ends by itself.
 */

const known = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".ts") && name !== "run.ts")
  .map((name) => name.slice(0, -".ts".length))
  .toSorted();
const named = process.argv.slice(2);
const unknown = named.filter((name) => !known.includes(name));

if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(", ")}. There are: ${known.join(", ")}.`);
  process.exitCode = 1;
} else {
  for (const name of named.length > 0 ? named : known) {
    console.log(`\n${name}`);
    const code = await run(join(import.meta.dirname, `${name}.ts`));
    if (code !== 0) {
      console.error(`The benchmark ${name} failed.`);
      process.exitCode = 1;
    }
  }
}

async function run(file: string): Promise<number | null> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file], {
    stdio: "inherit",
  });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
}
