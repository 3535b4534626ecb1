// No file of the repository holds what looks like a secret, apart from the few that everybody knows.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

/** Folders of what is made or installed, and files that are no text. */
const skippedFolders: ReadonlySet<string> = new Set([
  ".data",
  ".git",
  "coverage",
  "dist",
  "node_modules",
  "samples",
]);
const skippedFiles = /\.(?:png|wasm|dcm|ico|gz|tgz)$/;

/** Keys that their makers have published for their emulators, by their beginning. */
const publicKeys: readonly string[] = [
  // The Cosmos DB emulator's, and Azurite's.
  "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw",
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw",
];

const patterns: Readonly<Record<string, RegExp>> = {
  "a private key": /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  "the private part of a JSON Web Key": /"d"\s*:\s*"[\w-]{40,}"/,
  "a JSON Web Token": /\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{32,}/,
  "the key of an Azure account": /Account[kK]ey=[A-Za-z0-9+/]{40,}/,
  "a shared access signature": /[?&]sig=[A-Za-z0-9%+/]{40,}/,
  "a client secret of Entra ID": /\b[\w~.-]{3}8Q~[\w~.-]{31,34}/,
  "a token of GitHub": /\bgh[pousr]_[A-Za-z0-9]{36}/,
  "a token of npm": /\bnpm_[A-Za-z0-9]{36}/,
  "a key of AWS": /\bAKIA[0-9A-Z]{16}\b/,
  "a key of Google": /\bAIza[\w-]{35}/,
  "a token of Slack": /\bxox[abprs]-[\w-]{10,}/,
  // RFC 2606: nobody has a host of the name example.
  "a password in a URL":
    /\b[a-z][a-z+.-]+:\/\/[^\s/:@"'`]+:[^\s/@"'`]{3,}@(?![\w.-]*\bexample\b)[\w-]+\.\w/,
};

/** Runs of what bytes are written with, that are long enough for a key. */
const runPattern = /[A-Za-z0-9+/_-]{40,}/g;
/** Bits in a character. English has less; random base64 of this length has 4.9 and more. */
const entropyMin = 4.7;

function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) {
    counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  return [...counts.values()].reduce(
    (sum, count) => sum - (count / text.length) * Math.log2(count / text.length),
    0,
  );
}

/** What looks like a secret in a text, each with what it looks like and how it begins. */
function secretsIn(text: string): string[] {
  const known = publicKeys.reduce((rest, key) => rest.replaceAll(key, ""), text);
  const named = Object.entries(patterns).flatMap(([name, pattern]) => {
    const [found] = pattern.exec(known) ?? [];
    return found === undefined ? [] : [`${name}: ${found.slice(0, 16)}…`];
  });
  const random = [...known.matchAll(runPattern)]
    .map(([run]) => run)
    // A path is made of words; random bytes have digits, and letters of both cases.
    .filter((run) => /\d/.test(run) && /[a-z]/.test(run) && /[A-Z]/.test(run))
    .filter((run) => entropyOf(run) >= entropyMin)
    .map((run) => `what looks random: ${run.slice(0, 16)}…`);
  return [...named, ...random];
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return skippedFolders.has(entry.name) ? [] : filesIn(path);
    }
    return entry.isFile() && !skippedFiles.test(entry.name) ? [path] : [];
  });
}

test("no file holds what looks like a secret", () => {
  const files = filesIn(root);
  expect(files.length).toBeGreaterThan(300);
  const found = files.flatMap((path) => {
    let text = readFileSync(path, "utf8");
    if (path.endsWith("package-lock.json")) {
      // Hashes of packages, which anybody can compute.
      text = text.replaceAll(/"integrity": "[^"]+"/g, "");
    }
    return secretsIn(text).map((secret) => `${relative(root, path)}: ${secret}`);
  });
  expect(found).toEqual([]);
});

// Each is put together here, so that this file does not hold it.
const random = "q7Xw2LpZk9TfB3nVsR8yHdM4cJgA6uEo";
test.each([
  ["a private key", `-----BEGIN EC ${"PRIVATE"} KEY-----`],
  ["the private part of a JSON Web Key", `{"kty":"EC","${"d"}":"${random}${random.slice(0, 11)}"}`],
  ["a JSON Web Token", `eyJ${random}.eyJ${random}.${random}${random}`],
  ["the key of an Azure account", `AccountName=x;Account${"Key"}=${random}${random}==`],
  ["a shared access signature", `https://x.blob.example/c?sv=1&${"sig"}=${random}${random}%3D`],
  ["a client secret of Entra ID", `abc8${"Q~"}${random}aB1`],
  ["a token of GitHub", `ghp_${random}1234`],
  ["a token of npm", `npm_${random}1234`],
  ["a key of AWS", `AKIA${"IOSFODNN7EXAMPLE"}`],
  ["a key of Google", `AIza${random}123`],
  ["a token of Slack", `xoxb-${random}`],
  ["a password in a URL", `postgres://user:${"hunter2"}@db.hospital.org/x`],
  ["what looks random", `const key = "${random}${random.toUpperCase()}";`],
])("%s is found where there is one", (name, text) => {
  expect(secretsIn(text).some((found) => found.startsWith(`${name}:`))).toBe(true);
});

test.each([
  "import { something } from '../../shared/transactions/retrieveInstances.ts';",
  "1.2.826.0.1.3680043.8.498.13230779778012324449356534479549187420",
  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  "https://github.com/somebody/something/blob/main/README.md#a-heading-of-some-length",
  `AccountKey=${publicKeys[0] ?? ""}==`,
])("%s is no secret", (text) => {
  expect(secretsIn(text)).toEqual([]);
});
