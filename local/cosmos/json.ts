/** Any JSON value as `JSON.parse` yields it. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

/** A JSON object as `JSON.parse` yields it. */
export interface JsonObject {
  [name: string]: JsonValue;
}

/** Tells whether `value` is a JSON object, which arrays and `null` are not. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Sets an own property of any name.
 *
 * A plain assignment to `__proto__` would change the prototype and lose the value.
 */
export function setProperty(target: JsonObject, name: string, value: JsonValue): void {
  if (name === "__proto__") {
    Object.defineProperty(target, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  } else {
    target[name] = value;
  }
}

/** Reads an own property; an inherited name such as `constructor` counts as absent. */
export function getProperty(source: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(source, name) ? source[name] : undefined;
}

/** Tells whether `value` nests at most `depthMax` arrays and objects, without recursing deeper than that. */
export function isNestedWithin(value: JsonValue, depthMax: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depthMax === 0) return false;
  const children = Array.isArray(value) ? value : Object.values(value);
  for (const child of children) {
    if (typeof child === "object" && child !== null && !isNestedWithin(child, depthMax - 1)) {
      return false;
    }
  }
  return true;
}
