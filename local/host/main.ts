import { parseArgs } from "node:util";
import { describeError } from "./describeError.ts";
import { HostError } from "./hostError.ts";
import { startHost, writeLog } from "./startHost.ts";

// The process that serves a function app. Prints one line of JSON on standard output once it listens; everything else
// goes to standard error. Ends on SIGTERM and SIGINT.

const { values } = parseArgs({
  options: {
    app: { type: "string", default: "." },
    port: { type: "string" },
    quirks: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
  },
});

process.setSourceMapsEnabled(true);

// The real worker ends on an uncaught exception and the real host starts a new one.
process.on("uncaughtException", (error) => {
  writeLog("critical", "host", `An uncaught exception ends the process: ${describeError(error)}`);
  process.exit(1);
});

try {
  const host = await startHost({
    appRoot: values.app,
    ...(values.port === undefined ? {} : { port: Number(values.port) }),
    hasQuirks: values.quirks,
    isStrict: values.strict,
  });
  const stop = (): void => {
    host.close().then(
      () => process.exit(0),
      (error: unknown) => {
        writeLog("error", "host", describeError(error));
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  process.stdout.write(`${JSON.stringify({ ready: true, endpoint: host.baseUrl })}\n`);
} catch (error) {
  // The sentence comes last: a supervisor that reports one line reports that one.
  const sentence = error instanceof HostError ? error.message : "The host cannot start.";
  const cause = error instanceof HostError ? error.cause : error;
  process.stderr.write(cause === undefined ? "" : `${describeError(cause)}\n`);
  process.stderr.write(`${[sentence, firstLine(cause)].filter((text) => text !== "").join(" ")}\n`);
  process.exit(1);
}

function firstLine(cause: unknown): string {
  return cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : "";
}
