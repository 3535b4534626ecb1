import { getProperty, type JsonObject, type JsonValue } from "../json.ts";

/** Where each type stands in the order of the service: ORDER BY, MIN and MAX put lower ones first. */
export const typeRanks = {
  undefined: 0,
  null: 1,
  boolean: 2,
  number: 3,
  string: 4,
  array: 5,
  object: 6,
} as const;

/** The place of the value's type in `typeRanks`. */
export function typeRank(value: JsonValue | undefined): number {
  switch (typeof value) {
    case "undefined":
      return typeRanks.undefined;
    case "boolean":
      return typeRanks.boolean;
    case "number":
      return typeRanks.number;
    case "string":
      return typeRanks.string;
    default:
      if (value === null) return typeRanks.null;
      return Array.isArray(value) ? typeRanks.array : typeRanks.object;
  }
}

/**
 * Compares two texts by code point, as their UTF-8 bytes compare.
 *
 * JavaScript compares UTF-16 units, which puts U+1F600 before U+FF01.
 */
function compareText(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a === b) continue;
    const isSurrogateA = a >= 0xd800 && a <= 0xdfff;
    const isSurrogateB = b >= 0xd800 && b <= 0xdfff;
    if (isSurrogateA !== isSurrogateB) {
      // A surrogate stands for a code point above every other one.
      return isSurrogateA ? 1 : -1;
    }
    return a < b ? -1 : 1;
  }
  return left.length - right.length;
}

/**
 * Compares two values in the order of ORDER BY: by type, then by value; arrays and objects by their JSON text.
 *
 * What is undefined comes before all values. The service does not say how it orders two arrays or two objects; the
 * text makes the order a total one.
 */
export function compareInOrder(left: JsonValue | undefined, right: JsonValue | undefined): number {
  const rank = typeRank(left);
  const byType = rank - typeRank(right);
  if (byType !== 0) return byType;
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left === "boolean" && typeof right === "boolean") return Number(left) - Number(right);
  return left === undefined || left === null
    ? 0
    : compareText(JSON.stringify(left), JSON.stringify(right));
}

/** Tells whether two values are the same JSON: arrays item by item, objects whatever the order of their names. */
export function isSameValue(left: JsonValue, right: JsonValue): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) {
    return false;
  }
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false;
    for (const [index, item] of left.entries()) {
      const other = right[index];
      if (other === undefined || !isSameValue(item, other)) return false;
    }
    return true;
  }
  if (Array.isArray(right)) return false;
  return hasProperties(left, right) && Object.keys(left).length === Object.keys(right).length;
}

/** Tells whether `whole` has every property of `part` with the same value. */
export function hasProperties(whole: JsonObject, part: JsonObject): boolean {
  for (const [name, value] of Object.entries(part)) {
    const other = getProperty(whole, name);
    if (other === undefined || !isSameValue(other, value)) return false;
  }
  return true;
}

/** A text that two values share exactly when `isSameValue` holds; undefined has one of its own. */
export function canonicalText(value: JsonValue | undefined): string {
  if (value === undefined) return "undefined";
  if (typeof value !== "object" || value === null) {
    // JSON.stringify writes -0 as 0, which is the same number to every comparison.
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalText(getProperty(value, name))}`).join(",")}}`;
}
