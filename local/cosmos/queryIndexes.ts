import type { Container } from "./container.ts";
import { parsePath } from "./partitionKey.ts";
import { pathSql } from "./sql/indexExpressions.ts";
import { isIndexed } from "./sql/plan.ts";
import type { Expression, Query } from "./sql/syntaxTree.ts";

/*
 * Indexes are made when a query first has a use for them, and not when a container is created. The default policy
 * indexes every path there is, and an index per path of every document would make each write pay for what nobody asks.
 * Making one takes about a third of a second for 100,000 documents, once.
 */

const documentsMin = 500;
const indexesMax = 64;
const rangeFunctions: ReadonlySet<string> = new Set(["STARTSWITH", "STRINGEQUALS"]);

/** The names below `alias` that an expression reads; `undefined` when it is not such a path. */
function pathBelow(expression: Expression | undefined, alias: string): string[] | undefined {
  if (expression?.kind === "identifier") return expression.name === alias ? [] : undefined;
  if (expression?.kind !== "member" || typeof expression.name !== "string") return undefined;
  const names = pathBelow(expression.object, alias);
  names?.push(expression.name);
  return names;
}

/** The operands of a condition that an index could narrow it by. */
function indexableOperands(condition: Expression): (Expression | undefined)[] {
  switch (condition.kind) {
    case "logical":
      // Each branch of an OR needs an index of its own, or none of them is of use.
      return condition.operands.flatMap(indexableOperands);
    case "binary":
      return condition.operator === "!=" ? [] : [condition.left, condition.right];
    case "in":
    case "between":
    case "like":
      return condition.negated ? [] : [condition.value];
    case "call":
      if (rangeFunctions.has(condition.name)) return [condition.arguments[0]];
      return condition.name === "ARRAY_CONTAINS" ? [condition.arguments[1]] : [];
    default:
      return [];
  }
}

/** The alias of the documents, when a query is about whole documents. */
function documentAlias(query: Query): string | undefined {
  const [source] = query.sources;
  if (source === undefined || source.isIterated || source.collection.kind !== "path")
    return undefined;
  return source.collection.names.length > 0 ? undefined : (source.alias ?? source.collection.root);
}

/** The paths that expressions read, each once. */
function pathsOf(expressions: readonly (Expression | undefined)[], alias: string): string[][] {
  const paths = new Map<string, string[]>();
  for (const expression of expressions) {
    const names = pathBelow(expression, alias);
    if (names !== undefined && names.length > 0) paths.set(JSON.stringify(names), names);
  }
  return [...paths.values()];
}

/** The paths that have one value in all documents that a query takes, in the order in which it says so. */
function fixedPaths(query: Query, alias: string): string[][] {
  const { where } = query;
  const operands = where?.kind === "logical" && where.operator === "AND" ? where.operands : [where];
  return pathsOf(
    operands.flatMap((operand) =>
      operand?.kind === "binary" && operand.operator === "=" ? [operand.left, operand.right] : [],
    ),
    alias,
  );
}

/**
 * The expressions of an index that gives documents in the order of a query, so that reading may stop after a page: by the
 * first path that the query fixes, and then by what it orders by. SQLite walks an index both ways, so the first direction
 * is always up.
 */
function orderIndex(fixed: readonly string[] | undefined, query: Query, alias: string): string {
  const terms: string[] = [];
  const add = (names: readonly string[] | undefined, direction: string): boolean => {
    const sql = names === undefined ? undefined : pathSql("body", names);
    if (sql !== undefined) terms.push(`${sql.rank}${direction}`, `${sql.value}${direction}`);
    return sql !== undefined;
  };
  if (fixed !== undefined) add(fixed, "");
  const [first] = query.orderBy;
  const isWhole = query.orderBy.every(({ expression, isDescending }) => {
    const names = pathBelow(expression, alias);
    const isFixed = JSON.stringify(names) === JSON.stringify(fixed);
    return isFixed || add(names, isDescending === first?.isDescending ? "" : " DESC");
  });
  return isWhole ? terms.join(", ") : "";
}

/**
 * Makes the indexes that a query has a use for, the policy of the container allows, and are not there yet.
 *
 * A small container is scanned as fast as it is looked up in, and gets none. `key` says whether the query names a full key
 * or a prefix: the partition key paths then need no index, but for the last one of a prefix, which names no document.
 */
export function ensureQueryIndexes(
  container: Container,
  query: Query,
  key: "full" | "prefix" | "none",
): void {
  const alias = documentAlias(query);
  if (container.documentsEver < documentsMin || alias === undefined) return;
  const { indexingPolicy, partitionKey } = container.definition;
  const keyPaths = partitionKey.paths.map((path) => JSON.stringify(parsePath(path)));
  const named = key === "full" ? keyPaths : key === "prefix" ? keyPaths.slice(0, -1) : [];
  const isOfUse = (names: readonly string[]): boolean =>
    // The key of the table serves lookups by id.
    !(names.length === 1 && names[0] === "id") &&
    !named.includes(JSON.stringify(names)) &&
    isIndexed(names, indexingPolicy);
  const served = new Set<string>();
  const orderPaths = pathsOf(
    query.orderBy.map(({ expression }) => expression),
    alias,
  );
  if (orderPaths.length > 0 && orderPaths.every(isOfUse)) {
    const fixed = fixedPaths(query, alias).find(isOfUse);
    const expressions = orderIndex(fixed, query, alias);
    if (expressions !== "") {
      container.table.ensureIndex(expressions, undefined, indexesMax);
      const [first] = orderPaths.filter((names) => JSON.stringify(names) !== JSON.stringify(fixed));
      for (const names of [fixed, first]) served.add(JSON.stringify(names));
    }
  }
  const operands = query.where === undefined ? [] : indexableOperands(query.where);
  for (const names of pathsOf(operands, alias)) {
    if (served.has(JSON.stringify(names)) || !isOfUse(names)) continue;
    const sql = pathSql("body", names);
    if (sql === undefined) continue;
    // Many documents may lack the path. In the index they would only make its values look common to SQLite.
    const condition = `${sql.rank} IS NOT NULL`;
    container.table.ensureIndex(`${sql.rank}, ${sql.value}`, condition, indexesMax);
  }
  container.table.refreshStatistics(container.documentsEver);
}
