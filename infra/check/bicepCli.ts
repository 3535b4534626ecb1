import { spawnSync } from "node:child_process";
import { chmodSync, globSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What is fetched where there is none on the PATH: the first of these versions that the registry has. */
const bicepVersions = "[0.46.0,0.47.0)";
const packageName = "Azure.Bicep.CommandLine.linux-x64";

/** How one file fared. */
export interface BicepRun {
  readonly file: string;
  readonly command: "build" | "build-params" | "lint";
  readonly succeeded: boolean;
  /** What the CLI said: warnings too. */
  readonly output: string;
}

/**
 * Finds the Bicep CLI: on the PATH, else in the NuGet package that holds it, for Linux on x64 and where `dotnet` and a
 * registry with that package can be reached. `undefined` when there is none to be had; `log` hears why.
 */
export function findBicepCli(cacheDir: string, log: (line: string) => void): string | undefined {
  if (spawnSync("bicep", ["--version"]).status === 0) {
    return "bicep";
  }
  if (process.platform !== "linux" || process.arch !== "x64") {
    log("There is no bicep on the PATH, and its NuGet package is for Linux on x64.");
    return undefined;
  }
  const fetched = (): string | undefined =>
    globSync(join(cacheDir, "packages", packageName.toLowerCase(), "*", "tools", "bicep")).at(0);
  if (fetched() === undefined) {
    mkdirSync(cacheDir, { recursive: true });
    writeFileSync(
      join(cacheDir, "bicep.csproj"),
      `<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><TargetFramework>net8.0</TargetFramework></PropertyGroup><ItemGroup>` +
        `<PackageReference Include="${packageName}" Version="${bicepVersions}" ExcludeAssets="all" /></ItemGroup></Project>\n`,
    );
    const { error, stdout } = spawnSync(
      "dotnet",
      ["restore", "--packages", join(cacheDir, "packages")],
      { cwd: cacheDir, encoding: "utf8" },
    );
    if (error !== undefined) {
      log("There is neither bicep nor dotnet on the PATH.");
      return undefined;
    }
    if (fetched() === undefined) {
      const reason =
        /error (NU\d+: [^[\n]*?)\. /.exec(stdout)?.[1]?.trim() ?? "dotnet restore failed";
      log(`There is no bicep on the PATH, and none to be had from NuGet: ${reason}.`);
      return undefined;
    }
  }
  const cli = fetched();
  if (cli !== undefined) {
    chmodSync(cli, 0o755);
  }
  return cli;
}

/** Compiles and lints each template, and compiles each parameter file. Nothing is written, and nothing fetched. */
export function runBicep(
  cli: string,
  templates: readonly string[],
  parameterFiles: readonly string[],
): readonly BicepRun[] {
  const run = (
    command: BicepRun["command"],
    file: string,
    options: readonly string[],
  ): BicepRun => {
    const { status, stdout, stderr } = spawnSync(cli, [command, ...options, file], {
      encoding: "utf8",
      env: {
        ...process.env,
        DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: "1",
        // The parameter files ask for these; any value compiles.
        STRATA_PLATFORM_ISSUER: "https://issuer.example",
        STRATA_PLATFORM_JWKS_URI: "https://issuer.example/keys",
        STRATA_PLATFORM_AUDIENCE: "strata",
        STRATA_ALERT_EMAILS: "operators@example.org",
      },
    });
    const output = [command === "lint" ? stdout : "", stderr].join("").trim();
    return { file, command, succeeded: status === 0 && !/\bWarning\b/.test(output), output };
  };
  return [
    ...templates.map((file) => run("build", file, ["--stdout", "--no-restore"])),
    ...templates.map((file) => run("lint", file, ["--no-restore"])),
    ...parameterFiles.map((file) => run("build-params", file, ["--stdout", "--no-restore"])),
  ];
}
