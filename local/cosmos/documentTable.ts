import { createHash } from "node:crypto";
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

import type { EpkRange } from "./effectivePartitionKey.ts";

/** A version of a document as it lies on disk. */
export interface StoredDocument {
  /** The number that its resource id is made of; it stays the same as long as the document lives. */
  readonly rid: number;
  readonly epk: string;
  readonly id: string;
  readonly lsn: number;
  /** The place of the write among those that share its `lsn`. */
  readonly ordinal: number;
  readonly etag: string;
  readonly ts: number;
  /** The second from which on it is not there any more, or `null`. */
  readonly expires: number | null;
  /** The document with its system properties, as JSON text. */
  readonly body: string;
}

/** One event of the change feed that keeps all versions and deletes. */
export interface LoggedChange {
  readonly lsn: number;
  readonly ordinal: number;
  readonly epk: string;
  readonly id: string;
  readonly ts: number;
  readonly operationType: "create" | "replace" | "delete";
  readonly previousLsn: number | null;
  readonly isExpiry: boolean;
  readonly current: string | null;
  readonly previous: string | null;
}

/** Which part of the feed a page is to come from. */
export interface FeedWindow {
  readonly range: EpkRange;
  /** Whether the range is that of one full key. */
  readonly isFullKey: boolean;
  /** Only changes after this position. */
  readonly afterLsn: number;
  /** Only changes of a later second than this one. */
  readonly afterTs: number;
  readonly now: number;
}

type Row = Record<string, SQLInputValue>;

function toDocument(row: Row | undefined): StoredDocument | undefined {
  // The columns of these statements are declared STRICT, which makes the shape certain.
  return row as unknown as StoredDocument | undefined;
}

function toChange(row: Row): LoggedChange {
  return { ...(row as unknown as LoggedChange), isExpiry: row["isExpiry"] === 1 };
}

