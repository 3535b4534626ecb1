import type { HttpRequest } from "@azure/functions";
import { Problem } from "../problem/problem.ts";
import { whenSent, type Exchange } from "./wire.ts";

/** What is read of a body after its request has been answered, at most; and for how long. */
const leftBytesMax = 64 * 1024 * 1024;
const leftMilliseconds = 30_000;

/**
 * The body of a request, which a handler may leave before its end.
 *
 * Leaving a stream ends its connection, and it is the host's, who sends the next caller's request over it: so what is left
 * stays where it is, and is read and thrown away once the answer has been sent. Of who goes on sending beyond 64 MiB or 30
 * seconds the connection is ended after all.
 *
 * Throws `malformed` when the body breaks off.
 */
export async function* requestBody(
  request: HttpRequest,
  exchange: Exchange | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { body } = request;
  if (body === null) {
    return;
  }
  const chunks = (body as ReadableStream<Uint8Array>).values({ preventCancel: true });
  whenSent(exchange, () => {
    void readOn(chunks, exchange);
  });
  try {
    for (let read = await chunks.next(); read.done !== true; read = await chunks.next()) {
      yield read.value;
    }
  } catch (error) {
    throw new Problem("malformed", "The request ended before its body did.", { cause: error });
  }
}

async function readOn(
  chunks: AsyncIterator<Uint8Array>,
  exchange: Exchange | undefined,
): Promise<void> {
  const received = exchange?.request;
  if (received === undefined || received.complete || received.destroyed) {
    return;
  }
  const timer = setTimeout(() => {
    received.destroy();
  }, leftMilliseconds);
  try {
    let bytes = 0;
    for (let read = await chunks.next(); read.done !== true; read = await chunks.next()) {
      bytes += read.value.length;
      if (bytes > leftBytesMax) {
        received.destroy();
        return;
      }
    }
  } catch {
    // The client has left, and its answer with it or before.
  } finally {
    clearTimeout(timer);
  }
}
