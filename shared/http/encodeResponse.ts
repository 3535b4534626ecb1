import type { HttpResponseInit, InvocationContext } from "@azure/functions";
import type { Answer } from "./answer.ts";
import { describeSafely } from "./reportError.ts";
import { paced, type Exchange } from "./wire.ts";

// PS3.18 leaves these open; they are what clients of the Azure service see on every answer.
const commonHeaders: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "SAMEORIGIN",
  "Content-Security-Policy": "frame-src 'self';",
};

/**
 * Puts an answer into the form of the Functions library, with the headers that every answer has and `headers`; what the
 * answer itself says wins.
 *
 * A stream is sent no faster than the client reads.
 */
export function encodeResponse(
  answer: Answer,
  headers: Readonly<Record<string, string>>,
  exchange: Exchange | undefined,
  context: InvocationContext,
): HttpResponseInit {
  const { body } = answer;
  const known: Record<string, string> = { ...commonHeaders, ...headers, ...answer.headers };
  // What an answer depends on adds up.
  const vary = [headers["Vary"], answer.headers?.["Vary"]].filter((value) => value !== undefined);
  if (vary.length > 0) {
    known["Vary"] = vary.join(", ");
  }
  if (typeof body === "string" || body instanceof Uint8Array) {
    known["Content-Length"] = String(Buffer.byteLength(body));
    return { status: answer.status, headers: known, body };
  }
  if (body === undefined) {
    return { status: answer.status, headers: known };
  }
  const observed = observing(body, exchange, context);
  return {
    status: answer.status,
    headers: known,
    body: exchange === undefined ? observed : paced(observed, exchange.response),
  };
}

// The library reports a failing stream with the error's own text, so the cause is logged here and what goes on is mute.
async function* observing(
  body: AsyncIterable<Uint8Array>,
  exchange: Exchange | undefined,
  context: InvocationContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body;
  } catch (error) {
    // A client that has left is no fault of anybody's.
    if (exchange?.response.destroyed !== true) {
      context.error(`response cut: ${describeSafely(error)}`);
    }
    throw new Error("The response was cut");
  }
}
