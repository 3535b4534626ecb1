import { getProperty, isJsonObject, isNestedWithin, setProperty } from "../json.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import type { BuiltinFunction, Value } from "./builtinFunction.ts";
import { dateFunctions } from "./dateFunctions.ts";
import { compileRegularExpression } from "./regularExpression.ts";
import { checkTextLength } from "./sizeLimits.ts";
import { canonicalText, hasProperties, isSameValue } from "./valueOrder.ts";

/** Longest string that REPLICATE makes. */
const replicatedLengthMax = 10_000;

/** Deepest JSON that StringToArray and StringToObject read, so that what walks it later need not count. */
const parsedDepthMax = 128;

/** The built-in functions by their names in capitals; a name that is missing is no function. */
export const builtinFunctions: ReadonlyMap<string, BuiltinFunction> = new Map([
  ...typeFunctions(),
  ...stringFunctions(),
  ...mathFunctions(),
  ...arrayFunctions(),
  ...dateFunctions,
  define("IIF", 3, 3, ([condition, whenTrue, otherwise]) =>
    condition === true ? whenTrue : otherwise,
  ),
]);

function define(
  name: string,
  argumentsMin: number,
  argumentsMax: number,
  call: BuiltinFunction["call"],
): readonly [string, BuiltinFunction] {
  return [name, { argumentsMin, argumentsMax, call }];
}

function typeFunctions(): readonly (readonly [string, BuiltinFunction])[] {
  const test = (
    name: string,
    holds: (value: Value) => boolean,
  ): readonly [string, BuiltinFunction] => define(name, 1, 1, ([value]) => holds(value));
  return [
    test("IS_ARRAY", (value) => Array.isArray(value)),
    test("IS_BOOL", (value) => typeof value === "boolean"),
    test("IS_DEFINED", (value) => value !== undefined),
    test("IS_FINITE_NUMBER", (value) => typeof value === "number" && Number.isFinite(value)),
    test("IS_INTEGER", (value) => typeof value === "number" && Number.isInteger(value)),
    test("IS_NULL", (value) => value === null),
    test("IS_NUMBER", (value) => typeof value === "number"),
    test("IS_OBJECT", (value) => isJsonObject(value)),
    test("IS_PRIMITIVE", (value) => value === null || /^[bns]/.test(typeof value)),
    test("IS_STRING", (value) => typeof value === "string"),
  ];
}

/** A function of two strings whose third argument asks for ignoring case. */
function compareStrings(
  name: string,
  holds: (text: string, part: string) => boolean,
): readonly [string, BuiltinFunction] {
  return define(name, 2, 3, ([text, part, ignoresCase = false]) => {
    if (typeof text !== "string" || typeof part !== "string") return undefined;
    if (typeof ignoresCase !== "boolean") return undefined;
    return ignoresCase ? holds(text.toLowerCase(), part.toLowerCase()) : holds(text, part);
  });
}

function ofString(
  name: string,
  result: (text: string) => Value,
): readonly [string, BuiltinFunction] {
  return define(name, 1, 1, ([text]) => (typeof text === "string" ? result(text) : undefined));
}

function containsSeveral(
  name: string,
  ignoresCase: boolean,
  isAny: boolean,
): readonly [string, BuiltinFunction] {
  return define(name, 2, Infinity, ([text, ...parts]) => {
    if (typeof text !== "string") return undefined;
    const folded = ignoresCase ? text.toLowerCase() : text;
    const isWithin = (part: string): boolean =>
      folded.includes(ignoresCase ? part.toLowerCase() : part);
    const texts = parts.filter((part) => typeof part === "string");
    if (texts.length !== parts.length) return undefined;
    return isAny ? texts.some(isWithin) : texts.every(isWithin);
  });
}

function trim(name: string, atStart: boolean, atEnd: boolean): readonly [string, BuiltinFunction] {
  return define(name, 1, 2, ([text, characters = " \t\r\n\f\v"]) => {
    if (typeof text !== "string" || typeof characters !== "string") return undefined;
    let start = 0;
    let end = text.length;
    while (atStart && start < end && characters.includes(text.charAt(start))) start++;
    while (atEnd && start < end && characters.includes(text.charAt(end - 1))) end--;
    return text.slice(start, end);
  });
}

