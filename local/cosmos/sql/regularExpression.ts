import { SqlError } from "./sqlError.ts";

/** One step of a compiled expression; `next` and `other` are places in the program. */
type Step =
  | { readonly kind: "take"; readonly accepts: CharacterTest; next: number }
  | { readonly kind: "split"; next: number; other: number }
  | { readonly kind: "assert"; readonly holds: PlaceTest; next: number }
  | { readonly kind: "match" };

type CharacterTest = (code: number) => boolean;
type PlaceTest = (before: number | undefined, after: number | undefined) => boolean;

type Node =
  | {
      readonly kind: "take";
      readonly accepts: CharacterTest;
      /** The one character that it takes, if it is one. */
      readonly character?: string;
    }
  | { readonly kind: "assert"; readonly holds: PlaceTest }
  | { readonly kind: "sequence"; readonly nodes: readonly Node[] }
  | { readonly kind: "choice"; readonly nodes: readonly Node[] }
  | { readonly kind: "repeat"; readonly node: Node; readonly min: number; readonly max: number };

/** Longest program; `(a{100}){100}` would otherwise cost ten thousand steps at each character. */
const programLengthMax = 2_000;

/** Deepest nesting of groups. */
const groupNestingMax = 100;

/** The compiled expressions that were used last, because one query asks for the same one at each item. */
const cache = new Map<string, (text: string) => boolean>();
const cacheSizeMax = 64;

/**
 * Compiles a regular expression into a test whether it matches anywhere in a text.
 *
 * All alternatives advance together, so a match takes time in proportion to the text whatever the expression;
 * lookaround and back references cannot be had that way, and throw `SqlError` as a malformed expression does.
 * Modifiers: `i` ignores case, `m` makes `^` and `$` match at lines, `s` lets `.` match a line end, `x` ignores
 * blanks in the expression.
 */
