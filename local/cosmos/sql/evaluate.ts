import { getProperty, isJsonObject, isNestedWithin, setProperty } from "../json.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import { createAccumulator, isAggregate, type Accumulator } from "./aggregates.ts";
import type { CallContext, Value } from "./builtinFunction.ts";
import { builtinFunctions } from "./builtinFunctions.ts";
import { compileLikePattern } from "./likePattern.ts";
import { checkSize, checkTextLength } from "./sizeLimits.ts";
import { SqlError } from "./sqlError.ts";
import type {
  BinaryOperator,
  CallExpression,
  ComparisonOperator,
  Expression,
  Parameter,
  Query,
  Selection,
  Source,
  Span,
  SubqueryExpression,
} from "./syntaxTree.ts";
import { canonicalText, compareInOrder, isSameValue, typeRank, typeRanks } from "./valueOrder.ts";

/**
 * Evaluates a query over the documents of its scope, which come in `_rid` order, and yields its results.
 *
 * This is the reference of the whole language: what is compiled to SQL must agree with it. Documents are taken
 * one by one; ORDER BY, GROUP BY and aggregates hold what they need of all of them. Throws `SqlError` where the
 * service does: a division by zero, a scalar subquery with two results, a TOP that is no whole number.
 */
export function evaluateQuery(
  query: Query,
  parameters: readonly Parameter[],
  documents: Iterable<JsonValue>,
): Iterable<JsonValue> {
  return new QueryProgram(new Compilation(parameters), query, undefined, true).run(documents);
}

/**
 * Tells whether the condition of a patch holds for `document`; `condition` comes from `parseCondition`.
 *
 * A condition that is undefined does not hold.
 */
export function evaluatePredicate(
  condition: Query,
  parameters: readonly Parameter[],
  document: JsonObject,
): boolean {
  return evaluateQuery(condition, parameters, [document])[Symbol.iterator]().next().done !== true;
}

/** The whole number that TOP, OFFSET or LIMIT stands for, looked up when it is a parameter. Throws `SqlError`. */
export function readCount(
  expression: Expression,
  parameters: readonly Parameter[],
  clause: string,
): number {
  const value =
    expression.kind === "constant"
      ? expression.value
      : expression.kind === "parameter"
        ? parameters.find(({ name }) => name === expression.name)?.value
        : undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 0x7fff_ffff) {
    throw new SqlError(
      "SC2060",
      `The value of ${clause} must be a whole number from 0 to 2147483647.`,
      expression.start,
      expression.end,
    );
  }
  return value;
}

/** `left operator right` by the rules of the language; undefined where the types do not compare. */
function compareValues(operator: ComparisonOperator, left: Value, right: Value): Value {
  if (left === undefined || right === undefined) return undefined;
  if (operator === "=") return isSameValue(left, right);
  if (operator === "!=") return !isSameValue(left, right);
  // Order is defined within one type, and not for arrays and objects.
  const rank = typeRank(left);
  if (rank !== typeRank(right) || rank >= typeRanks.array) return undefined;
  const order = compareInOrder(left, right);
  switch (operator) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}

/**
 * Most rows that a query's JOINs and subqueries go through, documents not counted.
 *
 * Joining an array of a thousand items with itself three times makes a billion of them from one document.
 */
const rowsMax = 20_000_000;

/** The values of all aliases and aggregates at one moment, by slot. */
type Row = Value[];

type Evaluator = (row: Row) => Value;

/** Deepest nesting of a parameter, because what compares values recurses; documents are no deeper. */
const parameterDepthMax = 128;

/** What the parts of one query share while they are compiled. */
class Compilation {
  readonly context: CallContext = { startedAt: Date.now() };
  readonly parameters: readonly Parameter[];
  readonly #values: ReadonlyMap<string, Value>;
  #slotCount = 0;
  #rowCount = 0;

  constructor(parameters: readonly Parameter[]) {
    this.parameters = parameters;
    for (const { name, value } of parameters) {
      if (value !== undefined && !isNestedWithin(value, parameterDepthMax)) {
        throw new SqlError(
          "SC3002",
          `The parameter ${name} nests deeper than ${parameterDepthMax}.`,
        );
      }
    }
    this.#values = new Map(parameters.map(({ name, value }) => [name, value]));
  }

