import type { Container } from "./container.ts";
import type { EpkRange } from "./effectivePartitionKey.ts";
import { badRequest } from "./gatewayError.ts";
import { isJsonObject, type JsonValue } from "./json.ts";
import { ensureQueryIndexes } from "./queryIndexes.ts";
import { aggregatesOf } from "./sql/aggregates.ts";
import { compileQuery, type CompiledQuery, type CompiledRow } from "./sql/compileToSqlite.ts";
import { evaluateQuery, readCount } from "./sql/evaluate.ts";
import { ordersUndefined } from "./sql/plan.ts";
import type { Expression, Parameter, Query } from "./sql/syntaxTree.ts";
import { compareInOrder } from "./sql/valueOrder.ts";

/** The part of a container that a query is about. */
export interface QueryScope {
  readonly span: EpkRange;
  /** The physical partition that the request names, if it names one. */
  readonly rangeId: string | undefined;
  /** Whether the request names a key or a prefix of one. */
  readonly hasKey: boolean;
  /** Whether the span is that of one full key. */
  readonly isFullKey: boolean;
}

/** A parsed query with its parameters. */
export interface QueryText {
  readonly query: Query;
  readonly parameters: readonly Parameter[];
}

/** Where a page ended. Rows of one document that share its place are counted by `rows`. */
interface Position {
  readonly rid: number;
  readonly rows: number;
  /** The values that the rows are ordered by, absent without ORDER BY; a missing value has no `item`. */
  readonly order?: readonly { readonly item?: JsonValue }[];
}

/** What a later page has to know of the earlier ones. */
export interface QueryProgress {
  /** How many rows the earlier pages had. */
  readonly emitted: number;
  /** Absent when it would be too large for the header that carries it; the rows are then counted. */
  readonly position?: Position;
}

/** One page of the result of a query. */
export interface QueryPage {
  /** The rows as JSON texts. */
  readonly rows: readonly string[];
  /** Absent when nothing follows. */
  readonly progress: QueryProgress | undefined;
}

interface Row {
  readonly position: Position;
  readonly value: JsonValue;
}

/** A part of a container with fewer documents is as well read from its one end to the other. */
const wideSpanDocuments = 1_000;
const pageBytesMax = 4 * 1024 * 1024;
// Clients refuse an answer with more than 16 KB of headers.
const positionLengthMax = 4 * 1024;
const nowhere = { start: 0, end: 0 };

/** Reads the progress that an earlier page was given, which went through the hands of a client. */
export function parseProgress(value: JsonValue | undefined): QueryProgress {
  const position = isJsonObject(value) ? value["position"] : undefined;
  const order = isJsonObject(position) ? position["order"] : undefined;
  const isValid =
    isJsonObject(value) &&
    Number.isSafeInteger(value["emitted"]) &&
    (position === undefined ||
      (isJsonObject(position) &&
        Number.isSafeInteger(position["rid"]) &&
        Number.isSafeInteger(position["rows"]) &&
        (order === undefined || (Array.isArray(order) && order.every(isJsonObject)))));
  if (!isValid) throw badRequest("Invalid Continuation Token");
  return value as unknown as QueryProgress;
}

/** Tells whether each row of the result comes from one document alone. */
export function isRowWise(query: Query): boolean {
  return !query.isDistinct && query.groupBy.length === 0 && aggregatesOf(query).length === 0;
}

/** The selection of `query` as one expression; the alias of the source stands for `*`. */
function payloadOf(query: Query): Expression {
  const { selection } = query;
  switch (selection.kind) {
    case "value":
      return selection.expression;
    case "list":
      return {
        ...nowhere,
        kind: "object",
        properties: selection.items.map(({ name, expression }) => ({ name, value: expression })),
      };
    case "all": {
      const [source] = query.sources;
      const root = source?.collection.kind === "path" ? source.collection.root : undefined;
      const name = source?.alias ?? root;
      if (name === undefined) throw badRequest("'SELECT *' needs a source with a name.");
      return { ...nowhere, kind: "identifier", name };
    }
    default:
      return selection satisfies never;
  }
}

/** The same query without TOP, OFFSET and LIMIT. */
function withoutLimits(query: Query): Query {
  return { ...query, top: undefined, offset: undefined, limit: undefined };
}

/** The same query, with rows `{order: [{item}, …], payload}` in place of its own. */
function withOrderItems(query: Query): Query {
  const order: Expression = {
    ...nowhere,
    kind: "array",
    items: query.orderBy.map(({ expression }) => ({
      ...nowhere,
      kind: "object",
      properties: [{ name: "item", value: expression }],
    })),
  };
  return {
    ...query,
    selection: {
      kind: "value",
      expression: {
        ...nowhere,
        kind: "object",
        properties: [
          { name: "order", value: order },
          { name: "payload", value: payloadOf(query) },
        ],
      },
    },
  };
}

