import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

/** A request that came by. */
export interface ProxiedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What goes wrong with one request. */
export type Fault =
  /** The connection breaks and the request has no effect. */
  | { readonly kind: "resetBefore" }
  /** The request has its effect and the connection breaks before the answer, after what comes `meanwhile`. */
  | { readonly kind: "resetAfter"; readonly meanwhile?: () => Promise<void> }
  /** Something else happens before the request goes on. Not a fault of the request, but bad luck. */
  | { readonly kind: "overtaken"; readonly meanwhile: () => Promise<void> }
  /** The answer breaks off in the middle of its body. */
  | { readonly kind: "cut" }
  /** This is answered instead, before or after the request has had its effect. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly hasEffect?: boolean;
      /** What the answer says went wrong; that it was made to, when absent. */
      readonly message?: string;
    };

/** A reverse proxy that counts what passes and can make any of it fail. */
export interface FaultyProxy {
  /** Without a slash at the end. */
  readonly url: string;
  /** All requests since the last `reset`, those that were made to fail included. */
  readonly requests: readonly ProxiedRequest[];
  /** Forgets the requests, and decides from now on what goes wrong with each, `index` of which have come before. */
  reset(decide?: (request: ProxiedRequest, index: number) => Fault | undefined): void;
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Starts a proxy in front of `target`, the URL of a server on this machine. Bodies are held in memory. */
export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  let requests: ProxiedRequest[] = [];
  let decide: (request: ProxiedRequest, index: number) => Fault | undefined = () => undefined;

  const forward = async ({ method, path, headers, body }: ProxiedRequest): Promise<Reply> =>
    await new Promise((resolve, reject) => {
      const onward = httpRequest({ agent, hostname, port, method, path, headers }, (response) => {
        readAll(response).then((bytes) => {
          resolve({ status: response.statusCode ?? 502, headers: response.headers, body: bytes });
        }, reject);
      });
      onward.on("error", reject);
      onward.end(body);
    });

  const serve = async (request: ProxiedRequest, response: ServerResponse): Promise<void> => {
    const fault = decide(request, requests.length);
    requests.push(request);
    if (fault?.kind === "resetBefore") {
      response.destroy();
      return;
    }
    if (fault?.kind === "answer" && fault.hasEffect !== true) {
      refuse(response, fault);
      return;
    }
    if (fault?.kind === "overtaken") {
      await fault.meanwhile();
    }
    const reply = await forward(request);
    switch (fault?.kind) {
      case "resetAfter":
        await fault.meanwhile?.();
        response.destroy();
        return;
      case "answer":
        refuse(response, fault);
        return;
      case "cut":
        response.writeHead(reply.status, reply.headers);
        response.write(reply.body.subarray(0, Math.floor(reply.body.length / 2)), () => {
          response.destroy();
        });
        return;
      case "overtaken":
      case undefined:
        response.writeHead(reply.status, reply.headers);
        response.end(reply.body);
    }
  };

  const server = createServer((message, response) => {
    readAll(message)
      .then(async (body) => {
        const { method = "GET", url = "/", headers } = message;
        await serve({ method, path: url, headers, body }, response);
      })
      .catch(() => {
        // The server behind is gone: to the client the connection is.
        response.destroy();
      });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    reset(next = () => undefined) {
      requests = [];
      decide = next;
    },
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
      agent.destroy();
    },
  };
}

function refuse(
  response: ServerResponse,
  { status, headers = {}, message = "made to fail" }: Extract<Fault, { kind: "answer" }>,
): void {
  const body = JSON.stringify({ code: String(status), message });
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

async function readAll(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
