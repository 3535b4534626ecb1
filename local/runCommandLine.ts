import { developmentCallers } from "./issuer/developmentCallers.ts";
import { startDevelopmentIssuer, type DevelopmentIssuer } from "./issuer/developmentIssuer.ts";
import { platformSettings, registerTenants } from "./issuer/registerTenants.ts";
import { RuntimeError } from "./runtimeError.ts";
import { startRuntime, type RuntimeOptions } from "./startRuntime.ts";

const portDefault = 7071;
const parentCheckMs = 200;
const dataDirDefault = "./.data";

/** How the service is run from a command line. */
export interface CommandLineOptions extends Pick<RuntimeOptions, "isWatching" | "usesCoreTools"> {
  /** Starts an issuer of tokens too, and lets nobody in without one. */
  readonly isAuthenticating?: boolean;
}

/**
 * Runs the service until Ctrl-C or SIGTERM, as `PORT` and `DATA_DIR` say, and ends this process with code 0, or with 1
 * and one sentence on standard error when it cannot start or go on.
 */
export async function runCommandLine({
  isAuthenticating = false,
  ...options
}: CommandLineOptions): Promise<void> {
  const interruption = new AbortController();
  const stopRequested = new Promise<"stop">((done) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        interruption.abort();
        done("stop");
      });
    }
  });
  if (process.env["npm_lifecycle_event"] !== undefined) {
    stopWithoutParent(() => process.kill(process.pid, "SIGTERM"));
  }
  // What is written during the start is shown after it. When it fails, one sentence says why; only what the app itself
  // had to say, a stack for example, goes before that.
  let isStarted = false;
  const early: { role: string; line: string }[] = [];
  try {
    const issuer = isAuthenticating ? await startDevelopmentIssuer() : undefined;
    const runtime = await startRuntime({
      ...options,
      ...(issuer === undefined ? {} : { settings: platformSettings(issuer) }),
      port: readPort(process.env["PORT"]),
      dataDir: readText(process.env["DATA_DIR"]) ?? dataDirDefault,
      signal: interruption.signal,
      log: (role, line) => {
        if (isStarted) {
          console.error(`[${role}] ${line}`);
        } else {
          early.push({ role, line });
        }
      },
    });
    isStarted = true;
    for (const { role, line } of early) {
      console.error(`[${role}] ${line}`);
    }
    if (issuer !== undefined) {
      await registerTenants(runtime.baseUrl, issuer);
    }
    console.log(
      issuer === undefined
        ? readyMessage(runtime.baseUrl)
        : readyMessageWithTokens(runtime.baseUrl, issuer),
    );
    const outcome = await Promise.race([stopRequested, runtime.failed]);
    await runtime.stop();
    if (outcome === "stop") {
      process.exit(0);
    }
    throw new RuntimeError(outcome);
  } catch (error) {
    if (interruption.signal.aborted) {
      process.exit(0);
    }
    const sentence = error instanceof RuntimeError ? error.message : undefined;
    for (const { role, line } of isStarted ? [] : early) {
      if (role === "host" && line !== sentence) {
        console.error(`[${role}] ${line}`);
      }
    }
    console.error(sentence ?? error);
    process.exit(1);
  }
}

/**
 * Calls `stop` when the parent process is gone.
 *
 * npm runs a script in a shell and passes a SIGTERM to that shell, which ends without a word to the script. Without
 * this, a service started with `npm start` would outlive the npm that was told to end.
 */
function stopWithoutParent(stop: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) {
      clearInterval(watch);
      stop();
    }
  }, parentCheckMs);
  watch.unref();
}

function readyMessage(baseUrl: string): string {
  return [
    `Strata is ready at ${baseUrl}`,
    "Authentication is off: whoever can reach 127.0.0.1 on this machine is the tenant default. With tokens: npm start -- --auth",
    `Next: npm run samples, then`,
    `  curl -X POST ${baseUrl}/v2/studies -H "Content-Type: application/dicom" --data-binary @samples/red-triangle.dcm`,
    `  curl ${baseUrl}/v2/studies`,
    `Ctrl-C ends it.`,
  ].join("\n");
}

function readyMessageWithTokens(baseUrl: string, issuer: DevelopmentIssuer): string {
  return [
    `Strata is ready at ${baseUrl}`,
    `Its tokens come from ${issuer.url}, which gives them to anybody on this machine. These are good for twelve hours:`,
    ...developmentCallers.flatMap(({ name, title }) => [
      "",
      `# ${title}`,
      `TOKEN=${issuer.tokenOf(name)}`,
    ]),
    "",
    "Another one, by a name of the form {tenant}.{owner|reader|admin}, or platform.admin:",
    `  curl -s ${issuer.url}/token -d grant_type=client_credentials -d client_id=hospital-a.owner`,
    "Next:",
    `  curl ${baseUrl}/v2/studies -H "Authorization: Bearer $TOKEN"`,
    "Ctrl-C ends it.",
  ].join("\n");
}

function readText(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === "" ? undefined : value;
}

function readPort(value: string | undefined): number {
  const text = readText(value);
  if (text === undefined) {
    return portDefault;
  }
  const port = Number(text);
  if (!/^\d+$/u.test(text) || port < 1 || port > 65_535) {
    throw new RuntimeError("PORT must be a number from 1 to 65535.");
  }
  return port;
}
