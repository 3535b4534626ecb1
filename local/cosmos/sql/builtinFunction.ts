import type { JsonValue } from "../json.ts";

/** The value of an expression; undefined is one, as in the language. */
export type Value = JsonValue | undefined;

/** What a function may know beside its arguments. */
export interface CallContext {
  /** Milliseconds since 1970 at the start of the query. */
  readonly startedAt: number;
}

/** A built-in function: how many arguments it takes and what it makes of them. */
export interface BuiltinFunction {
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  readonly call: (values: readonly Value[], context: CallContext) => Value;
}
