import { globSync, readFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import type { Server } from "node:http";
import { Server as NetServer } from "node:net";
import { join, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { describeError } from "./describeError.ts";
import { HostError } from "./hostError.ts";
import type {
  FunctionCallback,
  FunctionMetadata,
  Log,
  LogLevel,
  ProgrammingModel,
} from "./workerContract.ts";

/** One function of a loaded app. */
export interface LoadedFunction {
  readonly id: string;
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
}

/** The hooks that an app may register. */
export type HookName = "preInvocation" | "postInvocation" | "appStart" | "appTerminate" | "log";

/** A function registered for a hook; it gets one context object. */
export type HookCallback = (context: Record<string, unknown>) => unknown;

/** An app after start-up: its functions, hooks and, with HTTP streaming, its inner HTTP server. */
export interface LoadedApp {
  readonly functions: readonly LoadedFunction[];
  readonly model: ProgrammingModel;
  readonly hooks: Readonly<Record<HookName, readonly HookCallback[]>>;
  /** Shared by all hooks of the app, as in the real worker. */
  readonly appHookData: Record<string, unknown>;
  /** Where requests are to be forwarded; absent unless the app has set `enableHttpStream`. */
  readonly httpPort: number | undefined;
  /** Runs the appTerminate hooks, then closes the inner HTTP server. */
  close(): Promise<void>;
}

const coreModuleId = "@azure/functions-core";
const hostVersion = "4.1052.200";
const workerVersion = "3.14.1";

/** The objects that stand for `@azure/functions-core`, by the root folder of the app that asks. */
const coreModules = new Map<string, object>();
let isRequirePatched = false;

/**
 * Loads the app in `appRoot` as the Node worker does: package.json `main` as a pattern of files, each loaded with
 * `@azure/functions-core` in place, then the appStart hooks, then the capabilities.
 *
 * Several apps may live in one process as long as their roots differ. Throws `HostError` when there is no such app or
 * it fails while loading.
 */
export async function loadApp(appRoot: string, log: Log): Promise<LoadedApp> {
  const root = resolve(appRoot);
  const functions: LoadedFunction[] = [];
  const hooks: Record<HookName, HookCallback[]> = {
    preInvocation: [],
    postInvocation: [],
    appStart: [],
    appTerminate: [],
    log: [],
  };
  let model: ProgrammingModel | undefined;
  let isRegistrationOpen = true;

  coreModules.set(root + sep, {
    version: workerVersion,
    hostVersion,
    setProgrammingModel: (value: ProgrammingModel): void => {
      model = value;
    },
    getProgrammingModel: (): ProgrammingModel | undefined => model,
    registerFunction: (metadata: FunctionMetadata, callback: FunctionCallback): Disposable => {
      if (!isRegistrationOpen) {
        throw new HostError("A function can only be registered during app startup.");
      }
      const id = metadata.functionId ?? metadata.name;
      if (functions.some((known) => known.id === id)) {
        throw new HostError(`A function with id "${id}" has already been registered.`);
      }
      const loaded = { id, metadata, callback };
      functions.push(loaded);
      return new Disposable(() => {
        functions.splice(functions.indexOf(loaded), 1);
      });
    },
    registerHook: (name: string, callback: HookCallback): Disposable => {
      const list = Object.hasOwn(hooks, name) ? hooks[name as HookName] : undefined;
      if (list === undefined) {
        const error = new RangeError(`Unrecognized hook "${name}"`);
        throw Object.assign(error, { isAzureFunctionsSystemError: true });
      }
      list.push(callback);
      return new Disposable(() => {
        list.splice(list.indexOf(callback), 1);
      });
    },
    log: (level: LogLevel, category: string, message: string): void => {
      // The library's own chatter is of interest only when something is wrong.
      if (category === "user" || level === "warning" || level === "error" || level === "critical") {
        log(level, category, message);
      }
    },
    Disposable,
  });
  patchRequire();

  const entryPoints = findEntryPoints(root);
  const require = createRequire(join(root, "package.json"));
  for (const file of entryPoints.files) {
    try {
      if (file.endsWith(".mjs") || (!file.endsWith(".cjs") && entryPoints.isModule)) {
        // A query makes a second start in the same process evaluate the module again.
        await import(`${pathToFileURL(file).href}?start=${performance.now()}`);
      } else {
        delete require.cache[file];
        require(file);
      }
    } catch (cause) {
      throw new HostError(`The function app failed while loading ${file}.`, { cause });
    }
  }
  if (model === undefined) {
    throw new HostError(`No function was registered by ${entryPoints.files.join(", ")}.`);
  }
  const appHookData: Record<string, unknown> = {};
  for (const hook of hooks.appStart) {
    try {
      await hook({ hookData: {}, appHookData });
    } catch (cause) {
      throw new HostError("The function app does not start.", { cause });
    }
  }
  const inner = await withInnerServer(model);
  isRegistrationOpen = false;

  return {
    functions,
    model,
    hooks,
    appHookData,
    httpPort: inner.port,
    close: async (): Promise<void> => {
      for (const hook of hooks.appTerminate) {
        try {
          await hook({ hookData: {}, appHookData });
        } catch (error) {
          log("error", "host", `An appTerminate hook failed: ${describeError(error)}`);
        }
      }
      coreModules.delete(root + sep);
      await new Promise<void>((done) => {
        if (inner.server === undefined) {
          done();
          return;
        }
        inner.server.close(() => {
          done();
        });
        inner.server.closeAllConnections();
      });
    },
  };
}

/** Undoes a registration; part of the contract, though the library never calls it. */
class Disposable {
  readonly #undo: () => void;
  constructor(undo: () => void) {
    this.#undo = undo;
  }
  dispose(): void {
    this.#undo();
  }
}

function findEntryPoints(root: string): { files: string[]; isModule: boolean } {
  let manifest: { main?: unknown; type?: unknown };
  try {
    manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as typeof manifest;
  } catch (cause) {
    throw new HostError(`${join(root, "package.json")} could not be read.`, { cause });
  }
  const main = manifest.main;
  if (typeof main !== "string" || main === "") {
    throw new HostError(`${join(root, "package.json")} names no entry point in "main".`);
  }
  const files = globSync(main, { cwd: root }).toSorted();
  if (files.length === 0) {
    throw new HostError(`Found zero files matching the pattern "${main}" in ${root}.`);
  }
  return { files: files.map((file) => join(root, file)), isModule: manifest.type === "module" };
}

/**
 * Answers `require("@azure/functions-core")` with the object of the app that the asking file belongs to.
 *
 * The module is on no registry: the real worker supplies it in this same way.
 */
function patchRequire(): void {
  if (isRequirePatched) {
    return;
  }
  isRequirePatched = true;
  const prototype = Module.prototype as unknown as {
    require: (this: Module, id: string) => unknown;
  };
  const original = prototype.require;
  prototype.require = function (this: Module, id: string): unknown {
    if (id !== coreModuleId) {
      return original.call(this, id);
    }
    const owners = [...coreModules.keys()].filter((root) => this.filename.startsWith(root));
    // A library outside of every root, as behind a symbolic link, belongs to the app that came last.
    const owner =
      owners.toSorted((a, b) => b.length - a.length)[0] ?? [...coreModules.keys()].at(-1);
    return owner === undefined ? original.call(this, id) : coreModules.get(owner);
  };
}

/**
 * Asks for the capabilities and catches the HTTP server that the library opens while answering.
 *
 * The library listens on every interface and never closes. A local host keeps to the loopback interface and has to be
 * able to stop, so the call of `listen` is narrowed to 127.0.0.1 while the library is at it.
 */
async function withInnerServer(
  model: ProgrammingModel,
): Promise<{ port: number | undefined; server: Server | undefined }> {
  let server: Server | undefined;
  const keep = (listening: Server): void => {
    server = listening;
  };
  const prototype = NetServer.prototype as { listen: (...args: unknown[]) => unknown };
  const original = prototype.listen;
  prototype.listen = function (this: Server, ...args: unknown[]): unknown {
    keep(this);
    const callback = args.at(-1);
    const port = typeof args[0] === "number" ? args[0] : 0;
    return original.call(this, port, "127.0.0.1", callback);
  };
  try {
    const capabilities = await model.getCapabilities({
      RawHttpBodyBytes: "true",
      RpcHttpTriggerMetadataRemoved: "true",
      RpcHttpBodyOnly: "true",
      IgnoreEmptyValuedRpcHttpHeaders: "true",
      UseNullableValueDictionaryForHttp: "true",
      WorkerStatus: "true",
      TypedDataCollection: "true",
      HandlesWorkerTerminateMessage: "true",
    });
    const uri = capabilities["HttpUri"];
    if (uri === undefined || server === undefined) {
      return { port: undefined, server };
    }
    // Longer than the relay keeps an idle connection, so that a request is never sent into a closing one.
    server.keepAliveTimeout = 120_000;
    return { port: Number(new URL(uri).port), server };
  } finally {
    prototype.listen = original;
  }
}
