import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { context, type BuildContext, type BuildOptions, type BuildResult } from "esbuild";

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
  /** Every file that went into the bundles, or stands beside them; from the root. None while sources are watched. */
  readonly inputs: readonly string[];
  /** Ends the watching. */
  stop(): Promise<void>;
}

const entryName = "function-app";

/** The thread that works on pixels: a bundle of its own, which nothing loads before there are pixels to work on. */
const pixelWorker = join("shared", "pixels", "pixelWorker.ts");
/** What that thread reads, in the packages it is from. */
const codecFiles = [
  join("dcmjs-codecs", "build", "dcmjs-native-codecs.wasm"),
  join("@cornerstonejs", "codec-openjph", "dist", "openjphjs.wasm"),
];

/**
 * Bundles every file of `functions/` into one CommonJS file with a source map beside it; and, if there is one, the worker
 * thread for pixels, with the WebAssembly modules of its codecs, into the same folder.
 *
 * One file, because the library keeps its set-up in the module: a second copy of it would silently switch HTTP
 * streaming off. `@azure/functions-core` stays outside, since the worker supplies it. Rejects when a source does not
 * compile, unless the sources are watched: then the errors go to `onBuild`, and the next change is another chance.
 */
export async function buildApp(options: BuildAppOptions): Promise<BuiltApp> {
  const outfile = options.outfile ?? join(options.root, "dist", "app.cjs");
  const { onBuild } = options;
  const settings: BuildOptions = {
    ...bundleSettings(options.root),
    entryPoints: [entryName],
    outfile,
    external: ["@azure/functions-core"],
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
  const builders = [
    ...(await pixelWorkerBuilders(options.root, dirname(outfile))),
    await context(settings),
  ];
  const stop = async (): Promise<void> => {
    await Promise.all(builders.map(async (builder) => await builder.dispose()));
  };
  let results: readonly BuildResult[] = [];
  try {
    if (onBuild === undefined) {
      results = await Promise.all(builders.map(async (builder) => await builder.rebuild()));
    } else {
      await Promise.all(
        builders.map(async (builder) => {
          await builder.watch();
        }),
      );
    }
  } catch (error) {
    await stop();
    throw error;
  }
  if (onBuild === undefined) {
    await stop();
  }
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}));
  return {
    outfile,
    inputs: [...inputs, ...codecFiles.map((file) => join("node_modules", file))],
    stop,
  };
}

function bundleSettings(root: string): BuildOptions {
  return {
    absWorkingDir: root,
    write: false,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    sourcemap: "linked",
    sourcesContent: false,
    metafile: true,
    // The one thing that a module asks about itself: where the files beside it are.
    define: { "import.meta.dirname": "__dirname" },
    logLevel: "silent",
  };
}

async function pixelWorkerBuilders(root: string, folder: string): Promise<BuildContext[]> {
  if (!existsSync(join(root, pixelWorker))) {
    return [];
  }
  for (const file of codecFiles) {
    writeWhole(join(folder, basename(file)), readFileSync(join(root, "node_modules", file)));
  }
  const builder = await context({
    ...bundleSettings(root),
    entryPoints: [pixelWorker],
    outfile: join(folder, "pixelWorker.cjs"),
    plugins: [
      {
        name: "write",
        setup: (build): void => {
          build.onEnd((result) => {
            for (const { path, contents } of result.outputFiles ?? []) {
              writeWhole(path, contents);
            }
          });
        },
      },
    ],
  });
  return [builder];
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
