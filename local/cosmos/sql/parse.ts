import { SqlError } from "./sqlError.ts";
import { tokenize, type Token } from "./tokenize.ts";
import { validateQuery } from "./validateQuery.ts";
import type {
  BinaryOperator,
  CollectionPath,
  CollectionQuery,
  Expression,
  OrderItem,
  Query,
  SelectItem,
  Selection,
  Source,
  UnaryOperator,
} from "./syntaxTree.ts";

/**
 * Deepest nesting of brackets, subqueries and operators.
 *
 * The parser, the checks and the evaluation all recurse; a bracket costs a caller one byte and us a stack frame
 * in each of them.
 */
const nestingMax = 140;

/** The operators with two operands, weakest first; the operators of one row bind alike, from the left. */
const binaryOperators: readonly (readonly BinaryOperator[])[] = [
  ["||"],
  ["|"],
  ["^"],
  ["&"],
  ["<<", ">>", ">>>"],
  ["+", "-"],
  ["*", "/", "%"],
];

/**
 * Reads one query of the Cosmos DB NoSQL language and checks that every name in it means something.
 *
 * Throws `SqlError` with the place of the mistake. The result is immutable and depends on the text alone, so it
 * may be kept and used with any parameters.
 */
export function parseQuery(text: string): Query {
  const parser = new Parser(text);
  const query = parser.query();
  parser.expectEnd();
  validateQuery(query);
  return query;
}

/**
 * Reads a condition as a patch has it, `from c where …`, into the query that selects the item when it holds.
 *
 * Throws `SqlError` as `parseQuery` does.
 */