  newSlot(): number {
    return this.#slotCount++;
  }

  /** Counts one more row of a source. Throws `SqlError` when they are more than a query may go through. */
  countRow(): void {
    if (++this.#rowCount > rowsMax) {
      throw new SqlError("SC3003", `The query goes through more than ${rowsMax} rows.`);
    }
  }

  parameter(name: string): Value {
    return this.#values.get(name);
  }
}

/** Where an alias or an aggregate of a query keeps its value; the enclosing query's aliases are seen through it. */
class Scope {
  readonly compilation: Compilation;
  readonly #outer: Scope | undefined;
  readonly #slots = new Map<string, number>();
  readonly aggregates: {
    readonly slot: number;
    readonly name: string;
    readonly argument: Evaluator;
  }[] = [];

  constructor(compilation: Compilation, outer: Scope | undefined) {
    this.compilation = compilation;
    this.#outer = outer;
  }

  add(alias: string | undefined): number {
    const slot = this.compilation.newSlot();
    if (alias !== undefined) this.#slots.set(alias, slot);
    return slot;
  }

  find(alias: string): number | undefined {
    return this.#slots.get(alias) ?? this.#outer?.find(alias);
  }
}

/** A source of FROM: what its alias ranges over, given the aliases before it. */
interface SourceProgram {
  readonly slot: number;
  readonly values: (row: Row) => Iterable<Value>;
}

/** One query, made into functions once and then run over any number of rows. */
class QueryProgram {
  readonly #query: Query;
  readonly #scope: Scope;
  /** The first source of a query over the container ranges over documents, not over the row. */
  readonly #overDocuments: ((documents: Iterable<JsonValue>) => Iterable<Value>) | undefined;
  readonly #firstSlot: number;
  readonly #sources: readonly SourceProgram[];
  readonly #where: Evaluator | undefined;
  readonly #select: Evaluator;
  readonly #groupBy: readonly Evaluator[];
  readonly #orderBy: readonly { readonly key: Evaluator; readonly sign: 1 | -1 }[];
  readonly #offset: number;
  readonly #limit: number;

  constructor(
    compilation: Compilation,
    query: Query,
    outer: Scope | undefined,
    isOverContainer: boolean,
  ) {
    this.#query = query;
    const scope = new Scope(compilation, outer);
    this.#scope = scope;
    const [first, ...joined] = query.sources;
    if (isOverContainer && first !== undefined) {
      this.#overDocuments = documentSource(compilation, first);
      this.#firstSlot = scope.add(first.alias);
      this.#sources = joined.map((source) => compileSource(source, scope));
    } else {
      this.#overDocuments = undefined;
      this.#sources = query.sources.map((source) => compileSource(source, scope));
      this.#firstSlot = this.#sources[0]?.slot ?? scope.add(undefined);
    }
    this.#where = query.where === undefined ? undefined : compile(query.where, scope);
    this.#groupBy = query.groupBy.map((expression) => compile(expression, scope));
    this.#orderBy = query.orderBy.map(({ expression, isDescending }) => ({
      key: compile(expression, scope),
      sign: isDescending ? -1 : 1,
    }));
    this.#select = compileSelection(query.selection, scope, this.#firstSlot);
    const { parameters } = compilation;
    this.#offset = query.offset === undefined ? 0 : readCount(query.offset, parameters, "OFFSET");
    this.#limit =
      query.top !== undefined
        ? readCount(query.top, parameters, "TOP")
        : query.limit !== undefined
          ? readCount(query.limit, parameters, "LIMIT")
          : Infinity;
  }

  /** Runs the query over the container. */
  *run(documents: Iterable<JsonValue>): Generator<JsonValue> {
    const row: Row = [];
    const output = this.#output();
    if (output.isFull) return;
    if (this.#overDocuments === undefined) {
      this.#bind(0, row, () => output.add(row));
    } else {
      for (const value of this.#overDocuments(documents)) {
        row[this.#firstSlot] = value;
        this.#bind(0, row, () => output.add(row));
        yield* output.take();
        if (output.isFull) return;
      }
    }
    output.finish();
    yield* output.take();
  }

  /** Runs the query as a subquery of the row; `enough` results are enough. */
  results(row: Row, enough = Infinity): readonly JsonValue[] {
    const output = this.#output();
    if (output.isFull) return [];
    this.#bind(0, row, () => {
      output.add(row);
      return output.isFull || output.count >= enough;
    });
    output.finish();
    return output.take();
  }

  #output(): Output {
    return new Output({
      select: this.#select,
      groupBy: this.#groupBy,
      orderBy: this.#orderBy,
      takesUndefinedOrder: this.#query.takesUndefinedOrder === true,
      aggregates: this.#scope.aggregates,
      isDistinct: this.#query.isDistinct,
      offset: this.#offset,
      limit: this.#limit,
    });
  }

  /** Calls `visit` for each combination of the sources from `index` on that WHERE takes, until it gives true. */
  #bind(index: number, row: Row, visit: () => boolean): boolean {
    const source = this.#sources[index];
    if (source === undefined) {
      return this.#where === undefined || this.#where(row) === true ? visit() : false;
    }
    for (const value of source.values(row)) {
      this.#scope.compilation.countRow();
      row[source.slot] = value;
      if (this.#bind(index + 1, row, visit)) return true;
    }
    return false;
  }
}

