import { setProperty, type JsonObject, type JsonValue } from "../json.ts";
import { aggregatesOf, isAggregate } from "./aggregates.ts";
import { childExpressions } from "./childExpressions.ts";
import { evaluateQuery, readCount } from "./evaluate.ts";
import { jsonPath, pathSql, rankOfType, type PathSql } from "./indexExpressions.ts";
import { likeFragment, likePrefix } from "./likePattern.ts";
import { referencedProperties } from "./referencedProperties.ts";
import { requiredText } from "./regularExpression.ts";
import { SqlError } from "./sqlError.ts";
import type {
  ComparisonOperator,
  Expression,
  Parameter,
  Query,
  SubqueryExpression,
} from "./syntaxTree.ts";
import { typeRank, typeRanks } from "./valueOrder.ts";

/** What SQLite takes as a bound value. */
export type SqlValue = string | number | bigint | null;

/** The table to query and the part of it that the request reaches. */
export interface CompileOptions {
  /** The name alone, quoted where it needs to be. */
  readonly table: string;
  /** The column that holds the document as JSONB. */
  readonly bodyColumn: string;
  /** The condition that keeps the query in its partitions; `1` for none. */
  readonly scope: { readonly sql: string; readonly params: readonly SqlValue[] };
  /**
   * The columns to select, `json(body) AS body` if absent. `body` must be the document as JSON text, or the caller
   * adds it before it hands the row to `finish`.
   */
  readonly columns?: string;
  /** What orders documents like their `_rid`, `rowid` if absent. */
  readonly ridOrder?: string;
  /**
   * Columns that hold a property of the document, by its name: `id` under `id` lets a lookup use the key of the
   * table. The property must be a string in every document.
   */
  readonly stringColumns?: ReadonlyMap<string, string>;
}

/**
 * A row that a compiled query's SQL gives. `finish` reads `body` of it, unless the SQL counts or takes documents
 * apart: then the row has neither `body` nor the caller's columns, and goes to `finish` as it is.
 */
export type CompiledRow = Readonly<Record<string, unknown>>;

/** A query as SQL over the table, with what is left to do to the rows. */
export interface CompiledQuery {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  /** Whether the rows are exactly those that the query's WHERE takes; otherwise `finish` filters them again. */
  readonly exact: boolean;
  /** Whether the rows come in the query's order. */
  readonly isOrdered: boolean;
  /** Whether each row has its results whatever the other rows are, so that reading may stop after any row. */
  readonly isRowwise: boolean;
  /** Makes the query's results of the SQL's rows. Lazy where `isRowwise`. */
  readonly finish: (rows: Iterable<CompiledRow>) => Iterable<JsonValue>;
}

/**
 * Compiles a query to SQL over a table of documents; `undefined` when SQLite could not narrow it at all, so that
 * nothing is gained over `evaluateQuery` on the whole scope.
 *
 * What SQLite cannot decide as the service would is left out of the SQL and done by `finish`: the rows are then
 * more than the results need, never fewer. OFFSET, LIMIT and TOP are in the SQL when filter and order are exact.
 * Throws `SqlError` for a TOP, OFFSET or LIMIT that is no whole number.
 */
