import { childExpressions } from "./childExpressions.ts";
import type { Expression, Query, Source } from "./syntaxTree.ts";

/**
 * The properties of the document that a query reads, `undefined` when it reads the document as a whole.
 *
 * The document is what the first source of `query` names. A subquery that gives its name to something else may
 * add properties that nobody reads, never leave one out.
 */
export function referencedProperties(query: Query): ReadonlySet<string> | undefined {
  const [source] = query.sources;
  if (source?.alias === undefined) return undefined;
  const names = new Set<string>();
  return readsParts(query, source.alias, source, names) ? names : undefined;
}

/** Adds to `names` what a query reads of `alias`; false when it reads `alias` itself. */
function readsParts(
  query: Query,
  alias: string,
  root: Source | undefined,
  names: Set<string>,
): boolean {
  if (query.selection.kind === "all" && (root !== undefined || readsSource(query, alias)))
    return false;
  for (const source of query.sources) {
    if (source === root) continue;
    const { collection } = source;
    if (collection.kind === "query") {
      if (!readsParts(collection.query, alias, undefined, names)) return false;
    } else if (collection.root === alias) {
      const [first] = collection.names;
      if (typeof first !== "string") return false;
      names.add(first);
    }
  }
  const { selection } = query;
  const expressions = [
    ...(selection.kind === "value" ? [selection.expression] : []),
    ...(selection.kind === "list" ? selection.items.map(({ expression }) => expression) : []),
    ...(query.where === undefined ? [] : [query.where]),
    ...query.groupBy,
    ...query.orderBy.map(({ expression }) => expression),
  ];
  return expressions.every((expression) => readsPartsIn(expression, alias, names));
}

function readsSource({ sources: [source] }: Query, alias: string): boolean {
  return (
    source?.collection.kind === "path" &&
    source.collection.root === alias &&
    source.collection.names.length === 0
  );
}

function readsPartsIn(expression: Expression, alias: string, names: Set<string>): boolean {
  switch (expression.kind) {
    case "identifier":
      return expression.name !== alias;
    case "member": {
      const { object, name } = expression;
      if (object.kind === "identifier" && object.name === alias) {
        // A number reads nothing of an object.
        if (typeof name === "string") names.add(name);
        return true;
      }
      break;
    }
    case "subquery":
    case "exists":
    case "arrayOf":
      return readsParts(expression.query, alias, undefined, names);
    default:
      break;
  }
  return childExpressions(expression).every((child) => readsPartsIn(child, alias, names));
}
