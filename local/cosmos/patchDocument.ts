import { badRequest } from "./gatewayError.ts";
import { getProperty, isJsonObject, setProperty, type JsonObject, type JsonValue } from "./json.ts";

/** A partial update as the wire has it: operations, and a condition on the item (`from c where …`) or none. */
export interface Patch {
  readonly operations: readonly JsonObject[];
  readonly condition: string | undefined;
}

const operationsMax = 10;
const systemProperties: ReadonlySet<string> = new Set([
  "id",
  "_rid",
  "_self",
  "_etag",
  "_attachments",
  "_ts",
]);

/** Reads the body of a PATCH request: an array of operations, or an object that has one and a condition. */
export function parsePatch(body: JsonValue): Patch {
  const operations = isJsonObject(body) ? getProperty(body, "operations") : body;
  const condition = isJsonObject(body) ? getProperty(body, "condition") : undefined;
  if (!Array.isArray(operations) || operations.length === 0) {
    throw badRequest("The patch has no operations.");
  }
  if (operations.length > operationsMax) {
    throw badRequest(`The number of patch operations can't exceed '${operationsMax}'.`);
  }
  if (condition !== undefined && typeof condition !== "string") {
    throw badRequest("The condition of the patch is not a text.");
  }
  const objects = operations.filter(isJsonObject);
  if (objects.length !== operations.length) {
    throw badRequest("An operation of the patch is not an object.");
  }
  return { operations: objects, condition };
}

function parsePointer(pointer: JsonValue | undefined): string[] {
  if (typeof pointer !== "string" || !pointer.startsWith("/") || pointer.length < 2) {
    throw badRequest("A patch operation needs a path that begins with '/' and names a property.");
  }
  return pointer
    .slice(1)
    .split("/")
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function startsWith(names: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((name, i) => names[i] === name);
}

function requirePatchable(
  names: readonly string[],
  keyPaths: readonly (readonly string[])[],
): void {
  const isKey = keyPaths.some((key) => startsWith(names, key) || startsWith(key, names));
  if (isKey || systemProperties.has(names[0] ?? "")) {
    throw badRequest(`Cannot patch '/${names.join("/")}': it belongs to the identity of the item.`);
  }
}

type Parent = JsonObject | JsonValue[];

function parentOf(root: JsonObject, names: readonly string[]): Parent {
  let value: JsonValue | undefined = root;
  for (const name of names.slice(0, -1)) {
    if (Array.isArray(value)) value = value[arrayIndex(name, value.length - 1)];
    else if (isJsonObject(value)) value = getProperty(value, name);
    else break;
  }
  if (isJsonObject(value) || Array.isArray(value)) return value;
  throw badRequest(
    `Patch operation can only create a child object of an existing node: '/${names.join("/")}' has no parent.`,
  );
}

function arrayIndex(name: string, indexMax: number): number {
  const index = /^(0|[1-9]\d{0,8})$/u.test(name) ? Number(name) : -1;
  if (index < 0 || index > indexMax) {
    throw badRequest(`The patch has an array index '${name}' that is out of bounds.`);
  }
  return index;
}

function absent(names: readonly string[]): Error {
  return badRequest(`For the patch, the path '/${names.join("/")}' does not exist in the item.`);
}

function add(parent: Parent, name: string, value: JsonValue): void {
  if (Array.isArray(parent)) {
    if (name === "-") parent.push(value);
    else parent.splice(arrayIndex(name, parent.length), 0, value);
  } else {
    setProperty(parent, name, value);
  }
}

function set(parent: Parent, name: string, value: JsonValue): void {
  if (!Array.isArray(parent)) setProperty(parent, name, value);
  else if (name === "-") parent.push(value);
  else parent[arrayIndex(name, parent.length - 1)] = value;
}

function read(parent: Parent, name: string): JsonValue | undefined {
  if (!Array.isArray(parent)) return getProperty(parent, name);
  return parent[arrayIndex(name, parent.length - 1)];
}

function remove(parent: Parent, name: string, names: readonly string[]): void {
  if (Array.isArray(parent)) {
    parent.splice(arrayIndex(name, parent.length - 1), 1);
  } else {
    if (!Object.hasOwn(parent, name)) throw absent(names);
    delete parent[name];
  }
}

function increment(parent: Parent, name: string, value: JsonValue | undefined): void {
  if (typeof value !== "number") throw badRequest("The operand of 'incr' is not a number.");
  const present = read(parent, name);
  if (present !== undefined && typeof present !== "number") {
    throw badRequest("The target of 'incr' is not a number.");
  }
  const sum = (present ?? 0) + value;
  if (!Number.isFinite(sum)) throw badRequest("The result of 'incr' is not a finite number.");
  set(parent, name, sum);
}

/**
 * Applies the operations of a patch to `document`, in order and in place.
 *
 * Fails at the first operation that cannot be applied; the document is then half changed and must be thrown away.
 * The identity of the item (id, system properties, partition key) cannot be patched.
 */
export function patchDocument(
  document: JsonObject,
  operations: readonly JsonObject[],
  keyPaths: readonly (readonly string[])[],
): void {
  for (const operation of operations) {
    const names = parsePointer(operation["path"]);
    requirePatchable(names, keyPaths);
    const value = operation["value"];
    const name = names.at(-1) ?? "";
    const parent = parentOf(document, names);
    const kind = operation["op"];
    switch (kind) {
      case "add":
      case "set":
      case "replace":
        if (value === undefined) throw badRequest(`The patch operation '${kind}' has no value.`);
        if (kind === "add") {
          add(parent, name, structuredClone(value));
        } else {
          if (kind === "replace" && read(parent, name) === undefined) throw absent(names);
          set(parent, name, structuredClone(value));
        }
        break;
      case "remove":
        remove(parent, name, names);
        break;
      case "incr":
        increment(parent, name, value);
        break;
      case "move": {
        const from = parsePointer(operation["from"]);
        requirePatchable(from, keyPaths);
        if (startsWith(names, from)) {
          throw badRequest("The patch moves a value into itself.");
        }
        const source = parentOf(document, from);
        const moved = read(source, from.at(-1) ?? "");
        if (moved === undefined) throw absent(from);
        remove(source, from.at(-1) ?? "", from);
        add(parentOf(document, names), name, moved);
        break;
      }
      default:
        throw badRequest(
          "A patch operation is none of 'add', 'set', 'replace', 'remove', 'incr' and 'move'.",
        );
    }
  }
}
