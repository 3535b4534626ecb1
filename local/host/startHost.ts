import { randomUUID } from "node:crypto";
import { leasePrefix, runChangeFeed } from "./changeFeedTrigger.ts";
import { HostError } from "./hostError.ts";
import type { AdminState, FunctionStatus } from "./adminApi.ts";
import { describeError } from "./describeError.ts";
import {
  isFunctionDisabled,
  readHostConfiguration,
  resolveSettingNames,
  type HostConfiguration,
  type Settings,
} from "./hostConfiguration.ts";
import { listenHttp } from "./httpListener.ts";
import { invokeFunction, triggerOf } from "./invokeFunction.ts";
import { loadApp, type LoadedFunction } from "./loadApp.ts";
import { buildRouteTable, compareNames, type HttpFunction } from "./routeTable.ts";
import { runQueue } from "./queueTrigger.ts";
import { runTimer } from "./timerTrigger.ts";
import type { TriggerContext } from "./triggerContext.ts";
import type { Log } from "./workerContract.ts";

/** How a host is started. */
export interface HostOptions {
  /** The folder with the app's package.json and host.json. */
  readonly appRoot: string;
  /** Over the port of local.settings.json; 0 takes a free one. Default 7071. */
  readonly port?: number;
  /** The environment; default that of the process. */
  readonly environment?: Settings;
  readonly hasQuirks?: boolean;
  readonly isStrict?: boolean;
  /** How long running requests and invocations may go on after `close` was called. Default 3000. */
  readonly drainMs?: number;
  readonly log?: Log;
}

/** A host that serves an app. */
export interface RunningHost {
  readonly baseUrl: string;
  readonly port: number;
  readonly functions: readonly FunctionStatus[];
  /** One sentence for each pair of routes that may shadow one another. */
  readonly warnings: readonly string[];
  /** Stops the triggers, drains, runs the appTerminate hooks. Safe to call twice. */
  close(): Promise<void>;
}

const triggerRunners: Readonly<Record<string, (context: TriggerContext) => Promise<void>>> = {
  timertrigger: runTimer,
  queuetrigger: runQueue,
  cosmosdbtrigger: runChangeFeed,
};

const functionNamePattern = /^[a-z][a-z0-9_-]{0,127}$/iu;

/**
 * Loads the app in `appRoot` and serves it on 127.0.0.1 as the Azure Functions host does.
 *
 * Runs the app inside this process. The settings of local.settings.json are put into the environment of the process
 * where it has no such variable. Rejects with `HostError` when the app cannot be loaded or the port is taken.
 */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const log = options.log ?? writeLog;
  const environment = options.environment ?? environmentOf(process.env);
  const configuration = readHostConfiguration(options.appRoot, environment);
  for (const [name, value] of Object.entries(configuration.settings)) {
    process.env[name] ??= value;
  }
  const app = await loadApp(options.appRoot, log);
  const resolved = app.functions
    .toSorted((a, b) => compareNames(a.metadata.name, b.metadata.name))
    .map((target) => prepare(target, configuration));
  refuseSharedLeases(resolved);
  const enabled = resolved.filter(({ status }) => status.error === undefined && !status.isDisabled);
  const table = buildRouteTable(
    enabled.flatMap(({ target }) => httpFunction(target)),
    configuration.routePrefix,
  );
  const statuses = resolved.map(({ target, status }) => {
    const refusal = table.refused.find((entry) => entry.target === target);
    const route = table.routes.find((entry) => entry.target === target);
    return {
      ...status,
      ...(refusal === undefined ? {} : { error: refusal.reason }),
      ...(route === undefined ? {} : { methods: route.methods, route: `/${route.template.text}` }),
    };
  });
  for (const { name, error } of statuses) {
    if (error !== undefined) {
      log("error", "host", `The function ${name} is not run: ${error}`);
    }
  }
  for (const warning of table.warnings) {
    log("warning", "host", warning);
  }

  const running = new Set<Promise<unknown>>();
  const admin: AdminState = {
    functions: () => statuses,
    fire: (name, input) => {
      const target = enabled.find(
        (entry) =>
          entry.target.metadata.name.toLowerCase() === name.toLowerCase() &&
          entry.status.type.toLowerCase() !== "httptrigger",
      )?.target;
      if (target === undefined) {
        return Promise.resolve(false);
      }
      const run = invokeFunction(
        app,
        target,
        { invocationId: randomUUID(), input: manualInput(target, input), triggerMetadata: {} },
        log,
      )
        .catch((error: unknown) => {
          log("error", "host", `${target.metadata.name} failed: ${describeError(error)}`);
        })
        .finally(() => running.delete(run));
      running.add(run);
      return Promise.resolve(true);
    },
  };
  const listener = await listenHttp({
    app,
    table,
    configuration,
    port: options.port ?? configuration.port ?? 7071,
    admin,
    hasQuirks: options.hasQuirks ?? false,
    isStrict: options.isStrict ?? false,
    log,
  }).catch(async (error: unknown) => {
    await app.close();
    throw error;
  });
  const stopping = new AbortController();
  for (const { target, status } of enabled) {
    const trigger = triggerOf(target);
    const run = trigger === undefined ? undefined : triggerRunners[trigger.type.toLowerCase()];
    if (trigger === undefined || run === undefined) {
      continue;
    }
    const context = {
      app,
      target,
      options: trigger.options,
      configuration,
      log,
      signal: stopping.signal,
    };
    const work = run(context)
      .catch((error: unknown) => {
        log("error", "host", `The trigger of ${status.name} has stopped: ${describeError(error)}`);
      })
      .finally(() => running.delete(work));
    running.add(work);
  }
  let closing: Promise<void> | undefined;
  const drainMs = options.drainMs ?? 3_000;
  return {
    baseUrl: `http://127.0.0.1:${String(listener.port)}`,
    port: listener.port,
    functions: statuses,
    warnings: table.warnings,
    close: async (): Promise<void> => {
      closing ??= (async (): Promise<void> => {
        stopping.abort();
        const patience = new Promise<void>((done) => {
          setTimeout(done, drainMs).unref();
        });
        await Promise.all([
          listener.close(drainMs),
          Promise.race([Promise.all(running), patience]),
        ]);
        await app.close();
      })();
      await closing;
    },
  };
}

