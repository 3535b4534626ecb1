import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerAdminRequest, type AdminState } from "./adminApi.ts";
import { runBufferedRequest } from "./bufferedRequest.ts";
import { describeError } from "./describeError.ts";
import type { HostConfiguration } from "./hostConfiguration.ts";
import { HostError } from "./hostError.ts";
import { refuse } from "./refuse.ts";
import { RequestRelay } from "./requestRelay.ts";
import type { RoutedRequest, RunOptions } from "./routedRequest.ts";
import { findRoute, type RouteTable } from "./routeTable.ts";

/** How the HTTP side of the host is put together. */
export interface HttpListenerOptions extends RunOptions {
  readonly table: RouteTable;
  readonly port: number;
  readonly admin: AdminState;
}

/** A listening HTTP server of the host. */
export interface HttpListener {
  readonly port: number;
  /** Takes no more requests, waits for the running ones for at most `drainMs`, then cuts the rest. */
  close(drainMs: number): Promise<void>;
}

// Kestrel's limits: a request line of 8 KiB, 32 KiB of headers in 100 fields, 30 s to send them.
const requestLineBytesMax = 8 * 1024;
const headerBytesMax = 32 * 1024;
const headerFieldsMax = 100;
const headersTimeoutMs = 30_000;
const keepAliveTimeoutMs = 130_000;
/** How long a caller may go on sending a body that nobody reads any more. */
const unreadBodyMs = 5_000;

/**
 * Listens on 127.0.0.1 and answers as the Functions host does: first fitting route by function name, 404 with an empty
 * body for everything else, also for a method that the function does not name.
 *
 * Rejects with `HostError` when the port is taken.
 */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const { configuration, app, log } = options;
  const relay =
    app.httpPort === undefined
      ? undefined
      : new RequestRelay({ ...options, upstreamPort: app.httpPort });
  let running = 0;
  let isClosing = false;
  let whenIdle: (() => void) | undefined;

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    applyCustomHeaders(response, configuration.customHeaders);
    if (
      Buffer.byteLength(request.url ?? "", "latin1") + (request.method?.length ?? 0) >
      requestLineBytesMax
    ) {
      refuse(response, 414);
      return;
    }
    if (request.rawHeaders.length / 2 > headerFieldsMax || headerBytes(request) > headerBytesMax) {
      refuse(response, 431);
      return;
    }
    const url = requestUrl(request);
    if (url === undefined) {
      refuse(response, 400);
      return;
    }
    const path = decodePath(url.pathname);
    if (isAdminPath(path)) {
      await answerAdminRequest(options.admin, request, response, path);
      return;
    }
    if (answerCors(request, response, configuration.cors)) {
      return;
    }
    const match = findRoute(options.table, request.method ?? "GET", path);
    if (match === undefined) {
      if (path === "/" && (request.method === "GET" || request.method === "HEAD")) {
        answerHomepage(response, configuration.isHomepageDisabled);
      } else {
        refuse(response, 404);
      }
      return;
    }
    if (
      running > configuration.maxConcurrentRequests ||
      running > configuration.maxOutstandingRequests
    ) {
      response.setHeader("X-FUNCTION-SCALEOUT", "1");
      refuse(response, 429);
      return;
    }
    if (Number(request.headers["content-length"] ?? 0) > configuration.bodyBytesMax) {
      refuse(response, 413);
      return;
    }
    if (request.headers.expect?.toLowerCase() === "100-continue") {
      response.writeContinue();
    }
    const routed: RoutedRequest = {
      request,
      response,
      route: match.route,
      values: match.values,
      invocationId: randomUUID(),
      headers: joinHeaders(request),
      query: joinQuery(url),
      url,
    };
    await (relay === undefined ? runBufferedRequest(routed, options) : relay.run(routed));
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    running++;
    response.once("close", () => {
      running--;
      if (running === 0) {
        whenIdle?.();
      }
    });
    // A caller that goes on sending after its answer is heard out for a while, so that it can read the answer.
    response.once("finish", () => {
      if (!request.complete) {
        request.resume();
        const timer = setTimeout(() => request.socket.destroy(), unreadBodyMs);
        timer.unref();
        request.once("close", () => {
          clearTimeout(timer);
        });
      }
    });
    request.on("error", () => {
      // The caller left; the response's close event tells everybody who has to know.
    });
    if (isClosing) {
      response.setHeader("connection", "close");
    }
    handle(request, response).catch((error: unknown) => {
      log("error", "host", `A request could not be handled: ${describeError(error)}`);
      if (response.headersSent) {
        response.destroy();
      } else {
        refuse(response, 500);
      }
    });
  };

  const server = createServer({ maxHeaderSize: headerBytesMax + requestLineBytesMax }, onRequest);
  server.on("checkContinue", onRequest);
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (socket.writable) {
      const status =
        error.code === "HPE_HEADER_OVERFLOW"
          ? "431 Request Header Fields Too Large"
          : "400 Bad Request";
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    } else {
      socket.destroy();
    }
  });
  server.headersTimeout = headersTimeoutMs;
  server.requestTimeout = 0;
  server.keepAliveTimeout = keepAliveTimeoutMs;
  server.maxHeadersCount = 0;
  await listen(server, options.port);

  return {
    port: (server.address() as AddressInfo).port,
    close: async (drainMs: number): Promise<void> => {
      isClosing = true;
      const closed = new Promise<void>((done) => {
        server.close(() => {
          done();
        });
      });
      server.closeIdleConnections();
      if (running > 0) {
        await new Promise<void>((done) => {
          whenIdle = done;
          setTimeout(done, drainMs).unref();
        });
      }
      server.closeAllConnections();
      relay?.close();
      await closed;
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((done, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === "EADDRINUSE"
          ? `Port ${String(port)} is already in use.`
          : `The host cannot listen on port ${String(port)}: ${error.message}.`;
      fail(new HostError(reason, { cause: error }));
    });
    server.listen(port, "127.0.0.1", done);
  });
}

