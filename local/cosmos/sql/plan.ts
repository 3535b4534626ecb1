import type { JsonObject, JsonValue } from "../json.ts";
import { isJsonObject } from "../json.ts";
import { aggregateNames, aggregatesOf, isAggregate } from "./aggregates.ts";
import { readCount } from "./evaluate.ts";
import { printExpression, printSource } from "./printQuery.ts";
import { SqlError } from "./sqlError.ts";
import type { CallExpression, Expression, Parameter, Query } from "./syntaxTree.ts";

/** A range of effective partition keys as a query plan has it. */
export interface PlanRange {
  readonly min: string;
  readonly max: string;
  readonly isMinInclusive: boolean;
  readonly isMaxInclusive: boolean;
}

/** What the plan needs to know of a container. */
export interface ContainerShape {
  /** The partition key paths, each as its property names: `/tenant/id` is `["tenant", "id"]`. */
  readonly partitionKeyPaths: readonly (readonly string[])[];
  /** The range of the documents whose key begins with these values; `undefined` when they have none of their own. */
  readonly rangeOfKey?: (values: readonly JsonValue[]) => PlanRange | undefined;
}

/** The part of a plan that tells the client how to merge what each physical partition answers. */
export interface QueryInfo {
  readonly distinctType: "None" | "Ordered" | "Unordered";
  readonly top: number | null;
  readonly offset: number | null;
  readonly limit: number | null;
  readonly orderBy: readonly ("Ascending" | "Descending")[];
  readonly orderByExpressions: readonly string[];
  readonly groupByExpressions: readonly string[];
  readonly groupByAliases: readonly string[];
  readonly aggregates: readonly string[];
  readonly groupByAliasToAggregateType: Readonly<Record<string, string | null>>;
  /** The query for each physical partition; empty when it is the query itself. */
  readonly rewrittenQuery: string;
  readonly hasSelectValue: boolean;
  readonly dCountInfo: null;
  readonly hasNonStreamingOrderBy: false;
}

/** The answer to a query plan request (`partitionedQueryExecutionInfo`). */
export interface QueryPlan {
  readonly partitionedQueryExecutionInfoVersion: 2;
  readonly queryInfo: QueryInfo;
  readonly queryRanges: readonly PlanRange[];
  readonly hybridSearchQueryInfo: null;
}

/** What the client replaces by `true`, or by the condition that resumes an ordered query. */
const orderFilter = "{documentdb-formattableorderbyquery-filter}";

const wholeRange: PlanRange = { min: "", max: "FF", isMinInclusive: true, isMaxInclusive: false };

/**
 * Plans a query that runs in each physical partition by itself and is merged by the client.
 *
 * Rows of the rewritten query are as the client's merge reads them: `{_rid, orderByItems, payload}` to order,
 * `{groupByItems, payload}` to group, `[{item}]` to aggregate. Throws `SqlError` for what cannot be merged: an
 * aggregate within another expression, or an order that is not one of documents.
 */
export function planQuery(
  query: Query,
  parameters: readonly Parameter[],
  container: ContainerShape,
): QueryPlan {
  refuseUnmergeable(query);
  const top = query.top === undefined ? null : readCount(query.top, parameters, "TOP");
  const offset = query.offset === undefined ? null : readCount(query.offset, parameters, "OFFSET");
  const limit = query.limit === undefined ? null : readCount(query.limit, parameters, "LIMIT");
  const grouping = groupingOf(query);
  const orderByExpressions = query.orderBy.map(({ expression }) => printExpression(expression));
  const paging =
    // What groups must see all rows of a partition before any may be left out.
    grouping !== undefined || offset === null || limit === null
      ? ""
      : ` OFFSET 0 LIMIT ${offset + limit}`;

  let rewrittenQuery = "";
  if (grouping !== undefined) {
    rewrittenQuery = `SELECT ${grouping.selection}${printTail(query)}`;
  } else if (query.orderBy.length > 0) {
    rewrittenQuery = rewriteOrdered(query, top, paging);
  } else if (paging !== "") {
    rewrittenQuery = `SELECT ${query.isDistinct ? "DISTINCT " : ""}${printPlainSelection(query)}${printTail(query)}${paging}`;
  }
  return {
    partitionedQueryExecutionInfoVersion: 2,
    queryInfo: {
      distinctType: distinctTypeOf(query, orderByExpressions),
      top,
      offset,
      limit,
      orderBy: query.orderBy.map(({ isDescending }) => (isDescending ? "Descending" : "Ascending")),
      orderByExpressions,
      groupByExpressions: query.groupBy.map(printExpression),
      groupByAliases: grouping?.aliases ?? [],
      aggregates: grouping?.aggregates ?? [],
      groupByAliasToAggregateType: grouping?.aggregateTypes ?? {},
      rewrittenQuery,
      hasSelectValue: query.selection.kind === "value",
      dCountInfo: null,
      hasNonStreamingOrderBy: false,
    },
    queryRanges: [rangeOf(query, parameters, container)],
    hybridSearchQueryInfo: null,
  };
}

