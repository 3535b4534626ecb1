import type { JsonValue } from "../json.ts";
import { childExpressions } from "./childExpressions.ts";
import type { CallExpression, Expression, Query } from "./syntaxTree.ts";
import { canonicalText, compareInOrder, typeRank, typeRanks } from "./valueOrder.ts";

/** The aggregates, and the name that a query plan gives each one. */
export const aggregateNames: ReadonlyMap<string, string> = new Map([
  ["COUNT", "Count"],
  ["COUNTIF", "CountIf"],
  ["SUM", "Sum"],
  ["AVG", "Average"],
  ["MIN", "Min"],
  ["MAX", "Max"],
  ["MAKELIST", "MakeList"],
  ["MAKESET", "MakeSet"],
]);

/** Takes the values of one group one by one and gives the aggregate of those so far. */
export interface Accumulator {
  add(value: JsonValue | undefined): void;
  result(): JsonValue | undefined;
}

/** The aggregates in the select list of `query`, outermost first, those of subqueries left out. */
export function aggregatesOf(query: Query): readonly CallExpression[] {
  const { selection } = query;
  if (selection.kind === "all") return [];
  const found: CallExpression[] = [];
  const visit = (expression: Expression): void => {
    if (isAggregate(expression)) {
      found.push(expression);
      return;
    }
    for (const child of childExpressions(expression)) visit(child);
  };
  if (selection.kind === "value") visit(selection.expression);
  else for (const item of selection.items) visit(item.expression);
  return found;
}

/** A call of an aggregate; its name is one of `aggregateNames`. */
export interface AggregateCall extends CallExpression {
  readonly isAggregate?: true;
}

/** Tells whether `expression` is a call of an aggregate. */
export function isAggregate(expression: Expression): expression is AggregateCall {
  return expression.kind === "call" && aggregateNames.has(expression.name);
}

/** Starts an aggregate of the given name in capitals. */
export function createAccumulator(name: string): Accumulator {
  switch (name) {
    case "COUNT":
      return new Counter((value) => value !== undefined);
    case "COUNTIF":
      return new Counter((value) => value === true);
    case "SUM":
      return new Sum((sum) => sum);
    case "AVG":
      return new Sum((sum, count) => (count === 0 ? undefined : sum / count));
    case "MIN":
      return new Extreme(-1);
    case "MAX":
      return new Extreme(1);
    case "MAKELIST":
      return new Collector(false);
    case "MAKESET":
      return new Collector(true);
    default:
      throw new Error(`${name} is no aggregate.`);
  }
}

class Counter implements Accumulator {
  readonly #counts: (value: JsonValue | undefined) => boolean;
  #count = 0;

  constructor(counts: (value: JsonValue | undefined) => boolean) {
    this.#counts = counts;
  }

  add(value: JsonValue | undefined): void {
    if (this.#counts(value)) this.#count++;
  }

  result(): JsonValue {
    return this.#count;
  }
}

/** SUM and AVG: undefined values do not take part, and one that is no number makes the whole undefined. */
class Sum implements Accumulator {
  readonly #finish: (sum: number, count: number) => number | undefined;
  #sum = 0;
  #count = 0;
  #isUndefined = false;

  constructor(finish: (sum: number, count: number) => number | undefined) {
    this.#finish = finish;
  }

  add(value: JsonValue | undefined): void {
    if (value === undefined) return;
    if (typeof value !== "number") {
      this.#isUndefined = true;
      return;
    }
    this.#sum += value;
    this.#count++;
  }

  result(): JsonValue | undefined {
    return this.#isUndefined ? undefined : this.#finish(this.#sum, this.#count);
  }
}

/** MIN and MAX: in the order of types of ORDER BY; an array or object makes the whole undefined. */
class Extreme implements Accumulator {
  readonly #sign: -1 | 1;
  #best: JsonValue | undefined;
  #isUndefined = false;

  constructor(sign: -1 | 1) {
    this.#sign = sign;
  }

  add(value: JsonValue | undefined): void {
    if (value === undefined) return;
    if (typeRank(value) >= typeRanks.array) this.#isUndefined = true;
    else if (this.#best === undefined || compareInOrder(value, this.#best) * this.#sign > 0) {
      this.#best = value;
    }
  }

  result(): JsonValue | undefined {
    return this.#isUndefined ? undefined : this.#best;
  }
}

class Collector implements Accumulator {
  readonly #isSet: boolean;
  readonly #values: JsonValue[] = [];
  readonly #seen = new Set<string>();

  constructor(isSet: boolean) {
    this.#isSet = isSet;
  }

  add(value: JsonValue | undefined): void {
    if (value === undefined) return;
    if (this.#isSet) {
      const text = canonicalText(value);
      if (this.#seen.has(text)) return;
      this.#seen.add(text);
    }
    this.#values.push(value);
  }

  result(): JsonValue {
    return this.#values;
  }
}