interface OutputOptions {
  readonly select: Evaluator;
  readonly groupBy: readonly Evaluator[];
  readonly orderBy: readonly { readonly key: Evaluator; readonly sign: 1 | -1 }[];
  readonly takesUndefinedOrder: boolean;
  readonly aggregates: Scope["aggregates"];
  readonly isDistinct: boolean;
  readonly offset: number;
  readonly limit: number;
}

interface Group {
  /** The row that the group was met with: its keys are the same in all of them. */
  readonly row: Row;
  readonly accumulators: readonly Accumulator[];
}

/** Takes rows and makes results of them: grouping, ordering, DISTINCT, OFFSET and LIMIT. */
class Output {
  readonly #options: OutputOptions;
  readonly #groups: Map<string, Group> | undefined;
  readonly #ordered: { readonly keys: readonly Value[]; readonly value: JsonValue }[] = [];
  readonly #seen = new Set<string>();
  #taken: JsonValue[] = [];
  #skipped = 0;
  /** How many results there have been. */
  count = 0;

  constructor(options: OutputOptions) {
    this.#options = options;
    if (options.aggregates.length > 0 || options.groupBy.length > 0) this.#groups = new Map();
    // Without GROUP BY there is one group, even of nothing.
    if (this.#groups !== undefined && options.groupBy.length === 0) {
      this.#groups.set("", this.#newGroup([]));
    }
  }

  /** Whether nothing that may come can change the results. */
  get isFull(): boolean {
    return this.count >= this.#options.limit;
  }

  /** Takes a row; gives whether that was enough. */
  add(row: Row): boolean {
    const { groupBy, orderBy, select, takesUndefinedOrder } = this.#options;
    if (this.#groups !== undefined) {
      this.#addToGroup(this.#groups, groupBy, row);
      return false;
    }
    if (orderBy.length === 0) {
      this.#emit(select(row));
      return this.isFull;
    }
    const keys: Value[] = [];
    for (const { key } of orderBy) {
      const value = key(row);
      // What is not in the index that the order comes from is not in the results.
      if (value === undefined && !takesUndefinedOrder) return false;
      keys.push(value);
    }
    const value = select(row);
    if (value !== undefined) this.#ordered.push({ keys, value });
    return false;
  }