export function compileQuery(
  query: Query,
  parameters: readonly Parameter[],
  options: CompileOptions,
): CompiledQuery | undefined {
  const [source] = query.sources;
  if (source === undefined || source.collection.kind !== "path") return undefined;
  // Below the container's root, or over array items, the alias is no document.
  const isOverDocuments = source.collection.names.length === 0 && !source.isIterated;
  const names: Names = new Map(
    isOverDocuments && source.alias !== undefined
      ? [[source.alias, { kind: "document", table: options.table, body: options.bodyColumn }]]
      : [],
  );
  const compiler = new ConditionCompiler(parameters, options.stringColumns ?? new Map());
  const compiled = query.where === undefined ? always : compiler.whenTrue(query.where, names);
  // A condition beyond SQLite's limits is left to the evaluation.
  const isWithinLimits =
    compiled.sql.length <= conditionLengthMax && compiled.params.length <= conditionParamsMax;
  const condition = isWithinLimits ? compiled : unknown;

  const params = [...options.scope.params, ...condition.params];
  const clauses = [`(${options.scope.sql})`];
  if (condition.sql !== "1") clauses.push(`(${condition.sql})`);
  if (isCountOfRows(query) && condition.exact && isOverDocuments) {
    return {
      sql: `SELECT COUNT(*) AS results FROM ${options.table} WHERE ${clauses.join(" AND ")}`,
      params,
      exact: true,
      isOrdered: true,
      isRowwise: false,
      finish: (rows) =>
        evaluateQuery({ ...query, where: undefined }, parameters, countedDocuments(rows)),
    };
  }

  const ordered = compiler.order(query, names);
  if (ordered !== undefined) clauses.push(...ordered.conditions);
  const order = [...(ordered?.terms ?? []), options.ridOrder ?? "rowid"].join(", ");
  const isStateless =
    !query.isDistinct && query.groupBy.length === 0 && aggregatesOf(query).length === 0;
  const isOrdered = ordered !== undefined;
  const limit = query.top ?? query.limit;
  const canLimit =
    isStateless &&
    isOverDocuments &&
    query.sources.length === 1 &&
    condition.exact &&
    isOrdered &&
    // A result that is undefined counts for nothing, so rows may be limited only if each one has a result.
    (query.selection.kind !== "value" || compiler.isDefined(query.selection.expression, names));
  const rest: Query = {
    ...query,
    where: condition.exact ? undefined : query.where,
    orderBy: isOrdered ? [] : query.orderBy,
    ...(canLimit ? { top: undefined, offset: undefined, limit: undefined } : {}),
  };
  // What makes one result of many documents seldom needs all of them: it is spared the rest.
  const parts = isStateless || !isOverDocuments ? undefined : partsOf(rest, options);
  const columns = parts?.columns ?? options.columns ?? `json(${options.bodyColumn}) AS body`;
  let sql = `SELECT ${columns} FROM ${options.table} WHERE ${clauses.join(" AND ")} ORDER BY ${order}`;
  if (limit !== undefined) {
    // Read in any case: a TOP that is no number is an error before the first row.
    const rowsMax = readCount(limit, parameters, query.top === undefined ? "LIMIT" : "TOP");
    const skipped = query.offset === undefined ? 0 : readCount(query.offset, parameters, "OFFSET");
    if (canLimit) {
      sql += " LIMIT ? OFFSET ?";
      params.push(rowsMax, skipped);
    }
  }
  return {
    sql,
    params,
    exact: condition.exact,
    isOrdered,
    isRowwise: isStateless && isOrdered && (limit === undefined || canLimit),
    finish: (rows) =>
      evaluateQuery(rest, parameters, parts === undefined ? documentsOf(rows) : parts.read(rows)),
  };
}

function* documentsOf(rows: Iterable<CompiledRow>): Generator<JsonValue> {
  for (const row of rows) {
    const body = row["body"];
    if (typeof body !== "string") throw new Error("The row of a compiled query has no body.");
    yield JSON.parse(body) as JsonObject;
  }
}

/** The columns of those properties that a query reads, and how to make documents of them again. */
function partsOf(
  query: Query,
  options: CompileOptions,
):
  | {
      readonly columns: string;
      readonly read: (rows: Iterable<CompiledRow>) => Generator<JsonValue>;
    }
  | undefined {
  const names = referencedProperties(query);
  if (names === undefined) return undefined;
  const parts: { readonly name: string; readonly column: string; readonly sql: string }[] = [];
  for (const name of names) {
    const path = jsonPath([name]);
    if (path === undefined) return undefined;
    const column = `part${parts.length}`;
    parts.push({ name, column, sql: `${options.bodyColumn} -> ${path} AS ${column}` });
  }
  return {
    columns: parts.length === 0 ? "1" : parts.map(({ sql }) => sql).join(", "),
    *read(rows) {
      for (const row of rows) {
        const document: JsonObject = {};
        for (const { name, column } of parts) {
          // The text of a null is `null`; only what is missing has none.
          const text = row[column];
          if (typeof text === "string") setProperty(document, name, JSON.parse(text) as JsonValue);
        }
        yield document;
      }
    },
  };
}

/** As many documents as SQLite has counted; nobody reads them. */
function* countedDocuments(rows: Iterable<CompiledRow>): Generator<JsonValue> {
  for (const row of rows) {
    for (let count = Number(row["results"]); count > 0; count--) yield null;
  }
}

/** Tells whether the query asks for nothing but how many documents there are. */
function isCountOfRows(query: Query): boolean {
  const aggregates = aggregatesOf(query);
  return (
    aggregates.length > 0 &&
    query.sources.length === 1 &&
    query.groupBy.length === 0 &&
    aggregates.every(({ name, arguments: [argument] }) => {
      return name === "COUNT" && argument?.kind === "constant" && argument.value !== undefined;
    })
  );
}

/** What an alias stands for in SQL: the document, or an item of an array that `json_each` walks. */
type Binding =
  | { readonly kind: "document"; readonly table: string; readonly body: string }
  | { readonly kind: "item"; readonly table: string };

