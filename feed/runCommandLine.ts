import { parseArgs } from "node:util";
import { CursorCheckpoints, FileCheckpoints, type Checkpoints } from "./checkpoints.ts";
import { FeedClient, FeedError, type FeedRequest } from "./feedClient.ts";
import { followFeed, type FollowProgress } from "./followFeed.ts";

/** What the command needs from the process it runs in. */
export interface CommandSurroundings {
  readonly writeOut: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Whether a line on the error output can be written over. */
  readonly isTerminal: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The bearer token that the caller was given, if any. */
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

const usage = `Reads the feed of a Strata service: each entry as a line of JSON on the standard output.

  npm run feed -- --url http://127.0.0.1:7071/v2 [options]

  --url URL            the service, with its version
  --mode latest|all    instances at their newest state, or every event (default latest)
  --from WHEN          beginning, now, or a time as RFC 3339 has it (default beginning)
  --readers N          how many readers share the tenant at least (default 1)
  --follow             wait for what comes instead of ending when everything has been read
  --file PATH          keep the positions of the readers in a file
  --cursor NAME        keep them in the service, as named cursors
  --metadata           with the metadata of each instance
  --action, --modality, --sop-class, --partition VALUES
                       only these, with commas between them
  --page-size N        1 to 1000 (default 100)
  --quiet              no progress on the error output

The bearer token, where the service asks for one, is taken from the variable STRATA_TOKEN. Positions that were kept carry
mode and filters: the options for those count only when there are none yet.
`;

/**
 * Runs the command `feed` and returns its exit code: 0 when all was read or the caller ended it, 1 when the service
 * refused or could not be reached, 2 when the arguments make no sense.
 */
export async function runCommandLine(
  args: readonly string[],
  surroundings: CommandSurroundings,
): Promise<number> {
  const { writeOut, writeError, signal } = surroundings;
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    writeError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  if (values.help === true) {
    writeOut(usage);
    return 0;
  }
  const readers = Number(values.readers ?? 1);
  const pageSize = Number(values["page-size"] ?? 100);
  if (values.url === undefined || !URL.canParse(values.url)) {
    writeError(`--url is missing or is no URL.\n\n${usage}`);
    return 2;
  }
  if (!(readers >= 1) || !Number.isInteger(readers) || !Number.isInteger(pageSize)) {
    writeError(`--readers and --page-size are whole numbers.\n\n${usage}`);
    return 2;
  }
  if (values.file !== undefined && values.cursor !== undefined) {
    writeError(`--file and --cursor exclude one another.\n\n${usage}`);
    return 2;
  }
  const { token } = surroundings;
  const client = new FeedClient({
    baseUrl: values.url,
    ...(token === undefined ? {} : { token: async () => await Promise.resolve(token) }),
  });
  const progress = new ProgressLine(surroundings);
  try {
    await followFeed({
      client,
      readers,
      request: requestOf(values, pageSize),
      isEndless: values.follow === true,
      signal,
      ...checkpointsOf(client, values.file, values.cursor),
      onEntries: async (entries) => {
        writeOut(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
        await Promise.resolve();
      },
      ...(values.quiet === true
        ? {}
        : {
            onProgress: (state: FollowProgress) => {
              progress.show(state);
            },
          }),
    });
    progress.end();
    return 0;
  } catch (error) {
    progress.end();
    if (signal.aborted) {
      return 0;
    }
    if (error instanceof FeedError) {
      writeError(`${error.message}\n`);
      return 1;
    }
    throw error;
  }
}

// The kinds of its values are the compiler's to tell.
function parse(
  args: readonly string[],
): Partial<
  Record<
    | "url"
    | "mode"
    | "from"
    | "readers"
    | "file"
    | "cursor"
    | "action"
    | "modality"
    | "sop-class"
    | "partition"
    | "page-size",
    string
  > &
    Record<"follow" | "metadata" | "quiet" | "help", boolean>
> {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  return parseArgs({
    args: [...args],
    options: {
      url: text,
      mode: text,
      from: text,
      readers: text,
      follow: flag,
      file: text,
      cursor: text,
      metadata: flag,
      action: text,
      modality: text,
      "sop-class": text,
      partition: text,
      "page-size": text,
      quiet: flag,
      help: flag,
    },
  }).values;
}

function requestOf(values: ReturnType<typeof parse>, pageSize: number): FeedRequest {
  const { mode, from, action, modality, partition, metadata, "sop-class": sopClass } = values;
  return {
    pageSize,
    // What the service does not know it refuses, with a sentence that names it.
    ...(mode === undefined ? {} : { mode: mode as "latest" | "all" }),
    ...(from === undefined ? {} : { startFrom: from }),
    ...(action === undefined ? {} : { action }),
    ...(modality === undefined ? {} : { modality }),
    ...(sopClass === undefined ? {} : { sopClass }),
    ...(partition === undefined ? {} : { partition }),
    ...(metadata === true ? { includeMetadata: true } : {}),
  };
}

function checkpointsOf(
  client: FeedClient,
  file: string | undefined,
  cursor: string | undefined,
): { readonly checkpoints?: Checkpoints } {
  if (file !== undefined) {
    return { checkpoints: new FileCheckpoints(file) };
  }
  return cursor === undefined ? {} : { checkpoints: new CursorCheckpoints(client, cursor) };
}

const intervalMilliseconds = { terminal: 100, log: 5_000 } as const;

/** Tells on the error output how many entries were read, how fast, and how far behind the readers are. */
class ProgressLine {
  readonly #surroundings: CommandSurroundings;
  readonly #startedAt: number;
  #shownAt = Number.NEGATIVE_INFINITY;
  #last: FollowProgress | undefined;

  constructor(surroundings: CommandSurroundings) {
    this.#surroundings = surroundings;
    this.#startedAt = surroundings.now();
  }

  show(progress: FollowProgress): void {
    this.#last = progress;
    const { now, isTerminal } = this.#surroundings;
    const interval = isTerminal ? intervalMilliseconds.terminal : intervalMilliseconds.log;
    if (now() - this.#shownAt >= interval) {
      this.#write(progress);
    }
  }

  end(): void {
    if (this.#last !== undefined) {
      this.#write(this.#last);
      if (this.#surroundings.isTerminal) {
        this.#surroundings.writeError("\n");
      }
    }
  }

  #write({ entries, readers, readersAtEnd, oldestTimestamp }: FollowProgress): void {
    const { now, isTerminal, writeError } = this.#surroundings;
    this.#shownAt = now();
    const seconds = Math.max(0.001, (this.#shownAt - this.#startedAt) / 1000);
    const lag =
      oldestTimestamp === undefined
        ? "up to date"
        : `at most ${Math.max(0, Math.round((this.#shownAt - Date.parse(oldestTimestamp)) / 1000))} s behind`;
    const line = `${entries} entries, ${Math.round(entries / seconds)} a second, ${readersAtEnd} of ${readers} readers at the end, ${lag}`;
    writeError(isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
  }
}