/** Why the gateway does not serve a query over several physical partitions itself, as the client expects to hear. */
export interface CrossPartitionRefusal {
  readonly substatus: number;
  readonly message: string;
  /** Whether the answer carries the plan, from which the client goes on. */
  readonly carriesPlan: boolean;
}

/**
 * Tells how a query without a key is refused so that the client merges it (status 400), or `undefined` when it
 * may be served page by page.
 */
export function crossPartitionRefusal(query: Query): CrossPartitionRefusal | undefined {
  const aggregates = aggregatesOf(query);
  if (query.groupBy.length > 0 || (aggregates.length > 0 && query.selection.kind !== "value")) {
    return {
      substatus: 0,
      message: "Cross partition query only supports 'VALUE <AggregateFunc>' for aggregates.",
      carriesPlan: false,
    };
  }
  const [source] = query.sources;
  const isOfWholes =
    aggregates.length > 0 ||
    query.isDistinct ||
    query.top !== undefined ||
    query.limit !== undefined ||
    query.orderBy.length > 0 ||
    (source?.collection.kind === "query" && isOfWhole(source.collection.query));
  if (!isOfWholes) return undefined;
  return {
    substatus: 1004,
    message:
      "The provided cross partition query can not be directly served by the gateway. This is a first chance (internal) exception that all newer clients will know how to handle gracefully. This exception is traced, but unless you see it bubble up as an exception (which only happens on older SDK clients), then you can safely ignore this message.",
    carriesPlan: true,
  };
}

/**
 * Checks that the container's indexes can serve the query.
 *
 * Throws `SqlError` for an ORDER BY that is no path of the document, or on a path that is not indexed, or on
 * several paths without a composite index of just these in this order or all turned round; and for a TOP, OFFSET
 * or LIMIT that is no whole number. `indexingPolicy` is the container's, as it is stored.
 */
export function checkServable(
  query: Query,
  parameters: readonly Parameter[],
  indexingPolicy: JsonObject,
): void {
  if (query.top !== undefined) readCount(query.top, parameters, "TOP");
  if (query.offset !== undefined) readCount(query.offset, parameters, "OFFSET");
  if (query.limit !== undefined) readCount(query.limit, parameters, "LIMIT");

  const paths: { readonly names: readonly string[]; readonly isDescending: boolean }[] = [];
  for (const { expression, isDescending, start, end } of query.orderBy) {
    const names = documentPath(query, expression, parameters);
    if (names === undefined) {
      throw new SqlError(
        "SC2107",
        "Unsupported ORDER BY clause. ORDER BY item expression could not be mapped to a document path.",
        start,
        end,
      );
    }
    if (query.orderBy.length === 1 && !isIndexed(names, indexingPolicy)) {
      throw new SqlError(
        "SC2108",
        "The index path corresponding to the specified order-by item is excluded.",
        start,
        end,
      );
    }
    paths.push({ names, isDescending });
  }
  if (paths.length > 1 && !hasCompositeIndex(paths, indexingPolicy)) {
    const [first] = query.orderBy;
    throw new SqlError(
      "SC2109",
      "The order by query does not have a corresponding composite index that it can be served from.",
      first?.start ?? query.start,
      query.orderBy.at(-1)?.end ?? query.end,
    );
  }
}

/**
 * Tells whether ORDER BY returns documents that lack what it orders by: first when ascending, last when descending.
 *
 * It does when the policy includes the path by name, with `?` at its end, or when a composite index serves the order.
 * It does not when only a wildcard includes the path, as in the default policy. So says the reference of ORDER BY
 * ("Documents with missing fields" in its edition of 2021, and still the last remark in today's), and so does the
 * Java SDK where it learned to merge such rows (Azure/azure-sdk-for-java, pull request 19458). Another remark of the
 * reference, of June 2022, says that all documents are returned whatever the policy; the stricter one is kept here,
 * because code that is right by it is right by both.
 */