type Names = ReadonlyMap<string, Binding>;

/** A condition in SQL: true in every row where the original is, and in no other if exact. */
interface Condition {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  readonly exact: boolean;
}

/** A path in SQL. `each` walks its items; a string column has none. */
interface BoundPath extends PathSql {
  readonly each: string | undefined;
}

const always: Condition = { sql: "1", params: [], exact: true };
const never: Condition = { sql: "0", params: [], exact: true };
/** SQL has nothing to say: every row may be one. */
const unknown: Condition = { sql: "1", params: [], exact: false };

/** The ranks that the type functions ask for. */
const rankTests: ReadonlyMap<string, number> = new Map([
  ["IS_NULL", typeRanks.null],
  ["IS_BOOL", typeRanks.boolean],
  ["IS_NUMBER", typeRanks.number],
  ["IS_STRING", typeRanks.string],
  ["IS_ARRAY", typeRanks.array],
  ["IS_OBJECT", typeRanks.object],
]);

const opposites = {
  "=": "!=",
  "!=": "=",
  "<": ">=",
  "<=": ">",
  ">": "<=",
  ">=": "<",
} as const satisfies Record<ComparisonOperator, ComparisonOperator>;

/** The operator that says the same with its sides swapped. */
const mirrored = {
  "=": "=",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
} as const satisfies Record<ComparisonOperator, ComparisonOperator>;

/** Longest condition, and most values in it, that are handed to SQLite; it has limits of twice as many characters and 32,766. */
const conditionLengthMax = 500_000;
const conditionParamsMax = 30_000;

/** Longest list that is written out; a longer one is bound as one JSON array, so that the SQL stays the same. */
const writtenListMax = 8;

/**
 * Makes SQL of conditions, separately for "it is true" and "it is false".
 *
 * The language has three outcomes where SQL's NULL means something else in each operator. With one SQL condition
 * for true and one for false, NOT only swaps the two, and AND and OR join conditions that need nothing but to be
 * true or not. A part that SQL cannot decide becomes "every row", which is right in both directions.
 */
class ConditionCompiler {
  readonly #parameters: readonly Parameter[];
  readonly #stringColumns: ReadonlyMap<string, string>;
  #itemTables = 0;

  constructor(parameters: readonly Parameter[], stringColumns: ReadonlyMap<string, string>) {
    this.#parameters = parameters;
    this.#stringColumns = stringColumns;
  }

  whenTrue(expression: Expression, names: Names): Condition {
    return this.#when(true, expression, names);
  }

