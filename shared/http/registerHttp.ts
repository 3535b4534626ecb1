import { app, type HttpHandler, type HttpMethod } from "@azure/functions";
import { Problem } from "../problem/problem.ts";
import type { DataAction } from "../tenancy/tenantScope.ts";
import {
  handle,
  handleAnonymously,
  handlePublicly,
  type HandlerSurroundings,
  type Transaction,
} from "./handle.ts";
import type { Answer } from "./answer.ts";
import type { DicomwebRequest } from "./dicomwebRequest.ts";

// Every file of functions/ imports this one, so that it comes before the first registration.
app.setup({ enableHttpStream: true });

/** One registered route: a function of that name answers the method at all paths of the template. */
export interface Route {
  readonly name: string;
  readonly method: HttpMethod;
  /** As the Functions host reads it: literals, and parameters in braces. */
  readonly template: string;
}

/** A route as it has been registered: what callers have to know of it. */
export interface PublishedRoute extends Route {
  /** The data action that it takes; absent where anybody may ask. */
  readonly permission: DataAction | undefined;
  /** Whether it is also there under the path of a data partition. */
  readonly isPartitioned: boolean;
}

/** A route with what answers it. */
interface RegisteredRoute extends PublishedRoute {
  readonly handler: HttpHandler;
}

// What has been registered so far: what the rest answers depends on it.
const routes: RegisteredRoute[] = [];

const allMethods: HttpMethod[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/**
 * Registers a transaction at `v{version}/{template}`; and, unless it is about the whole tenant, also under the path of a
 * data partition, `v{version}/partitions/{partition}/{template}`, where {@link registerPartitioned} leads to it.
 */
export function registerTransaction(
  route: Route,
  surroundings: () => HandlerSurroundings,
  transaction: Transaction,
): void {
  register({
    ...route,
    template: `v{version}/${route.template}`,
    handler: handle(route.name, surroundings, transaction),
    permission: transaction.permission,
    isPartitioned: transaction.partitionUse !== "none",
  });
}

/** Registers what anybody may ask of a version of the service, at `v{version}/{template}`; at its root when that is empty. */
export function registerPublic(
  route: Route,
  surroundings: () => HandlerSurroundings,
  run: (request: DicomwebRequest) => Promise<Answer>,
): void {
  register({
    ...route,
    template: route.template === "" ? "v{version}" : `v{version}/${route.template}`,
    handler: handlePublicly(surroundings, run),
    permission: undefined,
    isPartitioned: false,
  });
}

/** Registers what anybody may ask, at `template`. */
export function registerAnonymous(
  route: Route,
  surroundings: () => HandlerSurroundings,
  run: () => Promise<Answer>,
): void {
  const handler = handleAnonymously(surroundings, run);
  register({ ...route, handler, permission: undefined, isPartitioned: false });
}

/** All that has been registered so far: when a request is answered, every route there is. */
export function publishedRoutes(): readonly PublishedRoute[] {
  return routes;
}

function register(route: RegisteredRoute): void {
  const { handler } = route;
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
 * Registers the one function under which all transactions are found once more, at the path of a data partition.
 *
 * The host cannot make literal segments of a route optional, and a second function for each would double what it loads.
 * What is answered is what the transaction's own function answers; its name is the one on record.
 */
export function registerPartitioned(name: string, surroundings: () => HandlerSurroundings): void {
  const rest = handleRest(surroundings);
  app.http(name, {
    methods: allMethods,
    authLevel: "anonymous",
    route: "v{version}/partitions/{partition}/{*path}",
    handler: async (request, context) => {
      const target = surroundings().exchanges.of(context.invocationId)?.request.url;
      const path = (target ?? new URL(request.url).pathname).split("?", 1)[0] ?? "/";
      const method = request.method.toUpperCase();
      // As the host chooses: the first by name.
      const [route] = routesAt(path)
        .filter((candidate) => candidate.method === method)
        .toSorted((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
      return await (route?.handler ?? rest)(request, context);
    },
  });
}

/**
 * Registers the function that answers what no route does, because the host would say no more than 404.
 *
 * The host takes the first match in the alphabetical order of function names; `name` has to be the last of them. The
 * service's root is no path that a route can have, so what `OPTIONS /` tells of it (PS3.18 §8.9) comes from here too.
 */
export function registerRest(
  name: string,
  surroundings: () => HandlerSurroundings,
  describeRoot: () => Answer,
): void {
  app.http(name, {
    methods: allMethods,
    authLevel: "anonymous",
    route: "{*path}",
    handler: handleRest(surroundings, describeRoot),
  });
}

function handleRest(
  surroundings: () => HandlerSurroundings,
  describeRoot?: () => Answer,
): HttpHandler {
  return handleAnonymously(surroundings, async (method, path) => {
    if (method === "OPTIONS" && path === "/" && describeRoot !== undefined) {
      return await Promise.resolve(describeRoot());
    }
    const allow = [...new Set(routesAt(path).map((route) => route.method))];
    if (allow.length > 0) {
      if (method === "OPTIONS") {
        return await Promise.resolve({ status: 204, headers: { Allow: allow.join(", ") } });
      }
      throw new Problem("methodNotAllowed", `The resource does not have the method ${method}.`, {
        allow,
      });
    }
    throw new Problem("notFound", "There is no such resource.");
  });
}

/** The routes that a path matches, whatever their method. */
function routesAt(path: string): RegisteredRoute[] {
  const [, version, inside] = /^(\/v[^/]+)\/partitions\/[^/]+(\/.+)$/i.exec(path) ?? [];
  return version === undefined || inside === undefined
    ? routes.filter(({ template }) => templateMatches(template, path))
    : routes.filter(
        ({ template, isPartitioned }) =>
          isPartitioned && templateMatches(template, `${version}${inside}`),
      );
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