export function compileRegularExpression(
  pattern: string,
  modifiers: string,
): (text: string) => boolean {
  const key = `${modifiers}/${pattern}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  for (const modifier of modifiers) {
    if (!"imsx".includes(modifier)) {
      throw refuse(`'${modifier}' is no modifier of a regular expression.`);
    }
  }
  const program = assemble(new PatternParser(pattern, modifiers).parse());
  const ignoresCase = modifiers.includes("i");
  const test = (text: string): boolean => run(program, ignoresCase ? fold(text) : text);
  if (cache.size >= cacheSizeMax) cache.clear();
  cache.set(key, test);
  return test;
}

/**
 * A text that everything that matches the expression contains; empty when none is known.
 *
 * It is looked for only where case counts. Throws `SqlError` for a malformed expression.
 */
export function requiredText(pattern: string, modifiers: string): string {
  if (modifiers.includes("i")) return "";
  const node = new PatternParser(pattern, modifiers).parse();
  let longest = "";
  let run = "";
  for (const part of node.kind === "sequence" ? node.nodes : [node]) {
    run = part.kind === "take" && part.character !== undefined ? run + part.character : "";
    if (run.length > longest.length) longest = run;
  }
  return longest;
}

function refuse(message: string): SqlError {
  return new SqlError("SC2105", message);
}

/** Case folding that keeps one character one character, unlike `toLowerCase` of a whole text. */
function fold(text: string): string {
  let folded = "";
  for (const character of text) folded += foldCharacter(character);
  return folded;
}

function foldCharacter(character: string): string {
  const lower = character.toLowerCase();
  return lower.length === character.length ? lower : character;
}

const isDigit: CharacterTest = (code) => code >= 48 && code <= 57;
const isWord: CharacterTest = (code) =>
  isDigit(code) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
const isSpace: CharacterTest = (code) => (code >= 9 && code <= 13) || code === 32 || code === 160;
const isLineEnd: CharacterTest = (code) => code === 10;

const classes: Readonly<Record<string, CharacterTest>> = {
  d: isDigit,
  D: (code) => !isDigit(code),
  w: isWord,
  W: (code) => !isWord(code),
  s: isSpace,
  S: (code) => !isSpace(code),
};

const controls: Readonly<Record<string, number>> = {
  n: 10,
  r: 13,
  t: 9,
  f: 12,
  v: 11,
  a: 7,
  e: 27,
};

const isAtWordEdge: PlaceTest = (before, after) =>
  (before !== undefined && isWord(before)) !== (after !== undefined && isWord(after));

class PatternParser {
  readonly #characters: readonly string[];
  readonly #ignoresCase: boolean;
  readonly #isMultiline: boolean;
  readonly #dotTakesLineEnd: boolean;
  readonly #ignoresBlanks: boolean;
  #at = 0;
  #nesting = 0;

  constructor(pattern: string, modifiers: string) {
    this.#characters = Array.from(pattern);
    this.#ignoresCase = modifiers.includes("i");
    this.#isMultiline = modifiers.includes("m");
    this.#dotTakesLineEnd = modifiers.includes("s");
    this.#ignoresBlanks = modifiers.includes("x");
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#characters.length)
      throw refuse("The regular expression has a ')' too many.");
    return node;
  }

  #choice(): Node {
    if (++this.#nesting > groupNestingMax) {
      throw refuse(`The regular expression nests deeper than ${groupNestingMax} groups.`);
    }
    const nodes = [this.#sequence()];
    while (this.#take("|")) nodes.push(this.#sequence());
    this.#nesting--;
    const [only] = nodes;
    return nodes.length === 1 && only !== undefined ? only : { kind: "choice", nodes };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    for (;;) {
      const character = this.#peek();
      if (character === undefined || character === "|" || character === ")") {
        return { kind: "sequence", nodes };
      }
      if (this.#ignoresBlanks && /\s/.test(character)) this.#at++;
      else nodes.push(this.#repeated(this.#atom()));
    }
  }

  #repeated(atom: Node): Node {
    let node = atom;
    for (;;) {
      const bounds = this.#quantifier();
      if (bounds === undefined) return node;
      // Lazy and greedy match the same texts, and only that is asked.
      this.#take("?");
      node = { kind: "repeat", node, ...bounds };
    }
  }

  #quantifier(): { readonly min: number; readonly max: number } | undefined {
    if (this.#take("*")) return { min: 0, max: Infinity };
    if (this.#take("+")) return { min: 1, max: Infinity };
    if (this.#take("?")) return { min: 0, max: 1 };
    if (this.#peek() !== "{") return undefined;
    const close = this.#characters.indexOf("}", this.#at);
    const text = close === -1 ? "" : this.#characters.slice(this.#at + 1, close).join("");
    const match = /^(\d{1,4})(,(\d{0,4}))?$/.exec(text);
    if (match === null) return undefined;
    this.#at = close + 1;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === "" ? Infinity : Number(match[3]);
    if (max < min) throw refuse("A repetition of the regular expression has its bounds swapped.");
    return { min, max };
  }

  #atom(): Node {
    const character = this.#peek() ?? "";
    this.#at++;
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return { kind: "take", accepts: this.#set() };
      case ".":
        return {
          kind: "take",
          accepts: this.#dotTakesLineEnd ? () => true : (code) => !isLineEnd(code),
        };
      case "^":
        return this.#isMultiline
          ? { kind: "assert", holds: (before) => before === undefined || isLineEnd(before) }
          : { kind: "assert", holds: (before) => before === undefined };
      case "$":
        return this.#isMultiline
          ? { kind: "assert", holds: (_before, after) => after === undefined || isLineEnd(after) }
          : { kind: "assert", holds: (_before, after) => after === undefined };
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw refuse(`The regular expression has a '${character}' with nothing to repeat.`);
      default:
        return { kind: "take", accepts: this.#literal(character), character };
    }
  }

  #group(): Node {
    if (this.#take("?")) {
      const isNamed =
        this.#peek() === "<" &&
        this.#characters[this.#at + 1] !== "=" &&
        this.#characters[this.#at + 1] !== "!";
      if (isNamed) {
        const close = this.#characters.indexOf(">", this.#at);
        if (close === -1) throw refuse("A group of the regular expression has no end of its name.");
        this.#at = close + 1;
      } else if (!this.#take(":")) {
        throw refuse("Lookaround and inline modifiers of regular expressions are not supported.");
      }
    }
    const node = this.#choice();
    if (!this.#take(")")) throw refuse("A group of the regular expression is not closed.");
    return node;
  }

  #escape(): Node {
    const letter = this.#next();
    switch (letter) {
      case "b":
        return { kind: "assert", holds: isAtWordEdge };
      case "B":
        return { kind: "assert", holds: (before, after) => !isAtWordEdge(before, after) };
      case "A":
        return { kind: "assert", holds: (before) => before === undefined };
      case "z":
      case "Z":
        return { kind: "assert", holds: (_before, after) => after === undefined };
      default:
        return { kind: "take", accepts: this.#escapedCharacter(letter) };
    }
  }

  #escapedCharacter(letter: string): CharacterTest {
    const named = Object.hasOwn(classes, letter) ? classes[letter] : undefined;
    if (named !== undefined) return named;
    return this.#literal(String.fromCodePoint(this.#escapedCode(letter)));
  }

  #escapedCode(letter: string): number {
    const control = Object.hasOwn(controls, letter) ? controls[letter] : undefined;
    if (control !== undefined) return control;
    if (letter === "x" || letter === "u") {
      const length = letter === "x" ? 2 : 4;
      const digits = this.#characters.slice(this.#at, this.#at + length).join("");
      if (digits.length !== length || !/^[0-9a-fA-F]+$/.test(digits)) {
        throw refuse(`'\\${letter}' of a regular expression wants ${length} hexadecimal digits.`);
      }
      this.#at += length;
      return Number.parseInt(digits, 16);
    }
    if (/[0-9a-zA-Z]/.test(letter)) {
      throw refuse(`'\\${letter}' is not supported in a regular expression.`);
    }
    return letter.codePointAt(0) ?? 0;
  }

  #set(): CharacterTest {
    const isNegated = this.#take("^");
    const tests: CharacterTest[] = [];
    let isFirst = true;
    for (;;) {
      const character = this.#next("A set of the regular expression is not closed.");
      if (character === "]" && !isFirst) break;
      isFirst = false;
      const low = this.#setItem(character);
      if (typeof low === "function") {
        tests.push(low);
        continue;
      }
      let high = low;
      const following = this.#characters[this.#at + 1];
      if (this.#peek() === "-" && following !== undefined && following !== "]") {
        this.#at++;
        const end = this.#setItem(this.#next());
        if (typeof end === "function" || end < low) {
          throw refuse("A range of the regular expression has no order.");
        }
        high = end;
      }
      tests.push(this.#range(low, high));
    }
    const isIn: CharacterTest = (code) => tests.some((test) => test(code));
    return isNegated ? (code) => !isIn(code) : isIn;
  }

  #setItem(character: string): number | CharacterTest {
    if (character !== "\\") return character.codePointAt(0) ?? 0;
    const letter = this.#next();
    if (letter === "b") return 8;
    const named = Object.hasOwn(classes, letter) ? classes[letter] : undefined;
    return named ?? this.#escapedCode(letter);
  }

  /** The text is folded when case is ignored, so a character of either case lies in the range or not. */
  #range(low: number, high: number): CharacterTest {
    const isIn: CharacterTest = (code) => code >= low && code <= high;
    if (!this.#ignoresCase) return isIn;
    return (code) => {
      if (isIn(code)) return true;
      const upper = String.fromCodePoint(code).toUpperCase().codePointAt(0);
      return upper !== undefined && isIn(upper);
    };
  }

  #literal(character: string): CharacterTest {
    const code = (this.#ignoresCase ? foldCharacter(character) : character).codePointAt(0);
    return (candidate) => candidate === code;
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #next(otherwise = "The regular expression ends in the middle of an escape."): string {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw refuse(otherwise);
    return character;
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }
}

/** Writes the program of `node` so that each step names the next one. */
function assemble(node: Node): readonly Step[] {
  const program: Step[] = [];
  const emit = (step: Step): number => {
    if (program.length >= programLengthMax) {
      throw refuse("The regular expression is too long once its repetitions are written out.");
    }
    program.push(step);
    return program.length - 1;
  };
  // Written from the end to the beginning: a step can name only those that exist.
  const write = (part: Node, next: number): number => {
    switch (part.kind) {
      case "take":
        return emit({ kind: "take", accepts: part.accepts, next });
      case "assert":
        return emit({ kind: "assert", holds: part.holds, next });
      case "sequence":
        return part.nodes.reduceRight((after, child) => write(child, after), next);
      case "choice":
        return part.nodes
          .map((child) => write(child, next))
          .reduceRight((other, first) => emit({ kind: "split", next: first, other }));
      case "repeat":
        return writeRepeat(part, next);
    }
  };
  const writeRepeat = (part: Extract<Node, { kind: "repeat" }>, next: number): number => {
    let after = next;
    if (part.max === Infinity) {
      const loop: Step = { kind: "split", next, other: next };
      const at = emit(loop);
      loop.other = write(part.node, at);
      after = at;
    } else {
      for (let count = part.min; count < part.max; count++) {
        after = emit({ kind: "split", next: write(part.node, after), other: next });
      }
    }
    for (let count = 0; count < part.min; count++) after = write(part.node, after);
    return after;
  };
  const match = emit({ kind: "match" });
  const start = write(node, match);
  // `run` begins at the last step.
  emit({ kind: "split", next: start, other: start });
  return program;
}

function run(program: readonly Step[], text: string): boolean {
  const start = program.length - 1;
  const seenAt = new Int32Array(program.length).fill(-1);
  let places: number[] = [];
  let before: number | undefined;
  let at = 0;
  for (let step = 0; ; step++) {
    const after = text.codePointAt(at);
    // The places reached without taking a character, the start among them: a match may begin anywhere.
    const pending = [...places, start];
    const takers: number[] = [];
    for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
      if (seenAt[place] === step) continue;
      seenAt[place] = step;
      const current = program[place];
      if (current === undefined) continue;
      if (current.kind === "match") return true;
      if (current.kind === "take") takers.push(place);
      else if (current.kind === "split") pending.push(current.next, current.other);
      else if (current.holds(before, after)) pending.push(current.next);
    }
    if (after === undefined) return false;
    places = [];
    for (const place of takers) {
      const current = program[place];
      if (current?.kind === "take" && current.accepts(after)) places.push(current.next);
    }
    before = after;
    at += after > 0xffff ? 2 : 1;
  }
}
