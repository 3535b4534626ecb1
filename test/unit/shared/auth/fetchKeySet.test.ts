import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { fetchKeySet } from "../../../../shared/auth/fetchKeySet.ts";

const local = { allowsLoopback: true };
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
}

test("JSON that is answered is returned", async () => {
  const uri = await serve((_, response) => response.end('{"keys":[]}'));
  expect(await fetchKeySet(uri, local)).toEqual({ keys: [] });
});

test("no redirect is followed, and the other place is never asked", async () => {
  let asked = 0;
  const elsewhere = await serve((_, response) => {
    asked += 1;
    response.end('{"keys":[]}');
  });
  for (const status of [301, 302, 303, 307, 308]) {
    const uri = await serve((_, response) => {
      response.writeHead(status, { Location: elsewhere }).end();
    });
    await expect(fetchKeySet(uri, local)).rejects.toThrow(String(status));
  }
  expect(asked).toBe(0);
});

test("an answer that is too large is given up", async () => {
  let sent = 0;
  const uri = await serve((_, response) => {
    const write = (): void => {
      while (
        !response.destroyed &&
        sent < 64 * 1024 * 1024 &&
        response.write(" ".repeat(64 * 1024))
      ) {
        sent += 64 * 1024;
      }
    };
    response.on("drain", write);
    write();
  });
  await expect(fetchKeySet(uri, local)).rejects.toThrow("too large");
  expect(sent).toBeLessThan(16 * 1024 * 1024);
});

test.each([
  ["an error", 500, "{}"],
  ["no JSON", 200, "<html>"],
  ["nothing", 204, undefined],
])("%s is no key set", async (_, status, body) => {
  const uri = await serve((_request, response) => response.writeHead(status).end(body));
  await expect(fetchKeySet(uri, local)).rejects.toThrow();
});

describe("addresses that only the inside of a network has", () => {
  test.each([
    "https://127.0.0.1/jwks",
    "https://localhost/jwks",
    "https://[::1]/jwks",
    "https://10.1.2.3/jwks",
    "https://172.16.0.1/jwks",
    "https://192.168.1.1/jwks",
    "https://100.64.0.1/jwks",
    "https://169.254.169.254/jwks",
    "https://168.63.129.16/jwks",
    "https://0.0.0.0/jwks",
    "https://[fe80::1]/jwks",
    "https://[fd00::1]/jwks",
    "https://[::ffff:10.0.0.1]/jwks",
    "https://[::ffff:169.254.169.254]/jwks",
    "https://[64:ff9b::a9fe:a9fe]/jwks",
    // The same address, spelled as a number.
    "https://2852039166/jwks",
  ])("%s is not asked", async (uri) => {
    await expect(fetchKeySet(uri, { allowsLoopback: false })).rejects.toThrow("not public");
  });

  test.each(["https://169.254.169.254/jwks", "https://10.1.2.3/jwks"])(
    "%s is not asked by a developer's service either",
    async (uri) => {
      await expect(fetchKeySet(uri, local)).rejects.toThrow("not public");
    },
  );
});

test("only https is spoken, except with this machine in development", async () => {
  await expect(fetchKeySet("http://issuer.example/jwks", local)).rejects.toThrow("https");
  await expect(fetchKeySet("http://127.0.0.1:1/jwks", { allowsLoopback: false })).rejects.toThrow();
  await expect(fetchKeySet("ftp://127.0.0.1/jwks", local)).rejects.toThrow();
});
