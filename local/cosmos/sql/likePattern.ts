import { SqlError } from "./sqlError.ts";

/** Longest pattern: matching takes up to its length for each character of a text. */
const patternLengthMax = 2_048;

/** One element of a LIKE pattern: any run of characters, or one character that `accepts` takes. */
type Element = "anyRun" | ((character: string) => boolean);

/**
 * Compiles a LIKE pattern: `%` any run, `_` one character, `[abc]`, `[a-f]` and `[^abc]` one of or none of a set;
 * `escape` takes the meaning from the character after it.
 *
 * Matching takes at most the product of both lengths: on a mismatch only the last `%` is widened, so nothing
 * grows exponentially. Case counts, and the whole text must match. Throws `SqlError` for a pattern of more than
 * 2,048 characters.
 */
export function compileLikePattern(
  pattern: string,
  escape: string | undefined,
): (text: string) => boolean {
  const symbols = Array.from(pattern);
  if (symbols.length > patternLengthMax) {
    throw new SqlError("SC3004", `A LIKE pattern is longer than ${patternLengthMax} characters.`);
  }
  const elements = readElements(symbols, escape);
  const isLiteral = elements.every((element) => element !== "anyRun");
  return (text) => {
    const characters = Array.from(text);
    if (isLiteral && characters.length !== elements.length) return false;
    return matches(elements, characters);
  };
}

/** The text that everything that matches `pattern` begins with; empty when it begins with a wildcard. */
export function likePrefix(pattern: string, escape: string | undefined): string {
  let prefix = "";
  const characters = Array.from(pattern);
  for (let at = 0; at < characters.length; at++) {
    let character = characters[at] ?? "";
    if (character === escape) character = characters[++at] ?? "";
    else if (character === "%" || character === "_" || character === "[") return prefix;
    prefix += character;
  }
  return prefix;
}

/** The longest text without a wildcard in `pattern`, which everything that matches contains. */
export function likeFragment(pattern: string, escape: string | undefined): string {
  let longest = "";
  let rest = pattern;
  // A set ends the search: what follows it is not worth finding where it ends.
  while (rest !== "" && !rest.startsWith("[")) {
    const fragment = likePrefix(rest, escape);
    if (fragment.length > longest.length) longest = fragment;
    rest = rest.slice(writtenLength(fragment, rest, escape) || 1);
  }
  return longest;
}

/** How much of `pattern` its leading text takes up, escapes included. */
function writtenLength(text: string, pattern: string, escape: string | undefined): number {
  let at = 0;
  for (let done = 0; done < text.length; done++) {
    if (pattern[at] === escape) at++;
    at++;
  }
  return at;
}

function readElements(pattern: readonly string[], escape: string | undefined): readonly Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? "";
    if (character === escape) {
      const literal = pattern[++at];
      if (literal !== undefined) elements.push((candidate) => candidate === literal);
    } else if (character === "%") {
      if (elements.at(-1) !== "anyRun") elements.push("anyRun");
    } else if (character === "_") {
      elements.push(() => true);
    } else if (character === "[") {
      const close = pattern.indexOf("]", at + 2);
      if (close === -1) {
        elements.push((candidate) => candidate === "[");
      } else {
        elements.push(readSet(pattern.slice(at + 1, close)));
        at = close;
      }
    } else {
      elements.push((candidate) => candidate === character);
    }
  }
  return elements;
}

function readSet(characters: readonly string[]): (character: string) => boolean {
  const isNegated = characters[0] === "^";
  const ranges: { readonly low: number; readonly high: number }[] = [];
  for (let at = isNegated ? 1 : 0; at < characters.length; at++) {
    const low = characters[at]?.codePointAt(0) ?? 0;
    const isRange = characters[at + 1] === "-" && at + 2 < characters.length;
    const high = isRange ? (characters[at + 2]?.codePointAt(0) ?? 0) : low;
    if (isRange) at += 2;
    ranges.push({ low, high });
  }
  return (character) => {
    const code = character.codePointAt(0) ?? 0;
    return ranges.some(({ low, high }) => code >= low && code <= high) !== isNegated;
  };
}

function matches(elements: readonly Element[], text: readonly string[]): boolean {
  let element = 0;
  let at = 0;
  // Where to go on after a mismatch: behind the last `%`, one character further than the last time.
  let elementAfterRun = -1;
  let runEnd = 0;
  while (at < text.length) {
    const current = elements[element];
    if (current === "anyRun") {
      elementAfterRun = ++element;
      runEnd = at;
    } else if (current !== undefined && current(text[at] ?? "")) {
      element++;
      at++;
    } else if (elementAfterRun !== -1) {
      element = elementAfterRun;
      at = ++runEnd;
    } else {
      return false;
    }
  }
  while (elements[element] === "anyRun") element++;
  return element === elements.length;
}
