import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { FeedClient } from "./feedClient.ts";

/** The positions of the readers that together follow a feed, kept somewhere between runs. */
export interface Checkpoints {
  /** The position of every reader, or `undefined` when they have never all had one: then they begin anew. */
  load(): Promise<readonly string[] | undefined>;
  /** Keeps the position of reader `index` of `count`. Resolves when it would survive the end of the process. */
  save(index: number, count: number, continuation: string): Promise<void>;
}

/** Keeps positions in a file. Each change replaces the file, so that it is whole at any moment. */
export class FileCheckpoints implements Checkpoints {
  readonly #path: string;
  readonly #continuations: string[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<readonly string[] | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") {
        return undefined;
      }
      throw error;
    }
    const { count, continuations } = JSON.parse(text) as {
      count: number;
      continuations: (string | null)[];
    };
    const known = continuations.filter((continuation) => continuation !== null);
    if (known.length < count) {
      return undefined;
    }
    this.#continuations.splice(0, Infinity, ...known);
    return known;
  }

  async save(index: number, count: number, continuation: string): Promise<void> {
    this.#continuations[index] = continuation;
    // One write at a time: two that overlap could leave the older one.
    this.#writing = this.#writing.then(async () => {
      const continuations = Array.from({ length: count }, (_, i) => this.#continuations[i] ?? null);
      await mkdir(dirname(this.#path), { recursive: true });
      await writeFile(`${this.#path}.new`, JSON.stringify({ count, continuations }));
      await rename(`${this.#path}.new`, this.#path);
    });
    await this.#writing;
  }
}

/** Keeps positions as named cursors of the service, so that a consumer needs no disk of its own. */
export class CursorCheckpoints implements Checkpoints {
  readonly #client: FeedClient;
  readonly #name: string;

  /** The cursors are called `{name}.{index}-of-{count}`. */
  constructor(client: FeedClient, name: string) {
    this.#client = client;
    this.#name = name;
  }

  async load(): Promise<readonly string[] | undefined> {
    const found = new Map<number, string>();
    let expected = 0;
    for (const { name, continuation } of await this.#client.cursors()) {
      if (!name.startsWith(`${this.#name}.`)) {
        continue;
      }
      const [, index, count] = /^(\d+)-of-(\d+)$/.exec(name.slice(this.#name.length + 1)) ?? [];
      if (index !== undefined && count !== undefined) {
        found.set(Number(index), continuation);
        expected = Number(count);
      }
    }
    if (found.size === expected && expected > 0) {
      return Array.from({ length: expected }, (_, index) => found.get(index) ?? "");
    }
    // A first run ended before each reader had a position. Without the others' ranges these are worth nothing.
    for (const index of found.keys()) {
      await this.#client.deleteCursor(`${this.#name}.${index}-of-${expected}`);
    }
    return undefined;
  }

  async save(index: number, count: number, continuation: string): Promise<void> {
    await this.#client.putCursor(`${this.#name}.${index}-of-${count}`, continuation);
  }
}