export function ordersUndefined(
  query: Query,
  parameters: readonly Parameter[],
  indexingPolicy: JsonObject,
): boolean {
  // `checkServable` has let several paths through, so there is a composite index.
  if (query.orderBy.length !== 1) return query.orderBy.length > 1;
  const [item] = query.orderBy;
  const names = item === undefined ? undefined : documentPath(query, item.expression, parameters);
  if (names === undefined) return false;
  return policyPaths(indexingPolicy["includedPaths"]).some(
    (path) => path.endsWith("/?") && specificity(path, names) >= 0,
  );
}

/** Tells whether a path is under the range index of the policy; the most specific path that covers it decides. */
export function isIndexed(names: readonly string[], indexingPolicy: JsonObject): boolean {
  const mode = indexingPolicy["indexingMode"];
  if (typeof mode === "string" && mode.toLowerCase() === "none") return false;
  // These two are indexed whatever the policy says.
  if (names.length === 1 && (names[0] === "id" || names[0] === "_ts")) return true;
  const included = indexingPolicy["includedPaths"] ?? [{ path: "/*" }];
  const most = (paths: JsonValue | undefined): number =>
    Math.max(-1, ...policyPaths(paths).map((path) => specificity(path, names)));
  return most(included) > most(indexingPolicy["excludedPaths"]);
}

function policyPaths(paths: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(paths)) return [];
  return paths.flatMap((entry) => {
    const path = isJsonObject(entry) ? entry["path"] : undefined;
    return typeof path === "string" ? [path] : [];
  });
}

/** How specifically a path of the policy covers the property: -1 not at all; a name counts two, `?` one more. */
function specificity(path: string, names: readonly string[]): number {
  const segments = segmentsOf(path);
  const last = segments.at(-1);
  const isExact = last === "?";
  const own = isExact || last === "*" ? segments.slice(0, -1) : segments;
  const covers = isExact || last !== "*" ? own.length === names.length : own.length <= names.length;
  if (!covers || own.some((segment, index) => segment !== names[index])) return -1;
  return own.length * 2 + (last === "*" ? 0 : 1);
}

/** The segments of a path of the policy, quotes taken off. */
function segmentsOf(path: string): readonly string[] {
  return Array.from(
    path.matchAll(/\/(?:"([^"]*)"|([^/]*))/g),
    (match) => match[1] ?? match[2] ?? "",
  );
}

function hasCompositeIndex(
  paths: readonly { readonly names: readonly string[]; readonly isDescending: boolean }[],
  indexingPolicy: JsonObject,
): boolean {
  const indexes = indexingPolicy["compositeIndexes"];
  if (!Array.isArray(indexes)) return false;
  return indexes.some((index) => {
    if (!Array.isArray(index) || index.length !== paths.length) return false;
    const turned = index.map((entry, at) => {
      const wanted = paths[at];
      if (wanted === undefined || !isJsonObject(entry)) return undefined;
      const path = entry["path"];
      if (typeof path !== "string") return undefined;
      const segments = segmentsOf(path);
      const own = segments.at(-1) === "?" ? segments.slice(0, -1) : segments;
      const isSame =
        own.length === wanted.names.length &&
        own.every((segment, each) => segment === wanted.names[each]);
      return isSame ? (entry["order"] === "descending") !== wanted.isDescending : undefined;
    });
    return turned.every((each) => each === false) || turned.every((each) => each === true);
  });
}

/** The property names from the document's root, or `undefined` when the expression is no such path. */
function documentPath(
  query: Query,
  expression: Expression,
  parameters: readonly Parameter[],
): readonly string[] | undefined {
  const [source] = query.sources;
  if (source === undefined || source.isIterated || source.collection.kind !== "path")
    return undefined;
  const names: string[] = [];
  let current = expression;
  while (current.kind === "member" || current.kind === "index") {
    const name =
      current.kind === "member" ? current.name : constantOf(current.index, parameters)?.value;
    if (typeof name !== "string") return undefined;
    names.unshift(name);
    current = current.object;
  }
  if (current.kind !== "identifier" || current.name !== source.alias) return undefined;
  for (const name of source.collection.names.toReversed()) {
    if (typeof name !== "string") return undefined;
    names.unshift(name);
  }
  return names.length === 0 ? undefined : names;
}

/** Whether the results of one partition are not simply some of those of the whole. */
function isOfWhole(query: Query): boolean {
  return (
    query.isDistinct ||
    query.top !== undefined ||
    query.limit !== undefined ||
    query.groupBy.length > 0 ||
    query.orderBy.length > 0 ||
    aggregatesOf(query).length > 0
  );
}

