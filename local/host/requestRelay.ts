import { Agent, request as sendRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { describeError } from "./describeError.ts";
import { invokeFunction } from "./invokeFunction.ts";
import { refuse } from "./refuse.ts";
import {
  traceParentOf,
  triggerMetadataOf,
  type RoutedRequest,
  type RunOptions,
} from "./routedRequest.ts";

const invocationIdHeader = "x-ms-invocation-id";

/** Fields that belong to one connection and are not passed on (RFC 9110 §7.6.1), and those that the relay sets. */
const droppedRequestHeaders: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  invocationIdHeader,
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
]);
const droppedResponseHeaders: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The idle time after which the real host's proxy gives a request up. */
const activityTimeoutMs = 240_000;
/** Below the inner server's keep-alive time, so that a kept connection is never one that the other side closes. */
const idleSocketMs = 60_000;

/** What the relay needs to know besides a request. */
export interface RelayOptions extends RunOptions {
  /** Where the library listens, on 127.0.0.1. */
  readonly upstreamPort: number;
}

/**
 * Passes requests to the HTTP server that the library runs inside the app, and its answers back, as streams with
 * back-pressure in both directions; beside it runs the invocation that the library pairs with the request.
 */
export class RequestRelay {
  readonly #options: RelayOptions;
  readonly #agent: Agent;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxFreeSockets: 256, timeout: idleSocketMs });
  }

  /** Relays one request; resolves when its answer has been given or its connection is gone. Never rejects. */
  async run(routed: RoutedRequest): Promise<void> {
    const { request, response, route, invocationId } = routed;
    const { app, log } = this.#options;
    const exchange = new Exchange(routed, this.#options, this.#agent);
    const name = route.target.metadata.name;
    try {
      const jsonProperties = this.#options.hasQuirks ? await exchange.readJsonProperties() : {};
      const metadata = triggerMetadataOf(
        { ...routed, query: { ...routed.query, ...jsonProperties } },
        this.#options.hasQuirks,
      );
      exchange.start();
      const { result } = await invokeFunction(
        app,
        route.target,
        {
          invocationId,
          input: { http: {} },
          triggerMetadata: metadata,
          traceParent: traceParentOf(routed.headers),
          traceState: routed.headers["tracestate"] ?? "",
        },
        log,
      );
      if ((result === undefined || result === null) && !exchange.isAnswered) {
        this.#answerForFunction(exchange, `${name} returned nothing.`);
      }
    } catch (error) {
      if (exchange.isGone) {
        log("debug", "host", `${name} ended with an error after its caller had left.`);
      } else {
        this.#answerForFunction(exchange, `${name} failed: ${describeError(error)}`);
      }
    }
    await exchange.ended;
    if (!response.writableFinished && !request.destroyed) {
      log("debug", "host", `The answer of ${name} was cut short.`);
    }
  }

  /** Closes the connections that are kept for the next request. */
  close(): void {
    this.#agent.destroy();
  }

  #answerForFunction(exchange: Exchange, reason: string): void {
    const { log, isStrict } = this.#options;
    if (exchange.isAnswered) {
      log("error", "host", `${reason} Its answer had begun, so the connection is cut.`);
      exchange.abort();
      return;
    }
    log(
      "error",
      "host",
      `${reason} On Azure this request would get no answer at all until the proxy gives up after four minutes.`,
    );
    if (!isStrict) {
      exchange.answer(500);
    }
  }
}

/** One request and its copy to the inner server. */
class Exchange {
  readonly ended: Promise<void>;
  readonly #routed: RoutedRequest;
  readonly #options: RelayOptions;
  readonly #agent: Agent;
  #upstream: ClientRequest | undefined;
  #upstreamResponse: IncomingMessage | undefined;
  #timer: NodeJS.Timeout | undefined;
  #functionTimer: NodeJS.Timeout | undefined;
  #bodyBytes = 0;
  #head: Buffer[] = [];
  #isBodySent = false;

