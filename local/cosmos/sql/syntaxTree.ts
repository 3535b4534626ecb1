import type { JsonValue } from "../json.ts";

/** A stretch of the query text; `end` is excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A literal; `undefined` is one, and is not `null`. */
export interface ConstantExpression extends Span {
  readonly kind: "constant";
  readonly value: null | boolean | number | string | undefined;
}

/** `@name`, with the `@`. */
export interface ParameterExpression extends Span {
  readonly kind: "parameter";
  readonly name: string;
}

/** An alias that FROM or JOIN introduces. */
export interface IdentifierExpression extends Span {
  readonly kind: "identifier";
  readonly name: string;
}

/** `object.name`, `object["name"]` or `object[3]`: a number reads an array, a string an object. */
export interface MemberExpression extends Span {
  readonly kind: "member";
  readonly object: Expression;
  readonly name: string | number;
}

/** `object[expression]`, where the expression is no literal. */
export interface IndexExpression extends Span {
  readonly kind: "index";
  readonly object: Expression;
  readonly index: Expression;
}

/** `{"name": expression, …}`. */
export interface ObjectExpression extends Span {
  readonly kind: "object";
  readonly properties: readonly { readonly name: string; readonly value: Expression }[];
}

/** `[expression, …]`. */
export interface ArrayExpression extends Span {
  readonly kind: "array";
  readonly items: readonly Expression[];
}

/** The operators with one operand. */
export type UnaryOperator = "NOT" | "-" | "+" | "~";

/** An operator with one operand. */
export interface UnaryExpression extends Span {
  readonly kind: "unary";
  readonly operator: UnaryOperator;
  readonly operand: Expression;
}

/** The operators that compare. */
export type ComparisonOperator = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** The operators with two operands, `AND` and `OR` excepted. */
export type BinaryOperator =
  | ComparisonOperator
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "&"
  | "|"
  | "^"
  | "<<"
  | ">>"
  | ">>>"
  | "||"
  | "??";

/** An operator with two operands. */
export interface BinaryExpression extends Span {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

/** A chain of `AND` or of `OR`: one node, so that a long chain is not a deep tree. */
export interface LogicalExpression extends Span {
  readonly kind: "logical";
  readonly operator: "AND" | "OR";
  readonly operands: readonly Expression[];
}

/** `value [NOT] IN (expression, …)`. */
export interface InExpression extends Span {
  readonly kind: "in";
  readonly negated: boolean;
  readonly value: Expression;
  readonly list: readonly Expression[];
}

/** `value [NOT] BETWEEN low AND high`, both bounds included. */
export interface BetweenExpression extends Span {
  readonly kind: "between";
  readonly negated: boolean;
  readonly value: Expression;
  readonly low: Expression;
  readonly high: Expression;
}

/** `value [NOT] LIKE pattern [ESCAPE 'c']`. */
export interface LikeExpression extends Span {
  readonly kind: "like";
  readonly negated: boolean;
  readonly value: Expression;
  readonly pattern: Expression;
  readonly escape: string | undefined;
}

/** `condition ? whenTrue : otherwise`. */
export interface ConditionalExpression extends Span {
  readonly kind: "conditional";
  readonly condition: Expression;
  readonly whenTrue: Expression;
  readonly otherwise: Expression;
}

/** A built-in function or an aggregate; `name` is in capitals. */
export interface CallExpression extends Span {
  readonly kind: "call";
  readonly name: string;
  readonly arguments: readonly Expression[];
}

/** `(SELECT …)` as a value, `EXISTS(SELECT …)`, or `ARRAY(SELECT …)`. */
export interface SubqueryExpression extends Span {
  readonly kind: "subquery" | "exists" | "arrayOf";
  readonly query: Query;
}

/** Anything that has a value. */
export type Expression =
  | ConstantExpression
  | ParameterExpression
  | IdentifierExpression
  | MemberExpression
  | IndexExpression
  | ObjectExpression
  | ArrayExpression
  | UnaryExpression
  | BinaryExpression
  | LogicalExpression
  | InExpression
  | BetweenExpression
  | LikeExpression
  | ConditionalExpression
  | CallExpression
  | SubqueryExpression;

/** One column of a select list; `name` is the alias, or the last property of a path, or `$1`, `$2`, …. */
export interface SelectItem extends Span {
  readonly expression: Expression;
  readonly name: string;
  /** Whether the text gives the name. */
  readonly isAliased: boolean;
}

/** What follows SELECT. */
export type Selection =
  | { readonly kind: "all" }
  | { readonly kind: "value"; readonly expression: Expression }
  | { readonly kind: "list"; readonly items: readonly SelectItem[] };

/** One source of FROM or JOIN. */
export interface Source extends Span {
  /** `alias IN collection` ranges over the array's elements; otherwise the alias is the collection itself. */
  readonly isIterated: boolean;
  readonly alias: string | undefined;
  readonly collection: CollectionPath | CollectionQuery;
}

/** A path below an alias, or below the container. */
export interface CollectionPath extends Span {
  readonly kind: "path";
  readonly root: string;
  readonly names: readonly (string | number)[];
}

/** A subquery as a source: one row for each of its results. */
export interface CollectionQuery extends Span {
  readonly kind: "query";
  readonly query: Query;
}

/** One item of ORDER BY. */
export interface OrderItem extends Span {
  readonly expression: Expression;
  readonly isDescending: boolean;
}

/** A whole query, or a subquery. */
export interface Query extends Span {
  readonly isDistinct: boolean;
  readonly top: Expression | undefined;
  readonly selection: Selection;
  /** Empty when there is no FROM. The first is FROM's, the others are JOINs. */
  readonly sources: readonly Source[];
  readonly where: Expression | undefined;
  readonly groupBy: readonly Expression[];
  readonly orderBy: readonly OrderItem[];
  /**
   * Whether ORDER BY also takes rows that lack what it orders by; left out, it does not. No text says so: the indexes
   * of the container do, see `ordersUndefined`.
   */
  readonly takesUndefinedOrder?: boolean;
  /** Both or neither. */
  readonly offset: Expression | undefined;
  readonly limit: Expression | undefined;
}

/** A parameter of a query as the request carries it; `name` has the `@`. A missing value is undefined. */
export interface Parameter {
  readonly name: string;
  readonly value?: JsonValue;
}