/** Runs one query over one part of one container. */
class QueryRun {
  readonly #container: Container;
  readonly #text: QueryText;
  readonly #scope: QueryScope;
  /** The document that the row being evaluated comes from. */
  #rid = 0;

  constructor(container: Container, text: QueryText, scope: QueryScope) {
    this.#container = container;
    this.#text = text;
    this.#scope = scope;
  }

  #compile(query: Query, fromRid: number): CompiledQuery {
    const { span, isFullKey } = this.#scope;
    // By an equality SQLite knows that few documents are meant.
    const params: (string | number)[] = isFullKey ? [span.epkMin] : [span.epkMin, span.epkMax];
    let sql = isFullKey ? "epk = ?" : "epk >= ? AND epk < ?";
    // SQLite takes a range of keys for one in sixty-four. When it has many documents, their other properties say more.
    if (!isFullKey && this.#container.table.hasDocuments(span, wideSpanDocuments)) {
      sql = "likelihood(epk >= ?, 0.9) AND likelihood(epk < ?, 0.9)";
    }
    if (this.#container.definition.defaultTtl !== undefined) {
      sql += " AND (expires IS NULL OR expires > ?)";
      params.push(this.#container.nowSeconds());
    }
    if (fromRid > 0) {
      sql += " AND rid >= ?";
      params.push(fromRid);
    }
    const { name } = this.#container.table;
    const { parameters } = this.#text;
    const compiled = compileQuery(query, parameters, {
      table: name,
      bodyColumn: "body",
      scope: { sql, params },
      // The bodies are read one by one, as far as they are needed: sorting moves numbers and not documents.
      columns: "rid",
      ridOrder: "rid",
      stringColumns: new Map([["id", "id"]]),
    });
    return (
      compiled ?? {
        sql: `SELECT rid FROM ${name} WHERE ${sql} ORDER BY rid`,
        params,
        exact: false,
        isOrdered: query.orderBy.length === 0,
        isRowwise: isRowWise(query) && query.orderBy.length === 0,
        finish: (rows) => evaluateQuery(query, parameters, parsedBodies(rows)),
      }
    );
  }

  /** Runs the SQL, and adds to each row its document while noting which one it is. */
  *#rows(compiled: CompiledQuery): Generator<CompiledRow> {
    const { table } = this.#container;
    for (const row of table.select(compiled.sql, compiled.params)) {
      if (typeof row["rid"] !== "number") {
        yield row;
        continue;
      }
      this.#rid = row["rid"];
      yield { body: table.bodyOf(this.#rid) };
    }
  }

  #compare(a: Position, b: Position): number {
    for (const [i, item] of this.#text.query.orderBy.entries()) {
      const order = compareInOrder(a.order?.[i]?.item, b.order?.[i]?.item);
      if (order !== 0) return item.isDescending ? -order : order;
    }
    return a.rid - b.rid || a.rows - b.rows;
  }