export function parseCondition(text: string): Query {
  const parser = new Parser(text);
  const query = parser.condition();
  parser.expectEnd();
  validateQuery(query);
  return query;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #nesting = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  query(): Query {
    return this.#nested(() => this.#queryBody());
  }

  condition(): Query {
    const start = this.#peek().start;
    const sources = this.#isKeyword("FROM") ? this.#sources() : [];
    this.#expectKeyword("WHERE");
    const where = this.#expression();
    return {
      isDistinct: false,
      top: undefined,
      selection: { kind: "value", expression: constant(true, this.#peek()) },
      sources,
      where,
      groupBy: [],
      orderBy: [],
      offset: undefined,
      limit: undefined,
      start,
      end: this.#previousEnd(),
    };
  }

  expectEnd(): void {
    if (this.#peek().kind !== "end") throw this.#unexpected();
  }

  #queryBody(): Query {
    const start = this.#peek().start;
    this.#expectKeyword("SELECT");
    const isDistinct = this.#takeKeyword("DISTINCT");
    const top = this.#takeKeyword("TOP") ? this.#count() : undefined;
    const selection = this.#selection();
    const sources = this.#isKeyword("FROM") ? this.#sources() : [];
    const where = this.#takeKeyword("WHERE") ? this.#expression() : undefined;

    let groupBy: readonly Expression[] = [];
    if (this.#takeKeyword("GROUP")) {
      this.#expectKeyword("BY");
      groupBy = this.#list(() => this.#expression());
    }
    let orderBy: readonly OrderItem[] = [];
    if (this.#takeKeyword("ORDER")) {
      this.#expectKeyword("BY");
      orderBy = this.#list(() => this.#orderItem());
    }
    let offset: Expression | undefined;
    let limit: Expression | undefined;
    if (this.#takeKeyword("OFFSET")) {
      offset = this.#count();
      this.#expectKeyword("LIMIT");
      limit = this.#count();
    }
    const end = this.#previousEnd();
    return {
      isDistinct,
      top,
      selection,
      sources,
      where,
      groupBy,
      orderBy,
      offset,
      limit,
      start,
      end,
    };
  }

  /** TOP, OFFSET and LIMIT take a whole number or a parameter, no expression. */
  #count(): Expression {
    const token = this.#peek();
    if (token.kind === "parameter") {
      this.#at++;
      return { kind: "parameter", name: token.text, start: token.start, end: token.end };
    }
    if (token.kind !== "number" || !/^\d+$/.test(token.text)) throw this.#unexpected();
    this.#at++;
    return constant(Number(token.text), token);
  }

  #selection(): Selection {
    if (this.#takeSymbol("*")) return { kind: "all" };
    if (this.#takeKeyword("VALUE")) return { kind: "value", expression: this.#expression() };
    let unnamed = 0;
    const items = this.#list((): SelectItem => {
      const start = this.#peek().start;
      const expression = this.#expression();
      const alias = this.#alias();
      const name = alias ?? inferredName(expression) ?? `$${++unnamed}`;
      return { expression, name, isAliased: alias !== undefined, start, end: this.#previousEnd() };
    });
    return { kind: "list", items };
  }

  /** `[AS] name`. Without AS a name is taken only where no clause can begin. */
  #alias(): string | undefined {
    if (this.#takeKeyword("AS")) return this.#identifier();
    return this.#peek().kind === "identifier" ? this.#identifier() : undefined;
  }

  #sources(): readonly Source[] {
    this.#expectKeyword("FROM");
    const sources = [this.#source()];
    while (this.#takeKeyword("JOIN")) sources.push(this.#source());
    return sources;
  }

  #source(): Source {
    const start = this.#peek().start;
    if (this.#peek().kind === "identifier" && this.#isKeywordAt(1, "IN")) {
      const alias = this.#identifier();
      this.#expectKeyword("IN");
      const collection = this.#collection();
      return { isIterated: true, alias, collection, start, end: this.#previousEnd() };
    }
    const collection = this.#collection();
    const alias = this.#alias() ?? (collection.kind === "path" ? lastName(collection) : undefined);
    return { isIterated: false, alias, collection, start, end: this.#previousEnd() };
  }

  #collection(): CollectionPath | CollectionQuery {
    const start = this.#peek().start;
    if (this.#takeSymbol("(")) {
      const query = this.query();
      this.#expectSymbol(")");
      return { kind: "query", query, start, end: this.#previousEnd() };
    }
    const root = this.#identifier();
    const names: (string | number)[] = [];
    for (;;) {
      if (this.#takeSymbol(".")) {
        names.push(this.#identifier());
      } else if (this.#takeSymbol("[")) {
        const token = this.#peek();
        if (token.kind === "string") names.push(token.text);
        else if (token.kind === "number" && /^\d+$/.test(token.text))
          names.push(Number(token.text));
        else throw this.#unexpected();
        this.#at++;
        this.#expectSymbol("]");
      } else {
        return { kind: "path", root, names, start, end: this.#previousEnd() };
      }
    }
  }

  #orderItem(): OrderItem {
    const start = this.#peek().start;
    const expression = this.#expression();
    const isDescending = this.#takeKeyword("DESC");
    if (!isDescending) this.#takeKeyword("ASC");
    return { expression, isDescending, start, end: this.#previousEnd() };
  }

  #expression(): Expression {
    return this.#nested(() => this.#conditional());
  }

  #conditional(): Expression {
    const start = this.#peek().start;
    const condition = this.#coalesce();
    if (!this.#takeSymbol("?")) return condition;
    const whenTrue = this.#expression();
    this.#expectSymbol(":");
    const otherwise = this.#expression();
    const end = this.#previousEnd();
    return { kind: "conditional", condition, whenTrue, otherwise, start, end };
  }

  #coalesce(): Expression {
    return this.#leftAssociative(["??"], () => this.#logical("OR"));
  }

  #logical(operator: "AND" | "OR"): Expression {
    const operand = (): Expression => (operator === "OR" ? this.#logical("AND") : this.#negation());
    const start = this.#peek().start;
    const first = operand();
    if (!this.#isKeyword(operator)) return first;
    const operands = [first];
    while (this.#takeKeyword(operator)) operands.push(operand());
    return { kind: "logical", operator, operands, start, end: this.#previousEnd() };
  }

  #negation(): Expression {
    const start = this.#peek().start;
    if (!this.#takeKeyword("NOT")) return this.#comparison();
    const operand = this.#nested(() =>
      this.#isKeyword("NOT") ? this.#negation() : this.#binary(0),
    );
    // The service's documents do not say whether NOT or a comparison binds tighter, and parsers of its language differ.
    // A query whose meaning depends on it is refused rather than answered wrongly.
    if (this.#comparisonAfter(operand) !== undefined) {
      throw new SqlError(
        "SC2113",
        "A comparison after NOT needs parentheses: NOT (a = b), or (NOT a) = b.",
        start,
        this.#previousEnd(),
      );
    }
    return { kind: "unary", operator: "NOT", operand, start, end: this.#previousEnd() };
  }

  #comparison(): Expression {
    let left = this.#binary(0);
    for (let length = 0; ; length++) {
      this.#limitChain(length);
      const next = this.#comparisonAfter(left);
      if (next === undefined) return left;
      left = next;
    }
  }

  #comparisonAfter(left: Expression): Expression | undefined {
    const { start } = left;
    const token = this.#peek();
    if (token.kind === "symbol") {
      const operator = comparisonOperator(token.text);
      if (operator === undefined) return undefined;
      this.#at++;
      const right = this.#binary(0);
      return { kind: "binary", operator, left, right, start, end: this.#previousEnd() };
    }
    const negated = this.#isKeyword("NOT");
    const offset = negated ? 1 : 0;
    if (this.#isKeywordAt(offset, "IN")) {
      this.#at += offset + 1;
      this.#expectSymbol("(");
      const list = this.#list(() => this.#expression());
      this.#expectSymbol(")");
      return { kind: "in", negated, value: left, list, start, end: this.#previousEnd() };
    }
    if (this.#isKeywordAt(offset, "BETWEEN")) {
      this.#at += offset + 1;
      const low = this.#binary(0);
      this.#expectKeyword("AND");
      const high = this.#binary(0);
      return { kind: "between", negated, value: left, low, high, start, end: this.#previousEnd() };
    }
    if (this.#isKeywordAt(offset, "LIKE")) {
      this.#at += offset + 1;
      const pattern = this.#binary(0);
      let escape: string | undefined;
      if (this.#takeKeyword("ESCAPE")) {
        const character = this.#peek();
        if (character.kind !== "string") throw this.#unexpected();
        if (character.text.length !== 1) {
          throw new SqlError(
            "SC2104",
            "The ESCAPE of a LIKE must be one character.",
            character.start,
            character.end,
          );
        }
        escape = character.text;
        this.#at++;
      }
      const end = this.#previousEnd();
      return { kind: "like", negated, value: left, pattern, escape, start, end };
    }
    return undefined;
  }

  #binary(level: number): Expression {
    const operators = binaryOperators[level];
    return operators === undefined
      ? this.#unary()
      : this.#leftAssociative(operators, () => this.#binary(level + 1));
  }

  #leftAssociative(operators: readonly BinaryOperator[], operand: () => Expression): Expression {
    let left = operand();
    for (let length = 0; ; length++) {
      this.#limitChain(length);
      const token = this.#peek();
      const operator = operators.find((name) => token.kind === "symbol" && name === token.text);
      if (operator === undefined) return left;
      this.#at++;
      const right = operand();
      left = { kind: "binary", operator, left, right, start: left.start, end: right.end };
    }
  }

  #unary(): Expression {
    const token = this.#peek();
    const operator = token.kind === "symbol" ? unaryOperator(token.text) : undefined;
    if (operator === undefined) return this.#path();
    this.#at++;
    const operand = this.#nested(() => this.#unary());
    // A sign before a literal is part of it, so that `-1` is a constant wherever one is asked for.
    if (operator !== "~" && operand.kind === "constant" && typeof operand.value === "number") {
      const value = operator === "-" ? -operand.value : operand.value;
      return { kind: "constant", value, start: token.start, end: operand.end };
    }
    return { kind: "unary", operator, operand, start: token.start, end: operand.end };
  }

  /** A value and the properties and indexes after it. */
  #path(): Expression {
    let object = this.#primary();
    for (let length = 0; ; length++) {
      this.#limitChain(length);
      const { start } = object;
      if (this.#takeSymbol(".")) {
        const name = this.#identifier();
        object = { kind: "member", object, name, start, end: this.#previousEnd() };
      } else if (this.#takeSymbol("[")) {
        const index = this.#expression();
        this.#expectSymbol("]");
        const end = this.#previousEnd();
        const isLiteral =
          index.kind === "constant" &&
          (typeof index.value === "string" || typeof index.value === "number");
        object = isLiteral
          ? { kind: "member", object, name: index.value, start, end }
          : { kind: "index", object, index, start, end };
      } else {
        return object;
      }
    }
  }

  #primary(): Expression {
    const token = this.#peek();
    switch (token.kind) {
      case "number":
        this.#at++;
        return constant(Number(token.text), token);
      case "string":
        this.#at++;
        return constant(token.text, token);
      case "parameter":
        this.#at++;
        return { kind: "parameter", name: token.text, start: token.start, end: token.end };
      case "identifier":
        this.#at++;
        if (this.#takeSymbol("(")) {
          const list = this.#isSymbol(")") ? [] : this.#list(() => this.#expression());
          this.#expectSymbol(")");
          const name = token.text.toUpperCase();
          const end = this.#previousEnd();
          return { kind: "call", name, arguments: list, start: token.start, end };
        }
        return { kind: "identifier", name: token.text, start: token.start, end: token.end };
      case "keyword":
        return this.#keywordPrimary(token);
      case "symbol":
        return this.#symbolPrimary(token);
      case "end":
        throw this.#unexpected();
    }
  }

  #keywordPrimary(token: Token): Expression {
    this.#at++;
    switch (token.text) {
      case "NULL":
        return constant(null, token);
      case "TRUE":
        return constant(true, token);
      case "FALSE":
        return constant(false, token);
      case "UNDEFINED":
        return constant(undefined, token);
      case "EXISTS":
      case "ARRAY": {
        this.#expectSymbol("(");
        const query = this.query();
        this.#expectSymbol(")");
        const kind = token.text === "EXISTS" ? "exists" : "arrayOf";
        return { kind, query, start: token.start, end: this.#previousEnd() };
      }
      case "UDF":
        throw new SqlError(
          "SC2005",
          "User-defined functions are not supported.",
          token.start,
          token.end,
        );
      default:
        this.#at--;
        throw this.#unexpected();
    }
  }

  #symbolPrimary(token: Token): Expression {
    const { start } = token;
    if (this.#takeSymbol("(")) {
      if (this.#isKeyword("SELECT")) {
        const query = this.query();
        this.#expectSymbol(")");
        return { kind: "subquery", query, start, end: this.#previousEnd() };
      }
      const expression = this.#expression();
      this.#expectSymbol(")");
      return expression;
    }
    if (this.#takeSymbol("[")) {
      const items = this.#isSymbol("]") ? [] : this.#list(() => this.#expression());
      this.#expectSymbol("]");
      return { kind: "array", items, start, end: this.#previousEnd() };
    }
    if (this.#takeSymbol("{")) {
      const properties = this.#isSymbol("}")
        ? []
        : this.#list(() => {
            const name = this.#propertyName();
            this.#expectSymbol(":");
            return { name, value: this.#expression() };
          });
      this.#expectSymbol("}");
      return { kind: "object", properties, start, end: this.#previousEnd() };
    }
    throw this.#unexpected();
  }

  #propertyName(): string {
    const token = this.#peek();
    if (token.kind !== "string" && token.kind !== "identifier") throw this.#unexpected();
    this.#at++;
    return token.text;
  }

  #list<T>(item: () => T): readonly T[] {
    const items = [item()];
    while (this.#takeSymbol(",")) items.push(item());
    return items;
  }

  #nested<T>(read: () => T): T {
    if (++this.#nesting > nestingMax) throw this.#tooDeep();
    const result = read();
    this.#nesting--;
    return result;
  }

  #limitChain(length: number): void {
    // A chain grows the tree to the left by one level for each operator.
    if (length > nestingMax) throw this.#tooDeep();
  }

  #tooDeep(): SqlError {
    const { start, end } = this.#peek();
    return new SqlError("SC3002", `The query nests deeper than ${nestingMax} levels.`, start, end);
  }

  #identifier(): string {
    const token = this.#peek();
    if (token.kind !== "identifier") throw this.#unexpected();
    this.#at++;
    return token.text;
  }

  #peek(): Token {
    return this.#tokenAt(0);
  }

  #tokenAt(offset: number): Token {
    return (
      this.#tokens[this.#at + offset] ?? {
        kind: "end",
        text: "",
        start: this.#text.length,
        end: this.#text.length,
      }
    );
  }

  #previousEnd(): number {
    return this.#tokens[this.#at - 1]?.end ?? 0;
  }

  #isKeyword(text: string): boolean {
    return this.#isKeywordAt(0, text);
  }

  #isKeywordAt(offset: number, text: string): boolean {
    const token = this.#tokenAt(offset);
    return token.kind === "keyword" && token.text === text;
  }

  #takeKeyword(text: string): boolean {
    if (!this.#isKeyword(text)) return false;
    this.#at++;
    return true;
  }

  #expectKeyword(text: string): void {
    if (!this.#takeKeyword(text)) throw this.#unexpected();
  }

  #isSymbol(text: string): boolean {
    const token = this.#peek();
    return token.kind === "symbol" && token.text === text;
  }

  #takeSymbol(text: string): boolean {
    if (!this.#isSymbol(text)) return false;
    this.#at++;
    return true;
  }

  #expectSymbol(text: string): void {
    if (!this.#takeSymbol(text)) throw this.#unexpected();
  }

  #unexpected(): SqlError {
    const token = this.#peek();
    if (token.kind === "end") {
      return new SqlError(
        "SC1001",
        "Syntax error, unexpected end of the query.",
        token.start,
        token.end,
      );
    }
    const shown = this.#text.slice(token.start, Math.min(token.end, token.start + 40));
    return new SqlError(
      "SC1001",
      `Syntax error, incorrect syntax near '${shown}'.`,
      token.start,
      token.end,
    );
  }
}

function constant(
  value: null | boolean | number | string | undefined,
  { start, end }: Token,
): Expression {
  return { kind: "constant", value, start, end };
}

function inferredName(expression: Expression): string | undefined {
  if (expression.kind === "identifier") return expression.name;
  if (expression.kind === "member" && typeof expression.name === "string") return expression.name;
  return undefined;
}

function lastName(path: CollectionPath): string | undefined {
  const last = path.names.length === 0 ? path.root : path.names.at(-1);
  return typeof last === "string" ? last : undefined;
}

function comparisonOperator(text: string): BinaryOperator | undefined {
  switch (text) {
    case "=":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return text;
    case "<>":
      return "!=";
    default:
      return undefined;
  }
}

function unaryOperator(text: string): UnaryOperator | undefined {
  return text === "-" || text === "+" || text === "~" ? text : undefined;
}
