import { DamagedJournal, Journal, type StoredDocument } from "./journal.ts";

/** What this module uses of the class `Loki` of the package lokijs. */
export interface LokiModule {
  readonly prototype: LokiDatabase;
  readonly Collection: { readonly prototype: LokiCollection };
  readonly Resultset: { readonly prototype: LokiResultset };
  readonly LokiFsAdapter: { readonly prototype: LokiFileAdapter };
}

interface LokiDatabase {
  filename: string;
  collections: LokiCollection[];
  autosave: boolean;
  autosaveHandle: unknown;
  addCollection: (this: LokiDatabase, name: string, options?: unknown) => LokiCollection;
  loadDatabase: (this: LokiDatabase, options: unknown, callback: (error?: unknown) => void) => void;
  saveDatabase: (this: LokiDatabase, callback?: (error?: unknown) => void) => void;
  autosaveEnable: (this: LokiDatabase) => void;
  autosaveDirty: (this: LokiDatabase) => boolean;
}

interface LokiCollection {
  readonly name: string;
  readonly data: readonly StoredDocument[];
  insertOne: (
    this: LokiCollection,
    document: object,
    isBulk?: boolean,
  ) => StoredDocument | undefined;
  update: (this: LokiCollection, document: StoredDocument | readonly StoredDocument[]) => unknown;
  remove: (this: LokiCollection, document: StoredDocument | number | readonly unknown[]) => unknown;
  removeBatchByPositions: (this: LokiCollection, positions: readonly number[]) => void;
  ensureAllIndexes: (this: LokiCollection, force: boolean) => void;
}

interface LokiResultset {
  find: (this: LokiResultset, query?: unknown, isFirstOnly?: boolean) => LokiResultset;
}

interface LokiFileAdapter {
  loadDatabase: (this: LokiFileAdapter, name: string, callback: (content: unknown) => void) => void;
  saveDatabase: (
    this: LokiFileAdapter,
    name: string,
    content: string,
    callback: (error?: unknown) => void,
  ) => void;
}

interface SavedDatabase {
  collections?: { name: string; data: StoredDocument[]; maxId?: number }[];
}

/** A snapshot is due when the journal has grown to this, or to the snapshot's own size if that is more. */
const journalBytesMax = 8 * 1024 * 1024;
/**
 * So many documents are removed one by one. Loki sorts every index of the collection anew for a batch of any size, which
 * makes each DELETE of a blob cost tens of milliseconds of Azurite's only thread once there are some thousand blobs.
 */
const fewDocuments = 16;

const checkIntervalMs = 5_000;

/**
 * Makes every Loki database of this process durable: each change is in a journal before the call that makes it returns.
 *
 * Loki keeps its data in memory and writes the whole of it every five seconds if something has changed, so that a
 * killed process forgets what it has acknowledged since. With the journal, a snapshot is needed only to keep the
 * journal short; this also spares Azurite from serializing all of its metadata every five seconds.
 *
 * Beside that, look-ups by name and removals of few documents are kept from scanning and sorting the whole collection.
 */
