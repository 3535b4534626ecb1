import type { Container } from "./container.ts";
import { parsePath } from "./partitionKey.ts";
import { indexExpression } from "./sql/indexExpressions.ts";
import { isIndexed } from "./sql/plan.ts";
import type { Expression, Query } from "./sql/syntaxTree.ts";

/*
 * Indexes are made when a query first has a use for them, and not when a container is created. The default policy
 * indexes every path there is, and an index per path of every document would make each write pay for what nobody asks.
 * Making one takes about a third of a second for 100,000 documents, once.
 */

const documentsMin = 500;
const indexesMax = 24;
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

/** Lists the paths of documents that a query restricts or orders by. */
function constrainedPaths(query: Query): string[][] {
  const [source] = query.sources;
  if (source === undefined || source.isIterated || source.collection.kind !== "path") return [];
  if (source.collection.names.length > 0) return [];
  const alias = source.alias ?? source.collection.root;
  const operands = query.where === undefined ? [] : indexableOperands(query.where);
  // An index can serve the first item of ORDER BY; what follows is sorted within equal values.
  const all = [...operands, query.orderBy[0]?.expression];
  const paths = new Map<string, string[]>();
  for (const operand of all) {
    const names = pathBelow(operand, alias);
    if (names !== undefined && names.length > 0) paths.set(JSON.stringify(names), names);
  }
  return [...paths.values()];
}

/**
 * Makes the indexes that a query has a use for, the policy of the container allows, and are not there yet.
 *
 * A small container is scanned as fast as it is looked up in, and gets none. `hasKey` says that the query names a key
 * or prefix: the partition key paths then need no index.
 */
export function ensureQueryIndexes(container: Container, query: Query, hasKey: boolean): void {
  if (container.documentsEver < documentsMin) return;
  const { indexingPolicy, partitionKey } = container.definition;
  const keys = new Set(partitionKey.paths.map((path) => JSON.stringify(parsePath(path))));
  for (const names of constrainedPaths(query)) {
    if (hasKey && keys.has(JSON.stringify(names))) continue;
    // The key of the table serves lookups by id.
    if (names.length === 1 && names[0] === "id") continue;
    if (!isIndexed(names, indexingPolicy)) continue;
    const expression = indexExpression(`${names.map((name) => `/"${name}"`).join("")}/?`, "body");
    if (expression !== undefined) container.table.ensureIndex(expression, indexesMax);
  }
  container.table.refreshStatistics(container.documentsEver);
}
