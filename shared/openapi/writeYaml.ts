/**
 * Writes what JSON can hold as YAML 1.2, blocks for people to read: objects and arrays by indentation, all other values and
 * every key as in JSON.
 */
export function writeYaml(value: unknown): string {
  return `${block(value, "")}\n`.trimStart();
}

function block(value: unknown, indent: string): string {
  if (Array.isArray(value) && value.length > 0) {
    return value.map((item: unknown) => `\n${indent}-${nested(item, indent)}`).join("");
  }
  if (typeof value === "object" && value !== null && Object.keys(value).length > 0) {
    return Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => `\n${indent}${JSON.stringify(key)}:${nested(member, indent)}`)
      .join("");
  }
  return ` ${JSON.stringify(value)}`;
}

function nested(value: unknown, indent: string): string {
  return block(value, `${indent}  `);
}
