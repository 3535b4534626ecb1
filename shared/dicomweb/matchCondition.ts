import type { MatchScalar } from "./matchValue.ts";

/** What a word may sound like: its codes, of which there is at least one. */
export type Sounds = readonly [string, ...string[]];

/** What a value in the index must be like. Everything is folded as {@link normaliseMatchValue} folds it. */
export type MatchCondition =
  /** It equals one of these; there is at least one. */
  | { readonly kind: "oneOf"; readonly values: readonly [MatchScalar, ...MatchScalar[]] }
  /** It lies between these, both included; at least one is given. */
  | { readonly kind: "range"; readonly from?: string; readonly to?: string }
  /** The whole of it is like this, where `*` stands for any text and `?` for any one character (PS3.4 §C.2.2.2.4). */
  | { readonly kind: "pattern"; readonly pattern: string }
  /**
   * Among its words, which spaces and carets separate, are ones next to each other that begin with these, in this order.
   * {@link wordsRegExp} writes it as a regular expression.
   */
  | { readonly kind: "words"; readonly words: readonly [string, ...string[]] }
  /** Among the sounds of its words is, for each of these words, one that it may sound like. */
  | { readonly kind: "sounds"; readonly words: readonly [Sounds, ...Sounds[]] }
  /** There is none. */
  | { readonly kind: "empty" }
  /** It is as one of these conditions says. */
  | {
      readonly kind: "anyOf";
      readonly conditions: readonly [MatchCondition, ...MatchCondition[]];
    };

/**
 * A regular expression for the condition "words": linear in the text, without flags, and of the common ground of all
 * dialects.
 */
export function wordsRegExp(words: readonly string[]): string {
  const escaped = words.map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`));
  return `(^|[ ^])${escaped.join("[^ ^]*[ ^]+")}`;
}

/**
 * Whether what the index has under a key is as `condition` says: the meaning of conditions, for stores without a language
 * of their own. Of several values it is enough that one is.
 */
export function matchesCondition(
  condition: MatchCondition,
  value: MatchScalar | readonly string[] | undefined,
): boolean {
  const values = typeof value === "object" ? value : value === undefined ? [] : [value];
  switch (condition.kind) {
    case "empty":
      return values.length === 0;
    case "anyOf":
      return condition.conditions.some((one) => matchesCondition(one, value));
    case "sounds":
      return condition.words.every((sounds) => sounds.some((sound) => values.includes(sound)));
    case "oneOf":
      return values.some((one) => condition.values.includes(one));
    case "range":
      return values.some(
        (one) =>
          typeof one === "string" &&
          (condition.from === undefined || one >= condition.from) &&
          (condition.to === undefined || one <= condition.to),
      );
    case "pattern":
      return values.some(
        (one) => typeof one === "string" && matchesPattern(one, condition.pattern),
      );
    case "words": {
      const pattern = new RegExp(wordsRegExp(condition.words), "u");
      return values.some((one) => typeof one === "string" && pattern.test(one));
    }
  }
}

/** Matches in time proportional to the product of both lengths, whatever the pattern. */
function matchesPattern(value: string, pattern: string): boolean {
  const characters = Array.from(value);
  const signs = Array.from(pattern);
  let at = 0;
  let sign = 0;
  let lastAsterisk = -1;
  let resumeAt = 0;
  while (at < characters.length) {
    if (signs[sign] === "*") {
      lastAsterisk = sign;
      resumeAt = at;
      sign += 1;
    } else if (sign < signs.length && (signs[sign] === "?" || signs[sign] === characters[at])) {
      sign += 1;
      at += 1;
    } else if (lastAsterisk !== -1) {
      resumeAt += 1;
      at = resumeAt;
      sign = lastAsterisk + 1;
    } else {
      return false;
    }
  }
  return signs.slice(sign).every((rest) => rest === "*");
}