/** Reads JSON text, `undefined` when it is none or nests too deep. */
function parseJson(text: string): Value {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isNestedWithin(value, parsedDepthMax) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Joins texts, if the whole is not too long. */
function joinTexts(texts: readonly string[], separator: string): string {
  let length = separator.length * Math.max(0, texts.length - 1);
  for (const text of texts) length += text.length;
  checkTextLength(length);
  return texts.join(separator);
}

function stringFunctions(): readonly (readonly [string, BuiltinFunction])[] {
  return [
    define("CONCAT", 2, Infinity, (values) =>
      values.every((value) => typeof value === "string") ? joinTexts(values, "") : undefined,
    ),
    compareStrings("CONTAINS", (text, part) => text.includes(part)),
    compareStrings("STARTSWITH", (text, part) => text.startsWith(part)),
    compareStrings("ENDSWITH", (text, part) => text.endsWith(part)),
    compareStrings("STRINGEQUALS", (text, part) => text === part),
    containsSeveral("CONTAINS_ANY_CI", true, true),
    containsSeveral("CONTAINS_ANY_CS", false, true),
    containsSeveral("CONTAINS_ALL_CI", true, false),
    containsSeveral("CONTAINS_ALL_CS", false, false),
    define("INDEX_OF", 2, 3, ([text, part, start = 0]) =>
      typeof text === "string" && typeof part === "string" && typeof start === "number"
        ? text.indexOf(part, Math.max(0, Math.trunc(start)))
        : undefined,
    ),
    define("LEFT", 2, 2, ([text, count]) =>
      typeof text === "string" && typeof count === "number"
        ? text.slice(0, Math.max(0, Math.trunc(count)))
        : undefined,
    ),
    define("RIGHT", 2, 2, ([text, count]) => {
      if (typeof text !== "string" || typeof count !== "number") return undefined;
      return text.slice(Math.max(0, text.length - Math.max(0, Math.trunc(count))));
    }),
    ofString("LENGTH", (text) => text.length),
    ofString("LOWER", (text) => text.toLowerCase()),
    ofString("UPPER", (text) => text.toUpperCase()),
    ofString("REVERSE", (text) => Array.from(text).reverse().join("")),
    trim("TRIM", true, true),
    trim("LTRIM", true, false),
    trim("RTRIM", false, true),
    define("REGEXMATCH", 2, 3, ([text, pattern, modifiers = ""]) => {
      if (typeof text !== "string" || typeof pattern !== "string") return undefined;
      if (typeof modifiers !== "string") return undefined;
      return compileRegularExpression(pattern, modifiers)(text);
    }),
    define("REPLACE", 3, 3, ([text, part, replacement]) => {
      if (typeof text !== "string" || typeof part !== "string") return undefined;
      if (typeof replacement !== "string") return undefined;
      if (part === "") return text;
      const pieces = text.split(part);
      return joinTexts(pieces, replacement);
    }),
    define("REPLICATE", 2, 2, ([text, count]) => {
      if (typeof text !== "string" || typeof count !== "number" || !(count >= 0)) return undefined;
      const times = Math.trunc(count);
      return text.length * times <= replicatedLengthMax ? text.repeat(times) : undefined;
    }),
    define("STRINGJOIN", 2, 2, ([items, separator]) =>
      Array.isArray(items) &&
      typeof separator === "string" &&
      items.every((item) => typeof item === "string")
        ? joinTexts(items, separator)
        : undefined,
    ),
    define("STRINGSPLIT", 2, 2, ([text, separator]) => {
      if (typeof text !== "string" || typeof separator !== "string") return undefined;
      return separator === "" ? [text] : text.split(separator);
    }),
    ofString("STRINGTOARRAY", (text) => {
      const value = parseJson(text);
      return Array.isArray(value) ? value : undefined;
    }),
    ofString("STRINGTOBOOLEAN", (text) => {
      const value = text.trim();
      return value === "true" ? true : value === "false" ? false : undefined;
    }),
    ofString("STRINGTONULL", (text) => (text.trim() === "null" ? null : undefined)),
    ofString("STRINGTONUMBER", (text) => {
      const value = parseJson(text);
      return typeof value === "number" && Number.isFinite(value) ? value : undefined;
    }),
    ofString("STRINGTOOBJECT", (text) => {
      const value = parseJson(text);
      return isJsonObject(value) ? value : undefined;
    }),
    define("SUBSTRING", 3, 3, ([text, start, length]) => {
      if (typeof text !== "string" || typeof start !== "number") return undefined;
      if (typeof length !== "number") return undefined;
      const from = Math.max(0, Math.trunc(start));
      return text.slice(from, from + Math.max(0, Math.trunc(length)));
    }),
    define("TOSTRING", 1, 1, ([value]) =>
      value === undefined || typeof value === "string" ? value : JSON.stringify(value),
    ),
  ];
}

/** A result that is no finite number is no JSON, and so undefined. */
function finite(value: number): Value {
  return Number.isFinite(value) ? value : undefined;
}

function ofNumber(
  name: string,
  result: (value: number) => number,
): readonly [string, BuiltinFunction] {
  return define(name, 1, 1, ([value]) =>
    typeof value === "number" ? finite(result(value)) : undefined,
  );
}

function ofTwoNumbers(
  name: string,
  result: (left: number, right: number) => number,
): readonly [string, BuiltinFunction] {
  return define(name, 2, 2, ([left, right]) =>
    typeof left === "number" && typeof right === "number" ? finite(result(left, right)) : undefined,
  );
}

/** A function of 64-bit integers; a number with a fraction, or out of the range, makes it undefined. */
function ofIntegers(
  name: string,
  result: (left: bigint, right: bigint) => bigint | undefined,
): readonly [string, BuiltinFunction] {
  return define(name, 2, 2, ([left, right]) => {
    const a = integer64(left);
    const b = integer64(right);
    const value = a === undefined || b === undefined ? undefined : result(a, b);
    return value === undefined ? undefined : Number(BigInt.asIntN(64, value));
  });
}

function integer64(value: Value): bigint | undefined {
  if (typeof value !== "number" || !Number.isInteger(value)) return undefined;
  const integer = BigInt(value);
  return BigInt.asIntN(64, integer) === integer ? integer : undefined;
}

function mathFunctions(): readonly (readonly [string, BuiltinFunction])[] {
  const shiftable = (bits: bigint): boolean => bits >= 0n && bits < 64n;
  return [
    ofNumber("ABS", Math.abs),
    ofNumber("ACOS", Math.acos),
    ofNumber("ASIN", Math.asin),
    ofNumber("ATAN", Math.atan),
    ofTwoNumbers("ATN2", Math.atan2),
    ofNumber("CEILING", Math.ceil),
    ofNumber("COS", Math.cos),
    ofNumber("COT", (value) => 1 / Math.tan(value)),
    ofNumber("DEGREES", (value) => (value * 180) / Math.PI),
    ofNumber("EXP", Math.exp),
    ofNumber("FLOOR", Math.floor),
    define("LOG", 1, 2, ([value, base]) => {
      if (typeof value !== "number") return undefined;
      if (base === undefined) return finite(Math.log(value));
      return typeof base === "number" ? finite(Math.log(value) / Math.log(base)) : undefined;
    }),
    ofNumber("LOG10", Math.log10),
    define("NUMBERBIN", 1, 2, ([value, size = 1]) => {
      if (typeof value !== "number" || typeof size !== "number" || size === 0) return undefined;
      return finite(Math.floor(value / size) * size);
    }),
    define("PI", 0, 0, () => Math.PI),
    ofTwoNumbers("POWER", Math.pow),
    ofNumber("RADIANS", (value) => (value * Math.PI) / 180),
    define("RAND", 0, 0, () => Math.random()),
    // Halves go away from zero; Math.round would take -2.5 to -2.
    ofNumber("ROUND", (value) => Math.sign(value) * Math.round(Math.abs(value))),
    ofNumber("SIGN", Math.sign),
    ofNumber("SIN", Math.sin),
    ofNumber("SQRT", Math.sqrt),
    ofNumber("SQUARE", (value) => value * value),
    ofNumber("TAN", Math.tan),
    ofNumber("TRUNC", Math.trunc),
    ofIntegers("INTADD", (left, right) => left + right),
    ofIntegers("INTSUB", (left, right) => left - right),
    ofIntegers("INTMUL", (left, right) => left * right),
    ofIntegers("INTDIV", (left, right) => (right === 0n ? undefined : left / right)),
    ofIntegers("INTMOD", (left, right) => (right === 0n ? undefined : left % right)),
    ofIntegers("INTBITAND", (left, right) => left & right),
    ofIntegers("INTBITOR", (left, right) => left | right),
    ofIntegers("INTBITXOR", (left, right) => left ^ right),
    ofIntegers("INTBITLEFTSHIFT", (left, right) => (shiftable(right) ? left << right : undefined)),
    ofIntegers("INTBITRIGHTSHIFT", (left, right) => (shiftable(right) ? left >> right : undefined)),
    define("INTBITNOT", 1, 1, ([value]) => {
      const integer = integer64(value);
      return integer === undefined ? undefined : Number(~integer);
    }),
  ];
}

/** The items of both arrays, each once: those that `keeps` takes when told whether the other array has them. */
function setOf(
  name: string,
  combine: (left: readonly JsonValue[], right: readonly JsonValue[]) => readonly JsonValue[],
): readonly [string, BuiltinFunction] {
  return define(name, 2, 2, ([left, right]) => {
    if (!Array.isArray(left) || !Array.isArray(right)) return undefined;
    const seen = new Set<string>();
    return combine(left, right).filter((item) => {
      const text = canonicalText(item);
      if (seen.has(text)) return false;
      seen.add(text);
      return true;
    });
  });
}

/** Tells whether `items` holds `value`; undefined when there is no array or no value to look for. */
function contains(items: Value, value: Value): boolean | undefined {
  if (!Array.isArray(items) || value === undefined) return undefined;
  return items.some((item) => isSameValue(item, value));
}

/** What `objectToArray` yields: one object for each property, its name and value under the given names. */
function objectToArray(source: JsonObject, keyName: string, valueName: string): JsonValue {
  return Object.keys(source).map((name) => {
    const pair: JsonObject = {};
    setProperty(pair, keyName, name);
    setProperty(pair, valueName, getProperty(source, name) ?? null);
    return pair;
  });
}

function arrayFunctions(): readonly (readonly [string, BuiltinFunction])[] {
  return [
    define("ARRAY_CONCAT", 2, Infinity, (values) =>
      values.every((value) => Array.isArray(value)) ? values.flat(1) : undefined,
    ),
    define("ARRAY_CONTAINS", 2, 3, ([items, value, isPartial = false]) => {
      if (typeof isPartial !== "boolean") return undefined;
      if (isPartial && Array.isArray(items) && isJsonObject(value)) {
        return items.some((item) => isJsonObject(item) && hasProperties(item, value));
      }
      return contains(items, value);
    }),
    define("ARRAY_CONTAINS_ANY", 2, Infinity, ([items, ...values]) => {
      const found = values.map((value) => contains(items, value));
      if (found.includes(true)) return true;
      return found.includes(undefined) ? undefined : false;
    }),
    define("ARRAY_CONTAINS_ALL", 2, Infinity, ([items, ...values]) => {
      const found = values.map((value) => contains(items, value));
      if (found.includes(false)) return false;
      return found.includes(undefined) ? undefined : true;
    }),
    define("ARRAY_LENGTH", 1, 1, ([items]) => (Array.isArray(items) ? items.length : undefined)),
    define("ARRAY_SLICE", 2, 3, ([items, start, length = Infinity]) => {
      if (!Array.isArray(items) || typeof start !== "number") return undefined;
      if (typeof length !== "number") return undefined;
      const from = start < 0 ? Math.max(0, items.length + Math.trunc(start)) : Math.trunc(start);
      return items.slice(from, from + Math.max(0, Math.trunc(length)));
    }),
    define("CHOOSE", 2, Infinity, ([index, ...values]) =>
      typeof index === "number" ? values[Math.trunc(index) - 1] : undefined,
    ),
    define("OBJECTTOARRAY", 1, 3, ([source, keyName = "k", valueName = "v"]) =>
      isJsonObject(source) && typeof keyName === "string" && typeof valueName === "string"
        ? objectToArray(source, keyName, valueName)
        : undefined,
    ),
    setOf("SETUNION", (left, right) => [...left, ...right]),
    setOf("SETINTERSECT", (left, right) => {
      const others = new Set(right.map(canonicalText));
      return left.filter((item) => others.has(canonicalText(item)));
    }),
    setOf("SETDIFFERENCE", (left, right) => {
      const others = new Set(right.map(canonicalText));
      return left.filter((item) => !others.has(canonicalText(item)));
    }),
  ];
}
