import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

// Looks after the keys that seal the tokens of the feed, in the key vault, with the Azure CLI of whoever runs it:
//
//   npm run token-keys -- ensure <vault>          makes the first key when there is none; azd runs this after provisioning
//   npm run token-keys -- rotate <vault>          puts a new key first; the old ones go on opening what they sealed
//   npm run token-keys -- retire <vault> <key id> removes an old key: tokens that it sealed open no more
//
// The keys themselves are neither printed nor passed on a command line.

const secretName = "feed-token-keys";
const next = "Have the app fetch its secrets anew: docs/deployment.md, Rotate the token keys.";
const run = promisify(execFile);

/** Runs the Azure CLI. No argument of `command` holds a space; `others` may. */
async function az(command: string, ...others: readonly string[]): Promise<string> {
  const isWindows = process.platform === "win32";
  const { stdout } = await run(isWindows ? "az.cmd" : "az", [...command.split(" "), ...others], {
    // A command file cannot be run without one.
    shell: isWindows,
  });
  return stdout.trim();
}

async function readKeys(vault: string): Promise<readonly string[]> {
  // Listing fails only for want of a permission or the vault; asking for a secret that is not there fails alike.
  const names = await az(
    `keyvault secret list --vault-name ${vault} --query [?name=='${secretName}'].name --output tsv`,
  );
  if (names === "") {
    return [];
  }
  const value = await az(
    `keyvault secret show --vault-name ${vault} --name ${secretName} --query value --output tsv`,
  );
  return value.split(",").filter((key) => key !== "");
}

async function writeKeys(vault: string, keys: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "strata-"));
  try {
    const file = join(folder, "keys");
    await writeFile(file, keys.join(","), { mode: 0o600 });
    await az(
      `keyvault secret set --vault-name ${vault} --name ${secretName} --encoding utf-8 --output none`,
      "--file",
      file,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function newKey(): string {
  const id = new Date().toISOString().slice(0, 16).replaceAll(/[-:]/g, "");
  return `${id}:${randomBytes(32).toString("base64")}`;
}

function idOf(key: string): string {
  return key.split(":", 1)[0] ?? "";
}

async function main([command, vault, keyId]: readonly string[]): Promise<string> {
  if (vault === undefined || !/^[A-Za-z0-9-]{3,24}$/.test(vault)) {
    throw new Error("usage: token-keys ensure|rotate|retire <vault> [key id]");
  }
  const keys = await readKeys(vault);
  if (command === "ensure") {
    if (keys.length > 0) {
      return `The vault has ${String(keys.length)} key(s): ${keys.map(idOf).join(", ")}.`;
    }
    const first = newKey();
    await writeKeys(vault, [first]);
    return `Made the first key, ${idOf(first)}. ${next}`;
  }
  if (command === "rotate") {
    const fresh = newKey();
    if (keys.some((key) => idOf(key) === idOf(fresh))) {
      throw new Error("The last key is less than a minute old.");
    }
    await writeKeys(vault, [fresh, ...keys]);
    return `New tokens are sealed with ${idOf(fresh)} from then on. ${next}`;
  }
  if (command === "retire" && keyId !== undefined) {
    const kept = keys.filter((key) => idOf(key) !== keyId);
    if (kept.length === keys.length) {
      throw new Error(`There is no key ${keyId}: there are ${keys.map(idOf).join(", ")}.`);
    }
    if (keyId === idOf(keys[0] ?? "")) {
      throw new Error(`The key ${keyId} seals new tokens: rotate first.`);
    }
    await writeKeys(vault, kept);
    return `Tokens that ${keyId} sealed open no more from then on. ${next}`;
  }
  throw new Error("usage: token-keys ensure|rotate|retire <vault> [key id]");
}

try {
  console.log(await main(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : "The Azure CLI failed.");
  process.exitCode = 1;
}
