import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { RuntimeError } from "./runtimeError.ts";

/** How a child process is run. */
export interface ProcessSpecification {
  /** What it is to the reader of a message, such as "Azurite". */
  readonly title: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  /** False for a program that prints no line of JSON when it is ready: then it counts as ready once it runs. */
  readonly printsReadiness: boolean;
  /** Receives each line that it writes. */
  readonly log: (line: string) => void;
  /** Called each time it has become ready, the first included. */
  readonly onReady: (pid: number) => void;
  /** Called once, with a sentence, when it is given up. */
  readonly onGivenUp: (reason: string) => void;
}

/** The line that a child prints when it is ready. */
export interface Readiness {
  readonly endpoint?: string;
  readonly connectionString?: string;
}

/** Node's arguments for each child that is one of our programs. */
export const childArguments: readonly string[] = [
  "--disable-warning=ExperimentalWarning",
  "--import",
  pathToFileURL(join(import.meta.dirname, "endWithSupervisor.ts")).href,
];

const readyTimeoutMs = 60_000;
/** A life shorter than this after becoming ready counts as a fast death. */
const shortLifeMs = 1_000;
const fastDeathsMax = 3;
const backoffMs: readonly number[] = [50, 500, 2_000];
const linesKept = 20;

/**
 * A child process that is started again, with the same arguments, when it dies.
 *
 * It is given up after three fast deaths in a row: dying before it is ready, or within a second after. Its standard
 * input is a pipe that closes when this process ends in whatever way; a child takes that as the order to end. It is in
 * a process group of its own, so that Ctrl-C reaches the supervisor alone, which ends its children in order.
 */
export class SupervisedProcess {
  readonly #specification: ProcessSpecification;
  #child: ChildProcess | undefined;
  #isStopping = false;
  #isReplacing = false;
  #fastDeaths = 0;
  #timer: NodeJS.Timeout | undefined;
  #readyAt: number | undefined;
  #lastLines: string[] = [];
  #exited: Promise<void> = Promise.resolve();

  constructor(specification: ProcessSpecification) {
    this.#specification = specification;
  }

  /** Starts the process and waits until it is ready. Rejects with `RuntimeError` when this first try fails. */
  async start(): Promise<Readiness> {
    if (this.#isStopping) {
      throw new RuntimeError(`${this.#specification.title} was stopped before it had started.`);
    }
    return await this.#launch();
  }

  /** Ends the process, if it runs, and starts it anew, also after it was given up. */
  restart(): void {
    if (this.#isStopping || this.#child === undefined) {
      return;
    }
    this.#isReplacing = true;
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill("SIGTERM");
    } else {
      clearTimeout(this.#timer);
      this.#revive("had ended");
    }
  }

  /** Asks the process to end, and ends it by force after `graceMs`. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.stdin?.end();
      child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await this.#exited;
      clearTimeout(force);
    }
  }

  async #launch(): Promise<Readiness> {
    const { command, title, folder, environment, log, printsReadiness, onReady } =
      this.#specification;
    this.#lastLines = [];
    this.#readyAt = undefined;
    const child = spawn(command, [...this.#specification.arguments], {
      cwd: folder,
      env: environment,
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      windowsHide: true,
    });
    this.#child = child;
    child.stdin.on("error", () => {
      // It is gone; its exit is handled below.
    });
    const keep = (line: string): void => {
      this.#lastLines = [...this.#lastLines, line].slice(-linesKept);
      log(line);
    };
    createInterface({ input: child.stderr }).on("line", keep);
    const output = createInterface({ input: child.stdout });

    return await new Promise<Readiness>((done, fail) => {
      let isReady = false;
      const becomeReady = (readiness: Readiness): void => {
        isReady = true;
        clearTimeout(patience);
        this.#readyAt = performance.now();
        onReady(child.pid ?? 0);
        done(readiness);
      };
      const patience = setTimeout(() => {
        keep(`${title} was not ready after ${String(readyTimeoutMs / 1_000)} seconds.`);
        child.kill("SIGKILL");
      }, readyTimeoutMs);
      output.on("line", (line) => {
        const readiness = isReady || !printsReadiness ? undefined : parseReadiness(line);
        if (readiness === undefined) {
          keep(line);
        } else {
          becomeReady(readiness);
        }
      });
      if (!printsReadiness) {
        child.once("spawn", () => {
          becomeReady({});
        });
      }
      this.#exited = new Promise<void>((gone) => {
        // "close" comes after the last line of output, so the reason is known by then.
        let isOver = false;
        const onEnd = (how: string): void => {
          if (isOver) {
            return;
          }
          isOver = true;
          clearTimeout(patience);
          gone();
          const reason = this.#lastLines.at(-1) ?? `${title} ${how}.`;
          if (this.#isStopping || !isReady) {
            fail(new RuntimeError(reason));
          }
          if (isReady && !this.#isStopping) {
            this.#revive(how);
          }
        };
        child.once("error", (error) => {
          onEnd(`could not be run: ${error.message}`);
        });
        child.once("close", (code, signal) => {
          onEnd(signal === null ? `ended with code ${String(code)}` : `was ended by ${signal}`);
        });
      });
    });
  }

  /** Starts the process again after a while, or gives it up. */
  #revive(how: string): void {
    const { title, log, onGivenUp } = this.#specification;
    const isReplacing = this.#isReplacing;
    this.#isReplacing = false;
    const isFast =
      !isReplacing &&
      (this.#readyAt === undefined || performance.now() - this.#readyAt < shortLifeMs);
    this.#fastDeaths = isFast ? this.#fastDeaths + 1 : 0;
    if (this.#fastDeaths >= fastDeathsMax) {
      const last = this.#lastLines.at(-1);
      onGivenUp(
        `${title} ${how} ${String(fastDeathsMax)} times in a row${last === undefined ? "." : `: ${last}`}`,
      );
      return;
    }
    if (!isReplacing) {
      log(`${title} ${how} and is started again.`);
    }
    this.#timer = setTimeout(
      () => {
        this.#launch().catch((error: unknown) => {
          if (!this.#isStopping) {
            this.#revive(
              error instanceof Error ? `failed to start (${error.message})` : "failed to start",
            );
          }
        });
      },
      isReplacing ? 0 : (backoffMs[this.#fastDeaths] ?? 2_000),
    );
  }
}

function parseReadiness(line: string): Readiness | undefined {
  if (!line.startsWith("{")) {
    return undefined;
  }
  try {
    const value = JSON.parse(line) as { ready?: unknown } & Readiness;
    return value.ready === true ? value : undefined;
  } catch {
    return undefined;
  }
}
