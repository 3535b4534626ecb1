import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

/** A change of one document: its new state, or its removal. */
export type JournalEntry =
  | { readonly collection: string; readonly put: StoredDocument }
  | { readonly collection: string; readonly remove: number };

/** A document as Loki keeps it: `$loki` is its number in its collection. */
export interface StoredDocument {
  readonly $loki: number;
  readonly [field: string]: unknown;
}

/** A journal whose file cannot be what this program wrote. */
export class DamagedJournal extends Error {
  override readonly name: string = "DamagedJournal";
}

/**
 * Keeps every change of a database since its last snapshot in files beside the snapshot, numbered in order.
 *
 * An entry is with the operating system when `append` returns, so killing the process at once loses nothing. Losing
 * the power may lose the last moments, as with Azurite's own files.
 */
export class Journal {
  readonly #snapshot: string;
  #number: number;
  #file: number | undefined;
  #bytes = 0;

  constructor(snapshot: string) {
    this.#snapshot = snapshot;
    this.#number = (this.#numbers().at(-1) ?? 0) + 1;
  }

  /** Bytes written since the last snapshot began. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The entries of all files, oldest first. A last line that was cut off is left out: its change was never answered.
   *
   * Throws `DamagedJournal` for any other line that does not parse.
   */
  *read(): Generator<JournalEntry> {
    for (const number of this.#numbers()) {
      const file = this.#path(number);
      const lines = readFileSync(file, "utf8").split("\n");
      // What follows the last line end is empty, or a change that was being written when the process ended.
      lines.pop();
      for (const [index, line] of lines.entries()) {
        yield parseEntry(line, file, index + 1);
      }
    }
  }

  /** Writes one change. Throws when the disk does not take it. */
  append(entry: JournalEntry): void {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`, "utf8");
    try {
      this.#file ??= openSync(this.#path(this.#number), "a");
      let written = 0;
      while (written < line.length) {
        written += writeSync(this.#file, line, written);
      }
    } catch (error) {
      // Half a line may only ever be the last of its file.
      const bytes = this.#bytes;
      this.rotate();
      this.#bytes = bytes;
      throw error;
    }
    this.#bytes += line.length;
  }

  /** Begins a new file and answers its number: what is written from now on is not in the snapshot being made. */
  rotate(): number {
    if (this.#file !== undefined) {
      closeSync(this.#file);
      this.#file = undefined;
    }
    this.#number++;
    this.#bytes = 0;
    return this.#number;
  }

  /** Removes the files before `number`: a snapshot now holds what they say. */
  forget(number: number): void {
    for (const older of this.#numbers().filter((candidate) => candidate < number)) {
      rmSync(this.#path(older), { force: true });
    }
  }

  #numbers(): number[] {
    const folder = dirname(this.#snapshot);
    const prefix = `${basename(this.#snapshot)}.journal.`;
    if (!existsSync(folder)) {
      return [];
    }
    return readdirSync(folder)
      .filter((name) => name.startsWith(prefix))
      .map((name) => Number(name.slice(prefix.length)))
      .filter((number) => Number.isSafeInteger(number))
      .toSorted((a, b) => a - b);
  }

  #path(number: number): string {
    return join(dirname(this.#snapshot), `${basename(this.#snapshot)}.journal.${String(number)}`);
  }
}

function parseEntry(line: string, file: string, lineNumber: number): JournalEntry {
  try {
    const value = JSON.parse(line) as JournalEntry;
    if (typeof value.collection === "string" && ("put" in value || "remove" in value)) {
      return value;
    }
  } catch (cause) {
    throw new DamagedJournal(`${file} is damaged at line ${String(lineNumber)}.`, { cause });
  }
  throw new DamagedJournal(`${file} is damaged at line ${String(lineNumber)}.`);
}