  /**
   * ORDER BY as terms of SQL, and the conditions that leave out what has no value to order by, unless the query takes
   * it. The rank of what is missing is NULL, which SQLite orders before all else.
   *
   * A path whose type WHERE fixes is ordered by its value alone, and one whose value it fixes not at all: SQLite would not
   * see that an index has that order.
   */
  order(
    query: Query,
    names: Names,
  ): { readonly terms: readonly string[]; readonly conditions: readonly string[] } | undefined {
    const terms: string[] = [];
    const conditions: string[] = [];
    for (const { expression, isDescending } of query.orderBy) {
      const path = this.#path(expression, names);
      if (path === undefined) return undefined;
      const direction = isDescending ? "DESC" : "ASC";
      // A bare number in ORDER BY would be the number of a column.
      if (this.#fixes(query.where, ["="], path, names)) continue;
      const isOfOneType = this.#fixes(query.where, ["=", "<", "<=", ">", ">="], path, names);
      if (path.each !== undefined && !isOfOneType) {
        terms.push(`${path.rank} ${direction}`);
        if (query.takesUndefinedOrder !== true) conditions.push(`${path.rank} IS NOT NULL`);
      }
      terms.push(`${path.value} ${direction}`);
    }
    return { terms, conditions };
  }

  /** Tells whether WHERE compares the path with a constant, by one of these operators, for all that it takes. */
  #fixes(
    where: Expression | undefined,
    operators: readonly ComparisonOperator[],
    path: BoundPath,
    names: Names,
  ): boolean {
    if (where?.kind === "logical" && where.operator === "AND") {
      return where.operands.some((operand) => this.#fixes(operand, operators, path, names));
    }
    if (where?.kind !== "binary" || !operators.some((operator) => operator === where.operator)) {
      return false;
    }
    return [
      [where.left, where.right],
      [where.right, where.left],
    ].some(
      ([one, other]) =>
        one !== undefined &&
        other !== undefined &&
        this.#constant(other)?.value !== undefined &&
        this.#path(one, names)?.value === path.value,
    );
  }

  /** Tells whether the expression has a value in every row. */
  isDefined(expression: Expression, names: Names): boolean {
    switch (expression.kind) {
      case "constant":
        return expression.value !== undefined;
      case "identifier":
        return names.has(expression.name);
      case "object":
      case "array":
      case "exists":
      case "arrayOf":
        return true;
      case "member":
        // Only a string column has no path to walk, and only it is never missing.
        return this.#path(expression, names)?.path === "";
      default:
        return false;
    }
  }

  /** The condition under which `expression` is `outcome`. */
  #when(outcome: boolean, expression: Expression, names: Names): Condition {
    const constant = this.#constant(expression);
    if (constant !== undefined) return constant.value === outcome ? always : never;
    switch (expression.kind) {
      case "unary":
        return expression.operator === "NOT"
          ? this.#when(!outcome, expression.operand, names)
          : never;
      case "logical": {
        const parts = expression.operands.map((operand) => this.#when(outcome, operand, names));
        return (expression.operator === "AND") === outcome ? allOf(parts) : anyOf(parts);
      }
      case "binary":
        return this.#comparison(
          outcome,
          expression.operator,
          expression.left,
          expression.right,
          names,
        );
      case "between": {
        const parts = [
          this.#comparison(
            outcome !== expression.negated,
            ">=",
            expression.value,
            expression.low,
            names,
          ),
          this.#comparison(
            outcome !== expression.negated,
            "<=",
            expression.value,
            expression.high,
            names,
          ),
        ];
        return outcome !== expression.negated ? allOf(parts) : anyOf(parts);
      }
      case "in": {
        const path = this.#path(expression.value, names);
        if (path === undefined) return unknown;
        const values: (JsonValue | undefined)[] = [];
        for (const item of expression.list) {
          const value = this.#constant(item);
          if (value === undefined) return unknown;
          values.push(value.value);
        }
        return oneOf(outcome !== expression.negated, path, values);
      }
      case "like":
        return this.#like(
          outcome !== expression.negated,
          expression.value,
          this.#constant(expression.pattern)?.value,
          expression.escape,
          names,
        );
      case "call":
        return this.#call(outcome, expression.name, expression.arguments, names);
      case "exists":
        return this.#exists(outcome, expression, names);
      case "identifier":
      case "member": {
        const path = this.#path(expression, names);
        return path === undefined
          ? unknown
          : {
              sql: `${path.rank} = 2 AND ${path.value} = ${Number(outcome)}`,
              params: [],
              exact: true,
            };
      }
      default:
        return unknown;
    }
  }

  #comparison(
    outcome: boolean,
    operator: string,
    left: Expression,
    right: Expression,
    names: Names,
  ): Condition {
    if (!isComparison(operator)) return unknown;
    const effective = outcome ? operator : opposites[operator];
    const leftPath = this.#path(left, names);
    const rightPath = this.#path(right, names);
    if (leftPath !== undefined && rightPath !== undefined) {
      return comparePaths(effective, leftPath, rightPath);
    }
    const leftValue = leftPath === undefined ? this.#constant(left) : undefined;
    const rightValue = rightPath === undefined ? this.#constant(right) : undefined;
    if (leftPath !== undefined && rightValue !== undefined) {
      return compareToValue(effective, leftPath, rightValue.value);
    }
    if (rightPath !== undefined && leftValue !== undefined) {
      return compareToValue(mirrored[effective], rightPath, leftValue.value);
    }
    return unknown;
  }

  #call(outcome: boolean, name: string, values: readonly Expression[], names: Names): Condition {
    const [first, second, third] = values;
    if (first === undefined) return unknown;
    const path = this.#path(first, names);
    if (path !== undefined && values.length === 1) return testType(outcome, name, path);
    if (second === undefined) return unknown;
    const flag = third === undefined ? { value: false } : this.#constant(third);
    if (flag === undefined) return unknown;
    switch (name) {
      case "STARTSWITH":
      case "CONTAINS":
      case "STRINGEQUALS": {
        const value = this.#constant(second);
        if (path === undefined || value === undefined) return unknown;
        if (typeof flag.value !== "boolean" || typeof value.value !== "string") return never;
        if (flag.value) return ignoringCase(outcome, name, path, value.value);
        if (!value.value.isWellFormed()) return someString(path);
        if (name === "STARTSWITH") return startsWith(outcome, path, value.value);
        const { sql, params } =
          name === "CONTAINS"
            ? { sql: `instr(${path.value}, ?) ${outcome ? ">" : "="} 0`, params: [value.value] }
            : { sql: `${path.value} ${outcome ? "=" : "<>"} ?`, params: [value.value] };
        return { sql: `${path.rank} = 4 AND ${sql}`, params, exact: true };
      }
      case "ENDSWITH":
        return path === undefined ? unknown : someString(path);
      case "REGEXMATCH": {
        if (path === undefined) return unknown;
        const pattern = this.#constant(second)?.value;
        const modifiers = values.length === 2 ? "" : flag.value;
        if (!outcome || typeof pattern !== "string" || typeof modifiers !== "string") {
          return someString(path);
        }
        return containing(path, textIn(pattern, modifiers));
      }
      case "ARRAY_CONTAINS": {
        if (flag.value !== false) return unknown;
        const list = path === undefined ? this.#constant(first) : undefined;
        if (list !== undefined) {
          const sought = this.#path(second, names);
          if (!Array.isArray(list.value)) return never;
          return sought === undefined ? unknown : oneOf(outcome, sought, list.value);
        }
        const value = this.#constant(second);
        if (path?.each === undefined || value === undefined) return unknown;
        if (value.value === undefined) return never;
        const item = this.#itemTable();
        return someItem(outcome, path, item, compareToValue("=", itemPath(item), value.value));
      }
      default:
        return unknown;
    }
  }

  #like(
    outcome: boolean,
    value: Expression,
    pattern: JsonValue | undefined,
    escape: string | undefined,
    names: Names,
  ): Condition {
    const path = this.#path(value, names);
    if (path === undefined || typeof pattern !== "string" || !pattern.isWellFormed())
      return unknown;
    const prefix = likePrefix(pattern, escape);
    // `abc%` is a prefix and nothing else; anything more is left to the pattern itself.
    const hasNoEscape = escape === undefined || !pattern.includes(escape);
    if (hasNoEscape && pattern === `${prefix}%`) return startsWith(outcome, path, prefix);
    if (!outcome) return someString(path);
    const fragment = likeFragment(pattern, escape);
    return fragment === prefix
      ? { ...startsWith(true, path, prefix), exact: false }
      : allOf([startsWith(true, path, prefix), containing(path, fragment)]);
  }

  /** `EXISTS(SELECT … FROM item IN path WHERE …)`, which `json_each` walks. */
  #exists(outcome: boolean, { query }: SubqueryExpression, names: Names): Condition {
    const [source] = query.sources;
    const isSimple =
      query.sources.length === 1 &&
      query.top === undefined &&
      query.limit === undefined &&
      query.groupBy.length === 0 &&
      aggregatesOf(query).length === 0;
    if (!isSimple || !source?.isIterated || source.alias === undefined) return unknown;
    if (source.collection.kind !== "path") return unknown;
    const binding = names.get(source.collection.root);
    const path =
      binding === undefined ? undefined : this.#boundPath(binding, source.collection.names);
    if (path?.each === undefined) return unknown;
    const item = this.#itemTable();
    const inner = new Map<string, Binding>([
      ...names,
      [source.alias, { kind: "item", table: item }],
    ]);
    const condition = query.where === undefined ? always : this.#when(true, query.where, inner);
    const hasResult =
      query.selection.kind !== "value" || this.isDefined(query.selection.expression, inner);
    // No array is no row, so the absence of rows is the outcome false whatever the path leads to.
    if (!outcome) {
      return hasResult && condition.exact
        ? {
            sql: `${path.rank} IS NOT 5 OR NOT EXISTS (SELECT 1 FROM ${path.each} AS ${item} WHERE ${condition.sql})`,
            params: condition.params,
            exact: true,
          }
        : unknown;
    }
    return someItem(true, path, item, { ...condition, exact: condition.exact && hasResult });
  }

  #itemTable(): string {
    return `item${this.#itemTables++}`;
  }

  /** The value of an expression that no row changes. */
  #constant(expression: Expression): { readonly value: JsonValue | undefined } | undefined {
    if (expression.kind === "constant") return { value: expression.value };
    if (expression.kind === "parameter") {
      return { value: this.#parameters.find(({ name }) => name === expression.name)?.value };
    }
    if (!isSameInEveryRow(expression)) return undefined;
    try {
      const [value] = evaluateQuery(queryOfValue(expression), this.#parameters, []);
      return { value };
    } catch (error) {
      // The error is one of the rows, and without any there is none.
      if (error instanceof SqlError) return undefined;
      throw error;
    }
  }

  #path(expression: Expression, names: Names): BoundPath | undefined {
    const path: (string | number)[] = [];
    let current = expression;
    while (current.kind === "member" || current.kind === "index") {
      const name = current.kind === "member" ? current.name : this.#constant(current.index)?.value;
      if (typeof name !== "string" && typeof name !== "number") return undefined;
      path.push(name);
      current = current.object;
    }
    if (current.kind !== "identifier") return undefined;
    const binding = names.get(current.name);
    return binding === undefined ? undefined : this.#boundPath(binding, path.reverse());
  }

  #boundPath(binding: Binding, names: readonly (string | number)[]): BoundPath | undefined {
    if (binding.kind === "item" && names.length === 0) return itemPath(binding.table);
    const [first] = names;
    if (binding.kind === "document" && names.length === 1 && typeof first === "string") {
      const column = this.#stringColumns.get(first);
      if (column !== undefined) {
        return { rank: "4", value: `${binding.table}.${column}`, path: "", each: undefined };
      }
    }
    // The table is named because `json_each` has columns of its own, `id` among them.
    // A scalar item is no JSON text, and the functions of JSON would refuse it.
    const document =
      binding.kind === "document"
        ? `${binding.table}.${binding.body}`
        : `CASE WHEN ${binding.table}.type IN ('array', 'object') THEN ${binding.table}.value END`;
    const path = pathSql(document, names);
    return path && { ...path, each: `json_each(${document}, ${path.path})` };
  }
}

