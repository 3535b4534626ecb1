import { HostError } from "./hostError.ts";
import type { LoadedFunction } from "./loadApp.ts";
import {
  matchRoute,
  matchSegment,
  parseRouteTemplate,
  splitPath,
  type RouteTemplate,
  type RouteValues,
  type SegmentPart,
} from "./routeTemplate.ts";

/** One HTTP function with its route. */
export interface HttpRoute {
  readonly target: LoadedFunction;
  readonly methods: readonly string[];
  readonly template: RouteTemplate;
}

/** The routes of an app in the order in which they are tried. */
export interface RouteTable {
  readonly routes: readonly HttpRoute[];
  /** Functions that the host refuses, with the reason. */
  readonly refused: readonly { readonly target: LoadedFunction; readonly reason: string }[];
  /** One sentence for each pair of routes of which the first may take what was meant for the second, unless the first is
   * plainly a special case of the second. */
  readonly warnings: readonly string[];
}

/** An HTTP function as it was registered. */
export interface HttpFunction {
  readonly target: LoadedFunction;
  readonly methods: readonly string[];
  /** Without the prefix; the function's name when it was registered without a route. */
  readonly route: string;
}

/**
 * Orders and checks the routes as the Functions host does: alphabetically by function name, ignoring case, and the
 * first that fits wins, whatever its shape.
 *
 * Refused are routes that begin with `admin` or `runtime`, templates that do not parse, and a route that an earlier
 * function has for one of the same methods.
 */
export function buildRouteTable(
  functions: readonly HttpFunction[],
  routePrefix: string,
): RouteTable {
  const routes: HttpRoute[] = [];
  const refused: { target: LoadedFunction; reason: string }[] = [];
  const ordered = functions.toSorted((a, b) =>
    compareNames(a.target.metadata.name, b.target.metadata.name),
  );
  for (const { target, methods, route } of ordered) {
    const bare = route.replace(/^\/+|\/+$/gu, "");
    if (/^(?:admin|runtime)/iu.test(bare)) {
      refused.push({
        target,
        reason: `The route "${route}" conflicts with one that the host uses.`,
      });
      continue;
    }
    const full = [routePrefix.replace(/^\/+|\/+$/gu, ""), bare]
      .filter((part) => part !== "")
      .join("/");
    try {
      const template = parseRouteTemplate(full);
      const rival = routes.find(
        (other) =>
          other.template.text.toLowerCase() === template.text.toLowerCase() &&
          sharedMethods(other.methods, methods).length > 0,
      );
      if (rival !== undefined) {
        refused.push({
          target,
          reason: `The route "${route}" conflicts with the route of the function ${rival.target.metadata.name}.`,
        });
        continue;
      }
      routes.push({ target, methods: methods.map((method) => method.toUpperCase()), template });
    } catch (error) {
      if (!(error instanceof HostError)) {
        throw error;
      }
      refused.push({ target, reason: error.message });
    }
  }
  return { routes, refused, warnings: findShadows(routes) };
}

/** The first route that fits method and path, with its values. A path that fits with another method only is no match. */
export function findRoute(
  table: RouteTable,
  method: string,
  decodedPath: string,
): { readonly route: HttpRoute; readonly values: RouteValues } | undefined {
  const path = splitPath(decodedPath);
  const hasTrailingSlash = decodedPath.endsWith("/");
  const wanted = method.toUpperCase();
  for (const route of table.routes) {
    if (route.methods.includes(wanted)) {
      const values = matchRoute(route.template, path, hasTrailingSlash);
      if (values !== undefined) {
        return { route, values };
      }
    }
  }
  return undefined;
}

/** Orders function names as the host does: by UTF-16 code unit of the upper-case form. */
export function compareNames(a: string, b: string): number {
  const left = a.toUpperCase();
  const right = b.toUpperCase();
  return left < right ? -1 : left > right ? 1 : 0;
}

function sharedMethods(a: readonly string[], b: readonly string[]): string[] {
  const other = new Set(b.map((method) => method.toUpperCase()));
  return a.map((method) => method.toUpperCase()).filter((method) => other.has(method));
}

