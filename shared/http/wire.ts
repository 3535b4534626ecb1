import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, Server, ServerResponse } from "node:http";

/** The two ends of one request as they are on the wire, before the Functions library interprets them. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Knows, for each invocation that is under way, its exchange on the wire.
 *
 * The library's own view of a request can be forged: a query parameter named `Headers` replaces the headers that it shows
 * to a handler. And it writes a response without minding how fast the client reads. What is on the wire has neither
 * fault, so handlers take headers and path from here, and pace their responses by it.
 */
export class WireExchanges {
  readonly #exchanges = new Map<string, Exchange>();

  /** Begins to listen. To be called once, before the library starts its server. */
  listen(): void {
    subscribe("http.server.request.start", (message) => {
      const { request, response, server } = message as Exchange & { readonly server: Server };
      const invocationId = request.headers["x-ms-invocation-id"];
      if (typeof invocationId !== "string") {
        return;
      }
      // The library leaves Node's limit of five minutes for a whole request in place. A study of several gigabytes over
      // a hospital's line takes longer; the host in front has its own limit for a connection on which nothing moves.
      server.requestTimeout = 0;
      this.#exchanges.set(invocationId, { request, response });
      response.once("close", () => this.#exchanges.delete(invocationId));
    });
  }

  /** The exchange of an invocation, or `undefined` where the host does not stream. */
  of(invocationId: string): Exchange | undefined {
    return this.#exchanges.get(invocationId);
  }
}

/**
 * Hands `body` on no faster than `response` takes it, ends it when the client has left, and tears the connection down
 * when it fails: once the first byte has left, an end that looks neat would pass half an instance off as a whole one.
 */
export async function* paced(
  body: AsyncIterable<Uint8Array>,
  response: ServerResponse,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of body) {
      if (response.destroyed) {
        return;
      }
      yield chunk;
      if (response.writableNeedDrain) {
        await drained(response);
      }
    }
  } catch (error) {
    response.destroy(error instanceof Error ? error : undefined);
    throw error;
  }
}

/** Settles when `response` can take more, or will never. */
async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) {
    return;
  }
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}

/** Aborts when the client leaves before it has its answer. */
export function abortSignalOf(exchange: Exchange | undefined): AbortSignal {
  const controller = new AbortController();
  exchange?.response.once("close", () => {
    if (!exchange.response.writableFinished) {
      controller.abort();
    }
  });
  return controller.signal;
}

/** Calls `settle` once, when the answer has been sent or its client has left; at once where the host does not stream. */
export function whenSent(exchange: Exchange | undefined, settle: () => void): void {
  if (exchange === undefined || exchange.response.closed) {
    settle();
  } else {
    exchange.response.once("close", settle);
  }
}