/** Tells whether the expression names no alias, has no subquery, and is no matter of chance. */
function isSameInEveryRow(expression: Expression): boolean {
  switch (expression.kind) {
    case "constant":
    case "parameter":
      return true;
    case "identifier":
    case "subquery":
    case "exists":
    case "arrayOf":
      return false;
    case "call":
      if (expression.name === "RAND" || isAggregate(expression)) return false;
      break;
    default:
      break;
  }
  return childExpressions(expression).every(isSameInEveryRow);
}

/** `SELECT VALUE expression`. */
function queryOfValue(expression: Expression): Query {
  const { start, end } = expression;
  return {
    isDistinct: false,
    top: undefined,
    selection: { kind: "value", expression },
    sources: [],
    where: undefined,
    groupBy: [],
    orderBy: [],
    offset: undefined,
    limit: undefined,
    start,
    end,
  };
}

function isComparison(operator: string): operator is ComparisonOperator {
  return Object.hasOwn(opposites, operator);
}

function itemPath(table: string): BoundPath {
  return {
    rank: rankOfType(`${table}.type`),
    value: `${table}.value`,
    path: "'$'",
    each: `json_each(CASE WHEN ${table}.type = 'array' THEN ${table}.value END)`,
  };
}

function allOf(parts: readonly Condition[]): Condition {
  if (parts.some(({ sql }) => sql === "0")) return never;
  return join(
    parts.filter(({ sql }) => sql !== "1"),
    "AND",
    parts.every(({ exact }) => exact),
    always,
  );
}

