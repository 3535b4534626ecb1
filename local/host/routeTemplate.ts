import { HostError } from "./hostError.ts";
import { parseConstraint, type RouteConstraint } from "./routeConstraint.ts";

/** A stretch of a segment: text that must be there, or a parameter. */
export type SegmentPart =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "parameter"; readonly parameter: RouteParameter };

/** A parameter of a template. */
export interface RouteParameter {
  readonly name: string;
  readonly isOptional: boolean;
  readonly isCatchAll: boolean;
  readonly defaultValue: string | undefined;
  readonly constraints: readonly RouteConstraint[];
}

/** A parsed route template in the syntax of ASP.NET Core. */
export interface RouteTemplate {
  readonly text: string;
  readonly segments: readonly (readonly SegmentPart[])[];
}

/** The values of a matched route; a name keeps the casing of the template. */
export type RouteValues = Readonly<Record<string, string>>;

/**
 * Parses a route template: literals, `{name}`, `{name?}`, `{name=default}`, `{*rest}`, `{**rest}`, segments that mix
 * text and parameters, and chains of inline constraints. Doubled braces stand for a brace.
 *
 * Throws `HostError` for what ASP.NET Core refuses: a catch-all or an optional parameter that is not last, two
 * parameters without text between them, a name used twice, an unknown constraint.
 */
export function parseRouteTemplate(text: string): RouteTemplate {
  const trimmed = text.replace(/^\//u, "").replace(/\/$/u, "");
  const segments =
    trimmed === "" ? [] : splitSegments(trimmed, text).map((s) => parseSegment(s, text));
  const names = new Set<string>();
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    for (const [position, part] of segment.entries()) {
      if (part.kind === "literal") {
        continue;
      }
      const { name, isCatchAll, isOptional } = part.parameter;
      if (names.has(name.toLowerCase())) {
        throw new HostError(`The route "${text}" names the parameter "${name}" twice.`);
      }
      names.add(name.toLowerCase());
      if (isCatchAll && (!isLast || segment.length > 1)) {
        throw new HostError(`The route "${text}" has a catch-all that is not its last segment.`);
      }
      if (isOptional && (!isLast || position < segment.length - 1)) {
        throw new HostError(`The route "${text}" has an optional parameter that is not last.`);
      }
      if (isOptional && segment.length > 1 && !isAfterDot(segment, position)) {
        throw new HostError(
          `The route "${text}" has an optional parameter that follows no period.`,
        );
      }
      if (position > 0 && segment[position - 1]?.kind === "parameter") {
        throw new HostError(`The route "${text}" has two parameters with no text between them.`);
      }
    }
  }
  return { text: trimmed, segments };
}

/**
 * Matches the segments of a decoded path, or answers undefined.
 *
 * Literals ignore case; a parameter needs at least one character; a catch-all takes the rest, slashes included. Mixed
 * segments are matched from the right, each parameter taking all that is left of the text after it, without going back.
 */
export function matchRoute(
  template: RouteTemplate,
  path: readonly string[],
  hasTrailingSlash = false,
): RouteValues | undefined {
  const values: Record<string, string> = {};
  for (const [index, segment] of template.segments.entries()) {
    const first = segment[0];
    const only = segment.length === 1 && first?.kind === "parameter" ? first.parameter : undefined;
    if (only?.isCatchAll === true) {
      const joined = path.slice(index).join("/");
      const rest = joined !== "" && hasTrailingSlash ? `${joined}/` : joined;
      const value = rest === "" ? only.defaultValue : rest;
      return value === undefined ? values : accept(values, only, value);
    }
    const actual = path[index];
    if (actual === undefined) {
      if (only === undefined || !(only.isOptional || only.defaultValue !== undefined)) {
        return undefined;
      }
      if (
        only.defaultValue !== undefined &&
        accept(values, only, only.defaultValue) === undefined
      ) {
        return undefined;
      }
      continue;
    }
    if (actual === "") {
      return undefined;
    }
    if (only !== undefined) {
      if (accept(values, only, actual) === undefined) {
        return undefined;
      }
    } else if (!matchSegment(segment, actual, values)) {
      return undefined;
    }
  }
  return path.length > template.segments.length ? undefined : values;
}

