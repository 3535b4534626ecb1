import { once } from "node:events";
import { createServer, request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { abortSignalOf, paced, WireExchanges } from "../../../../shared/http/wire.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer(listener ?? (() => undefined));
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function get(port: number, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const sent = request({ port, host: "127.0.0.1", headers });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return response;
}

test("an exchange is known by its invocation from beginning to end, and not after", async () => {
  const exchanges = new WireExchanges();
  exchanges.listen();
  let known: unknown;
  const port = await serve((received, response) => {
    known = exchanges.of("one");
    expect(exchanges.of("other")).toBeUndefined();
    expect(received.headers["x-secret"]).toBe("yes");
    response.end("done");
  });
  const response = await get(port, { "x-ms-invocation-id": "one", "x-secret": "yes" });
  response.resume();
  await once(response, "close");
  expect(known).toBeDefined();
  await expect.poll(() => exchanges.of("one")).toBeUndefined();
});

test("a body is made no faster than the client reads it, and no further than it stays", async () => {
  let produced = 0;
  let isEnded = false;
  const chunk = Buffer.alloc(64 * 1024);
  const port = await serve((_, response) => {
    const body = (async function* endless() {
      try {
        for (;;) {
          produced += chunk.length;
          yield await Promise.resolve(chunk);
        }
      } finally {
        isEnded = true;
      }
    })();
    void (async () => {
      for await (const piece of paced(body, response)) {
        response.write(piece);
      }
      response.end();
    })();
  });
  const response = await get(port);
  response.pause();
  let before = -1;
  // It stands still: twice the same amount, with a second between.
  await expect
    .poll(
      () => {
        const isStill = produced === before && produced > 0;
        before = produced;
        return isStill;
      },
      { interval: 1_000, timeout: 30_000 },
    )
    .toBe(true);
  expect(produced).toBeLessThan(64 * 1024 * 1024);
  response.destroy();
  await expect.poll(() => isEnded).toBe(true);
});

test("a body that fails cuts the connection instead of ending neatly", async () => {
  const port = await serve((_, response) => {
    const body = (async function* failing() {
      yield await Promise.resolve(Buffer.from("half"));
      throw new Error("broken");
    })();
    void (async () => {
      for await (const piece of paced(body, response)) {
        response.write(piece);
      }
      response.end();
    })().catch(() => undefined);
  });
  const reading = (async () => {
    for await (const _ of await get(port)) {
      // Read to the end, if there is one.
    }
  })();
  // How far the client had come by then is a matter of luck.
  await expect(reading).rejects.toThrow(/aborted|socket hang up/);
});

test("the signal tells of a client that left, and of nothing else", async () => {
  const signals: AbortSignal[] = [];
  const port = await serve((received, response) => {
    signals.push(abortSignalOf({ request: received, response }));
    if (received.url === "/wait") {
      response.write("…");
    } else {
      response.end("done");
    }
  });
  const answered = await get(port);
  answered.resume();
  await once(answered, "close");
  const sent = request({ port, host: "127.0.0.1", path: "/wait" });
  sent.end();
  const [left] = (await once(sent, "response")) as [IncomingMessage];
  left.destroy();
  await expect.poll(() => signals[1]?.aborted).toBe(true);
  expect(signals[0]?.aborted).toBe(false);
});