function findShadows(routes: readonly HttpRoute[]): string[] {
  const warnings: string[] = [];
  for (const [index, first] of routes.entries()) {
    for (const second of routes.slice(index + 1)) {
      const methods = sharedMethods(first.methods, second.methods);
      // The usual order, a special case before the general one, is no surprise.
      const isSpecialCase =
        covers(second.template, first.template) && !covers(first.template, second.template);
      if (methods.length > 0 && !isSpecialCase && canOverlap(first.template, second.template)) {
        warnings.push(
          `${first.target.metadata.name} (${first.template.text}) comes before ` +
            `${second.target.metadata.name} (${second.template.text}) and may take its ${methods.join(", ")} requests.`,
        );
      }
    }
  }
  return warnings;
}

/** Whether each path that fits `special` surely fits `general`. Constraints count as if they were never met. */
function covers(general: RouteTemplate, special: RouteTemplate): boolean {
  for (const [index, segment] of general.segments.entries()) {
    const only = segment.length === 1 ? segment[0] : undefined;
    const other = special.segments[index];
    if (only?.kind === "parameter" && only.parameter.constraints.length === 0) {
      if (only.parameter.isCatchAll) {
        return true;
      }
      if (other === undefined ? !isOmissible(segment) : isCatchAll(other)) {
        return false;
      }
      if (isOmissible(other) && !isOmissible(segment)) {
        return false;
      }
      continue;
    }
    const text = literalOf(segment);
    const otherText = other === undefined ? undefined : literalOf(other);
    const isSame =
      text === undefined
        ? other !== undefined && patternText(segment) === patternText(other)
        : text.toLowerCase() === otherText?.toLowerCase();
    if (!isSame) {
      return false;
    }
  }
  return special.segments.length <= general.segments.length;
}

/** A mixed segment with its parameters made anonymous; equal texts fit the same segments. */
function patternText(segment: readonly SegmentPart[]): string {
  return segment
    .map((part) =>
      part.kind === "literal"
        ? part.text.toLowerCase()
        : `{${part.parameter.constraints.map(({ text }) => text).join(":")}}`,
    )
    .join("");
}

/** Whether some path may fit both templates. Constraints are tried on literals only, so this may say yes too often. */
function canOverlap(a: RouteTemplate, b: RouteTemplate): boolean {
  const length = Math.max(a.segments.length, b.segments.length);
  for (let index = 0; index < length; index++) {
    const left = a.segments[index];
    const right = b.segments[index];
    if (isCatchAll(left) || isCatchAll(right)) {
      return true;
    }
    if (left === undefined || right === undefined) {
      return isOmissible(left ?? right) || isCatchAll(left ?? right);
    }
    if (!canSegmentsOverlap(left, right)) {
      return false;
    }
  }
  return true;
}

function canSegmentsOverlap(a: readonly SegmentPart[], b: readonly SegmentPart[]): boolean {
  const leftText = literalOf(a);
  const rightText = literalOf(b);
  if (leftText !== undefined) {
    return rightText === undefined
      ? matchSegment(b, leftText, {})
      : leftText.toLowerCase() === rightText.toLowerCase();
  }
  if (rightText !== undefined) {
    return matchSegment(a, rightText, {});
  }
  // Two patterns: their fixed beginnings and their fixed ends decide.
  return (
    agree(edge(a[0]), edge(b[0]), (x, y) => x.startsWith(y)) &&
    agree(edge(a.at(-1)), edge(b.at(-1)), (x, y) => x.endsWith(y))
  );
}

function agree(a: string, b: string, test: (longer: string, shorter: string) => boolean): boolean {
  return a.length >= b.length ? test(a, b) : test(b, a);
}

function edge(part: SegmentPart | undefined): string {
  return part?.kind === "literal" ? part.text.toLowerCase() : "";
}

function literalOf(segment: readonly SegmentPart[]): string | undefined {
  const only = segment[0];
  return segment.length === 1 && only?.kind === "literal" ? only.text : undefined;
}

function isCatchAll(segment: readonly SegmentPart[] | undefined): boolean {
  const only = segment?.[0];
  return only?.kind === "parameter" && only.parameter.isCatchAll;
}

function isOmissible(segment: readonly SegmentPart[] | undefined): boolean {
  const only = segment?.[0];
  return (
    segment?.length === 1 &&
    only?.kind === "parameter" &&
    (only.parameter.isOptional || only.parameter.defaultValue !== undefined)
  );
}