/** Writes one line of log to standard error, the severity first unless it is information. */
export function writeLog(level: string, category: string, message: string): void {
  const severity = level === "information" ? "" : `${level} `;
  process.stderr.write(`${severity}[${category}] ${message}\n`);
}

function environmentOf(variables: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** The function with `%SETTING%` replaced in its bindings, and what the host has to say about it. */
function prepare(
  target: LoadedFunction,
  configuration: HostConfiguration,
): { target: LoadedFunction; status: FunctionStatus } {
  const { name } = target.metadata;
  const trigger = triggerOf(target);
  const base = {
    name,
    type: trigger?.type ?? "",
    isDisabled: isFunctionDisabled(name, configuration.settings),
  };
  if (!functionNamePattern.test(name) || name.toLowerCase() === "host") {
    return { target, status: { ...base, error: "Its name is not one that Azure allows." } };
  }
  if (trigger === undefined) {
    return { target, status: { ...base, error: "It has no trigger." } };
  }
  if (
    trigger.type.toLowerCase() !== "httptrigger" &&
    !(trigger.type.toLowerCase() in triggerRunners)
  ) {
    return { target, status: { ...base, error: `The local host has no ${trigger.type}.` } };
  }
  try {
    const bindings = Object.fromEntries(
      Object.entries(target.metadata.bindings).map(([key, binding]) => [
        key,
        {
          ...binding,
          ...Object.fromEntries(
            Object.entries(binding)
              .filter((entry): entry is [string, string] => typeof entry[1] === "string")
              .map(([option, text]) => [option, resolveSettingNames(text, configuration.settings)]),
          ),
        },
      ]),
    );
    return { target: { ...target, metadata: { ...target.metadata, bindings } }, status: base };
  } catch (error) {
    if (!(error instanceof HostError)) {
      throw error;
    }
    return { target, status: { ...base, error: error.message } };
  }
}

/** Two functions on the same leases would each see a part of the changes. */
function refuseSharedLeases(functions: { target: LoadedFunction; status: FunctionStatus }[]): void {
  const owners = new Map<string, string>();
  for (const entry of functions) {
    const trigger = triggerOf(entry.target);
    if (trigger?.type.toLowerCase() !== "cosmosdbtrigger" || entry.status.isDisabled) {
      continue;
    }
    const prefix = leasePrefix(trigger.options);
    const owner = owners.get(prefix);
    if (owner === undefined) {
      owners.set(prefix, entry.status.name);
    } else {
      const error = `It would share its leases with ${owner}; give it a leaseContainerPrefix of its own.`;
      entry.status = { ...entry.status, error };
    }
  }
}

function httpFunction(target: LoadedFunction): HttpFunction[] {
  const trigger = triggerOf(target);
  if (trigger === undefined || trigger.type.toLowerCase() !== "httptrigger") {
    return [];
  }
  const { route, methods } = trigger.options;
  return [
    {
      target,
      route: typeof route === "string" && route !== "" ? route : target.metadata.name,
      methods: Array.isArray(methods) ? methods.map(String) : ["GET", "POST"],
    },
  ];
}

function manualInput(target: LoadedFunction, input: string): { string?: string; json?: string } {
  return triggerOf(target)?.type.toLowerCase() === "timertrigger"
    ? {
        json: JSON.stringify({
          Schedule: { AdjustForDST: true },
          ScheduleStatus: null,
          IsPastDue: false,
        }),
      }
    : { string: input };
}