function refuseUnmergeable(query: Query): void {
  const [source] = query.sources;
  if (source?.collection.kind === "query" && isOfWhole(source.collection.query)) {
    throw new SqlError(
      "SC2110",
      "A subquery of the FROM clause that aggregates, orders or limits is not supported over several partitions.",
      source.start,
      source.end,
    );
  }
  if (
    query.orderBy.length > 0 &&
    (source?.isIterated !== false || source.collection.kind === "query")
  ) {
    throw new SqlError(
      "SC2111",
      "ORDER BY over the items of an array is not supported over several partitions.",
      query.orderBy[0]?.start ?? query.start,
      query.orderBy.at(-1)?.end ?? query.end,
    );
  }
}

function distinctTypeOf(
  query: Query,
  orderByExpressions: readonly string[],
): QueryInfo["distinctType"] {
  if (!query.isDistinct) return "None";
  const { selection } = query;
  if (selection.kind === "all" || orderByExpressions.length === 0) return "Unordered";
  const selected = new Set(
    selection.kind === "value"
      ? [printExpression(selection.expression)]
      : selection.items.map(({ expression }) => printExpression(expression)),
  );
  // Equal rows come one after the other only if the order begins with just what is selected.
  const leading = orderByExpressions.slice(0, selected.size);
  const isOrdered = leading.length === selected.size && leading.every((text) => selected.has(text));
  return isOrdered ? "Ordered" : "Unordered";
}

function printTail(query: Query): string {
  const parts = query.sources.map(
    (source, index) => `${index === 0 ? " FROM" : " JOIN"} ${printSource(source)}`,
  );
  if (query.where !== undefined) parts.push(` WHERE ${printExpression(query.where)}`);
  if (query.groupBy.length > 0) {
    parts.push(` GROUP BY ${query.groupBy.map(printExpression).join(", ")}`);
  }
  return parts.join("");
}

function printPlainSelection(query: Query): string {
  const { selection } = query;
  switch (selection.kind) {
    case "all":
      return "*";
    case "value":
      return `VALUE ${printExpression(selection.expression)}`;
    case "list":
      return selection.items
        .map(({ expression, name, isAliased }) =>
          isAliased ? `${printExpression(expression)} AS ${name}` : printExpression(expression),
        )
        .join(", ");
  }
}

function rewriteOrdered(query: Query, top: number | null, paging: string): string {
  const [source] = query.sources;
  const alias = source?.alias ?? "";
  const { selection } = query;
  const conditions: string[] = query.where === undefined ? [] : [printExpression(query.where)];
  let payload = alias;
  if (selection.kind === "value") {
    payload = printExpression(selection.expression);
    // A row without a value is no result, and the client would take it for one.
    if (selection.expression.kind !== "identifier") conditions.push(`IS_DEFINED(${payload})`);
  } else if (selection.kind === "list") {
    payload = `{${selection.items
      .map(({ name, expression }) => `${JSON.stringify(name)}: ${printExpression(expression)}`)
      .join(", ")}}`;
  }
  const items = query.orderBy.map(({ expression }) => `{"item": ${printExpression(expression)}}`);
  const from = query.sources
    .map((each, index) => `${index === 0 ? "FROM" : "JOIN"} ${printSource(each)}`)
    .join(" ");
  const where = [...conditions, `(${orderFilter})`].join(" AND ");
  const order = query.orderBy
    .map(({ expression, isDescending }) => {
      return `${printExpression(expression)} ${isDescending ? "DESC" : "ASC"}`;
    })
    .join(", ");
  // The client drops the doubles after it has merged, so a limit here could leave too few.
  const limited = !query.isDistinct;
  const first = limited && top !== null ? `TOP ${top} ` : "";
  return `SELECT ${first}${alias}._rid, [${items.join(", ")}] AS orderByItems, ${payload} AS payload ${from} WHERE ${where} ORDER BY ${order}${limited ? paging : ""}`;
}

interface Grouping {
  readonly selection: string;
  readonly aliases: readonly string[];
  readonly aggregates: readonly string[];
  readonly aggregateTypes: Readonly<Record<string, string | null>>;
}

