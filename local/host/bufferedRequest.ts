import { describeError } from "./describeError.ts";
import { invokeFunction } from "./invokeFunction.ts";
import { refuse } from "./refuse.ts";
import {
  traceParentOf,
  triggerMetadataOf,
  type RoutedRequest,
  type RunOptions,
} from "./routedRequest.ts";
import type { HttpCookie, HttpData, NullableString } from "./workerContract.ts";

/**
 * Answers a request of an app without HTTP streaming: the body is read whole, the answer comes back whole.
 *
 * Like the real host it hands over a body only when its length was announced; a chunked one arrives empty. A function
 * that throws is a 500, one that returns nothing a 204.
 */
export async function runBufferedRequest(
  routed: RoutedRequest,
  options: RunOptions,
): Promise<void> {
  const { request, response, route } = routed;
  const name = route.target.metadata.name;
  const body = await readBody(routed, options.configuration.bodyBytesMax);
  if (body === undefined) {
    refuse(response, 413);
    return;
  }
  if (request.destroyed && !request.complete) {
    return;
  }
  const isLengthKnown = Number(request.headers["content-length"] ?? 0) > 0;
  let answer: HttpData | undefined;
  try {
    const { response: outcome } = await withTimeout(
      invokeFunction(
        options.app,
        route.target,
        {
          invocationId: routed.invocationId,
          input: {
            http: {
              method: request.method ?? "GET",
              url: `http://${routed.url.host}${decodeURI(routed.url.pathname)}${routed.url.search}`,
              nullableHeaders: nullable(routed.headers),
              nullableParams: nullable(routed.values),
              nullableQuery: nullable(routed.query),
              ...(isLengthKnown ? { body: { bytes: body } } : {}),
            },
          },
          triggerMetadata: triggerMetadataOf(routed, options.hasQuirks),
          traceParent: traceParentOf(routed.headers),
          traceState: routed.headers["tracestate"] ?? "",
        },
        options.log,
      ),
      options.configuration.functionTimeoutSeconds,
    );
    answer = outcome.returnValue?.http;
  } catch (error) {
    options.log("error", "host", `${name} failed: ${describeError(error)}`);
    refuse(response, 500);
    return;
  }
  if (answer === undefined) {
    response.writeHead(204).end();
    return;
  }
  writeAnswer(routed, answer);
}

async function readBody(routed: RoutedRequest, bytesMax: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    for await (const chunk of routed.request.iterator({ destroyOnReturn: false })) {
      const bytes = chunk as Buffer;
      total += bytes.length;
      if (total > bytesMax) {
        return undefined;
      }
      chunks.push(bytes);
    }
  } catch {
    // The caller left while sending; the request is destroyed, which the caller of this function looks at.
    return Buffer.alloc(0);
  }
  return Buffer.concat(chunks);
}

function writeAnswer({ response, request }: RoutedRequest, answer: HttpData): void {
  for (const [key, value] of Object.entries(answer.headers ?? {})) {
    response.setHeader(key, value);
  }
  const cookies = (answer.cookies ?? []).map(cookieText);
  if (cookies.length > 0) {
    response.setHeader("set-cookie", cookies);
  }
  const { bytes, string } = answer.body ?? {};
  const content = bytes === undefined ? Buffer.from(string ?? "", "utf8") : Buffer.from(bytes);
  response.statusCode = Number(answer.statusCode ?? 200);
  if (response.statusCode !== 204 && response.statusCode !== 304) {
    response.setHeader("content-length", content.length);
  }
  response.end(request.method === "HEAD" ? undefined : content);
}

/** The library's names and the numbers of the enum behind them; `none` says that the attribute is left out. */
const sameSiteTexts: ReadonlyMap<string, string> = new Map([
  ["lax", "Lax"],
  ["1", "Lax"],
  ["strict", "Strict"],
  ["2", "Strict"],
  ["explicitnone", "None"],
  ["3", "None"],
]);

function cookieText(cookie: HttpCookie): string {
  const seconds = cookie.expires?.value?.seconds;
  const sameSite = sameSiteTexts.get(String(cookie.sameSite ?? "").toLowerCase());
  return [
    `${cookie.name ?? ""}=${encodeURIComponent(cookie.value ?? "")}`,
    cookie.domain === undefined ? "" : `Domain=${cookie.domain.value}`,
    cookie.path === undefined ? "" : `Path=${cookie.path.value}`,
    seconds === undefined ? "" : `Expires=${new Date(Number(seconds) * 1_000).toUTCString()}`,
    cookie.maxAge?.value === undefined ? "" : `Max-Age=${String(cookie.maxAge.value)}`,
    cookie.secure?.value === true ? "Secure" : "",
    cookie.httpOnly?.value === true ? "HttpOnly" : "",
    sameSite === undefined ? "" : `SameSite=${sameSite}`,
  ]
    .filter((part) => part !== "")
    .join("; ");
}

function nullable(map: Readonly<Record<string, string>>): Record<string, NullableString> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, { value }]));
}

async function withTimeout<T>(work: Promise<T>, seconds: number | undefined): Promise<T> {
  if (seconds === undefined || seconds >= 2_000_000) {
    return await work;
  }
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_done, fail) => {
    timer = setTimeout(() => {
      fail(new Error("The function ran longer than functionTimeout allows."));
    }, seconds * 1_000);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
