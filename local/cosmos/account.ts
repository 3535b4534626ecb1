import { mkdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import { Container, type ContainerEnvironment } from "./container.ts";
import {
  parseContainerDefinition,
  requireResourceId,
  type ContainerDefinition,
} from "./containerDefinition.ts";
import { badRequest, GatewayError, itemNotFound, ownerNotFound } from "./gatewayError.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import { initialRanges, PartitionKeyRanges } from "./partitionKeyRanges.ts";
import { newContainerRid, newDatabaseRid, newEtag } from "./resourceId.ts";

/** The data folder cannot be used; the message is a sentence for the person who started the server. */
export class DataFolderError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DataFolderError";
  }
}

/** A database and the containers in it. */
export interface Database {
  readonly number: number;
  readonly id: string;
  readonly rid: string;
  readonly etag: string;
  readonly ts: number;
  readonly containers: Map<string, ContainerEntry>;
}

/** A container and what its resource shows beside its definition. */
export interface ContainerEntry {
  readonly container: Container;
  etag: string;
  ts: number;
}

/** What new containers are made with. */
export interface AccountOptions extends ContainerEnvironment {
  readonly physicalPartitions: number;
}

const formatVersion = 1;
const throughputPerPartition = 6_000;
const partitionsMax = 256;
const throughputDefault = 400;

const schema = `
  CREATE TABLE account(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE databases(number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, rid TEXT NOT NULL UNIQUE,
    etag TEXT NOT NULL, ts INTEGER NOT NULL) STRICT;
  CREATE TABLE containers(number INTEGER PRIMARY KEY AUTOINCREMENT, database INTEGER NOT NULL, id TEXT NOT NULL,
    rid TEXT NOT NULL UNIQUE, etag TEXT NOT NULL, ts INTEGER NOT NULL, definition TEXT NOT NULL,
    UNIQUE(database, id)) STRICT;
  CREATE TABLE counters(container INTEGER PRIMARY KEY, lsn INTEGER NOT NULL, last_document INTEGER NOT NULL,
    next_range INTEGER NOT NULL, trimmed_lsn INTEGER NOT NULL) STRICT;
  CREATE TABLE ranges(container INTEGER NOT NULL, id TEXT NOT NULL, epk_min TEXT NOT NULL, epk_max TEXT NOT NULL,
    parents TEXT NOT NULL, PRIMARY KEY(container, id)) STRICT, WITHOUT ROWID;
  CREATE TABLE offers(number INTEGER PRIMARY KEY AUTOINCREMENT, resource_rid TEXT NOT NULL UNIQUE,
    resource_self TEXT NOT NULL, content TEXT NOT NULL, etag TEXT NOT NULL, ts INTEGER NOT NULL) STRICT;
  INSERT INTO account VALUES('format', '${formatVersion}');
`;

function openDatabase(dataDir: string): DatabaseSync {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (error) {
    throw new DataFolderError(`The data folder ${dataDir} cannot be created.`, { cause: error });
  }
  const file = path.join(dataDir, "cosmos.db");
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw new DataFolderError(`The data folder ${dataDir} cannot be written to.`, { cause: error });
  }
  try {
    // The exclusive lock is the operating system's: it goes with the process, however that ends.
    // synchronous = NORMAL: a commit is in the operating system's hands when it is acknowledged, so the death of the
    // process loses nothing; a power failure may lose the last commits, never the order or the integrity of the rest.
    db.exec(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;",
    );
    db.exec("BEGIN IMMEDIATE");
    const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"];
    if (tables === 0) db.exec(schema);
    const format = db.prepare("SELECT value FROM account WHERE name = 'format'").get()?.["value"];
    db.exec("COMMIT");
    if (format !== String(formatVersion)) {
      throw new DataFolderError(
        `The data folder ${dataDir} has the format ${String(format)}; this server reads ${formatVersion}.`,
      );
    }
    const check = db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
    if (check !== "ok") {
      throw new DataFolderError(`The data in ${file} is damaged: ${String(check)}.`);
    }
    return db;
  } catch (error) {
    db.close();
    throw error instanceof DataFolderError ? error : explain(error, dataDir, file);
  }
}

function explain(error: unknown, dataDir: string, file: string): DataFolderError {
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
  const options = { cause: error };
  // The primary result codes of SQLite.
  switch (code) {
    case 5:
    case 6:
      return new DataFolderError(`Another server is using the data folder ${dataDir}.`, options);
    case 8:
    case 10:
    case 14:
      return new DataFolderError(`The data folder ${dataDir} cannot be written to.`, options);
    case 13:
      return new DataFolderError(`The disk of the data folder ${dataDir} is full.`, options);
    default:
      return new DataFolderError(
        `The data in ${file} is damaged, or is not a database of this server.`,
        options,
      );
  }
}

function parseThroughput(body: JsonObject): number {
  const value = body["offerThroughput"] ?? body["maxThroughput"];
  if (typeof value !== "number" || !Number.isInteger(value) || value < throughputDefault) {
    throw badRequest(`The throughput is not an integer of at least ${throughputDefault}.`);
  }
  return value;
}

