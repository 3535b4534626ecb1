import type { DatabaseSync, StatementSync } from "node:sqlite";

import { evaluatePatchCondition } from "./patchCondition.ts";
import { requireReplaceable, requireTtl, type ContainerDefinition } from "./containerDefinition.ts";
import { DocumentTable, type StoredDocument } from "./documentTable.ts";
import {
  effectivePartitionKey,
  epkRangeOf,
  wholeEpkRange,
  type EpkRange,
} from "./effectivePartitionKey.ts";
import {
  badRequest,
  GatewayError,
  itemConflict,
  itemNotFound,
  preconditionFailed,
  requestTooLarge,
} from "./gatewayError.ts";
import { getProperty, isNestedWithin, type JsonObject } from "./json.ts";
import {
  extractPartitionKey,
  requireSamePartitionKey,
  type PartitionKeyComponent,
} from "./partitionKey.ts";
import { middleOf, type PartitionKeyRange, PartitionKeyRanges } from "./partitionKeyRanges.ts";
import { patchDocument, type Patch } from "./patchDocument.ts";
import { readCharge, writeCharge } from "./requestCharge.ts";
import { documentEtag, documentRid } from "./resourceId.ts";

/** One operation on one item, without its partition key. */
export type ItemOperation =
  | { readonly kind: "create"; readonly document: JsonObject }
  | {
      readonly kind: "upsert";
      readonly document: JsonObject;
      readonly ifMatch?: string | undefined;
    }
  | {
      readonly kind: "replace";
      readonly id: string;
      readonly document: JsonObject;
      readonly ifMatch?: string | undefined;
    }
  | {
      readonly kind: "patch";
      readonly id: string;
      readonly patch: Patch;
      readonly ifMatch?: string | undefined;
    }
  | { readonly kind: "delete"; readonly id: string; readonly ifMatch?: string | undefined }
  | {
      readonly kind: "read";
      readonly id: string;
      readonly ifMatch?: string | undefined;
      readonly ifNoneMatch?: string | undefined;
    };

/** What became of an operation that was not refused. */
export interface ItemResult {
  readonly status: 200 | 201 | 204 | 304;
  readonly requestCharge: number;
  readonly etag: string | undefined;
  /** The item as JSON text; absent after a delete and for a 304. */
  readonly body: string | undefined;
}

/** What was asked for, or why it was refused: one entry of the answer to a batch. */
export type BatchEntry = ItemResult | GatewayError;

/** The identity of a container, which never changes. */
export interface ContainerIdentity {
  /** The number that its tables are named by. */
  readonly number: number;
  readonly rid: string;
  /** The `_self` link, with a slash at its end. */
  readonly self: string;
}

/** What a container needs from the server around it. */
export interface ContainerEnvironment {
  /** Milliseconds since 1970, with any skew that a test asked for. */
  readonly now: () => number;
  /** A physical partition that grows beyond this is split; absent: never. */
  readonly partitionBytesMax: number | undefined;
}

/** The parts of a container's state that change and are kept on disk. */
export interface ContainerState {
  readonly lsn: number;
  readonly lastDocument: number;
  readonly nextRange: number;
  /** The log of all versions holds every change after this position, and perhaps older ones. */
  readonly trimmedLsn: number;
}

const documentBytesMax = 2 * 1024 * 1024;
const nestingMax = 128;
const idBytesMax = 1023;
const purgeCountMax = 1_000;
const trimEverySeconds = 60;
const keyDeleteCountMax = 1_000;
const systemProperties = ["_rid", "_self", "_etag", "_attachments", "_ts", "_lsn"] as const;

