import { Agent, request as httpRequest } from "node:http";

/** What came of a request. Its body is counted and not kept. */
export interface Answered {
  readonly status: number;
  readonly bytes: number;
  /** From the beginning of the request, in milliseconds. */
  readonly firstByteMs: number;
  readonly totalMs: number;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Iterable<Uint8Array>;
  /** What is answered otherwise is thrown. */
  readonly expected?: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Ends the connections that are kept. */
export function closeConnections(): void {
  agent.destroy();
}

/** Sends a request over a kept connection and reads its answer to the end. */
export async function request(url: string, options: RequestOptions = {}): Promise<Answered> {
  const { method = "GET", headers = {}, body, expected = 200 } = options;
  const startedAt = performance.now();
  return await new Promise((resolve, reject) => {
    const sent = httpRequest(url, { agent, method, headers }, (response) => {
      let bytes = 0;
      let firstByteMs = 0;
      const kept: Buffer[] = [];
      response.on("data", (chunk: Buffer) => {
        if (bytes === 0) {
          firstByteMs = performance.now() - startedAt;
        }
        bytes += chunk.length;
        if (response.statusCode !== expected) {
          kept.push(chunk);
        }
      });
      response.on("error", reject);
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        if (status !== expected) {
          const text = Buffer.concat(kept).toString("utf8", 0, 300);
          reject(new Error(`${method} ${url} answered ${status}: ${text}`));
          return;
        }
        resolve({ status, bytes, firstByteMs, totalMs: performance.now() - startedAt });
      });
    });
    sent.on("error", reject);
    if (body === undefined || body instanceof Uint8Array) {
      sent.end(body);
      return;
    }
    void (async (): Promise<void> => {
      for (const chunk of body) {
        if (!sent.write(chunk)) {
          await new Promise<void>((resume) => sent.once("drain", resume));
        }
      }
      sent.end();
    })();
  });
}
