import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** True of a program that is installed: those of Debian's packages dcmtk and libgdcm-tools are looked for. */
export function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .some((folder) => folder !== "" && existsSync(join(folder, program)));
}

/**
 * Runs a program of somebody else that reads one file and writes another one, and gives what it wrote; undefined when it
 * refuses.
 */
export async function convertWith(
  program: string,
  parameters: readonly string[],
  file: Uint8Array,
): Promise<Buffer | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "strata-codec-"));
  try {
    const input = join(folder, "in.dcm");
    const output = join(folder, "out.dcm");
    writeFileSync(input, file);
    try {
      await execute(program, [...parameters, input, output], { timeout: 20_000 });
    } catch {
      return undefined;
    }
    return existsSync(output) ? readFileSync(output) : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
