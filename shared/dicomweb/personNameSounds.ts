import { doubleMetaphone } from "double-metaphone";
import type { Sounds } from "./matchCondition.ts";
import { foldPersonNamePiece } from "./matchValue.ts";

// A name has a handful of words. A hostile one is nothing but words.
const wordsMax = 16;
const wordLengthMax = 64;

/**
 * What each word of a person name may sound like (Double Metaphone, which covers names of European languages in Latin
 * script). A word of another script sounds like itself alone.
 *
 * Words are separated by spaces, carets, equals signs and hyphens. More than sixteen are left out of account.
 */
export function personNameSounds(name: string): Sounds[] {
  return foldPersonNamePiece(name)
    .replaceAll(/['’`"]/g, "")
    .split(/[\s^=\0.,-]+/)
    .filter((word) => word !== "")
    .slice(0, wordsMax)
    .map((word) => soundsOf(word.slice(0, wordLengthMax)));
}

function soundsOf(word: string): Sounds {
  const [first, ...others] = new Set(doubleMetaphone(word).filter((code) => code !== ""));
  // Codes are in upper case and words are not, so that a word that is its own sound is never taken for a code.
  return first === undefined ? [word] : [first, ...others];
}