function anyOf(parts: readonly Condition[]): Condition {
  const exact = parts.every((part) => part.exact);
  if (parts.some(({ sql }) => sql === "1")) return { sql: "1", params: [], exact };
  return join(
    parts.filter(({ sql }) => sql !== "0"),
    "OR",
    exact,
    never,
  );
}

function join(
  parts: readonly Condition[],
  operator: "AND" | "OR",
  exact: boolean,
  empty: Condition,
): Condition {
  if (parts.length === 0) return { ...empty, exact };
  return {
    sql: joinBalanced(
      parts.map(({ sql }) => `(${sql})`),
      operator,
    ),
    params: parts.flatMap(({ params }) => params),
    exact,
  };
}

/** The text that a regular expression needs; none if it is malformed, which the evaluation says. */
function textIn(pattern: string, modifiers: string): string {
  try {
    return requiredText(pattern, modifiers);
  } catch (error) {
    if (error instanceof SqlError) return "";
    throw error;
  }
}

/** Texts that contain `fragment`, and perhaps are what is sought. */
function containing(path: PathSql, fragment: string): Condition {
  return fragment === "" || !fragment.isWellFormed()
    ? someString(path)
    : { sql: `${path.rank} = 4 AND instr(${path.value}, ?) > 0`, params: [fragment], exact: false };
}

/** Joins conditions so that a thousand of them are ten levels deep: SQLite takes no more than a thousand levels. */
function joinBalanced(parts: readonly string[], operator: "AND" | "OR"): string {
  if (parts.length <= 8) return parts.join(` ${operator} `);
  const middle = Math.floor(parts.length / 2);
  const left = joinBalanced(parts.slice(0, middle), operator);
  const right = joinBalanced(parts.slice(middle), operator);
  return `(${left}) ${operator} (${right})`;
}

function someString(path: PathSql): Condition {
  return { sql: `${path.rank} = 4`, params: [], exact: false };
}

