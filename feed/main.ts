import { runCommandLine } from "./runCommandLine.ts";

const controller = new AbortController();
process.once("SIGINT", () => {
  controller.abort();
});
process.once("SIGTERM", () => {
  controller.abort();
});
process.exitCode = await runCommandLine(process.argv.slice(2), {
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
  // oxlint-disable-next-line no-restricted-globals -- the root of a program of its own.
  now: () => Date.now(),
  // oxlint-disable-next-line no-restricted-properties -- likewise.
  token: process.env["STRATA_TOKEN"],
  signal: controller.signal,
});
