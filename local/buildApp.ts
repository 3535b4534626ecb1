import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { context, type BuildOptions, type BuildResult } from "esbuild";

/** How the function app is bundled. */
export interface BuildAppOptions {
  /** The folder with `functions/`. */
  readonly root: string;
  /** Where the bundle goes; default `dist/app.cjs` below the root. */
  readonly outfile?: string;
  /** When given, sources are watched until `stop`, and this is called after every build, the first included. */
  readonly onBuild?: (errors: readonly string[]) => void;
}

/** A finished build. */
export interface BuiltApp {
  readonly outfile: string;
  /** Ends the watching. */
  stop(): Promise<void>;
}

const entryName = "function-app";

/**
 * Bundles every file of `functions/` into one CommonJS file with a source map beside it.
 *
 * One file, because the library keeps its set-up in the module: a second copy of it would silently switch HTTP
 * streaming off. `@azure/functions-core` stays outside, since the worker supplies it. Rejects when a source does not
 * compile, unless the sources are watched: then the errors go to `onBuild`, and the next change is another chance.
 */
export async function buildApp(options: BuildAppOptions): Promise<BuiltApp> {
  const outfile = options.outfile ?? join(options.root, "dist", "app.cjs");
  const { onBuild } = options;
  const settings: BuildOptions = {
    absWorkingDir: options.root,
    write: false,
    entryPoints: [entryName],
    outfile,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    sourcemap: "linked",
    sourcesContent: false,
    external: ["@azure/functions-core"],
    logLevel: "silent",
    plugins: [
      {
        name: "functions",
        setup: (build): void => {
          build.onResolve({ filter: new RegExp(`^${entryName}$`) }, () => ({
            path: entryName,
            namespace: entryName,
          }));
          build.onLoad({ filter: /.*/, namespace: entryName }, () => ({
            contents: listFunctions(options.root)
              .map((name) => `import "./functions/${name}";`)
              .join("\n"),
            resolveDir: options.root,
            // A new file in the folder is part of the next build too.
            watchDirs: [join(options.root, "functions")],
          }));
          build.onEnd((result) => {
            for (const { path, contents } of result.outputFiles ?? []) {
              writeWhole(path, contents);
            }
            onBuild?.(errorsOf(result));
          });
        },
      },
    ],
  };
  const builder = await context(settings);
  try {
    if (onBuild === undefined) {
      await builder.rebuild();
    } else {
      await builder.watch();
    }
  } catch (error) {
    await builder.dispose();
    throw error;
  }
  if (onBuild === undefined) {
    await builder.dispose();
  }
  return {
    outfile,
    stop: async (): Promise<void> => {
      await builder.dispose();
    },
  };
}

function listFunctions(root: string): string[] {
  return readdirSync(join(root, "functions"))
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .toSorted();
}

/** Puts a file in place in one step, and only when it is another: a host that is loading the old one reads it whole. */
function writeWhole(path: string, contents: Uint8Array): void {
  if (existsSync(path) && readFileSync(path).equals(contents)) {
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${String(process.pid)}.${String(performance.now())}.new`;
  writeFileSync(fresh, contents);
  renameSync(fresh, path);
}

function errorsOf(result: BuildResult): string[] {
  return result.errors.map(({ text, location }) =>
    location === null ? text : `${location.file}:${String(location.line)}: ${text}`,
  );
}
