import { Problem } from "../problem/problem.ts";

/**
 * Parses the body that says whether searches may use a tag: `{ "queryStatus": "Enabled" }` or `"Disabled"`, the name and the
 * value in any case, and nothing else. Throws Problem `malformed` for anything else.
 */
export function parseQueryStatus(body: unknown): boolean {
  const entries = typeof body === "object" && body !== null ? Object.entries(body) : [];
  const [entry, ...others] = entries;
  const [name, value] = entry ?? [];
  if (Array.isArray(body) || others.length > 0 || name?.toLowerCase() !== "querystatus") {
    throw new Problem("malformed", 'The body is not an object with "queryStatus" alone.');
  }
  switch (typeof value === "string" ? value.toLowerCase() : undefined) {
    case "enabled":
      return true;
    case "disabled":
      return false;
    default:
      throw new Problem("malformed", 'The "queryStatus" must be "Enabled" or "Disabled".');
  }
}
