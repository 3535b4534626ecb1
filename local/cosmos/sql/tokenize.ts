import { SqlError } from "./sqlError.ts";

/** What a token is. A keyword's text is in capitals; a string's is the text that it stands for. */
export interface Token {
  readonly kind: "identifier" | "keyword" | "number" | "string" | "parameter" | "symbol" | "end";
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The words that are neither aliases nor properties after a dot: `c.value` is a syntax error, and `c["value"]`
 * is how to say it.
 */
const keywords: ReadonlySet<string> = new Set([
  "AND",
  "ARRAY",
  "AS",
  "ASC",
  "BETWEEN",
  "BY",
  "DESC",
  "DISTINCT",
  "ESCAPE",
  "EXISTS",
  "FALSE",
  "FROM",
  "GROUP",
  "IN",
  "JOIN",
  "LIKE",
  "LIMIT",
  "NOT",
  "NULL",
  "OFFSET",
  "OR",
  "ORDER",
  "SELECT",
  "TOP",
  "TRUE",
  "UDF",
  "UNDEFINED",
  "VALUE",
  "WHERE",
]);

/** Longest first, because the first that fits is taken. */
const symbols: readonly string[] = [
  ">>>",
  "!=",
  "<>",
  "<=",
  ">=",
  "<<",
  ">>",
  "||",
  "??",
  ...Array.from("()[]{},.:?=<>+-*/%&|^~"),
];

const symbolsByFirst: ReadonlyMap<string, readonly string[]> = groupByFirst(symbols);

function groupByFirst(texts: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const grouped = new Map<string, string[]>();
  for (const text of texts) {
    const first = text.charAt(0);
    const group = grouped.get(first);
    if (group === undefined) grouped.set(first, [text]);
    else group.push(text);
  }
  return grouped;
}

// `y` makes each expression match at `lastIndex` and nowhere else, so that the text is never cut.
const blank = /(?:\s+|--[^\n]*)+/y;
const word = /[\p{L}_][\p{L}\p{N}\p{M}_]*/uy;
const number = /0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const parameter = /@[\p{L}\p{N}_$]+/uy;

const escapes: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  "/": "/",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

/** Longest query text that the service reads (`maxSqlQueryInputLength` of its account document). */
export const queryLengthMax = 524_288;

/** Cuts a query into tokens; the last one is of kind `end`. Throws `SqlError` SC1010 at what is no token. */
export function tokenize(text: string): Token[] {
  if (text.length > queryLengthMax) {
    throw new SqlError("SC3001", `The query text is longer than ${queryLengthMax} characters.`);
  }
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    at = matchAt(blank, text, at) ?? at;
    if (at >= text.length) {
      tokens.push({ kind: "end", text: "", start: text.length, end: text.length });
      return tokens;
    }
    const token = readToken(text, at);
    tokens.push(token);
    at = token.end;
  }
}

/** Tells whether `name` may follow a dot or be an alias as it stands. */
export function isPlainIdentifier(name: string): boolean {
  return matchAt(word, name, 0) === name.length && !keywords.has(name.toUpperCase());
}

function matchAt(expression: RegExp, text: string, at: number): number | undefined {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : undefined;
}

function readToken(text: string, start: number): Token {
  const first = text.charAt(start);
  if (first === '"' || first === "'") return readString(text, start);

  const wordEnd = matchAt(word, text, start);
  if (wordEnd !== undefined) {
    const found = text.slice(start, wordEnd);
    const capitals = found.toUpperCase();
    return keywords.has(capitals)
      ? { kind: "keyword", text: capitals, start, end: wordEnd }
      : { kind: "identifier", text: found, start, end: wordEnd };
  }

  const numberEnd = matchAt(number, text, start);
  if (numberEnd !== undefined) {
    // `1a` is neither a number nor a number before a word.
    if (matchAt(word, text, numberEnd) !== undefined)
      throw invalidToken(text, start, numberEnd + 1);
    const digits = text.slice(start, numberEnd);
    // JSON has no infinity, so a number that no double holds is none.
    if (!Number.isFinite(Number(digits))) throw invalidToken(text, start, numberEnd);
    return { kind: "number", text: digits, start, end: numberEnd };
  }

  const parameterEnd = matchAt(parameter, text, start);
  if (parameterEnd !== undefined) {
    return { kind: "parameter", text: text.slice(start, parameterEnd), start, end: parameterEnd };
  }

  // A block comment is no comment to the service, and its two signs would read as operators.
  if (text.startsWith("/*", start)) throw invalidToken(text, start, start + 2);
  for (const symbol of symbolsByFirst.get(first) ?? []) {
    if (text.startsWith(symbol, start)) {
      return { kind: "symbol", text: symbol, start, end: start + symbol.length };
    }
  }
  throw invalidToken(text, start, start + 1);
}

function readString(text: string, start: number): Token {
  const quote = text.charAt(start);
  let value = "";
  let at = start + 1;
  for (;;) {
    let plainEnd = at;
    for (; plainEnd < text.length; plainEnd++) {
      const character = text[plainEnd];
      if (character === quote || character === "\\") break;
    }
    value += text.slice(at, plainEnd);
    if (plainEnd >= text.length) throw invalidToken(text, start, text.length);
    if (text[plainEnd] === quote) {
      return { kind: "string", text: value, start, end: plainEnd + 1 };
    }
    const letter = text.charAt(plainEnd + 1);
    if (letter === "u") {
      const digits = text.slice(plainEnd + 2, plainEnd + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw invalidToken(text, start, plainEnd + 2);
      value += String.fromCharCode(Number.parseInt(digits, 16));
      at = plainEnd + 6;
    } else {
      const plain = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
      if (plain === undefined) throw invalidToken(text, start, plainEnd + 2);
      value += plain;
      at = plainEnd + 2;
    }
  }
}

function invalidToken(text: string, start: number, end: number): SqlError {
  // A long string is cut: an error message need not repeat half a megabyte.
  const shown = text.slice(start, Math.min(end, start + 40));
  return new SqlError("SC1010", `Syntax error, invalid token '${shown}'.`, start, end);
}