  constructor(routed: RoutedRequest, options: RelayOptions, agent: Agent) {
    this.#routed = routed;
    this.#options = options;
    this.#agent = agent;
    const { response } = routed;
    const seconds = options.configuration.functionTimeoutSeconds;
    if (seconds !== undefined && seconds < 2_000_000) {
      this.#functionTimer = setTimeout(() => {
        options.log(
          "error",
          "host",
          `${routed.route.target.metadata.name} ran longer than functionTimeout allows. On Azure the worker would be restarted.`,
        );
        this.answer(500);
      }, seconds * 1_000);
    }
    this.ended = new Promise<void>((done) => {
      response.once("close", () => {
        clearTimeout(this.#timer);
        clearTimeout(this.#functionTimer);
        if (!response.writableFinished || !this.#isBodySent) {
          // The caller has left, or has its answer while its body is still on the way: the function hears of it.
          this.#upstream?.destroy();
        }
        done();
      });
    });
  }

  get isAnswered(): boolean {
    return this.#routed.response.headersSent || this.#upstreamResponse !== undefined;
  }

  get isGone(): boolean {
    return this.#routed.response.closed;
  }

  /** Answers in the function's stead, unless an answer has begun. */
  answer(status: number): void {
    const { response } = this.#routed;
    if (!this.isAnswered && !response.closed) {
      refuse(response, status);
    } else if (!response.writableFinished) {
      response.destroy();
    }
    this.#upstream?.destroy();
  }

  /** Cuts both connections. */
  abort(): void {
    this.#routed.response.destroy();
    this.#upstream?.destroy();
  }

  /**
   * The top-level strings of a JSON body, as the real host finds them: it reads a body of known length into a string
   * before it invokes the function, and makes binding data of it.
   */
  async readJsonProperties(): Promise<Record<string, string>> {
    const { request } = this.#routed;
    if (Number(request.headers["content-length"] ?? 0) === 0) {
      return {};
    }
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      this.#head.push(chunk as Buffer);
    }
    try {
      const value: unknown = JSON.parse(Buffer.concat(this.#head).toString("utf8"));
      const entries = Object.entries(value as Record<string, unknown>);
      return Object.fromEntries(
        entries.map(([key, property]) => [
          key,
          typeof property === "string" ? property : JSON.stringify(property),
        ]),
      );
    } catch {
      return {};
    }
  }

  /** Begins to forward the request. */
  start(): void {
    if (this.isGone) {
      throw new Error("The caller left before its request was forwarded.");
    }
    this.#touch();
    this.#send(true);
  }

  #send(mayRetry: boolean): void {
    const { request, response, invocationId, headers, url } = this.#routed;
    const { upstreamPort, log } = this.#options;
    const hasBody =
      request.headers["transfer-encoding"] !== undefined ||
      Number(request.headers["content-length"] ?? 0) > 0;
    const forwarded: string[] = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      const name = request.rawHeaders[at] ?? "";
      if (!droppedRequestHeaders.has(name.toLowerCase())) {
        forwarded.push(name, request.rawHeaders[at + 1] ?? "");
      }
    }
    forwarded.push(
      "Host",
      `localhost:${String(upstreamPort)}`,
      invocationIdHeader,
      invocationId,
      "x-forwarded-host",
      headers["host"] ?? url.host,
      "x-forwarded-proto",
      "http",
      "x-forwarded-for",
      request.socket.remoteAddress ?? "127.0.0.1",
    );
    if (hasBody && request.headers["content-length"] === undefined) {
      forwarded.push("Transfer-Encoding", "chunked");
    }
    const upstream = sendRequest({
      agent: this.#agent,
      host: "127.0.0.1",
      port: upstreamPort,
      method: request.method,
      path: url.pathname + url.search,
      headers: forwarded,
      setHost: false,
    });
    this.#upstream = upstream;
    upstream.once("response", (upstreamResponse) => {
      this.#relayResponse(upstreamResponse);
    });
    upstream.on("error", (error: NodeJS.ErrnoException) => {
      if (response.closed || response.writableFinished || this.#upstream !== upstream) {
        return;
      }
      if (
        mayRetry &&
        !hasBody &&
        upstream.reusedSocket &&
        error.code === "ECONNRESET" &&
        !this.isAnswered
      ) {
        this.#send(false);
        return;
      }
      if (this.isAnswered) {
        response.destroy();
        return;
      }
      log("error", "host", `The app's HTTP server did not answer: ${error.message}`);
      this.answer(502);
    });
    if (!hasBody) {
      this.#isBodySent = true;
      upstream.end();
      return;
    }
    this.#relayBody(request, upstream);
  }

  #relayBody(request: IncomingMessage, upstream: ClientRequest): void {
    const { bodyBytesMax } = this.#options.configuration;
    const end = (): void => {
      this.#isBodySent = true;
      upstream.end();
    };
    const forward = (chunk: Buffer): void => {
      this.#bodyBytes += chunk.length;
      this.#touch();
      if (this.#bodyBytes > bodyBytesMax) {
        request.off("data", forward);
        request.off("end", end);
        this.answer(413);
      } else if (!upstream.destroyed && !upstream.write(chunk)) {
        request.pause();
      }
    };
    if (this.#head.length > 0) {
      for (const chunk of this.#head) {
        forward(chunk);
      }
      this.#head = [];
      end();
      return;
    }
    upstream.on("drain", () => {
      request.resume();
    });
    request.on("data", forward);
    request.once("end", end);
  }

  #relayResponse(upstreamResponse: IncomingMessage): void {
    const { response, request } = this.#routed;
    this.#upstreamResponse = upstreamResponse;
    if (response.closed || response.headersSent) {
      upstreamResponse.destroy();
      return;
    }
    clearTimeout(this.#functionTimer);
    const headers: string[] = [];
    const named = new Set<string>();
    for (let at = 0; at < upstreamResponse.rawHeaders.length; at += 2) {
      const name = upstreamResponse.rawHeaders[at] ?? "";
      if (!droppedResponseHeaders.has(name.toLowerCase())) {
        headers.push(name, upstreamResponse.rawHeaders[at + 1] ?? "");
        named.add(name.toLowerCase());
      }
    }
    for (const [name, value] of Object.entries(this.#options.configuration.customHeaders)) {
      if (!named.has(name.toLowerCase())) {
        headers.push(name, value);
      }
    }
    for (const name of [
      "access-control-allow-origin",
      "access-control-allow-credentials",
      "vary",
    ]) {
      const value = response.getHeader(name);
      if (typeof value === "string" && !named.has(name)) {
        headers.push(name, value);
      }
    }
    for (const name of response.getHeaderNames()) {
      response.removeHeader(name);
    }
    response.writeHead(upstreamResponse.statusCode ?? 500, upstreamResponse.statusMessage, headers);
    if (request.method === "HEAD") {
      response.end();
      upstreamResponse.resume();
      return;
    }
    // The head goes out at once: a handler may take its time between the head and the first byte.
    response.flushHeaders();
    upstreamResponse.on("data", (chunk: Buffer) => {
      this.#touch();
      if (!response.write(chunk)) {
        upstreamResponse.pause();
      }
    });
    response.on("drain", () => {
      this.#touch();
      upstreamResponse.resume();
    });
    upstreamResponse.once("end", () => {
      if (upstreamResponse.complete) {
        response.end();
      } else {
        response.destroy();
      }
    });
    upstreamResponse.once("error", () => {
      response.destroy();
    });
  }

  /** Puts the idle limit off. */
  #touch(): void {
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#options.log("error", "host", "A request was idle for four minutes and is given up.");
        this.answer(504);
      }, activityTimeoutMs);
    } else {
      this.#timer.refresh();
    }
  }
}
