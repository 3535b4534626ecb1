import { aggregateNames, aggregatesOf, isAggregate } from "./aggregates.ts";
import { builtinFunctions } from "./builtinFunctions.ts";
import { childExpressions } from "./childExpressions.ts";
import { printExpression } from "./printQuery.ts";
import { SqlError } from "./sqlError.ts";
import type { CallExpression, Expression, Query, Source, Span } from "./syntaxTree.ts";

/**
 * Checks what the grammar cannot: that names resolve, functions exist and get as many arguments as they take,
 * aggregates stand where there is a group to aggregate, and clauses go together.
 *
 * Throws `SqlError`.
 */
export function validateQuery(query: Query): void {
  checkQuery(query, new Set(), true);
}

/** The aliases that an expression may name. */
type Names = ReadonlySet<string>;

function checkQuery(query: Query, outerNames: Names, isOverContainer: boolean): void {
  const names = checkSources(query, outerNames, isOverContainer);
  const { selection } = query;
  if (selection.kind === "all" && query.sources.length !== 1) {
    throw fail(
      "SC2040",
      query.sources.length === 0
        ? "'SELECT *' is not valid if FROM clause is omitted."
        : "'SELECT *' is only valid with a single input set.",
      query,
    );
  }
  if (selection.kind === "list") {
    const seen = new Set<string>();
    for (const item of selection.items) {
      if (seen.has(item.name)) {
        throw fail(
          "SC2022",
          `The property name '${item.name}' is specified more than once in the select list.`,
          item,
        );
      }
      seen.add(item.name);
      checkExpression(item.expression, names, "mayAggregate");
    }
  } else if (selection.kind === "value") {
    checkExpression(selection.expression, names, "mayAggregate");
  }
  if (query.where !== undefined) checkExpression(query.where, names, "mayNotAggregate");
  for (const expression of query.groupBy) checkExpression(expression, names, "mayNotAggregate");
  for (const item of query.orderBy) checkExpression(item.expression, names, "mayNotAggregate");
  checkGrouping(query);
  if (query.top !== undefined && query.limit !== undefined) {
    throw fail("SC2062", "'TOP' and 'OFFSET LIMIT' cannot be used in the same query.", query);
  }
  if (!isOverContainer && query.orderBy.length > 0) {
    throw fail("SC2063", "'ORDER BY' is not supported in subqueries.", query.orderBy[0] ?? query);
  }
}

/** Checks FROM and the JOINs, each against the names before it, and gives all names. */
function checkSources(query: Query, outerNames: Names, isOverContainer: boolean): Names {
  const names = new Set(outerNames);
  const own = new Set<string>();
  for (const [index, source] of query.sources.entries()) {
    checkCollection(source, names, isOverContainer && index === 0);
    const { alias } = source;
    if (alias === undefined) continue;
    if (own.has(alias)) {
      throw fail(
        "SC2011",
        `The input alias '${alias}' is specified more than once in the FROM clause.`,
        source,
      );
    }
    own.add(alias);
    names.add(alias);
  }
  return names;
}

function checkCollection({ collection }: Source, names: Names, isContainer: boolean): void {
  if (collection.kind === "query") checkQuery(collection.query, names, isContainer);
  else if (!isContainer && !names.has(collection.root))
    throw unresolved(collection.root, collection);
}

function checkExpression(
  expression: Expression,
  names: Names,
  aggregation: "mayAggregate" | "mayNotAggregate",
): void {
  switch (expression.kind) {
    case "identifier":
      if (!names.has(expression.name)) throw unresolved(expression.name, expression);
      return;
    case "subquery":
    case "exists":
    case "arrayOf":
      checkQuery(expression.query, names, false);
      return;
    case "call":
      checkCall(expression, names, aggregation);
      return;
    case "object": {
      const seen = new Set<string>();
      for (const { name, value } of expression.properties) {
        if (seen.has(name)) {
          throw fail("SC2022", `The property name '${name}' is specified more than once.`, value);
        }
        seen.add(name);
      }
      break;
    }
    default:
      break;
  }
  for (const child of childExpressions(expression)) checkExpression(child, names, aggregation);
}

function checkCall(
  call: CallExpression,
  names: Names,
  aggregation: "mayAggregate" | "mayNotAggregate",
): void {
  const count = call.arguments.length;
  let inner = aggregation;
  if (aggregateNames.has(call.name)) {
    if (aggregation === "mayNotAggregate") {
      throw fail("SC2103", `The aggregate '${call.name}' cannot be used here.`, call);
    }
    if (count !== 1) throw wrongCount(call, 1, 1);
    inner = "mayNotAggregate";
  } else {
    const definition = builtinFunctions.get(call.name);
    if (definition === undefined) {
      throw fail("SC2005", `'${call.name}' is not a recognized built-in function name.`, call);
    }
    const { argumentsMin, argumentsMax } = definition;
    if (count < argumentsMin || count > argumentsMax) {
      throw wrongCount(call, argumentsMin, argumentsMax);
    }
  }
  for (const argument of call.arguments) checkExpression(argument, names, inner);
}

/** In a query that groups, what is selected must be the same for the whole group. */
function checkGrouping(query: Query): void {
  const aggregates = aggregatesOf(query);
  if (aggregates.length === 0 && query.groupBy.length === 0) return;
  if (query.orderBy.length > 0) {
    throw fail(
      "SC2064",
      "'ORDER BY' cannot be used together with aggregates or 'GROUP BY'.",
      query.orderBy[0] ?? query,
    );
  }
  const { selection } = query;
  if (selection.kind === "all") {
    throw fail("SC2101", "'SELECT *' cannot be used together with 'GROUP BY'.", query);
  }
  const grouped = new Set(query.groupBy.map(printExpression));
  const check = (expression: Expression): void => {
    if (grouped.has(printExpression(expression)) || isAggregate(expression)) return;
    switch (expression.kind) {
      case "identifier":
      case "subquery":
      case "exists":
      case "arrayOf":
        throw fail(
          "SC2102",
          `'${printExpression(expression)}' is invalid in the select list because it is not contained in an aggregate function or the GROUP BY clause.`,
          expression,
        );
      default:
        for (const child of childExpressions(expression)) check(child);
    }
  };
  if (selection.kind === "value") check(selection.expression);
  else for (const item of selection.items) check(item.expression);
}

function unresolved(name: string, span: Span): SqlError {
  const hint = aggregateNames.has(name.toUpperCase()) ? " A function needs brackets." : "";
  return fail("SC2001", `Identifier '${name}' could not be resolved.${hint}`, span);
}

function wrongCount(call: CallExpression, min: number, max: number): SqlError {
  const wanted = min === max ? `${min}` : max === Infinity ? `at least ${min}` : `${min} to ${max}`;
  return fail("SC2050", `The '${call.name}' function requires ${wanted} argument(s).`, call);
}

function fail(code: string, message: string, { start, end }: Span): SqlError {
  return new SqlError(code, message, start, end);
}
