import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";

/** A request as it is to stand on the wire: nothing is added but Host, Connection and the framing of the body. */
export interface SendOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Bytes are sent with their length, what is iterated over is sent in chunks. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** An answer, read to its end. */
export interface ReceivedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Header names as they were spelled, each followed by its value. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** The body as UTF-8. */
  readonly text: string;
  /** The body as JSON. Throws when it is none. */
  json(): unknown;
}

const agent = new Agent({ keepAlive: true, maxSockets: 32 });

/**
 * Sends one request and reads its answer.
 *
 * Unlike `fetch` it adds no Accept header and normalises no path. Rejects when the connection breaks before the answer
 * is complete; an answer that comes before all of the body was taken counts.
 */
export async function send(url: string, options: SendOptions = {}): Promise<ReceivedAnswer> {
  const match = /^http:\/\/([^/:]+):(\d+)(\/.*)?$/.exec(url);
  if (match === null) {
    throw new Error(`not the URL of a local service: ${url}`);
  }
  const [, hostname = "", port = "", path = "/"] = match;
  const { method = "GET", headers = {}, body } = options;
  const isWhole = typeof body === "string" || body instanceof Uint8Array;
  return await new Promise<ReceivedAnswer>((resolve, reject) => {
    const request = httpRequest({
      agent,
      hostname,
      port,
      path,
      method,
      headers: {
        ...headers,
        ...(isWhole ? { "Content-Length": String(Buffer.byteLength(body)) } : {}),
      },
    });
    let isAnswered = false;
    request.on("response", (response) => {
      isAnswered = true;
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("close", () => {
        if (!response.complete) {
          reject(new Error("the answer was cut"));
          return;
        }
        const whole = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          body: whole,
          text: whole.toString("utf8"),
          json: () => JSON.parse(whole.toString("utf8")) as unknown,
        });
      });
    });
    request.on("error", (error) => {
      if (!isAnswered) {
        reject(error);
      }
    });
    if (body === undefined || isWhole) {
      request.end(body);
      return;
    }
    void (async (): Promise<void> => {
      try {
        for await (const chunk of body) {
          if (request.destroyed) {
            return;
          }
          if (!request.write(chunk)) {
            await new Promise<void>((resume) => {
              const go = (): void => {
                request.off("drain", go);
                request.off("close", go);
                resume();
              };
              request.on("drain", go);
              request.on("close", go);
            });
          }
        }
        request.end();
      } catch (error) {
        request.destroy(error instanceof Error ? error : undefined);
      }
    })();
  });
}
