import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { HostConfiguration } from "./hostConfiguration.ts";
import type { LoadedApp } from "./loadApp.ts";
import type { HttpRoute } from "./routeTable.ts";
import type { RouteValues } from "./routeTemplate.ts";
import type { Log, TypedData } from "./workerContract.ts";

/** What running a request needs besides the request. */
export interface RunOptions {
  readonly app: LoadedApp;
  readonly configuration: HostConfiguration;
  /** Reproduces how the real host lets a caller stand in for platform headers. */
  readonly hasQuirks: boolean;
  /** Leaves a streaming request without an answer where Azure would. */
  readonly isStrict: boolean;
  readonly log: Log;
}

/** One request that has found its function. */
export interface RoutedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: HttpRoute;
  readonly values: RouteValues;
  readonly invocationId: string;
  /** Of the wire, lower-case names, repeated ones joined. */
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly url: URL;
}

/** A W3C trace context for an invocation: the caller's, or a new one. */
export function traceParentOf(headers: Readonly<Record<string, string>>): string {
  const given = headers["traceparent"];
  if (given !== undefined && /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/u.test(given)) {
    return given;
  }
  return `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-00`;
}

/**
 * The trigger metadata of a request in the real host's order: query values first, then route values over them, where a
 * key keeps the casing in which it was written first; `Query` and `Headers` last.
 *
 * The real host leaves `Query` and `Headers` out when the caller's query holds such keys. That is a door for forged
 * headers, so it is reproduced with `hasQuirks` only.
 */
export function triggerMetadataOf(
  routed: RoutedRequest,
  hasQuirks: boolean,
): Record<string, TypedData> {
  const names = new Map<string, string>();
  const metadata: Record<string, TypedData> = Object.create(null) as Record<string, TypedData>;
  const put = (key: string, value: TypedData): void => {
    const name = names.get(key.toLowerCase()) ?? key;
    names.set(key.toLowerCase(), name);
    metadata[name] = value;
  };
  for (const [key, value] of Object.entries(routed.query)) {
    put(key, { string: value });
  }
  for (const [key, value] of Object.entries(routed.values)) {
    put(key, { string: value });
  }
  for (const [key, map] of [
    ["Query", routed.query],
    ["Headers", routed.headers],
  ] as const) {
    const known = names.get(key.toLowerCase());
    if (known !== undefined && hasQuirks) {
      continue;
    }
    if (known !== undefined) {
      delete metadata[known];
    }
    metadata[key] = { json: JSON.stringify(map) };
  }
  return { ...metadata };
}
