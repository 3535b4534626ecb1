import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { billOfMaterials, notices, packagesOf } from "../../../local/describePackages.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "strata-packages-"));
  addPackage("", { name: "app", version: "1.2.3" });
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function addPackage(folder: string, manifest: object, licenseText?: string): void {
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, "package.json"), JSON.stringify(manifest));
  if (licenseText !== undefined) {
    writeFileSync(join(root, folder, "LICENSE.md"), licenseText);
  }
}

test("files are traced to their packages, each once, nested and scoped ones too", () => {
  addPackage("node_modules/b", { name: "b", version: "2.0.0", license: "ISC" }, "Take it.");
  addPackage("node_modules/b/dist/esm", { type: "module", version: "9.9.9" });
  addPackage("node_modules/b/node_modules/@s/a", {
    name: "@s/a",
    version: "1.0.0",
    license: "MIT",
  });
  const packages = packagesOf(root, [
    "functions/own.ts",
    "node_modules/b/index.js",
    "node_modules/b/dist/esm/index.js",
    "node_modules/b/node_modules/@s/a/lib/x.js",
  ]);
  expect(packages).toEqual([
    { name: "@s/a", version: "1.0.0", license: "MIT", licenseText: undefined },
    { name: "b", version: "2.0.0", license: "ISC", licenseText: "Take it." },
  ]);
  expect(JSON.parse(billOfMaterials(root, packages))).toMatchObject({
    bomFormat: "CycloneDX",
    metadata: { component: { name: "app", version: "1.2.3" } },
    components: [{ purl: "pkg:npm/%40s/a@1.0.0" }, { purl: "pkg:npm/b@2.0.0" }],
  });
  expect(notices(packages)).toContain("b 2.0.0 (ISC)\n\nTake it.");
});

test("a package that does not say its licence is refused by its name", () => {
  addPackage("node_modules/silent", { name: "silent", version: "1.0.0" });
  expect(() => packagesOf(root, ["node_modules/silent/index.js"])).toThrow("silent");
});
