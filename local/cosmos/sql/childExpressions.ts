import type { Expression } from "./syntaxTree.ts";

/** The expressions directly inside `expression`; a subquery is a scope of its own and counts as having none. */
export function childExpressions(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "constant":
    case "parameter":
    case "identifier":
    case "subquery":
    case "exists":
    case "arrayOf":
      return [];
    case "member":
      return [expression.object];
    case "index":
      return [expression.object, expression.index];
    case "object":
      return expression.properties.map(({ value }) => value);
    case "array":
      return expression.items;
    case "unary":
      return [expression.operand];
    case "binary":
      return [expression.left, expression.right];
    case "logical":
      return expression.operands;
    case "in":
      return [expression.value, ...expression.list];
    case "between":
      return [expression.value, expression.low, expression.high];
    case "like":
      return [expression.value, expression.pattern];
    case "conditional":
      return [expression.condition, expression.whenTrue, expression.otherwise];
    case "call":
      return expression.arguments;
  }
}