  /** Walks the rows of a query without ORDER BY, in the order of the documents' resource ids. */
  *#unordered(after: Position | undefined): Generator<Row> {
    const compiled = this.#compile(withoutLimits(this.#text.query), after?.rid ?? 0);
    let position: Position = { rid: 0, rows: 0 };
    for (const value of compiled.finish(this.#rows(compiled))) {
      position = { rid: this.#rid, rows: this.#rid === position.rid ? position.rows + 1 : 1 };
      if (after?.rid === position.rid && position.rows <= after.rows) continue;
      yield { position, value };
    }
  }

  /** Walks all rows with what they are ordered by, in the order that the compiled query has. */
  *#orderItems(compiled: CompiledQuery, after: Position | undefined): Generator<Row> {
    const takesUndefined = this.#text.query.takesUndefinedOrder === true;
    let rid = 0;
    let rows = 0;
    for (const value of compiled.finish(this.#rows(compiled))) {
      rows = this.#rid === rid ? rows + 1 : 1;
      rid = this.#rid;
      if (!isJsonObject(value) || value["payload"] === undefined) continue;
      const order = Array.isArray(value["order"]) ? value["order"].filter(isJsonObject) : [];
      // What is not in the index that orders is not in the result. Without the order in SQL, nobody else has looked.
      if (!takesUndefined && order.some((entry) => entry["item"] === undefined)) continue;
      const position = { rid, rows, order };
      if (after !== undefined && this.#compare(position, after) <= 0) continue;
      yield { position, value: value["payload"] };
    }
  }

  /** Walks, in the order of ORDER BY, `countMax` rows after a position and after as many as are skipped. */
  *#ordered(after: Position | undefined, skipped: number, countMax: number): Generator<Row> {
    const query = withOrderItems(withoutLimits(this.#text.query));
    const isCounted = after === undefined && this.#text.query.selection.kind !== "value";
    const compiled = this.#compile(
      // Every row of a list or of `*` counts, so SQLite may skip rows without their documents, and stop after as many as
      // the page can take.
      isCounted ? { ...query, ...someRows(skipped, countMax) } : query,
      0,
    );
    if (compiled.isRowwise) {
      yield* drop(this.#orderItems(compiled, after), isCounted ? 0 : skipped);
      return;
    }
    const firstMax = skipped + countMax;
    let rows: Row[] = [];
    const prune = (): void => {
      rows.sort((a, b) => this.#compare(a.position, b.position));
      rows.length = Math.min(rows.length, firstMax);
    };
    const unordered = this.#compile({ ...query, orderBy: [] }, 0);
    for (const row of this.#orderItems(unordered, after)) {
      rows.push(row);
      if (rows.length >= 2 * firstMax + 1_000) prune();
    }
    prune();
    yield* drop(rows, skipped);
  }

  /** Evaluates a query whose rows come from many documents, and leaves out those of earlier pages. */
  *#aggregated(emitted: number): Generator<Row> {
    const compiled = this.#compile(this.#text.query, 0);
    let rows = 0;
    for (const value of compiled.finish(this.#rows(compiled))) {
      rows += 1;
      if (rows > emitted) yield { position: { rid: 0, rows }, value };
    }
  }

  page(itemsMax: number, from: QueryProgress | undefined): QueryPage {
    const { query, parameters } = this.#text;
    const emitted = from?.emitted ?? 0;
    const after = from?.position;
    if (!isRowWise(query))
      return collect(this.#aggregated(emitted), itemsMax, emitted, Infinity, 0);
    const limit =
      query.top === undefined
        ? query.limit === undefined
          ? Infinity
          : readCount(query.limit, parameters, "LIMIT")
        : readCount(query.top, parameters, "TOP");
    const offset = query.offset === undefined ? 0 : readCount(query.offset, parameters, "OFFSET");
    // The rows that OFFSET leaves out come before the first page only, as do those of a page that left no position.
    const skipped = after === undefined ? offset + emitted : 0;
    const wanted = Math.min(itemsMax, limit - emitted);
    return query.orderBy.length > 0
      ? collect(this.#ordered(after, skipped, wanted + 1), itemsMax, emitted, limit, 0)
      : collect(this.#unordered(after), itemsMax, emitted, limit, skipped);
  }
}

function someRows(
  skipped: number,
  count: number,
): { readonly offset: Expression; readonly limit: Expression } {
  return {
    offset: { ...nowhere, kind: "constant", value: skipped },
    limit: { ...nowhere, kind: "constant", value: count },
  };
}

function* drop(rows: Iterable<Row>, count: number): Generator<Row> {
  let toDrop = count;
  for (const row of rows) {
    if (toDrop > 0) {
      toDrop -= 1;
    } else {
      yield row;
    }
  }
}

function* parsedBodies(rows: Iterable<CompiledRow>): Generator<JsonValue> {
  for (const { body } of rows) yield JSON.parse(String(body)) as JsonValue;
}

function progressAfter(emitted: number, position: Position): QueryProgress {
  const isSmall = JSON.stringify(position).length <= positionLengthMax;
  return isSmall ? { emitted, position } : { emitted };
}

/** Fills a page from rows, after `skipped` of them, until it is full or `limit` rows have been given out in all. */
function collect(
  rows: Iterable<Row>,
  itemsMax: number,
  emitted: number,
  limit: number,
  skipped: number,
): QueryPage {
  const texts: string[] = [];
  if (emitted >= limit) return { rows: texts, progress: undefined };
  let last: Position | undefined;
  let toSkip = skipped;
  let bytes = 0;
  for (const { position, value } of rows) {
    if (toSkip > 0) {
      toSkip -= 1;
      continue;
    }
    if (last !== undefined && (texts.length >= itemsMax || bytes >= pageBytesMax)) {
      return { rows: texts, progress: progressAfter(emitted + texts.length, last) };
    }
    const text = JSON.stringify(value);
    texts.push(text);
    bytes += text.length;
    last = position;
    if (emitted + texts.length >= limit) break;
  }
  return { rows: texts, progress: undefined };
}

/**
 * Reads one page of the result of a query.
 *
 * A page begins after the last row of the one before, found by what the rows are ordered by and not by counting them, so
 * that writes in between neither hide rows nor repeat them. (A result of DISTINCT, GROUP BY or an aggregate is
 * evaluated anew for each page, and its rows are counted.)
 */
export function readQueryPage(
  container: Container,
  text: QueryText,
  scope: QueryScope,
  itemsMax: number,
  from: QueryProgress | undefined,
): QueryPage {
  const { query, parameters } = text;
  const key = scope.isFullKey ? "full" : scope.hasKey ? "prefix" : "none";
  ensureQueryIndexes(container, query, key);
  const takesUndefinedOrder = ordersUndefined(
    query,
    parameters,
    container.definition.indexingPolicy,
  );
  const bound = { query: { ...query, takesUndefinedOrder }, parameters };
  return new QueryRun(container, bound, scope).page(itemsMax, from);
}
