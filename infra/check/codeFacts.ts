import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { settingNames } from "../../shared/settings.ts";
import type { CodeFacts, CosmosDefinition } from "./policyRules.ts";

/**
 * Reads out of the project below `root` what its templates have to agree with.
 *
 * Settings come from the code itself. Containers and metrics are looked for in its text, since only a running app opens
 * and reports them: a container is one where it is opened by a literal name.
 */
export function readCodeFacts(root: string): CodeFacts {
  const code = ["functions", "shared"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) =>
        join(root, folder, name),
      ),
    )
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  return {
    settings: new Set(
      Object.entries(settingNames)
        .filter(([, use]) => use !== "local")
        .map(([name]) => name),
    ),
    containers: namesIn(code, /\.container\(\s*"([^"]+)"|(?:leaseC|\bc)ontainerName: "([^"]+)"/g),
    metrics: namesIn(code, /"(strata\.[a-z_.]+)"/g),
    cosmos: JSON.parse(
      readFileSync(join(root, "infra", "cosmos.json"), "utf8"),
    ) as CosmosDefinition,
  };
}

function namesIn(code: string, pattern: RegExp): ReadonlySet<string> {
  return new Set([...code.matchAll(pattern)].map(([, first, second]) => first ?? second ?? ""));
}