  /** Ends the input: what groups and orders gives its results now. */
  finish(): void {
    const { aggregates, orderBy, select } = this.#options;
    if (this.#groups !== undefined) {
      for (const { row, accumulators } of this.#groups.values()) {
        for (const [index, { slot }] of aggregates.entries()) {
          row[slot] = accumulators[index]?.result();
        }
        this.#emit(select(row));
      }
    } else if (orderBy.length > 0) {
      this.#ordered.sort((left, right) => {
        for (const [index, { sign }] of orderBy.entries()) {
          const order = compareInOrder(left.keys[index], right.keys[index]);
          if (order !== 0) return order * sign;
        }
        // The sort is stable, so equal keys stay in the order of `_rid`.
        return 0;
      });
      for (const { value } of this.#ordered) this.#emit(value);
    }
  }

  /** The results since the last call. */
  take(): readonly JsonValue[] {
    const taken = this.#taken;
    if (taken.length > 0) this.#taken = [];
    return taken;
  }

  #newGroup(row: Row): Group {
    return {
      row,
      accumulators: this.#options.aggregates.map(({ name }) => createAccumulator(name)),
    };
  }

  #addToGroup(groups: Map<string, Group>, groupBy: readonly Evaluator[], row: Row): void {
    const key = groupBy.map((evaluate) => canonicalText(evaluate(row))).join(" ");
    let group = groups.get(key);
    if (group === undefined) {
      group = this.#newGroup([...row]);
      groups.set(key, group);
    }
    for (const [index, { argument }] of this.#options.aggregates.entries()) {
      group.accumulators[index]?.add(argument(row));
    }
  }

  #emit(value: Value): void {
    if (value === undefined || this.isFull) return;
    if (this.#options.isDistinct) {
      const text = canonicalText(value);
      if (this.#seen.has(text)) return;
      this.#seen.add(text);
    }
    if (this.#skipped < this.#options.offset) {
      this.#skipped++;
      return;
    }
    this.count++;
    this.#taken.push(value);
  }
}

/** The first source of a query over the container: each document, or what the source makes of it. */
function documentSource(
  compilation: Compilation,
  { collection, isIterated }: Source,
): (documents: Iterable<JsonValue>) => Iterable<Value> {
  if (collection.kind === "query") {
    const program = new QueryProgram(compilation, collection.query, undefined, true);
    return (documents) => program.run(documents);
  }
  const { names } = collection;
  if (names.length === 0 && !isIterated) return (documents) => documents;
  return function* (documents) {
    for (const document of documents) {
      yield* elementsOf(readPath(document, names), isIterated);
    }
  };
}

function compileSource({ alias, collection, isIterated }: Source, scope: Scope): SourceProgram {
  let values: (row: Row) => Iterable<Value>;
  if (collection.kind === "query") {
    const program = new QueryProgram(scope.compilation, collection.query, scope, false);
    values = (row) => program.results(row);
  } else {
    const root = slotOf(scope, collection.root, collection);
    const { names } = collection;
    values = (row) => elementsOf(readPath(row[root], names), isIterated);
  }
  // The alias is known from here on: a source does not see itself.
  return { slot: scope.add(alias), values };
}

function elementsOf(value: Value, isIterated: boolean): readonly Value[] {
  if (!isIterated) return value === undefined ? [] : [value];
  return Array.isArray(value) ? value : [];
}

function slotOf(scope: Scope, alias: string, { start, end }: Span): number {
  const slot = scope.find(alias);
  if (slot === undefined) {
    throw new SqlError("SC2001", `Identifier '${alias}' could not be resolved.`, start, end);
  }
  return slot;
}

/** Reads a path of property names and array indexes; undefined where it leaves the value. */
function readPath(value: Value, names: readonly (string | number)[]): Value {
  let current = value;
  for (const name of names) current = readMember(current, name);
  return current;
}

function readMember(value: Value, name: Value): Value {
  if (typeof name === "string") return isJsonObject(value) ? getProperty(value, name) : undefined;
  if (typeof name !== "number" || !Array.isArray(value)) return undefined;
  return Number.isInteger(name) && name >= 0 ? value[name] : undefined;
}

function compileSelection(selection: Selection, scope: Scope, firstSlot: number): Evaluator {
  switch (selection.kind) {
    case "all":
      return (row) => row[firstSlot];
    case "value":
      return compile(selection.expression, scope);
    case "list":
      return compileObject(
        selection.items.map(({ name, expression }) => ({ name, value: expression })),
        scope,
      );
  }
}

function compileObject(
  properties: readonly { readonly name: string; readonly value: Expression }[],
  scope: Scope,
): Evaluator {
  const compiled = properties.map(({ name, value }) => ({ name, value: compile(value, scope) }));
  return (row) => {
    const object: JsonObject = {};
    for (const { name, value } of compiled) {
      const result = value(row);
      if (result !== undefined) setProperty(object, name, result);
    }
    return object;
  };
}

