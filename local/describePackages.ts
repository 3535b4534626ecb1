import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** A package of which something is in the deployable. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** As an SPDX expression, as the package says it. */
  readonly license: string;
  /** The text of the licence; absent when the package has none with it. */
  readonly licenseText: string | undefined;
}

/** Packages whose manifest says nothing of a licence, and what they say elsewhere. */
const licensesElsewhere: ReadonlyMap<string, string> = new Map([
  // In its README and bower.json.
  ["semaphore@1.1.0", "MIT"],
]);

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
}

/**
 * The packages that these files, given from `root`, belong to, in the order of their names. The project's own files
 * belong to none.
 *
 * Throws an `Error` when a package does not say its licence: it must not be given away then.
 */
export function packagesOf(root: string, files: readonly string[]): readonly BundledPackage[] {
  const folders = new Set(
    files.filter((file) => /node_modules[\\/]/.test(file)).map((file) => packageFolder(root, file)),
  );
  const packages = new Map([...folders].map(describe).map((found) => [keyOf(found), found]));
  return [...packages.values()].toSorted((one, other) => keyOf(one).localeCompare(keyOf(other)));
}

/** A CycloneDX 1.6 document, as JSON, of the packages in the deployable of the project in `root`. */
export function billOfMaterials(root: string, packages: readonly BundledPackage[]): string {
  const { name = "", version = "" } = readManifest(root);
  return `${JSON.stringify(
    {
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      version: 1,
      metadata: { component: { type: "application", "bom-ref": name, name, version } },
      components: packages.map((item) => ({
        type: "library",
        "bom-ref": packageURL(item),
        name: item.name,
        version: item.version,
        purl: packageURL(item),
        licenses: [{ expression: item.license }],
      })),
    },
    undefined,
    2,
  )}\n`;
}

/** What has to go along with the deployable: the licence of each package in it. */
export function notices(packages: readonly BundledPackage[]): string {
  return packages
    .map(({ name, version, license, licenseText }) =>
      [
        `${name} ${version} (${license})`,
        licenseText ?? "The package has no text of its licence with it.",
      ].join("\n\n"),
    )
    .join(`\n\n${"-".repeat(80)}\n\n`);
}

// The innermost folder of packages tells: some packages have further manifests inside.
function packageFolder(root: string, file: string): string {
  const [, folder] =
    /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file.replaceAll("\\", "/")) ?? [];
  return join(root, folder ?? "");
}

function describe(folder: string): BundledPackage {
  const manifest = readManifest(folder);
  const { name, version } = manifest;
  const license = manifest.license ?? licensesElsewhere.get(`${String(name)}@${String(version)}`);
  if (name === undefined || version === undefined || license === undefined) {
    throw new Error(`The package in ${folder} does not say its name, version and licence.`);
  }
  const file = readdirSync(folder).find((entry) =>
    /^(?:licen[cs]e|copying)(?:[.-].*)?$/i.test(entry),
  );
  return {
    name,
    version,
    license,
    licenseText: file === undefined ? undefined : readFileSync(join(folder, file), "utf8").trim(),
  };
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

function keyOf({ name, version }: BundledPackage): string {
  return `${name}@${version}`;
}

/** https://github.com/package-url/purl-spec, type npm. */
function packageURL({ name, version }: BundledPackage): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}
