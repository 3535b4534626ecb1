import { app, type HttpMethod } from "@azure/functions";
import { Problem } from "../problem/problem.ts";
import { handle, handleAnonymously, type HandlerSurroundings, type Transaction } from "./handle.ts";
import type { Answer } from "./answer.ts";

// Every file of functions/ imports this one, so that it comes before the first registration.
app.setup({ enableHttpStream: true });

/** One registered route: a function of that name answers the method at all paths of the template. */
export interface Route {
  readonly name: string;
  readonly method: HttpMethod;
  /** As the Functions host reads it: literals, and parameters in braces. */
  readonly template: string;
}

// What has been registered so far: what the rest answers depends on it.
const routes: Route[] = [];

/** Registers a transaction at `v{version}/{template}`. */
export function registerTransaction(
  route: Route,
  surroundings: () => HandlerSurroundings,
  transaction: Transaction,
): void {
  register(
    { ...route, template: `v{version}/${route.template}` },
    handle(surroundings, transaction),
  );
}

/** Registers what anybody may ask, at `template`. */
export function registerAnonymous(
  route: Route,
  surroundings: () => HandlerSurroundings,
  run: () => Promise<Answer>,
): void {
  register(route, handleAnonymously(surroundings, run));
}

function register(route: Route, handler: ReturnType<typeof handle>): void {
  routes.push(route);
  app.http(route.name, {
    methods: [route.method],
    // The handler checks the bearer token; a function key would be a second, weaker door.
    authLevel: "anonymous",
    route: route.template,
    handler,
  });
}

/**
 * Registers the function that answers what no route does, because the host would say no more than 404.
 *
 * The host takes the first match in the alphabetical order of function names; `name` has to be the last of them.
 */
export function registerRest(name: string, surroundings: () => HandlerSurroundings): void {
  app.http(name, {
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    authLevel: "anonymous",
    route: "{*path}",
    handler: handleAnonymously(surroundings, async (method, path) => {
      const allow = routes
        .filter(({ template }) => templateMatches(template, path))
        .map((route) => route.method);
      if (allow.length > 0) {
        if (method === "OPTIONS") {
          return await Promise.resolve({ status: 204, headers: { Allow: allow.join(", ") } });
        }
        throw new Problem("methodNotAllowed", `The resource does not have the method ${method}.`, {
          allow,
        });
      }
      if (/^\/v[^/]+\/partitions(?:\/|$)/i.test(path)) {
        throw new Problem("malformed", "The service has no data partitions.");
      }
      throw new Problem("notFound", "There is no such resource.");
    }),
  });
}

function templateMatches(template: string, path: string): boolean {
  const parts = template.split("/").map((segment) => {
    if (segment.startsWith("{*")) {
      return ".+";
    }
    return segment.startsWith("{") ? "[^/]+" : segment.replace("{version}", "[^/]+");
  });
  return new RegExp(`^/${parts.join("/")}/?$`, "i").test(path);
}