/**
 * The comparisons that ignore case. SQLite folds ASCII alone, so a text with anything else in it is left to the
 * evaluation. The lengths differ in such a text, and in one with a NUL, where SQLite's functions may stop.
 */
function ignoringCase(outcome: boolean, name: string, path: PathSql, text: string): Condition {
  const folded = text.toLowerCase();
  if (!folded.isWellFormed()) return someString(path);
  const place = `instr(lower(${path.value}), ?)`;
  const holds =
    name === "CONTAINS"
      ? `${place} ${outcome ? ">" : "="} 0`
      : name === "STARTSWITH"
        ? `${place} ${outcome ? "=" : "<>"} 1`
        : `lower(${path.value}) ${outcome ? "=" : "<>"} ?`;
  return {
    sql: `${path.rank} = 4 AND (${holds} OR length(${path.value}) <> length(CAST(${path.value} AS BLOB)))`,
    params: [folded],
    exact: false,
  };
}

function testType(outcome: boolean, name: string, path: PathSql): Condition {
  if (name === "IS_DEFINED") {
    return { sql: `${path.rank} IS ${outcome ? "NOT " : ""}NULL`, params: [], exact: true };
  }
  if (name === "IS_PRIMITIVE") {
    const sql = outcome ? `${path.rank} <= 4` : `(${path.rank} IS NULL OR ${path.rank} > 4)`;
    return { sql, params: [], exact: true };
  }
  const rank = rankTests.get(name);
  if (rank === undefined) return unknown;
  const sql = outcome ? `${path.rank} = ${rank}` : `${path.rank} IS NOT ${rank}`;
  return { sql, params: [], exact: true };
}

/** `path operator value`; the operator is the one that must be true. */
function compareToValue(
  operator: ComparisonOperator,
  path: PathSql,
  value: JsonValue | undefined,
): Condition {
  if (value === undefined) return never;
  const rank = typeRank(value);
  const bound = bindable(value);
  if (operator === "=" || operator === "!=") {
    if (rank === typeRanks.null) {
      return { sql: `${path.rank} ${operator === "=" ? "=" : "<>"} 1`, params: [], exact: true };
    }
    if (bound === undefined) {
      const sql = operator === "=" ? `${path.rank} = ${rank}` : `${path.rank} IS NOT NULL`;
      return { sql, params: [], exact: false };
    }
    const sql =
      operator === "="
        ? `${path.rank} = ${rank} AND ${path.value} = ?`
        : `${path.rank} <> ${rank} OR ${path.value} <> ?`;
    return { sql, params: [bound], exact: true };
  }
  // Arrays and objects have no order, and two nulls are equal.
  if (rank >= typeRanks.array) return never;
  if (rank === typeRanks.null) {
    return operator === "<=" || operator === ">="
      ? { sql: `${path.rank} = 1`, params: [], exact: true }
      : never;
  }
  if (bound === undefined) return { sql: `${path.rank} = ${rank}`, params: [], exact: false };
  return {
    sql: `${path.rank} = ${rank} AND ${path.value} ${operator} ?`,
    params: [bound],
    exact: true,
  };
}

/** The value as SQLite has it in a document; `undefined` when it cannot be bound as the same. */
function bindable(value: JsonValue): SqlValue | undefined {
  switch (typeof value) {
    case "boolean":
      return Number(value);
    case "string":
      // A lone surrogate has no UTF-8.
      return value.isWellFormed() ? value : undefined;
    case "number": {
      if (Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
      // SQLite reads the digits of a stored integer exactly, which for a large one is not the double of it.
      const digits = JSON.stringify(value);
      if (!/^-?\d+$/.test(digits)) return value;
      const integer = BigInt(digits);
      return BigInt.asIntN(64, integer) === integer ? integer : value;
    }
    default:
      return undefined;
  }
}

function comparePaths(operator: ComparisonOperator, left: PathSql, right: PathSql): Condition {
  const [r1, r2, v1, v2] = [left.rank, right.rank, left.value, right.value];
  switch (operator) {
    case "=":
      return {
        sql: `${r1} = ${r2} AND (${r1} = 1 OR ${r1} >= 5 OR ${v1} = ${v2})`,
        params: [],
        exact: false,
      };
    case "!=":
      return {
        sql: `${r1} <> ${r2} OR (${r1} = ${r2} AND (${r1} >= 5 OR ${v1} <> ${v2}))`,
        params: [],
        exact: false,
      };
    case "<":
    case ">":
      return {
        sql: `${r1} = ${r2} AND ${r1} <= 4 AND ${v1} ${operator} ${v2}`,
        params: [],
        exact: true,
      };
    case "<=":
    case ">=":
      return {
        sql: `${r1} = ${r2} AND ${r1} <= 4 AND (${r1} = 1 OR ${v1} ${operator} ${v2})`,
        params: [],
        exact: true,
      };
  }
}

function startsWith(outcome: boolean, path: PathSql, prefix: string): Condition {
  if (prefix === "") return outcome ? { ...someString(path), exact: true } : never;
  const end = textAfter(prefix);
  if (outcome) {
    return end === undefined
      ? { sql: `${path.rank} = 4 AND ${path.value} >= ?`, params: [prefix], exact: true }
      : {
          sql: `${path.rank} = 4 AND ${path.value} >= ? AND ${path.value} < ?`,
          params: [prefix, end],
          exact: true,
        };
  }
  return end === undefined
    ? { sql: `${path.rank} = 4 AND ${path.value} < ?`, params: [prefix], exact: true }
    : {
        sql: `${path.rank} = 4 AND (${path.value} < ? OR ${path.value} >= ?)`,
        params: [prefix, end],
        exact: true,
      };
}

/** The first text that is after all that begin with `prefix`; none when it is made of the last code point only. */
function textAfter(prefix: string): string | undefined {
  const characters = Array.from(prefix);
  for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
    const code = last.codePointAt(0) ?? 0;
    if (code === 0x10_ffff) continue;
    // Surrogates are no characters: the one after U+D7FF is U+E000.
    const next = code === 0xd7ff ? 0xe000 : code + 1;
    return characters.join("") + String.fromCodePoint(next);
  }
  return undefined;
}