/** Requires an item id that the service accepts. */
function requireItemId(document: JsonObject): string {
  const id = getProperty(document, "id");
  if (id === undefined) {
    throw badRequest(
      "The input content is invalid because the required properties - 'id; ' - are missing",
    );
  }
  if (typeof id !== "string" || id === "" || /[/\\#]/u.test(id) || !id.isWellFormed()) {
    throw badRequest(
      "The input content is invalid because the required property 'id' is not a text, is empty, or contains '/', '\\' or '#'.",
    );
  }
  if (Buffer.byteLength(id) > idBytesMax) {
    throw badRequest(`The id of the item is longer than ${idBytesMax} bytes.`);
  }
  return id;
}

function dependencyFailed(): GatewayError {
  return new GatewayError(424, "Another operation of the batch failed.");
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && /UNIQUE constraint failed/u.test(error.message);
}

/**
 * A container: its items, its log and its physical partitions.
 *
 * All changes get their place from one sequence of log positions, so that a position taken on a partition keeps its
 * meaning on what the partition is split into or merged with. Everything here is synchronous, and an acknowledged change
 * has been written to the log of SQLite.
 */
export class Container {
  readonly identity: ContainerIdentity;
  readonly table: DocumentTable;
  readonly ranges: PartitionKeyRanges;
  readonly #db: DatabaseSync;
  readonly #environment: ContainerEnvironment;
  #definition: ContainerDefinition;
  #lsn: number;
  #lastDocument: number;
  #nextRange: number;
  #trimmedLsn: number;
  #saveStatement: StatementSync | undefined;
  #bytesSinceSizing = 0;
  // The second that the last purge went up to. A write judges expiry by it and not by the clock, which may have gone
  // on: an item that expires in between would be neither there nor out of the way.
  #purgedAt = 0;
  #trimmedAt = 0;

  constructor(
    db: DatabaseSync,
    identity: ContainerIdentity,
    definition: ContainerDefinition,
    ranges: PartitionKeyRanges,
    state: ContainerState,
    environment: ContainerEnvironment,
  ) {
    this.#db = db;
    this.identity = identity;
    this.table = new DocumentTable(db, identity.number);
    this.ranges = ranges;
    this.#definition = definition;
    this.#lsn = state.lsn;
    this.#lastDocument = state.lastDocument;
    this.#nextRange = state.nextRange;
    this.#trimmedLsn = state.trimmedLsn;
    this.#environment = environment;
  }

  get definition(): ContainerDefinition {
    return this.#definition;
  }

  /** The position of the newest change. */
  get lsn(): number {
    return this.#lsn;
  }

  /** How many documents the container has had, those that are gone included. */
  get documentsEver(): number {
    return this.#lastDocument;
  }

  /** The position up to which the log of all versions may have forgotten changes. */
  get trimmedLsn(): number {
    return this.#trimmedLsn;
  }

  /** The current second. */
  nowSeconds(): number {
    return Math.floor(this.#environment.now() / 1000);
  }

  /** Reads the key of an item out of it. */
  keyOf(document: JsonObject): PartitionKeyComponent[] {
    return extractPartitionKey(document, this.#definition.keyPaths);
  }

  /** Tells how many documents the container holds, and how many bytes they take. */
  size(): { documents: number; bytes: number } {
    return this.table.sizeOf(wholeEpkRange);
  }

  epkOf(key: readonly PartitionKeyComponent[]): string {
    return effectivePartitionKey(key, this.#definition.partitionKey);
  }

  spanOf(key: readonly PartitionKeyComponent[]): EpkRange {
    return epkRangeOf(key, this.#definition.partitionKey);
  }

  /** Takes over a replaced definition; `save` writes it to disk, in the transaction of what follows from it. */
  redefine(definition: ContainerDefinition, save: () => void): void {
    const before = this.#definition;
    requireReplaceable(before, definition);
    this.purgeExpired();
    this.#transaction(() => {
      if (definition.defaultTtl !== before.defaultTtl)
        this.table.resetExpiry(definition.defaultTtl);
      // What changed while there was no log is not in it.
      if (before.changeFeedRetentionMinutes === 0) this.#trimmedLsn = this.#lsn;
      save();
    });
    this.#definition = definition;
  }

  /** Runs one operation under a full key. Throws the error that it is answered with. */
  run(key: readonly PartitionKeyComponent[], operation: ItemOperation): ItemResult {
    if (operation.kind === "read") return this.#read(this.epkOf(key), operation);
    this.purgeExpired();
    const result = this.#write((lsn) => this.#apply(key, operation, lsn, 0));
    this.#splitByNeed();
    return result;
  }

  /**
   * Runs operations under one key so that all take effect or none (a transactional batch). All share one log position.
   *
   * The answer has an entry for each: when one is refused, its own error, and 424 for the others.
   */
  runAtomically(
    key: readonly PartitionKeyComponent[],
    operations: readonly (ItemOperation | GatewayError)[],
  ): BatchEntry[] {
    this.purgeExpired();
    let failedAt = -1;
    try {
      const entries = this.#write((lsn) =>
        operations.map((operation, i) => {
          failedAt = i;
          if (operation instanceof GatewayError) throw operation;
          return this.#apply(key, operation, lsn, i);
        }),
      );
      this.#splitByNeed();
      return entries;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return operations.map((_, i) => (i === failedAt ? error : dependencyFailed()));
    }
  }

  /**
   * Runs operations, each under its own key and by itself (bulk), in one transaction of the disk.
   *
   * After a refused one the others go on, or are answered with 424 when `continues` is false.
   */
  runEach(
    operations: readonly (
      | { readonly key: readonly PartitionKeyComponent[]; readonly operation: ItemOperation }
      | GatewayError
    )[],
    continues: boolean,
  ): BatchEntry[] {
    this.purgeExpired();
    let hasFailed = false;
    const entries = this.#transaction(() =>
      operations.map((entry): BatchEntry => {
        if (hasFailed && !continues) return dependencyFailed();
        const lsn = this.#lsn + 1;
        try {
          if (entry instanceof GatewayError) throw entry;
          const result = this.#apply(entry.key, entry.operation, lsn, 0);
          if (entry.operation.kind !== "read") this.#lsn = lsn;
          return result;
        } catch (error) {
          // A refused operation has written nothing: it writes its document first, and that either fails whole
          // or is followed by writes that cannot be refused.
          if (!(error instanceof GatewayError)) throw error;
          hasFailed = true;
          return error;
        }
      }),
    );
    this.#splitByNeed();
    return entries;
  }

  /** Deletes everything under a full key, in as many transactions as it takes. */
  deletePartitionKey(key: readonly PartitionKeyComponent[]): void {
    const span = this.spanOf(key);
    while (true) {
      const keys = this.table.keysIn(span, keyDeleteCountMax);
      if (keys.length === 0) return;
      this.#write((lsn) => {
        keys.forEach(({ epk, id }, i) => {
          const document = this.table.get(epk, id);
          if (document !== undefined) this.#removeStored(document, lsn, i, false);
        });
      });
    }
  }

  /** Removes the items whose time is over, and logs that they expired. */
  purgeExpired(): void {
    this.#purgedAt = this.nowSeconds();
    if (this.#purgedAt >= this.#trimmedAt + trimEverySeconds) this.trimLog();
    if (this.#definition.defaultTtl === undefined) return;
    while (true) {
      const expired = this.table.expired(this.#purgedAt, purgeCountMax);
      if (expired.length === 0) return;
      this.#write((lsn) => {
        expired.forEach((document, i) => this.#removeStored(document, lsn, i, true));
      });
    }
  }

  /** Drops logged versions that are older than the retention of the change feed. */
  trimLog(): void {
    this.#trimmedAt = this.nowSeconds();
    const before = this.nowSeconds() - this.#definition.changeFeedRetentionMinutes * 60;
    const lsn = this.table.newestLoggedBefore(before);
    if (lsn === undefined) return;
    this.#transaction(() => {
      this.table.trimLog(lsn);
      this.#trimmedLsn = lsn;
    });
  }

  /** Finds an item that is there and has not expired at a second. */
  #find(epk: string, id: string, second: number): StoredDocument | undefined {
    const document = this.table.get(epk, id);
    if (document === undefined || document.expires === null || document.expires > second) {
      return document;
    }
    return undefined;
  }

  /** Splits a physical partition in two, at a key or in its middle. Returns the children. */
  split(rangeId: string, epk?: string): readonly PartitionKeyRange[] {
    const range = this.ranges.get(rangeId);
    const { version } = this.#definition.partitionKey;
    const children = this.ranges.split(range, epk ?? middleOf(range, version), this.#nextRange);
    this.#changeRanges([range], children);
    return children;
  }

  /** Merges two neighbouring physical partitions. */
  merge(leftId: string, rightId: string): PartitionKeyRange {
    const left = this.ranges.get(leftId);
    const right = this.ranges.get(rightId);
    const [first, second] = left.epkMin < right.epkMin ? [left, right] : [right, left];
    const merged = this.ranges.merge(first, second, this.#nextRange);
    this.#changeRanges([first, second], [merged]);
    return merged;
  }

  #changeRanges(removed: readonly PartitionKeyRange[], added: readonly PartitionKeyRange[]): void {
    const { number } = this.identity;
    this.#transaction(() => {
      const remove = this.#db.prepare("DELETE FROM ranges WHERE container = ? AND id = ?");
      for (const range of removed) remove.run(number, range.id);
      const insert = this.#db.prepare(
        "INSERT INTO ranges(container, id, epk_min, epk_max, parents) VALUES(?, ?, ?, ?, ?)",
      );
      for (const range of added) {
        insert.run(number, range.id, range.epkMin, range.epkMax, JSON.stringify(range.parents));
      }
      this.#nextRange += added.length;
    });
    this.ranges.replace(removed, added);
  }

  #state(): ContainerState {
    return {
      lsn: this.#lsn,
      lastDocument: this.#lastDocument,
      nextRange: this.#nextRange,
      trimmedLsn: this.#trimmedLsn,
    };
  }

  #saveState(): void {
    this.#saveStatement ??= this.#db.prepare(
      "UPDATE counters SET lsn = ?, last_document = ?, next_range = ?, trimmed_lsn = ? WHERE container = ?",
    );
    this.#saveStatement.run(
      this.#lsn,
      this.#lastDocument,
      this.#nextRange,
      this.#trimmedLsn,
      this.identity.number,
    );
  }

  /** Runs `change` in a transaction that also keeps the counters, or undoes all of it when it throws. */
  #transaction<Result>(change: () => Result): Result {
    this.#db.exec("BEGIN IMMEDIATE");
    const before = this.#state();
    try {
      const result = change();
      this.#saveState();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      this.#lsn = before.lsn;
      this.#lastDocument = before.lastDocument;
      this.#nextRange = before.nextRange;
      this.#trimmedLsn = before.trimmedLsn;
      // SQLite ends the transaction by itself after some errors, a full disk among them.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Gives `change` the next log position and commits what it did. */
  #write<Result>(change: (lsn: number) => Result): Result {
    return this.#transaction(() => {
      const result = change(this.#lsn + 1);
      this.#lsn += 1;
      return result;
    });
  }

  #apply(
    key: readonly PartitionKeyComponent[],
    operation: ItemOperation,
    lsn: number,
    ordinal: number,
  ): ItemResult {
    const epk = this.epkOf(key);
    if (operation.kind === "read") return this.#read(epk, operation);
    if (operation.kind === "create" || operation.kind === "upsert") {
      const id = requireItemId(operation.document);
      requireSamePartitionKey(operation.document, this.#definition.keyPaths, key);
      const present = this.#find(epk, id, this.#purgedAt);
      if (present === undefined) return this.#insert(epk, id, operation.document, lsn, ordinal);
      if (operation.kind === "create") throw itemConflict();
      requireMatch(present, operation.ifMatch);
      return this.#update("upsert", present, operation.document, lsn, ordinal);
    }
    const present = this.#find(epk, operation.id, this.#purgedAt);
    if (present === undefined) throw itemNotFound();
    switch (operation.kind) {
      case "delete":
        requireMatch(present, operation.ifMatch);
        this.#removeStored(present, lsn, ordinal, false);
        return {
          status: 204,
          requestCharge: writeCharge("delete", 0),
          etag: undefined,
          body: undefined,
        };
      case "replace":
        requireMatch(present, operation.ifMatch);
        if (requireItemId(operation.document) !== operation.id) {
          throw badRequest("The id of the document is not the one that the request names.");
        }
        requireSamePartitionKey(operation.document, this.#definition.keyPaths, key);
        return this.#update("replace", present, operation.document, lsn, ordinal);
      case "patch": {
        requireMatch(present, operation.ifMatch);
        const document = JSON.parse(present.body) as JsonObject;
        const { condition, operations } = operation.patch;
        if (condition !== undefined && !evaluatePatchCondition(condition, document)) {
          throw preconditionFailed(1110);
        }
        patchDocument(document, operations, this.#definition.keyPaths);
        return this.#update("patch", present, document, lsn, ordinal);
      }
      default:
        return operation satisfies never;
    }
  }

  #read(epk: string, operation: ItemOperation & { readonly kind: "read" }): ItemResult {
    const present = this.#find(epk, operation.id, this.nowSeconds());
    if (present === undefined) throw itemNotFound();
    requireMatch(present, operation.ifMatch);
    const { etag } = present;
    if (operation.ifNoneMatch === etag || operation.ifNoneMatch === "*") {
      return { status: 304, requestCharge: 1, etag, body: undefined };
    }
    return {
      status: 200,
      requestCharge: readCharge(present.body.length),
      etag,
      body: present.body,
    };
  }

  #insert(epk: string, id: string, document: JsonObject, lsn: number, ordinal: number): ItemResult {
    const stored = this.#version(this.#lastDocument + 1, epk, id, document, lsn, ordinal);
    this.#store(() => this.table.insert(stored));
    this.#lastDocument += 1;
    this.#log(stored, "create", null);
    return {
      status: 201,
      requestCharge: writeCharge("create", stored.body.length),
      etag: stored.etag,
      body: stored.body,
    };
  }

  #update(
    kind: "upsert" | "replace" | "patch",
    present: StoredDocument,
    document: JsonObject,
    lsn: number,
    ordinal: number,
  ): ItemResult {
    const { rid, epk, id } = present;
    const stored = this.#version(rid, epk, id, document, lsn, ordinal);
    this.#store(() => this.table.update(stored));
    this.#log(stored, "replace", present);
    return {
      status: 200,
      requestCharge: writeCharge(kind, stored.body.length),
      etag: stored.etag,
      body: stored.body,
    };
  }

  #store(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (isUniqueViolation(error)) throw itemConflict();
      throw error;
    }
  }

  /** Makes a version of a document: its own properties in their order, then those of the system. */
  #version(
    rid: number,
    epk: string,
    id: string,
    document: JsonObject,
    lsn: number,
    ordinal: number,
  ): StoredDocument {
    if (!isNestedWithin(document, nestingMax)) {
      throw badRequest(`The document nests deeper than ${nestingMax} levels.`);
    }
    for (const name of systemProperties) delete document[name];
    const ts = this.nowSeconds();
    const etag = documentEtag(lsn, ordinal, ts);
    const ridText = documentRid(this.identity.rid, rid);
    document["_rid"] = ridText;
    document["_self"] = `${this.identity.self}docs/${ridText}/`;
    document["_etag"] = etag;
    document["_attachments"] = "attachments/";
    document["_ts"] = ts;
    const body = JSON.stringify(document);
    if (Buffer.byteLength(body) > documentBytesMax) throw requestTooLarge();
    this.#bytesSinceSizing += body.length;
    return { rid, epk, id, lsn, ordinal, etag, ts, expires: this.#expiry(document, ts), body };
  }

  #expiry(document: JsonObject, ts: number): number | null {
    const own = getProperty(document, "ttl");
    const { defaultTtl } = this.#definition;
    if (own === undefined)
      return defaultTtl === undefined || defaultTtl < 0 ? null : ts + defaultTtl;
    const ttl = requireTtl(own, "ttl");
    return defaultTtl === undefined || ttl < 0 ? null : ts + ttl;
  }

  #removeStored(document: StoredDocument, lsn: number, ordinal: number, isExpiry: boolean): void {
    this.table.remove(document.rid);
    if (this.#definition.changeFeedRetentionMinutes === 0) return;
    this.table.appendToLog({
      lsn,
      ordinal,
      epk: document.epk,
      id: document.id,
      ts: this.nowSeconds(),
      operationType: "delete",
      previousLsn: document.lsn,
      isExpiry,
      current: null,
      previous: document.body,
    });
  }

  #log(
    stored: StoredDocument,
    operationType: "create" | "replace",
    previous: StoredDocument | null,
  ): void {
    if (this.#definition.changeFeedRetentionMinutes === 0) return;
    const { lsn, ordinal, epk, id, ts, body } = stored;
    this.table.appendToLog({
      lsn,
      ordinal,
      epk,
      id,
      ts,
      operationType,
      previousLsn: previous?.lsn ?? null,
      isExpiry: false,
      current: body,
      previous: previous?.body ?? null,
    });
  }

  /** Splits the partitions that have outgrown their limit. Measures only when enough was written to matter. */
  #splitByNeed(): void {
    const bytesMax = this.#environment.partitionBytesMax;
    if (bytesMax === undefined || this.#bytesSinceSizing < bytesMax / 8) return;
    this.#bytesSinceSizing = 0;
    for (const range of this.ranges.all()) {
      const size = this.table.sizeOf(range);
      if (size.bytes <= bytesMax) continue;
      const epk = this.table.epkAt(range, size.documents >> 1);
      // A single logical partition cannot be split, however large it is.
      if (epk !== undefined && epk > range.epkMin && epk < range.epkMax) this.split(range.id, epk);
    }
  }
}

function requireMatch(present: StoredDocument, ifMatch: string | undefined): void {
  if (ifMatch !== undefined && ifMatch !== "*" && ifMatch !== present.etag) {
    throw preconditionFailed();
  }
}