/** How a query that aggregates or groups is rewritten, or `undefined` for any other. */
function groupingOf(query: Query): Grouping | undefined {
  const { selection } = query;
  if (query.groupBy.length === 0 && aggregatesOf(query).length === 0) return undefined;
  if (selection.kind === "all") return undefined;
  const keys =
    query.groupBy.length === 0
      ? ""
      : `[${query.groupBy
          .map((expression) => `{"item": ${printExpression(expression)}}`)
          .join(", ")}] AS groupByItems, `;
  if (selection.kind === "value") {
    const aggregate = mergeable(selection.expression);
    const payload =
      aggregate === undefined ? printExpression(selection.expression) : `[${partial(aggregate)}]`;
    return {
      selection: keys === "" ? `VALUE ${payload}` : `${keys}${payload} AS payload`,
      aliases: [],
      aggregates: aggregate === undefined ? [] : [typeOf(aggregate)],
      aggregateTypes: {},
    };
  }
  const properties: string[] = [];
  // No prototype: an alias may have any name.
  const aggregateTypes = Object.create(null) as Record<string, string | null>;
  for (const { name, expression } of selection.items) {
    const aggregate = mergeable(expression);
    aggregateTypes[name] = aggregate === undefined ? null : typeOf(aggregate);
    const text = aggregate === undefined ? printExpression(expression) : partial(aggregate);
    properties.push(`${JSON.stringify(name)}: ${text}`);
  }
  return {
    selection: `${keys}{${properties.join(", ")}} AS payload`,
    aliases: selection.items.map(({ name }) => name),
    aggregates: [],
    aggregateTypes,
  };
}

/** The expression as an aggregate, `undefined` if it has none. Throws when it has one deeper inside. */
function mergeable(expression: Expression): CallExpression | undefined {
  if (isAggregate(expression)) return expression;
  const probe: Query = {
    isDistinct: false,
    top: undefined,
    selection: { kind: "value", expression },
    sources: [],
    where: undefined,
    groupBy: [],
    orderBy: [],
    offset: undefined,
    limit: undefined,
    start: expression.start,
    end: expression.end,
  };
  if (aggregatesOf(probe).length > 0) {
    throw new SqlError(
      "SC2112",
      "Compositions of aggregates and other expressions are unsupported.",
      expression.start,
      expression.end,
    );
  }
  return undefined;
}

function typeOf(aggregate: CallExpression): string {
  return aggregateNames.get(aggregate.name) ?? aggregate.name;
}

/**
 * What one partition contributes to an aggregate, as the client's merge reads it.
 *
 * An empty object tells the client that the aggregate is undefined, which a partition without any value must not
 * do; MIN and MAX say by `count` that they had none.
 */
function partial(aggregate: CallExpression): string {
  const values = aggregate.arguments.map(printExpression).join(", ");
  switch (aggregate.name) {
    case "AVG":
      return `{"item": IS_DEFINED(SUM(${values})) ? {"sum": SUM(${values}), "count": COUNT(${values})} : undefined}`;
    case "MIN":
    case "MAX": {
      const name = aggregate.name;
      const best = `${name}(${values})`;
      return `{"item": ${best}, "item2": (COUNT(${values}) = 0 OR IS_DEFINED(${best})) ? {"${name.toLowerCase()}": ${best}, "count": COUNT(${values})} : undefined}`;
    }
    default:
      return `{"item": ${printExpression(aggregate)}}`;
  }
}

/** The range of the key that WHERE fixes, or of all keys. */
function rangeOf(
  query: Query,
  parameters: readonly Parameter[],
  container: ContainerShape,
): PlanRange {
  if (container.rangeOfKey === undefined || query.where === undefined) return wholeRange;
  const { where } = query;
  const conditions =
    where.kind === "logical" && where.operator === "AND" ? where.operands : [where];
  const fixed = new Map<string, JsonValue>();
  for (const condition of conditions) {
    if (condition.kind !== "binary" || condition.operator !== "=") continue;
    for (const [path, value] of [
      [condition.left, condition.right],
      [condition.right, condition.left],
    ] as const) {
      const names = documentPath(query, path, parameters);
      const constant = constantOf(value, parameters)?.value;
      if (names !== undefined && constant !== undefined) fixed.set(JSON.stringify(names), constant);
    }
  }
  const values: JsonValue[] = [];
  for (const path of container.partitionKeyPaths) {
    const value = fixed.get(JSON.stringify(path));
    if (value === undefined) break;
    values.push(value);
  }
  return (values.length === 0 ? undefined : container.rangeOfKey(values)) ?? wholeRange;
}

function constantOf(
  expression: Expression,
  parameters: readonly Parameter[],
): { readonly value: JsonValue | undefined } | undefined {
  if (expression.kind === "constant") return { value: expression.value };
  if (expression.kind === "parameter") {
    return { value: parameters.find(({ name }) => name === expression.name)?.value };
  }
  return undefined;
}
