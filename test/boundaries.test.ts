import { execFile } from "node:child_process";
import { mkdtemp, mkdir, rm, writeFile, cp, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// Goal: the import boundaries are really checked. With the wrong compiler the tool sees no TypeScript file and is content.
// Method: a small tree with one violation of each kind has to fail with exactly those, and the real tree is seen whole.

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "..");
const tool = join(root, "node_modules", ".bin", "depcruise");

interface Cruise {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly { readonly rule: { readonly name: string } }[];
  };
}

async function cruise(folder: string, places: readonly string[]): Promise<Cruise["summary"]> {
  const command = ["--config", ".dependency-cruiser.mjs", "--output-type", "json", ...places];
  const { stdout } = await run(tool, command, { cwd: folder, maxBuffer: 1 << 28 }).catch(
    (error: unknown) => error as { stdout: string },
  );
  return (JSON.parse(stdout) as Cruise).summary;
}

let planted: string;

beforeAll(async () => {
  planted = await mkdtemp(join(tmpdir(), "strata-boundaries-"));
  await cp(join(root, ".dependency-cruiser.mjs"), join(planted, ".dependency-cruiser.mjs"));
  await cp(join(root, "tsconfig.json"), join(planted, "tsconfig.json"));
  await cp(join(root, "package.json"), join(planted, "package.json"));
  await symlink(join(root, "node_modules"), join(planted, "node_modules"));
  const files: Readonly<Record<string, string>> = {
    "shared/problem/problem.ts": 'export type Kind = "malformed";\n',
    "shared/dicom/tag.ts":
      'import { store } from "../store/index.ts";\nexport const tag = store;\n',
    "shared/store/index.ts":
      'import type { Kind } from "../problem/problem.ts";\nexport const store: Kind = "malformed";\n',
    "shared/dicomweb/query.ts":
      'import { CosmosClient } from "@azure/cosmos";\nimport { test } from "vitest";\nexport const query = [CosmosClient, test];\n',
    "functions/one.ts":
      'import { two } from "./two.ts";\nimport { host } from "../local/host/main.ts";\nexport const one = [two, host];\n',
    "functions/two.ts": 'import { one } from "./one.ts";\nexport const two: unknown = one;\n',
    "local/host/main.ts":
      'import { tag } from "../../shared/dicom/tag.ts";\nexport const host = tag;\n',
    "shared/transactions/alone.ts": "export const alone = 1;\n",
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(planted, name, ".."), { recursive: true });
    await writeFile(join(planted, name), text);
  }
});

afterAll(async () => {
  await rm(planted, { recursive: true, force: true });
});

describe("import boundaries", () => {
  test("each kind of planted violation is found", async () => {
    const { violations } = await cruise(planted, ["functions", "shared", "local"]);
    const names = new Set(violations.map(({ rule }) => rule.name));
    expect([...names].toSorted()).toEqual(
      [
        "shared/dicom imports too much",
        "@azure/cosmos in the wrong place",
        "a function imports another",
        "a stand-in imports the product",
        "cycle",
        "local/host imports too much",
        "orphan",
        "the product imports a dev dependency",
        "the product imports a stand-in or a test",
      ].toSorted(),
    );
  });

  test("the real tree is seen, and has none", async () => {
    const { totalCruised, violations } = await cruise(root, ["functions", "shared", "local"]);
    expect(totalCruised).toBeGreaterThan(150);
    expect(violations).toEqual([]);
  });
});