export function journalLoki(loki: LokiModule): void {
  const journals = new Map<string, Journal>();
  const owners = new WeakMap<LokiCollection, Journal>();
  const snapshotBytes = new Map<string, number>();
  const journalOf = (file: string): Journal => {
    const journal = journals.get(file) ?? new Journal(file);
    journals.set(file, journal);
    return journal;
  };

  const database = loki.prototype;
  const { addCollection, loadDatabase, autosaveDirty } = database;
  database.addCollection = function (this: LokiDatabase, name, options): LokiCollection {
    const collection = addCollection.call(this, name, options);
    owners.set(collection, journalOf(this.filename));
    return collection;
  };
  database.loadDatabase = function (this: LokiDatabase, options, callback): void {
    loadDatabase.call(this, options, (error) => {
      // The snapshot's indexes know nothing of what the journal added.
      for (const collection of this.collections) {
        collection.ensureAllIndexes(true);
      }
      callback(error);
    });
  };
  database.autosaveEnable = function (this: LokiDatabase): void {
    this.autosave = true;
    this.autosaveHandle = setInterval(() => {
      const limit = Math.max(journalBytesMax, snapshotBytes.get(this.filename) ?? 0);
      if (autosaveDirty.call(this) && journalOf(this.filename).bytes > limit) {
        this.saveDatabase((error) => {
          if (error !== undefined && error !== null) {
            // The journal keeps what the snapshot could not take.
            process.stderr.write(`A snapshot of ${this.filename} could not be written.\n`);
          }
        });
      }
    }, checkIntervalMs);
  };

  const files = loki.LokiFsAdapter.prototype;
  const { loadDatabase: loadFile, saveDatabase: saveFile } = files;
  files.loadDatabase = function (this: LokiFileAdapter, name, callback): void {
    loadFile.call(this, name, (content) => {
      let loaded: unknown;
      try {
        loaded = typeof content === "string" ? replay(name, content, journalOf(name)) : content;
      } catch (error) {
        loaded = error;
      }
      callback(loaded);
    });
  };
  files.saveDatabase = function (this: LokiFileAdapter, name, content, callback): void {
    // `content` was serialized in this same turn: what comes later goes into the next file.
    const journal = journalOf(name);
    const next = journal.rotate();
    saveFile.call(this, name, content, (error) => {
      if (error === undefined || error === null) {
        snapshotBytes.set(name, content.length);
        journal.forget(next);
      }
      callback(error);
    });
  };

  const resultset = loki.Resultset.prototype;
  const { find } = resultset;
  resultset.find = function (this: LokiResultset, query, isFirstOnly): LokiResultset {
    return find.call(this, nameFirst(query), isFirstOnly);
  };

  const collections = loki.Collection.prototype;
  const { insertOne, update, remove, removeBatchByPositions } = collections;
  collections.insertOne = function (
    this: LokiCollection,
    document,
    isBulk,
  ): StoredDocument | undefined {
    const stored = insertOne.call(this, document, isBulk);
    if (stored !== undefined) {
      owners.get(this)?.append({ collection: this.name, put: stored });
    }
    return stored;
  };
  collections.update = function (this: LokiCollection, document): unknown {
    const result = update.call(this, document);
    // For a list, Loki calls this function again for each of its documents.
    if (!Array.isArray(document)) {
      owners.get(this)?.append({ collection: this.name, put: document as StoredDocument });
    }
    return result;
  };
  collections.remove = function (this: LokiCollection, document): unknown {
    // Loki takes the number off the document while removing it; a list goes through removeBatchByPositions.
    const number =
      typeof document === "number" ? document : (document as Partial<StoredDocument>).$loki;
    const result = remove.call(this, document);
    if (number !== undefined) {
      owners.get(this)?.append({ collection: this.name, remove: number });
    }
    return result;
  };
  collections.removeBatchByPositions = function (this: LokiCollection, positions): void {
    if (positions.length <= fewDocuments) {
      const documents = positions.map((position) => this.data[position]);
      for (const document of documents) {
        if (document !== undefined) {
          this.remove(document);
        }
      }
      return;
    }
    const numbers = positions.map((position) => this.data[position]?.$loki);
    removeBatchByPositions.call(this, positions);
    for (const number of numbers) {
      if (number !== undefined) {
        owners.get(this)?.append({ collection: this.name, remove: number });
      }
    }
  };
}

/**
 * The same conditions with that on `name` first. Loki uses an index for the first condition only, and Azurite puts the
 * account first, which fits every document there is.
 */
function nameFirst(query: unknown): unknown {
  if (query === null || typeof query !== "object" || !("name" in query)) {
    return query;
  }
  const { name, ...others } = query;
  return typeof name === "string" ? { name, ...others } : query;
}

/** The snapshot with the journal's changes. Repeating changes that the snapshot already has ends in the same state. */
function replay(name: string, content: string, journal: Journal): SavedDatabase {
  let saved: SavedDatabase;
  try {
    saved = JSON.parse(content) as SavedDatabase;
  } catch (cause) {
    throw new DamagedJournal(`${name} is damaged.`, { cause });
  }
  const documents = new Map(
    (saved.collections ?? []).map((collection) => [
      collection.name,
      new Map(collection.data.map((document) => [document.$loki, document])),
    ]),
  );
  for (const entry of journal.read()) {
    const collection = documents.get(entry.collection);
    if (collection === undefined) {
      throw new DamagedJournal(`The journal of ${name} names an unknown collection.`);
    }
    if ("put" in entry) {
      collection.set(entry.put.$loki, entry.put);
    } else {
      collection.delete(entry.remove);
    }
  }
  for (const collection of saved.collections ?? []) {
    // Loki finds a document by binary search over the numbers.
    collection.data = [...(documents.get(collection.name)?.values() ?? [])].toSorted(
      (a, b) => a.$loki - b.$loki,
    );
    collection.maxId = Math.max(collection.maxId ?? 0, collection.data.at(-1)?.$loki ?? 0);
  }
  return saved;
}
