// Who makes a scope decides whose data is reached. These are the places that may, each for a reason.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** By maker, the files or folders that may call it. */
const mayMake: Readonly<Record<string, readonly string[]>> = {
  // A verified token, or that authentication is off.
  verifiedScope: ["shared/admission/tokenAdmission.ts"],
  unauthenticatedScope: ["shared/admission/unauthenticatedAdmission.ts"],
  // A verified token of the platform, and the timer that carries out what it asked for.
  platformScope: ["shared/admission/tokenAdmission.ts", "shared/transactions/purgeTenants.ts"],
  // What follows from items of the store or from the registry, with nobody asking.
  maintenanceScope: [
    "shared/operations/runOperations.ts",
    "shared/registry/tenantQuotaKeeper.ts",
    "shared/tags/indexLateInstances.ts",
    "shared/tags/reindexWorker.ts",
    "shared/tags/tagIndex.ts",
    "shared/transactions/administerTenants.ts",
    "shared/transactions/expireStudies.ts",
    "shared/transactions/maintainedTenants.ts",
    "shared/transactions/purgeTenants.ts",
    "shared/transactions/refreshCopies.ts",
    "shared/transactions/removeContent.ts",
    "shared/transactions/sequenceChanges.ts",
  ],
};

/** The calls that are made where they may not be, as `file: maker`. */
function forbiddenCalls(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([path, text]) =>
    Object.entries(mayMake)
      .filter(([maker, places]) => text.includes(`${maker}(`) && !places.includes(path))
      .map(([maker]) => `${path}: ${maker}`),
  );
}

function filesUnder(folder: string): Map<string, string> {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path));
  return new Map(files.map((path) => [path, readFileSync(join(root, path), "utf8")]));
}

const maker = "shared/tenancy/tenantScope.ts";

test("scopes are made in a few places, and nowhere else", () => {
  const files = new Map([...filesUnder("shared"), ...filesUnder("functions")]);
  expect(files.delete(maker)).toBe(true);
  expect(files.size).toBeGreaterThan(150);
  expect(forbiddenCalls(files)).toEqual([]);
});

test("each of these places does make one", () => {
  const unused = Object.entries(mayMake).flatMap(([name, places]) =>
    places.filter((path) => !readFileSync(join(root, path), "utf8").includes(`${name}(`)),
  );
  expect(unused).toEqual([]);
});

test("a function that made its own scope would be found", () => {
  const planted = new Map([["functions/x.ts", 'const scope = maintenanceScope("other", name);']]);
  expect(forbiddenCalls(planted)).toEqual(["functions/x.ts: maintenanceScope"]);
});

test("docs/security.md cites tests that exist", () => {
  const cited = [
    ...readFileSync(join(root, "docs/security.md"), "utf8").matchAll(/`([\w/]+\.test\.ts)`/g),
  ];
  const known = filesUnder("test");
  expect(cited.length).toBeGreaterThan(15);
  expect(cited.map(([, path = ""]) => path).filter((path) => !known.has(`test/${path}`))).toEqual(
    [],
  );
});