const columns = "rid, epk, id, lsn, ord AS ordinal, etag, ts, expires, json(body) AS body";
const logColumns =
  "lsn, ord AS ordinal, epk, id, ts, op AS operationType, previous_lsn AS previousLsn, " +
  "expiry AS isExpiry, json(current) AS current, json(previous) AS previous";

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The tables of one container: its documents, and its log of all versions. */
export class DocumentTable {
  readonly name: string;
  readonly #db: DatabaseSync;
  readonly #log: string;
  #indexed: Set<string> | undefined;
  #documentsAnalyzed = 0;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, container: number) {
    this.#db = db;
    this.name = `docs_${container}`;
    this.#log = `log_${container}`;
  }

  /** Creates the tables, with an index for each unique key (paths split into names). */
  create(uniqueKeys: readonly (readonly (readonly string[])[])[]): void {
    const { name } = this;
    this.#db.exec(
      `CREATE TABLE ${name}(rid INTEGER PRIMARY KEY, epk TEXT NOT NULL, id TEXT NOT NULL, lsn INTEGER NOT NULL,
         ord INTEGER NOT NULL, etag TEXT NOT NULL, ts INTEGER NOT NULL, expires INTEGER, body BLOB NOT NULL) STRICT;
       CREATE UNIQUE INDEX ${name}_key ON ${name}(epk, id);
       CREATE INDEX ${name}_lsn ON ${name}(lsn, ord, epk, expires);
       CREATE INDEX ${name}_expires ON ${name}(expires) WHERE expires IS NOT NULL;
       CREATE TABLE ${this.#log}(lsn INTEGER NOT NULL, ord INTEGER NOT NULL, epk TEXT NOT NULL, id TEXT NOT NULL,
         ts INTEGER NOT NULL, op TEXT NOT NULL, previous_lsn INTEGER, expiry INTEGER NOT NULL, current BLOB,
         previous BLOB, PRIMARY KEY(lsn, ord)) STRICT, WITHOUT ROWID;`,
    );
    uniqueKeys.forEach((paths, i) => {
      // A missing value counts as null and equals another one, so an index on plain values, in which SQLite
      // takes every NULL for different, would not do.
      const expressions = paths.map((names) => {
        const path = `$${names.map((part) => `."${part}"`).join("")}`;
        return `coalesce(body -> ${quoted(path)}, 'null')`;
      });
      this.#db.exec(
        `CREATE UNIQUE INDEX ${name}_unique${i} ON ${name}(epk, ${expressions.join(", ")})`,
      );
    });
  }

  /** Drops the tables with all that is in them. */
  drop(): void {
    this.#statements.clear();
    this.#db.exec(`DROP TABLE ${this.name}; DROP TABLE ${this.#log};`);
  }

  /** Prepares a statement once and keeps it. Only for texts from a small, fixed set. */
  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Finds a document, expired or not. */
  get(epk: string, id: string): StoredDocument | undefined {
    const sql = `SELECT ${columns} FROM ${this.name} WHERE epk = ? AND id = ?`;
    return toDocument(this.#prepare(sql).get(epk, id));
  }

  /** Adds a document. Throws SQLite's constraint error when a key is taken. */
  insert(document: StoredDocument): void {
    this.#prepare(
      `INSERT INTO ${this.name}(rid, epk, id, lsn, ord, etag, ts, expires, body) VALUES(?, ?, ?, ?, ?, ?, ?, ?, jsonb(?))`,
    ).run(
      document.rid,
      document.epk,
      document.id,
      document.lsn,
      document.ordinal,
      document.etag,
      document.ts,
      document.expires,
      document.body,
    );
  }

  /** Puts a new version in place of the one with the same resource id. Throws like `insert`. */
  update(document: StoredDocument): void {
    this.#prepare(
      `UPDATE ${this.name} SET lsn = ?, ord = ?, etag = ?, ts = ?, expires = ?, body = jsonb(?) WHERE rid = ?`,
    ).run(
      document.lsn,
      document.ordinal,
      document.etag,
      document.ts,
      document.expires,
      document.body,
      document.rid,
    );
  }

  remove(rid: number): void {
    this.#prepare(`DELETE FROM ${this.name} WHERE rid = ?`).run(rid);
  }

  appendToLog(change: LoggedChange): void {
    this.#prepare(
      `INSERT INTO ${this.#log}(lsn, ord, epk, id, ts, op, previous_lsn, expiry, current, previous)
       VALUES(?, ?, ?, ?, ?, ?, ?, ?, jsonb(?), jsonb(?))`,
    ).run(
      change.lsn,
      change.ordinal,
      change.epk,
      change.id,
      change.ts,
      change.operationType,
      change.previousLsn,
      change.isExpiry ? 1 : 0,
      change.current,
      change.previous,
    );
  }

  /** Forgets the logged changes up to a position. */
  trimLog(lsn: number): void {
    this.#prepare(`DELETE FROM ${this.#log} WHERE lsn <= ?`).run(lsn);
  }

  /** Finds the position of the newest logged change of before a second. */
  newestLoggedBefore(ts: number): number | undefined {
    // The log is in the order of time, so when its first entry is young enough, all of them are.
    const first = this.#prepare(`SELECT ts FROM ${this.#log} ORDER BY lsn LIMIT 1`).get();
    if (typeof first?.["ts"] !== "number" || first["ts"] >= ts) return undefined;
    const row = this.#prepare(`SELECT max(lsn) AS lsn FROM ${this.#log} WHERE ts < ?`).get(ts);
    return typeof row?.["lsn"] === "number" ? row["lsn"] : undefined;
  }

  /** Lists documents whose time is over, oldest first. */
  expired(now: number, countMax: number): StoredDocument[] {
    const sql = `SELECT ${columns} FROM ${this.name} WHERE expires <= ? ORDER BY expires LIMIT ?`;
    return this.#prepare(sql)
      .all(now, countMax)
      .flatMap((row) => toDocument(row) ?? []);
  }

  /** Sets the time of expiry of every document anew, after the default of the container changed. */
  resetExpiry(defaultTtl: number | undefined): void {
    if (defaultTtl === undefined) {
      this.#db.exec(`UPDATE ${this.name} SET expires = NULL WHERE expires IS NOT NULL`);
      return;
    }
    const ttl = `coalesce(body ->> '$.ttl', ${defaultTtl})`;
    this.#db.exec(`UPDATE ${this.name} SET expires = CASE WHEN ${ttl} > 0 THEN ts + ${ttl} END`);
  }

  /** Tells how many documents there are, expired ones included. */
  count(): number {
    return Number(this.#prepare(`SELECT count(*) AS n FROM ${this.name}`).get()?.["n"] ?? 0);
  }

  /** Tells how many documents a range holds, and how many bytes they take. */
  sizeOf(range: EpkRange): { documents: number; bytes: number } {
    const row = this.#prepare(
      `SELECT count(*) AS documents, coalesce(sum(length(body)), 0) AS bytes FROM ${this.name}
       WHERE epk >= ? AND epk < ?`,
    ).get(range.epkMin, range.epkMax);
    return { documents: Number(row?.["documents"] ?? 0), bytes: Number(row?.["bytes"] ?? 0) };
  }

  /** Returns the nth effective partition key of a range, counted from 0 over its documents. */
  epkAt(range: EpkRange, n: number): string | undefined {
    const row = this.#prepare(
      `SELECT epk FROM ${this.name} WHERE epk >= ? AND epk < ? ORDER BY epk LIMIT 1 OFFSET ?`,
    ).get(range.epkMin, range.epkMax, n);
    return typeof row?.["epk"] === "string" ? row["epk"] : undefined;
  }

  /** Walks the latest versions after a position, in the order of the log. */
  *latestVersions(window: FeedWindow): Generator<StoredDocument> {
    const { epkMin, epkMax } = window.range;
    // A single key has few documents, so they are fetched by key and sorted. The unary plus keeps SQLite from
    // walking the log of the whole container instead.
    const lsn = window.isFullKey ? "+lsn" : "lsn";
    const source = window.isFullKey ? this.name : `${this.name} INDEXED BY ${this.name}_lsn`;
    const sql = `SELECT ${columns} FROM ${source} WHERE ${lsn} > ? AND epk >= ? AND epk < ?
       AND (expires IS NULL OR expires > ?) AND ts > ? ORDER BY ${lsn}, ord`;
    // A statement of its own: a reader that stops early must not leave a shared one half way.
    const rows = this.#db
      .prepare(sql)
      .iterate(window.afterLsn, epkMin, epkMax, window.now, window.afterTs);
    for (const row of rows) {
      const document = toDocument(row);
      if (document !== undefined) yield document;
    }
  }

  /** Walks all logged changes after a position, in the order of the log. */
  *allChanges(range: EpkRange, afterLsn: number): Generator<LoggedChange> {
    const rows = this.#db
      .prepare(
        `SELECT ${logColumns} FROM ${this.#log} WHERE lsn > ? AND epk >= ? AND epk < ? ORDER BY lsn, ord`,
      )
      .iterate(afterLsn, range.epkMin, range.epkMax);
    for (const row of rows) yield toChange(row);
  }

  /** Runs a compiled query, row by row. */
  select(
    sql: string,
    params: readonly SQLInputValue[],
  ): Iterable<Readonly<Record<string, unknown>>> {
    return this.#db.prepare(sql).iterate(...params);
  }

  /** Reads the document with a resource id as JSON text. */
  bodyOf(rid: number): string {
    const sql = `SELECT json(body) AS body FROM ${this.name} WHERE rid = ?`;
    return String(this.#prepare(sql).get(rid)?.["body"]);
  }

  /**
   * Makes an index on SQL expressions of the body, of the documents for which `condition` holds, unless it is there, or
   * one that begins with these expressions, or the table has `countMax` such indexes. One that this begins with goes.
   *
   * SQLite can only choose well among indexes whose statistics it has: `refreshStatistics` is to follow.
   */
  ensureIndex(expressions: string, condition: string | undefined, countMax: number): void {
    this.#indexed ??= this.#readIndexes();
    const begins = (one: string, other: string): boolean => one.startsWith(`${other}, `);
    const isThere = [...this.#indexed].some(
      (known) => known === expressions || begins(known, expressions),
    );
    if (isThere || this.#indexed.size >= countMax) return;
    // Of two that begin alike SQLite would take the shorter, and then sort.
    for (const shorter of [...this.#indexed].filter((known) => begins(expressions, known))) {
      this.#db.exec(`DROP INDEX IF EXISTS ${this.#indexName(shorter)}`);
      this.#indexed.delete(shorter);
    }
    const where = condition === undefined ? "" : ` WHERE ${condition}`;
    this.#db.exec(
      `CREATE INDEX IF NOT EXISTS ${this.#indexName(expressions)} ON ${this.name}(${expressions}, epk)${where}`,
    );
    this.#indexed.add(expressions);
    this.#documentsAnalyzed = 0;
  }

  #indexName(expressions: string): string {
    const digest = createHash("sha256").update(expressions).digest("hex").slice(0, 16);
    return `${this.name}_by_${digest}`;
  }

  /** Brings the statistics up to date when the table, now of about `documents`, has an index and outgrew them. */
  refreshStatistics(documents: number): void {
    this.#indexed ??= this.#readIndexes();
    if (this.#indexed.size === 0 || documents < 4 * this.#documentsAnalyzed) return;
    this.#documentsAnalyzed = documents;
    // A sample of each index will do, and takes milliseconds.
    this.#db.exec(`PRAGMA analysis_limit = 2000; ANALYZE ${this.name};`);
  }

  #readIndexes(): Set<string> {
    const rows = this.#db
      .prepare("SELECT sql FROM sqlite_schema WHERE type = 'index' AND name GLOB ?")
      .all(`${this.name}_by_*`);
    return new Set(
      rows.map((row) => {
        const sql = String(row["sql"]);
        return sql.slice(sql.indexOf("(") + 1, sql.lastIndexOf(", epk)"));
      }),
    );
  }

  /** Tells whether at least `count` documents lie in a range of keys, expired ones included. */
  hasDocuments({ epkMin, epkMax }: EpkRange, count: number): boolean {
    const sql = `SELECT 1 FROM ${this.name} WHERE epk >= ? AND epk < ? LIMIT 1 OFFSET ?`;
    return this.#prepare(sql).get(epkMin, epkMax, count - 1) !== undefined;
  }

  /** Walks the ids of all documents under a key or prefix, with their keys. */
  keysIn(range: EpkRange, countMax: number): { epk: string; id: string }[] {
    return this.#prepare(
      `SELECT epk, id FROM ${this.name} WHERE epk >= ? AND epk < ? ORDER BY epk, id LIMIT ?`,
    )
      .all(range.epkMin, range.epkMax, countMax)
      .map((row) => ({ epk: String(row["epk"]), id: String(row["id"]) }));
  }
}
