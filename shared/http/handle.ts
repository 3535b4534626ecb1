import type { HttpHandler, HttpResponseInit, InvocationContext } from "@azure/functions";
import { Problem } from "../problem/problem.ts";
import type { Permission, TenantScope } from "../tenancy/tenantScope.ts";
import type { Answer } from "./answer.ts";
import { readRequest, type DicomwebRequest } from "./dicomwebRequest.ts";
import { bugAnswer, problemAnswer } from "./problemResponse.ts";
import { paced, type Exchange, type WireExchanges } from "./wire.ts";

/** What a handler needs from the composition root. */
export interface HandlerSurroundings {
  readonly exchanges: WireExchanges;
  /** Where callers find the service, when the request does not tell; without a slash at the end. */
  readonly publicBaseURL: string | undefined;
  /** Whose data the caller may work on. Throws `unauthenticated` when it cannot be told. */
  authenticate(request: DicomwebRequest): Promise<TenantScope>;
}

/** One transaction: the data action that it takes, and what it does. */
export interface Transaction {
  readonly permission: Permission;
  run(request: DicomwebRequest, scope: TenantScope): Promise<Answer>;
}

// PS3.18 leaves these open; they are what clients of the Azure service see on every answer.
const commonHeaders: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "SAMEORIGIN",
  "Content-Security-Policy": "frame-src 'self';",
};

const versionHeaders: Readonly<Record<string, string>> = {
  "api-supported-versions": "1.0-prerelease, 1, 2",
};

/**
 * Makes the handler of an HTTP-triggered function.
 *
 * It always answers, whatever the transaction throws: under the real host a handler that throws while it streams leaves
 * its client waiting for minutes.
 */
export function handle(
  surroundings: () => HandlerSurroundings,
  transaction: Transaction,
): HttpHandler {
  return async (request, context) =>
    await answering(surroundings, context, versionHeaders, async (known, exchange) => {
      const read = readRequest(request, exchange, known.publicBaseURL, (error) => {
        report(error, context);
      });
      const scope = await known.authenticate(read);
      scope.require(transaction.permission);
      return await transaction.run(read, scope);
    });
}

/** Makes the handler of a function that has no tenant and no version: health, and what nothing else answers. */
export function handleAnonymously(
  surroundings: () => HandlerSurroundings,
  run: (method: string, path: string) => Promise<Answer>,
): HttpHandler {
  return async (request, context) =>
    await answering(surroundings, context, {}, async (_, exchange) => {
      const target = exchange?.request.url ?? new URL(request.url).pathname;
      return await run(request.method.toUpperCase(), target.split("?", 1)[0] ?? "/");
    });
}

async function answering(
  surroundings: () => HandlerSurroundings,
  context: InvocationContext,
  headers: Readonly<Record<string, string>>,
  run: (surroundings: HandlerSurroundings, exchange: Exchange | undefined) => Promise<Answer>,
): Promise<HttpResponseInit> {
  let exchange: Exchange | undefined;
  let answer: Answer;
  try {
    const known = surroundings();
    exchange = known.exchanges.of(context.invocationId);
    answer = await run(known, exchange);
  } catch (error) {
    answer = answerTo(error, context);
  }
  return encode(answer, headers, exchange, context);
}

function answerTo(error: unknown, context: InvocationContext): Answer {
  if (!(error instanceof Problem) || error.kind === "unavailable") {
    report(error, context);
  }
  return error instanceof Problem ? problemAnswer(error) : bugAnswer();
}

function report(error: unknown, context: InvocationContext): void {
  if (error instanceof Problem) {
    context.warn(`${error.kind}: ${describeSafely(error.cause)}`);
  } else {
    context.error(`unexpected: ${describeSafely(error)}`);
  }
}

/** Name, code and place of an error. Not its message: that may quote what a patient's file holds. */
function describeSafely(error: unknown): string {
  if (!(error instanceof Error)) {
    return typeof error;
  }
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  const frames = (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8);
  const facts = [code, statusCode].filter(
    (fact) => typeof fact === "string" || typeof fact === "number",
  );
  return [error.name, ...facts, ...frames.map((frame) => frame.trim())].join(" ");
}

function encode(
  answer: Answer,
  headers: Readonly<Record<string, string>>,
  exchange: Exchange | undefined,
  context: InvocationContext,
): HttpResponseInit {
  const { body } = answer;
  const known: Record<string, string> = { ...commonHeaders, ...headers, ...answer.headers };
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