/**
 * Everything that a data folder holds: databases, containers, their items and offers.
 *
 * Holds the folder alone from construction to `close`. Throws `DataFolderError` when it cannot.
 */
export class Account {
  readonly #db: DatabaseSync;
  readonly #options: AccountOptions;
  readonly #databases = new Map<string, Database>();

  constructor(dataDir: string, options: AccountOptions) {
    this.#db = openDatabase(dataDir);
    this.#options = options;
    try {
      this.#load();
    } catch (error) {
      this.#db.close();
      throw new DataFolderError(`The data in ${dataDir} is damaged.`, { cause: error });
    }
  }

  /** The connection that queries run on. Only read through it. */
  get db(): DatabaseSync {
    return this.#db;
  }

  /** Writes what is pending into the database file and lets go of the folder. */
  close(): void {
    this.#db.close();
  }

  #load(): void {
    const byNumber = new Map<number, Database>();
    for (const row of this.#db.prepare("SELECT * FROM databases ORDER BY number").all()) {
      const database: Database = {
        number: Number(row["number"]),
        id: String(row["id"]),
        rid: String(row["rid"]),
        etag: String(row["etag"]),
        ts: Number(row["ts"]),
        containers: new Map(),
      };
      byNumber.set(database.number, database);
      this.#databases.set(database.id, database);
    }
    const rangeRows = this.#db.prepare("SELECT * FROM ranges WHERE container = ?");
    const rows = this.#db
      .prepare("SELECT * FROM containers JOIN counters ON container = number ORDER BY number")
      .all();
    for (const row of rows) {
      const number = Number(row["number"]);
      const database = byNumber.get(Number(row["database"]));
      if (database === undefined) throw new Error("A container has no database.");
      const rid = String(row["rid"]);
      const ranges = rangeRows.all(number).map((range) => ({
        id: String(range["id"]),
        epkMin: String(range["epk_min"]),
        epkMax: String(range["epk_max"]),
        parents: JSON.parse(String(range["parents"])) as string[],
      }));
      const container = new Container(
        this.#db,
        { number, rid, self: `dbs/${database.rid}/colls/${rid}/` },
        parseContainerDefinition(JSON.parse(String(row["definition"])) as JsonObject),
        new PartitionKeyRanges(ranges),
        {
          lsn: Number(row["lsn"]),
          lastDocument: Number(row["last_document"]),
          nextRange: Number(row["next_range"]),
          trimmedLsn: Number(row["trimmed_lsn"]),
        },
        this.#options,
      );
      database.containers.set(String(row["id"]), {
        container,
        etag: String(row["etag"]),
        ts: Number(row["ts"]),
      });
    }
  }

  #now(): number {
    return Math.floor(this.#options.now() / 1000);
  }

  #transaction<Result>(change: () => Result): Result {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = change();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  databases(): readonly Database[] {
    return [...this.#databases.values()];
  }

  /** Every container of every database. */
  containers(): Container[] {
    return this.databases().flatMap((database) =>
      [...database.containers.values()].map((entry) => entry.container),
    );
  }

  /** Finds a database by its id. */
  database(id: string): Database {
    const database = this.#databases.get(id);
    if (database === undefined) throw ownerNotFound();
    return database;
  }

  createDatabase(id: JsonValue | undefined, throughput: JsonObject | undefined): Database {
    const name = requireResourceId(id);
    if (this.#databases.has(name)) {
      throw new GatewayError(
        409,
        "Resource with specified id, name, or unique index already exists.",
      );
    }
    const database = this.#transaction((): Database => {
      const rid = newDatabaseRid();
      const etag = newEtag();
      const ts = this.#now();
      const { lastInsertRowid } = this.#db
        .prepare("INSERT INTO databases(id, rid, etag, ts) VALUES(?, ?, ?, ?)")
        .run(name, rid, etag, ts);
      if (throughput !== undefined) this.#insertOffer(rid, `dbs/${rid}/`, throughput);
      return { number: Number(lastInsertRowid), id: name, rid, etag, ts, containers: new Map() };
    });
    this.#databases.set(name, database);
    return database;
  }

  deleteDatabase(id: string): void {
    const database = this.database(id);
    this.#transaction(() => {
      for (const { container } of database.containers.values()) this.#drop(container);
      this.#db.prepare("DELETE FROM offers WHERE resource_rid = ?").run(database.rid);
      this.#db.prepare("DELETE FROM databases WHERE number = ?").run(database.number);
    });
    this.#databases.delete(id);
  }

  /** Finds a container by the ids of its database and its own. */
  container(databaseId: string, id: string): ContainerEntry {
    const entry = this.database(databaseId).containers.get(id);
    if (entry === undefined) throw ownerNotFound();
    return entry;
  }

  /** Creates a container. The throughput, when given, asks for more physical partitions than the configured ones. */
  createContainer(
    databaseId: string,
    body: JsonObject,
    throughput: JsonObject | undefined,
  ): ContainerEntry {
    const database = this.database(databaseId);
    const definition = parseContainerDefinition(body);
    if (database.containers.has(definition.id)) {
      throw new GatewayError(
        409,
        "Resource with specified id, name, or unique index already exists.",
      );
    }
    const wanted = throughput === undefined ? 0 : parseThroughput(throughput);
    const count = Math.min(
      partitionsMax,
      Math.max(this.#options.physicalPartitions, Math.ceil(wanted / throughputPerPartition)),
    );
    const ranges = initialRanges(count, definition.partitionKey.version);
    const entry = this.#transaction(() => {
      const rid = newContainerRid(database.rid);
      const etag = newEtag();
      const ts = this.#now();
      const self = `dbs/${database.rid}/colls/${rid}/`;
      const { lastInsertRowid } = this.#db
        .prepare(
          "INSERT INTO containers(database, id, rid, etag, ts, definition) VALUES(?, ?, ?, ?, ?, ?)",
        )
        .run(database.number, definition.id, rid, etag, ts, JSON.stringify(definition.json));
      const number = Number(lastInsertRowid);
      const state = { lsn: 0, lastDocument: 0, nextRange: count, trimmedLsn: 0 };
      this.#db.prepare("INSERT INTO counters VALUES(?, 0, 0, ?, 0)").run(number, count);
      const insertRange = this.#db.prepare("INSERT INTO ranges VALUES(?, ?, ?, ?, '[]')");
      for (const range of ranges) insertRange.run(number, range.id, range.epkMin, range.epkMax);
      this.#insertOffer(rid, self, throughput ?? { offerThroughput: throughputDefault });
      const container = new Container(
        this.#db,
        { number, rid, self },
        definition,
        new PartitionKeyRanges(ranges),
        state,
        this.#options,
      );
      container.table.create(definition.uniqueKeys);
      return { container, etag, ts };
    });
    database.containers.set(definition.id, entry);
    return entry;
  }

  replaceContainer(databaseId: string, id: string, body: JsonObject): ContainerEntry {
    const entry = this.container(databaseId, id);
    const definition: ContainerDefinition = parseContainerDefinition(body);
    const etag = newEtag();
    const ts = this.#now();
    entry.container.redefine(definition, () => {
      this.#db
        .prepare("UPDATE containers SET definition = ?, etag = ?, ts = ? WHERE number = ?")
        .run(JSON.stringify(definition.json), etag, ts, entry.container.identity.number);
    });
    entry.etag = etag;
    entry.ts = ts;
    return entry;
  }

  deleteContainer(databaseId: string, id: string): void {
    const database = this.database(databaseId);
    const { container } = this.container(databaseId, id);
    this.#transaction(() => {
      this.#drop(container);
    });
    database.containers.delete(id);
  }

  #drop(container: Container): void {
    const { number, rid } = container.identity;
    container.table.drop();
    this.#db.prepare("DELETE FROM containers WHERE number = ?").run(number);
    this.#db.prepare("DELETE FROM counters WHERE container = ?").run(number);
    this.#db.prepare("DELETE FROM ranges WHERE container = ?").run(number);
    this.#db.prepare("DELETE FROM offers WHERE resource_rid = ?").run(rid);
  }

  #insertOffer(rid: string, self: string, throughput: JsonObject): void {
    const amount = parseThroughput(throughput);
    const isAutoscale = throughput["maxThroughput"] !== undefined;
    const content = isAutoscale
      ? {
          offerThroughput: Math.max(throughputDefault, amount / 10),
          offerAutopilotSettings: throughput,
        }
      : { offerThroughput: amount };
    this.#db
      .prepare(
        "INSERT INTO offers(resource_rid, resource_self, content, etag, ts) VALUES(?, ?, ?, ?, ?)",
      )
      .run(rid, self, JSON.stringify(content), newEtag(), this.#now());
  }

  /** The offers (throughput settings) as resources. */
  offers(): JsonObject[] {
    return this.#db
      .prepare("SELECT * FROM offers ORDER BY number")
      .all()
      .map((row) => {
        const id = offerId(Number(row["number"]));
        return {
          id,
          _rid: id,
          _self: `offers/${id}/`,
          _etag: String(row["etag"]),
          _ts: Number(row["ts"]),
          resource: String(row["resource_self"]),
          offerResourceId: String(row["resource_rid"]),
          offerType: "Invalid",
          offerVersion: "V2",
          content: JSON.parse(String(row["content"])) as JsonObject,
        };
      });
  }

  /** Finds an offer by its id. */
  offer(id: string): JsonObject {
    const offer = this.offers().find((candidate) => candidate["id"] === id);
    if (offer === undefined) throw itemNotFound();
    return offer;
  }

  /** Changes the content of an offer. The number of physical partitions stays as it is. */
  replaceOffer(id: string, body: JsonObject): JsonObject {
    this.offer(id);
    const content = body["content"];
    if (!isJsonObject(content)) throw badRequest("The offer has no content.");
    parseThroughput(content);
    const number = parseInt(id, 36);
    this.#db
      .prepare("UPDATE offers SET content = ?, etag = ?, ts = ? WHERE number = ?")
      .run(JSON.stringify(content), newEtag(), this.#now(), number);
    return this.offer(id);
  }
}

function offerId(number: number): string {
  return number.toString(36).padStart(4, "0");
}
