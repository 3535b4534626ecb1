import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readSettings } from "../../shared/settings.ts";

let folder: string;

// A stand-in for the Azure CLI: one secret, in a file beside it.
const azureCli = `#!/usr/bin/env node
const { appendFileSync, copyFileSync, existsSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const secret = join(__dirname, "secret");
const [, , area, , verb, ...rest] = process.argv;
appendFileSync(join(__dirname, "calls"), rest.join(" ") + "\\n");
if (area !== "keyvault" || rest[rest.indexOf("--vault-name") + 1] !== "kv-test") process.exit(3);
if (verb === "list") console.log(existsSync(secret) ? "feed-token-keys" : "");
if (verb === "show") console.log(readFileSync(secret, "utf8"));
if (verb === "set") copyFileSync(rest[rest.indexOf("--file") + 1], secret);
`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "strata-keys-"));
  writeFileSync(join(folder, "az"), azureCli);
  chmodSync(join(folder, "az"), 0o755);
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function tokenKeys(...args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "..", "..", "infra", "tokenKeys.ts"), ...args],
    {
      encoding: "utf8",
      env: { ...process.env, PATH: `${folder}${delimiter}${process.env["PATH"] ?? ""}` },
    },
  );
  return { status, output: `${stdout}${stderr}` };
}

function secret(): string {
  return readFileSync(join(folder, "secret"), "utf8");
}

test.skipIf(process.platform === "win32")(
  "the first key is made once, in the form that the service reads, and shown nowhere",
  () => {
    expect(tokenKeys("ensure", "kv-test").status).toBe(0);
    const made = secret();
    const { feedTokenKeys } = readSettings({
      AUTHENTICATION: "none",
      EMBEDDED_RUNTIME_LISTENER: "127.0.0.1:1",
      COSMOS: "x",
      CONTENT: "x",
      COSMOS_DATABASE: "x",
      FEED_TOKEN_KEYS: made,
    });
    expect(feedTokenKeys.map(({ secret: bytes }) => bytes.length)).toEqual([32]);
    const again = tokenKeys("ensure", "kv-test");
    expect(again).toMatchObject({ status: 0 });
    expect(secret()).toBe(made);
    const [id = "", key = ""] = made.split(":");
    expect(again.output).toContain(id);
    expect(again.output).not.toContain(key);
    expect(readFileSync(join(folder, "calls"), "utf8")).not.toContain(key);
  },
);

test.skipIf(process.platform === "win32")(
  "a rotation puts a new key before the others, and only one that seals nothing new can be retired",
  () => {
    writeFileSync(join(folder, "secret"), "old:b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w=");
    expect(tokenKeys("rotate", "kv-test").status).toBe(0);
    const [fresh = "", old] = secret().split(",");
    expect(old).toMatch(/^old:/);
    const freshId = fresh.split(":")[0] ?? "";
    expect(tokenKeys("retire", "kv-test", freshId)).toMatchObject({ status: 1 });
    expect(tokenKeys("retire", "kv-test", "unheard-of")).toMatchObject({ status: 1 });
    expect(secret()).toContain("old:");
    expect(tokenKeys("retire", "kv-test", "old").status).toBe(0);
    expect(secret()).toBe(fresh);
  },
);

test.skipIf(process.platform === "win32")(
  "a vault that cannot be read is changed by nothing",
  () => {
    for (const command of ["ensure", "rotate"]) {
      expect(tokenKeys(command, "kv-other").status).toBe(1);
    }
    expect(tokenKeys("ensure", "no vault; at all").status).toBe(1);
    expect(existsSync(join(folder, "secret"))).toBe(false);
  },
);