/** Cuts a decoded path into segments; one trailing slash does not count. */
export function splitPath(decodedPath: string): string[] {
  const inner = decodedPath.replace(/^\//u, "").replace(/\/$/u, "");
  return inner === "" && !decodedPath.startsWith("//") ? [] : inner.split("/");
}

/** Matches one segment that mixes text and parameters; adds the parameters to `values`. */
export function matchSegment(
  segment: readonly SegmentPart[],
  actual: string,
  values: Record<string, string>,
): boolean {
  const last = segment.at(-1);
  if (last?.kind === "parameter" && last.parameter.isOptional && segment.length > 1) {
    // `{name}.{extension?}`: the whole when it fits, else without the period and what follows it.
    const found: Record<string, string> = {};
    if (matchParts(segment, actual, found)) {
      Object.assign(values, found);
      return true;
    }
    return !actual.endsWith(".") && matchParts(segment.slice(0, -2), actual, values);
  }
  return matchParts(segment, actual, values);
}

function matchParts(
  parts: readonly SegmentPart[],
  actual: string,
  values: Record<string, string>,
): boolean {
  const folded = actual.toLowerCase();
  let end = actual.length;
  let pending: RouteParameter | undefined;
  for (const part of parts.toReversed()) {
    if (part.kind === "parameter") {
      pending = part.parameter;
      continue;
    }
    const text = part.text.toLowerCase();
    // A parameter to the right must keep at least one character.
    const latest = end - text.length - (pending === undefined ? 0 : 1);
    const start = latest < 0 ? -1 : folded.lastIndexOf(text, latest);
    if (start === -1 || (pending === undefined && start + text.length !== end)) {
      return false;
    }
    if (pending !== undefined) {
      const value = actual.slice(start + text.length, end);
      if (accept(values, pending, value) === undefined) {
        return false;
      }
      pending = undefined;
    }
    end = start;
  }
  if (pending !== undefined) {
    return end > 0 && accept(values, pending, actual.slice(0, end)) !== undefined;
  }
  return end === 0;
}

function accept(
  values: Record<string, string>,
  parameter: RouteParameter,
  value: string,
): Record<string, string> | undefined {
  if (!parameter.constraints.every((constraint) => constraint.accepts(value))) {
    return undefined;
  }
  values[parameter.name] = value;
  return values;
}

function isAfterDot(segment: readonly SegmentPart[], position: number): boolean {
  const before = segment[position - 1];
  return before?.kind === "literal" && before.text === ".";
}

/** Cuts at the slashes that are not inside braces: a regex constraint may contain one. */
function splitSegments(trimmed: string, whole: string): string[] {
  const segments: string[] = [];
  let start = 0;
  let depth = 0;
  for (let at = 0; at < trimmed.length; at++) {
    const c = trimmed[at];
    if ((c === "{" || c === "}") && trimmed[at + 1] === c) {
      at++;
    } else if (c === "{") {
      depth++;
    } else if (c === "}") {
      depth--;
    } else if (c === "/" && depth === 0) {
      segments.push(trimmed.slice(start, at));
      start = at + 1;
    }
    if (depth < 0 || depth > 1) {
      throw new HostError(`The route "${whole}" has braces that do not pair.`);
    }
  }
  segments.push(trimmed.slice(start));
  if (depth !== 0) {
    throw new HostError(`The route "${whole}" has braces that do not pair.`);
  }
  if (segments.includes("")) {
    throw new HostError(`The route "${whole}" has an empty segment.`);
  }
  return segments;
}

function parseSegment(segment: string, whole: string): SegmentPart[] {
  const parts: SegmentPart[] = [];
  let literal = "";
  let at = 0;
  const flush = (): void => {
    if (literal !== "") {
      parts.push({ kind: "literal", text: literal });
      literal = "";
    }
  };
  while (at < segment.length) {
    const c = segment[at] ?? "";
    if ((c === "{" || c === "}") && segment[at + 1] === c) {
      literal += c;
      at += 2;
    } else if (c === "{") {
      flush();
      let inner = "";
      at++;
      while (at < segment.length && (segment[at] !== "}" || segment[at + 1] === "}")) {
        const isDoubled =
          (segment[at] === "{" || segment[at] === "}") && segment[at + 1] === segment[at];
        inner += segment[at] ?? "";
        at += isDoubled ? 2 : 1;
      }
      at++;
      parts.push({ kind: "parameter", parameter: parseParameter(inner, whole) });
    } else {
      literal += c;
      at++;
    }
  }
  flush();
  return parts;
}

function parseParameter(inner: string, whole: string): RouteParameter {
  const isCatchAll = inner.startsWith("*");
  let rest = inner.replace(/^\*{1,2}/u, "");
  const isOptional = rest.endsWith("?");
  rest = isOptional ? rest.slice(0, -1) : rest;
  const name = /^[^:=?*/{}]+/u.exec(rest)?.[0] ?? "";
  if (name === "") {
    throw new HostError(`The route "${whole}" has a parameter without a name.`);
  }
  rest = rest.slice(name.length);
  const constraints: RouteConstraint[] = [];
  while (rest.startsWith(":")) {
    const end = endOfConstraint(rest);
    constraints.push(parseConstraint(rest.slice(1, end), whole));
    rest = rest.slice(end);
  }
  const defaultValue = rest.startsWith("=") ? rest.slice(1) : undefined;
  if (defaultValue !== undefined && isOptional) {
    throw new HostError(`The route "${whole}" gives an optional parameter a default value.`);
  }
  return { name, isOptional, isCatchAll, defaultValue, constraints };
}

/** The end of the constraint that begins with the colon at 0; its argument may hold colons and parentheses. */
function endOfConstraint(text: string): number {
  let depth = 0;
  for (let at = 1; at < text.length; at++) {
    const c = text[at];
    if (c === "\\") {
      at++;
    } else if (c === "(") {
      depth++;
    } else if (c === ")") {
      depth--;
    } else if (depth === 0 && (c === ":" || c === "=")) {
      return at;
    }
  }
  return text.length;
}