/** `path IN (values)` when `outcome`, else `NOT (path IN (values))`. */
function oneOf(
  outcome: boolean,
  path: PathSql,
  values: readonly (JsonValue | undefined)[],
): Condition {
  // One undefined among them keeps the whole from ever being false.
  if (!outcome && values.includes(undefined)) return never;
  const byRank = new Map<number, SqlValue[]>();
  let exact = true;
  for (const value of values) {
    if (value === undefined) continue;
    const bound = value === null ? null : bindable(value);
    const rank = typeRank(value);
    if (bound === undefined) {
      // A text that cannot be bound may still be found in a document.
      if (rank < typeRanks.array) return unknown;
      exact = false;
    }
    const bounds = byRank.get(rank) ?? [];
    if (bound !== undefined) bounds.push(bound);
    byRank.set(rank, bounds);
  }
  const parts: Condition[] = [];
  for (const [rank, bounds] of byRank) {
    parts.push(listCondition(outcome, path, rank, bounds));
  }
  if (outcome) {
    const joined = anyOf(parts);
    return { ...joined, exact };
  }
  const defined: Condition = { sql: `${path.rank} IS NOT NULL`, params: [], exact: true };
  return { ...allOf([defined, ...parts]), exact };
}

function listCondition(
  outcome: boolean,
  path: PathSql,
  rank: number,
  bounds: readonly SqlValue[],
): Condition {
  const isComparable = rank > typeRanks.null && rank < typeRanks.array && bounds.length > 0;
  if (!isComparable) {
    // Nulls are all one; arrays and objects are compared later, so that one of them may be in the list or not.
    if (outcome)
      return { sql: `${path.rank} = ${rank}`, params: [], exact: rank < typeRanks.array };
    return rank === typeRanks.null
      ? { sql: `${path.rank} <> 1`, params: [], exact: true }
      : unknown;
  }
  const isShort = bounds.length <= writtenListMax;
  const list = isShort ? bounds.map(() => "?").join(", ") : "SELECT value FROM json_each(?)";
  // JSON.stringify has no digits for a bigint, and SQLite reads them as it reads those of a document.
  const texts = bounds.map((bound) =>
    typeof bound === "bigint" ? bound.toString() : JSON.stringify(bound),
  );
  const params = isShort ? bounds : [`[${texts.join(",")}]`];
  return {
    sql: outcome
      ? `${path.rank} = ${rank} AND ${path.value} IN (${list})`
      : `(${path.rank} <> ${rank} OR ${path.value} NOT IN (${list}))`,
    params,
    exact: true,
  };
}

/** Whether some item of an array meets `condition`; for the outcome false, no item of an array does. */
function someItem(
  outcome: boolean,
  path: BoundPath,
  item: string,
  condition: Condition,
): Condition {
  if (!outcome && !condition.exact) return { sql: `${path.rank} = 5`, params: [], exact: false };
  return {
    sql: `${path.rank} = 5 AND ${outcome ? "" : "NOT "}EXISTS (SELECT 1 FROM ${path.each ?? ""} AS ${item} WHERE ${condition.sql})`,
    params: condition.params,
    exact: condition.exact,
  };
}
