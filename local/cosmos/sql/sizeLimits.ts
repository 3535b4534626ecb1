import type { JsonValue } from "../json.ts";
import { SqlError } from "./sqlError.ts";

/** Longest text that an expression makes: twice the longest document. */
const textLengthMax = 4 * 1024 * 1024;

/** Longest array that an expression makes. */
const arrayLengthMax = 1_000_000;

/**
 * Throws `SqlError` if a text of this length is more than an expression may make.
 *
 * Asked before the text is made: a few nested functions that double it would otherwise fill the memory.
 */
export function checkTextLength(length: number): void {
  if (length > textLengthMax) {
    throw new SqlError(
      "SC3005",
      `An expression makes a text of more than ${textLengthMax} characters.`,
    );
  }
}

/** Throws `SqlError` if `value` is a text or array longer than an expression may make. Returns it otherwise. */
export function checkSize(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value === "string") checkTextLength(value.length);
  else if (Array.isArray(value) && value.length > arrayLengthMax) {
    throw new SqlError(
      "SC3005",
      `An expression makes an array of more than ${arrayLengthMax} items.`,
    );
  }
  return value;
}
