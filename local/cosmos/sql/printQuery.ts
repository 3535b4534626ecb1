import { isPlainIdentifier } from "./tokenize.ts";
import type { Expression, Query, Selection, Source } from "./syntaxTree.ts";

/** Writes a query as text that parses to the same tree; the names that a select list leaves out are written. */
export function printQuery(query: Query): string {
  const parts = ["SELECT"];
  if (query.isDistinct) parts.push("DISTINCT");
  if (query.top !== undefined) parts.push(`TOP ${printExpression(query.top)}`);
  parts.push(printSelection(query.selection));
  for (const [index, source] of query.sources.entries()) {
    parts.push(index === 0 ? "FROM" : "JOIN", printSource(source));
  }
  if (query.where !== undefined) parts.push(`WHERE ${printExpression(query.where)}`);
  if (query.groupBy.length > 0) {
    parts.push(`GROUP BY ${query.groupBy.map(printExpression).join(", ")}`);
  }
  if (query.orderBy.length > 0) {
    const items = query.orderBy.map(
      (item) => `${printExpression(item.expression)} ${item.isDescending ? "DESC" : "ASC"}`,
    );
    parts.push(`ORDER BY ${items.join(", ")}`);
  }
  if (query.offset !== undefined && query.limit !== undefined) {
    parts.push(`OFFSET ${printExpression(query.offset)} LIMIT ${printExpression(query.limit)}`);
  }
  return parts.join(" ");
}

function printSelection(selection: Selection): string {
  switch (selection.kind) {
    case "all":
      return "*";
    case "value":
      return `VALUE ${printExpression(selection.expression)}`;
    case "list":
      return selection.items
        .map((item) =>
          item.isAliased
            ? `${printExpression(item.expression)} AS ${item.name}`
            : printExpression(item.expression),
        )
        .join(", ");
  }
}

/** Writes one source of FROM or JOIN. */
export function printSource(source: Source): string {
  const { collection, alias } = source;
  const text =
    collection.kind === "query"
      ? `(${printQuery(collection.query)})`
      : collection.root + collection.names.map(printName).join("");
  if (alias === undefined) return text;
  if (source.isIterated) return `${alias} IN ${text}`;
  return text === alias ? text : `${text} AS ${alias}`;
}

function printName(name: string | number): string {
  if (typeof name === "number") return `[${name}]`;
  return isPlainIdentifier(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/**
 * Writes an expression as text that parses to the same tree.
 *
 * Two expressions have the same text exactly when they are the same but for spaces, brackets and the capitals of
 * words; GROUP BY relies on that.
 */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case "constant":
      return expression.value === undefined ? "undefined" : JSON.stringify(expression.value);
    case "parameter":
    case "identifier":
      return expression.name;
    case "member":
      return printExpression(expression.object) + printName(expression.name);
    case "index":
      return `${printExpression(expression.object)}[${printExpression(expression.index)}]`;
    case "object": {
      const properties = expression.properties.map(
        ({ name, value }) => `${JSON.stringify(name)}: ${printExpression(value)}`,
      );
      return `{${properties.join(", ")}}`;
    }
    case "array":
      return `[${expression.items.map(printExpression).join(", ")}]`;
    case "unary":
      return expression.operator === "NOT"
        ? `(NOT ${printExpression(expression.operand)})`
        : `${expression.operator}(${printExpression(expression.operand)})`;
    case "binary":
      return `(${printExpression(expression.left)} ${expression.operator} ${printExpression(expression.right)})`;
    case "logical":
      return `(${expression.operands.map(printExpression).join(` ${expression.operator} `)})`;
    case "in":
      return `(${printExpression(expression.value)} ${expression.negated ? "NOT IN" : "IN"} (${expression.list
        .map(printExpression)
        .join(", ")}))`;
    case "between":
      return `(${printExpression(expression.value)} ${
        expression.negated ? "NOT BETWEEN" : "BETWEEN"
      } ${printExpression(expression.low)} AND ${printExpression(expression.high)})`;
    case "like": {
      const escape =
        expression.escape === undefined ? "" : ` ESCAPE ${JSON.stringify(expression.escape)}`;
      return `(${printExpression(expression.value)} ${
        expression.negated ? "NOT LIKE" : "LIKE"
      } ${printExpression(expression.pattern)}${escape})`;
    }
    case "conditional":
      return `(${printExpression(expression.condition)} ? ${printExpression(
        expression.whenTrue,
      )} : ${printExpression(expression.otherwise)})`;
    case "call":
      return `${expression.name}(${expression.arguments.map(printExpression).join(", ")})`;
    case "subquery":
      return `(${printQuery(expression.query)})`;
    case "exists":
      return `EXISTS(${printQuery(expression.query)})`;
    case "arrayOf":
      return `ARRAY(${printQuery(expression.query)})`;
  }
}