/** Makes a function of an expression, so that names and parameters are looked up once. */
function compile(expression: Expression, scope: Scope): Evaluator {
  switch (expression.kind) {
    case "constant": {
      const { value } = expression;
      return () => value;
    }
    case "parameter": {
      const value = scope.compilation.parameter(expression.name);
      return () => value;
    }
    case "identifier": {
      const slot = slotOf(scope, expression.name, expression);
      return (row) => row[slot];
    }
    case "member": {
      const object = compile(expression.object, scope);
      const { name } = expression;
      return (row) => readMember(object(row), name);
    }
    case "index": {
      const object = compile(expression.object, scope);
      const index = compile(expression.index, scope);
      return (row) => readMember(object(row), index(row));
    }
    case "object":
      return compileObject(expression.properties, scope);
    case "array": {
      const items = expression.items.map((item) => compile(item, scope));
      // An item without a value leaves a null, not a gap.
      return (row) => items.map((item) => item(row) ?? null);
    }
    case "unary":
      return compileUnary(expression.operator, compile(expression.operand, scope));
    case "binary":
      return compileBinary(
        expression.operator,
        compile(expression.left, scope),
        compile(expression.right, scope),
        expression,
      );
    case "logical":
      return compileLogical(
        expression.operator === "OR",
        expression.operands.map((operand) => compile(operand, scope)),
      );
    case "in":
      return negateIf(expression.negated, compileIn(expression.value, expression.list, scope));
    case "between": {
      const value = compile(expression.value, scope);
      const low = compile(expression.low, scope);
      const high = compile(expression.high, scope);
      const isWithin = compileLogical(false, [
        (row) => compareValues(">=", value(row), low(row)),
        (row) => compareValues("<=", value(row), high(row)),
      ]);
      return negateIf(expression.negated, isWithin);
    }
    case "like":
      return negateIf(
        expression.negated,
        compileLike(expression.value, expression.pattern, expression.escape, scope),
      );
    case "conditional": {
      const condition = compile(expression.condition, scope);
      const whenTrue = compile(expression.whenTrue, scope);
      const otherwise = compile(expression.otherwise, scope);
      return (row) => (condition(row) === true ? whenTrue(row) : otherwise(row));
    }
    case "call":
      return compileCall(expression, scope);
    case "subquery":
    case "exists":
    case "arrayOf":
      return compileSubquery(expression, scope);
  }
}

function negateIf(negated: boolean, evaluate: Evaluator): Evaluator {
  return negated ? (row) => not(evaluate(row)) : evaluate;
}

function not(value: Value): Value {
  return typeof value === "boolean" ? !value : undefined;
}

function compileUnary(operator: "NOT" | "-" | "+" | "~", operand: Evaluator): Evaluator {
  if (operator === "NOT") return (row) => not(operand(row));
  return (row) => {
    const value = operand(row);
    if (typeof value !== "number") return undefined;
    if (operator === "~") return ~value;
    return operator === "-" ? -value : value;
  };
}

/** AND is decided by one false, OR by one true, whatever the others are; without it, one undefined is enough. */
function compileLogical(decisive: boolean, operands: readonly Evaluator[]): Evaluator {
  return (row) => {
    let result: Value = !decisive;
    for (const operand of operands) {
      const value = operand(row);
      if (value === decisive) return decisive;
      if (typeof value !== "boolean") result = undefined;
    }
    return result;
  };
}

function compileBinary(
  operator: BinaryOperator,
  left: Evaluator,
  right: Evaluator,
  span: Span,
): Evaluator {
  switch (operator) {
    case "=":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return (row) => compareValues(operator, left(row), right(row));
    case "??":
      return (row) => {
        // Null is a value: only what is undefined gives way.
        const value = left(row);
        return value === undefined ? right(row) : value;
      };
    case "||":
      return (row) => {
        const start = left(row);
        const end = right(row);
        if (typeof start !== "string" || typeof end !== "string") return undefined;
        checkTextLength(start.length + end.length);
        return start + end;
      };
    default:
      return (row) => {
        const a = left(row);
        const b = right(row);
        if (typeof a !== "number" || typeof b !== "number") return undefined;
        const result = calculate(operator, a, b, span);
        return Number.isFinite(result) ? result : undefined;
      };
  }
}

