import { readdirSync } from "node:fs";
import { join } from "node:path";
import { bicepParser } from "./bicepTemplate.ts";
import { findBicepCli, runBicep } from "./bicepCli.ts";
import { readCodeFacts } from "./codeFacts.ts";
import { checkPolicy } from "./policyRules.ts";

// What `npm run deploy:check` runs: the rules of our own, always; the Bicep CLI's, where it can be had.

const root = join(import.meta.dirname, "..", "..");
const infra = join(root, "infra");
const filesOf = (folder: string, suffix: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(folder, name));

const files = [...filesOf(infra, ".bicep"), ...filesOf(join(infra, "modules"), ".bicep")];
const parse = await bicepParser();
const findings = checkPolicy(files.map(parse), readCodeFacts(root));
for (const { file, line, rule, text } of findings) {
  console.log(`${file}:${String(line)} ${rule}: ${text}`);
}
console.log(`Policy: ${String(files.length)} templates, ${String(findings.length)} findings.`);

let failed = findings.length > 0;
const cli = findBicepCli(join(root, "node_modules", ".cache", "strata-bicep"), (line) => {
  console.log(line);
});
if (cli === undefined) {
  console.log("Bicep CLI: not to be had, its checks are skipped. The templates are NOT compiled.");
} else {
  const runs = runBicep(cli, files, filesOf(infra, ".bicepparam"));
  for (const { file, command, output } of runs.filter(({ succeeded }) => !succeeded)) {
    console.log(`bicep ${command} ${file}\n${output}`);
  }
  const faulty = runs.filter(({ succeeded }) => !succeeded).length;
  console.log(`Bicep CLI: ${String(runs.length)} runs, ${String(faulty)} with errors or warnings.`);
  failed ||= faulty > 0;
}
process.exitCode = failed ? 1 : 0;
