import { HostError } from "./hostError.ts";

/** An inline constraint of a route parameter. A value that it does not accept makes the route not match. */
export interface RouteConstraint {
  readonly text: string;
  accepts(value: string): boolean;
}

const int32Max = 2n ** 31n - 1n;
const int64Max = 2n ** 63n - 1n;

/** Makes the test of a constraint from its arguments, or answers undefined when they do not fit. */
const factories: Readonly<
  Record<string, (args: readonly string[]) => ((value: string) => boolean) | undefined>
> = {
  int: none((value) => isIntegerUpTo(value, int32Max)),
  long: none((value) => isIntegerUpTo(value, int64Max)),
  decimal: none(isNumber),
  double: none((value) => isNumber(value) || isExponential(value)),
  float: none((value) => isNumber(value) || isExponential(value)),
  bool: none((value) => /^\s*(?:true|false)\s*$/iu.test(value)),
  guid: none(isGuid),
  datetime: none((value) => !Number.isNaN(Date.parse(value))),
  alpha: none((value) => /^[a-z]*$/iu.test(value)),
  required: none((value) => value !== ""),
  file: none((value) => (value.split("/").at(-1) ?? "").replace(/\.$/u, "").includes(".")),
  nonfile: none((value) => !(value.split("/").at(-1) ?? "").replace(/\.$/u, "").includes(".")),
  minlength: counts(1, (value, [least = 0]) => value.length >= least),
  maxlength: counts(1, (value, [most = 0]) => value.length <= most),
  length: (args) =>
    (args.length === 1
      ? counts(1, (value, [exact]) => value.length === exact)
      : counts(2, (value, [least = 0, most = 0]) => value.length >= least && value.length <= most))(
      args,
    ),
  min: integers(1, (value, [least = 0n]) => value >= least),
  max: integers(1, (value, [most = 0n]) => value <= most),
  range: integers(2, (value, [least = 0n, most = 0n]) => value >= least && value <= most),
};

/**
 * Parses one inline constraint of ASP.NET Core, as in `int`, `range(1,9)` or `regex(^a)`.
 *
 * A regular expression is unanchored and ignores case. Throws `HostError` for an unknown name or unfit arguments.
 */
export function parseConstraint(text: string, route: string): RouteConstraint {
  const open = text.indexOf("(");
  const name = (open === -1 ? text : text.slice(0, open)).toLowerCase();
  const argument = open === -1 || !text.endsWith(")") ? undefined : text.slice(open + 1, -1);
  let accepts: ((value: string) => boolean) | undefined;
  if (name === "regex" && argument !== undefined) {
    accepts = regexTest(argument, route);
  } else if (Object.hasOwn(factories, name)) {
    accepts = factories[name]?.(
      argument === undefined ? [] : argument.split(",").map((a) => a.trim()),
    );
  }
  if (accepts === undefined) {
    throw new HostError(`The route "${route}" has the unknown or unfit constraint "${text}".`);
  }
  return { text, accepts };
}

function regexTest(pattern: string, route: string): (value: string) => boolean {
  try {
    const regex = new RegExp(pattern, "iu");
    return (value) => regex.test(value);
  } catch (cause) {
    throw new HostError(`The route "${route}" has a regular expression that does not parse.`, {
      cause,
    });
  }
}

function none(
  test: (value: string) => boolean,
): (args: readonly string[]) => typeof test | undefined {
  return (args) => (args.length === 0 ? test : undefined);
}

function counts(
  arity: number,
  test: (value: string, bounds: readonly number[]) => boolean,
): (args: readonly string[]) => ((value: string) => boolean) | undefined {
  return (args) => {
    if (args.length !== arity || !args.every((arg) => /^\d+$/u.test(arg))) {
      return undefined;
    }
    const bounds = args.map(Number);
    return (value) => test(value, bounds);
  };
}

function integers(
  arity: number,
  test: (value: bigint, bounds: readonly bigint[]) => boolean,
): (args: readonly string[]) => ((value: string) => boolean) | undefined {
  return (args) => {
    if (args.length !== arity || !args.every((arg) => isIntegerUpTo(arg, int64Max))) {
      return undefined;
    }
    const bounds = args.map((arg) => BigInt(arg));
    return (value) => isIntegerUpTo(value, int64Max) && test(BigInt(value.trim()), bounds);
  };
}

function isIntegerUpTo(value: string, max: bigint): boolean {
  if (value.length > 64 || !/^\s*[+-]?\d+\s*$/u.test(value)) {
    return false;
  }
  const number = BigInt(value.trim().replace(/^\+/u, ""));
  return number <= max && number >= -max - 1n;
}

function isNumber(value: string): boolean {
  return /^\s*[+-]?(?:\d[\d,]*(?:\.\d*)?|\.\d+)\s*$/u.test(value);
}

function isExponential(value: string): boolean {
  return /^\s*[+-]?(?:\d[\d,]*(?:\.\d*)?|\.\d+)e[+-]?\d+\s*$/iu.test(value);
}

function isGuid(value: string): boolean {
  return (
    /^\{?[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\}?$/iu.test(value) ||
    /^[\da-f]{32}$/iu.test(value)
  );
}