function calculate(
  operator: Exclude<BinaryOperator, ComparisonOperator | "??" | "||">,
  left: number,
  right: number,
  { start, end }: Span,
): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
    case "%":
      if (right === 0) throw new SqlError("SC4001", "Division by zero.", start, end, 4001);
      return operator === "/" ? left / right : left % right;
    case "&":
      return left & right;
    case "|":
      return left | right;
    case "^":
      return left ^ right;
    case "<<":
      return left << right;
    case ">>":
      return left >> right;
    case ">>>":
      return left >>> right;
  }
}

/** The value of an expression that is the same for every row; otherwise nothing. */
function constantValue(
  expression: Expression,
  scope: Scope,
): { readonly value: Value } | undefined {
  if (expression.kind === "constant") return { value: expression.value };
  if (expression.kind === "parameter")
    return { value: scope.compilation.parameter(expression.name) };
  return undefined;
}

function compileIn(value: Expression, list: readonly Expression[], scope: Scope): Evaluator {
  const evaluate = compile(value, scope);
  const constants = list.map((item) => constantValue(item, scope));
  if (constants.every((item) => item !== undefined)) {
    return compileMembership(
      evaluate,
      constants.map((item) => item.value),
    );
  }
  const items = list.map((item) => compile(item, scope));
  return compileLogical(
    true,
    items.map((item) => (row: Row) => compareValues("=", evaluate(row), item(row))),
  );
}

/** Whether a value is one of a fixed list, looked up rather than compared one by one. */
function compileMembership(evaluate: Evaluator, list: readonly Value[]): Evaluator {
  const texts = new Set(list.map(canonicalText));
  const otherwise = list.includes(undefined) ? undefined : false;
  return (row) => {
    const value = evaluate(row);
    if (value === undefined) return undefined;
    return texts.has(canonicalText(value)) || otherwise;
  };
}

function compileLike(
  value: Expression,
  pattern: Expression,
  escape: string | undefined,
  scope: Scope,
): Evaluator {
  const text = compile(value, scope);
  const constant = constantValue(pattern, scope);
  if (constant !== undefined) {
    if (typeof constant.value !== "string") return () => undefined;
    const matches = compileLikePattern(constant.value, escape);
    return (row) => {
      const found = text(row);
      return typeof found === "string" ? matches(found) : undefined;
    };
  }
  const evaluatePattern = compile(pattern, scope);
  return (row) => {
    const found = text(row);
    const wanted = evaluatePattern(row);
    if (typeof found !== "string" || typeof wanted !== "string") return undefined;
    return compileLikePattern(wanted, escape)(found);
  };
}

function compileCall(call: CallExpression, scope: Scope): Evaluator {
  if (isAggregate(call)) {
    const [argument] = call.arguments;
    const slot = scope.add(undefined);
    const evaluate: Evaluator = argument === undefined ? () => undefined : compile(argument, scope);
    scope.aggregates.push({ slot, name: call.name, argument: evaluate });
    return (row) => row[slot];
  }
  const definition = builtinFunctions.get(call.name);
  if (definition === undefined) {
    throw new SqlError(
      "SC2005",
      `'${call.name}' is not a recognized built-in function name.`,
      call.start,
      call.end,
    );
  }
  const [first, second] = call.arguments;
  if (call.name === "ARRAY_CONTAINS" && call.arguments.length === 2) {
    const list = first === undefined ? undefined : constantValue(first, scope)?.value;
    if (Array.isArray(list) && second !== undefined) {
      return compileMembership(compile(second, scope), list);
    }
  }
  const evaluators = call.arguments.map((argument) => compile(argument, scope));
  const { context } = scope.compilation;
  return (row) =>
    checkSize(
      definition.call(
        evaluators.map((evaluate) => evaluate(row)),
        context,
      ),
    );
}

function compileSubquery(expression: SubqueryExpression, scope: Scope): Evaluator {
  const program = new QueryProgram(scope.compilation, expression.query, scope, false);
  switch (expression.kind) {
    case "exists":
      return (row) => program.results(row, 1).length > 0;
    case "arrayOf":
      return (row) => [...program.results(row)];
    case "subquery":
      return (row) => {
        const results = program.results(row, 2);
        if (results.length > 1) {
          throw new SqlError(
            "SC2106",
            "The cardinality of a scalar subquery result set cannot be greater than one.",
            expression.start,
            expression.end,
          );
        }
        return results[0];
      };
  }
}