function requestUrl(request: IncomingMessage): URL | undefined {
  const target = request.url ?? "/";
  const host = request.headers.host ?? "127.0.0.1";
  // An absolute target names the host itself; anything else must begin with a slash, also "*" of OPTIONS.
  const text = target.startsWith("/") ? `http://${host}${target}` : target;
  return URL.canParse(text) && /^https?:/iu.test(text) ? new URL(text) : undefined;
}

/** Decodes a path once, as Kestrel does: all but `%2F`, and text that is not UTF-8 stays encoded. */
function decodePath(pathname: string): string {
  return pathname
    .split(/(%2f)/iu)
    .map((piece, index) => (index % 2 === 1 ? piece : decodeLeniently(piece)))
    .join("");
}

function decodeLeniently(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replaceAll(/(?:%[\da-f]{2})+/giu, (run) => {
      try {
        return decodeURIComponent(run);
      } catch {
        return run;
      }
    });
  }
}

function isAdminPath(path: string): boolean {
  return /^\/(?:admin|runtime)(?:\/|$)/iu.test(path);
}

function joinHeaders(request: IncomingMessage): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, values] of Object.entries(request.headersDistinct)) {
    joined[name] = (values ?? []).join(name === "cookie" ? "; " : ",");
  }
  return joined;
}

function joinQuery(url: URL): Record<string, string> {
  const joined = new Map<string, string>();
  for (const [key, value] of url.searchParams) {
    const before = joined.get(key);
    joined.set(key, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(joined);
}

function headerBytes(request: IncomingMessage): number {
  // Each field also has a colon, a space and a line end.
  return request.rawHeaders.reduce((sum, text) => sum + text.length, request.rawHeaders.length * 2);
}

function applyCustomHeaders(
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
): void {
  for (const [name, value] of Object.entries(headers)) {
    response.setHeader(name, value);
  }
}

function answerHomepage(response: ServerResponse, isDisabled: boolean): void {
  if (isDisabled) {
    response.writeHead(204).end();
    return;
  }
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
  response.end("The function app is up and running.\n");
}

/** Adds the CORS headers of an allowed origin; answers true when the request was a preflight and is now answered. */
function answerCors(
  request: IncomingMessage,
  response: ServerResponse,
  cors: HostConfiguration["cors"],
): boolean {
  const origin = request.headers.origin;
  if (cors === undefined || origin === undefined) {
    return false;
  }
  const isAllowed = cors.origins.includes("*") || cors.origins.includes(origin);
  if (isAllowed) {
    response.setHeader("Access-Control-Allow-Origin", cors.origins.includes("*") ? "*" : origin);
    response.setHeader("Vary", "Origin");
    if (cors.hasCredentials) {
      response.setHeader("Access-Control-Allow-Credentials", "true");
    }
  }
  const method = request.headers["access-control-request-method"];
  if (request.method !== "OPTIONS" || method === undefined) {
    return false;
  }
  if (isAllowed) {
    response.setHeader("Access-Control-Allow-Methods", method);
    const headers = request.headers["access-control-request-headers"];
    if (headers !== undefined) {
      response.setHeader("Access-Control-Allow-Headers", headers);
    }
  }
  response.writeHead(204).end();
  return true;
}
