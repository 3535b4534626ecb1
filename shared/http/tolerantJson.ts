// A string is taken whole, so that nothing in it looks like a comment or a comma. What is not closed goes to the end, so
// that no text is gone through more than once.
const stringPattern = String.raw`("(?:[^"\\]|\\[\s\S])*(?:"|$))`;
const commentPattern = new RegExp(
  String.raw`${stringPattern}|\/\/[^\n\r]*|\/\*[\s\S]*?(?:\*\/|($))`,
  "g",
);
const lastCommaPattern = new RegExp(
  String.raw`${stringPattern}|(?<=[^\s[{,]\s*),(?=\s*[\]}])`,
  "g",
);

/**
 * Parses JSON as the Azure service reads bodies: with comments of both kinds, and with a comma after the last entry of an
 * array or object. Throws `SyntaxError` for anything else that is not JSON.
 */
export function parseTolerantJson(text: string): unknown {
  const withoutComments = text.replaceAll(
    commentPattern,
    (_, string: string | undefined, isOpen: string | undefined) =>
      // A comment that is never closed is no JSON, whatever stood before it.
      string ?? (isOpen === undefined ? " " : "\0"),
  );
  return JSON.parse(
    withoutComments.replaceAll(lastCommaPattern, (_, string: string | undefined) => string ?? ""),
  );
}
