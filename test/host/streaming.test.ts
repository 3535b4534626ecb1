import { connect } from "node:net";
import { request as sendRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startHost, type RunningHost } from "../../local/host/startHost.ts";
import { makeSampleApp, until, type SampleApp } from "./sampleApp.ts";

const bodyBytesMax = 512 * 1024 * 1024;
const lines: string[] = [];
let app: SampleApp;
let host: RunningHost;

beforeAll(async () => {
  app = makeSampleApp("streaming");
  host = await startHost({
    appRoot: app.folder,
    port: 0,
    environment: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: String(bodyBytesMax) },
    log: (level, _category, message) => lines.push(`${level} ${message}`),
  });
});
afterAll(async () => {
  await host.close();
  app.remove();
});

interface Reflection {
  method: string;
  url: string;
  params: Record<string, string>;
  headers: Record<string, string>;
  query: Record<string, string>;
  body: string | null;
}
interface Counters {
  received: number;
  uploadError: string;
  produced: number;
  isCancelled: boolean;
}

async function counters(method: "GET" | "DELETE" = "GET"): Promise<Counters> {
  const answer = await fetch(`${host.baseUrl}/counters`, { method });
  return (await answer.json()) as Counters;
}

function send(
  method: string,
  path: string,
  headers: Record<string, string> = {},
): { request: ClientRequest; response: Promise<IncomingMessage> } {
  const request = sendRequest({
    host: "127.0.0.1",
    port: host.port,
    method,
    path,
    headers,
    agent: false,
  });
  const response = new Promise<IncomingMessage>((done, fail) => {
    request.once("response", done);
    request.once("error", fail);
  });
  response.catch(() => undefined);
  return { request, response };
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** Sends raw text and gives back all that comes until the connection ends or the head and body are there. */
async function sendRaw(text: string): Promise<string> {
  return await new Promise<string>((done, fail) => {
    const socket = connect(host.port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
      if (/\r\n\r\n/u.test(answer) && /content-length: 0/iu.test(answer)) {
        socket.destroy();
        done(answer);
      }
    });
    socket.on("end", () => {
      done(answer);
    });
    socket.on("error", fail);
  });
}

describe("what a handler sees", () => {
  test("route values are decoded except for %2F, and the url is that of the wire", async () => {
    const path = "/reflect/a%20b%2Fc%C3%A9?q=1";
    const seen = (await (await fetch(host.baseUrl + path)).json()) as Reflection;
    expect(seen.params["study"]).toBe("a b%2Fcé");
    expect(seen.url).toBe(host.baseUrl + path);
  });

  test("params hold query values too, and a query key decides the casing of a route value", async () => {
    const answer = await fetch(`${host.baseUrl}/reflect/route?STUDY=query&extra=1`);
    const seen = (await answer.json()) as Reflection;
    expect(seen.params).toEqual({ STUDY: "route", extra: "1" });
  });

  test("headers are those of the wire, whatever the query says", async () => {
    const forged = encodeURIComponent(JSON.stringify({ "x-test": "forged" }));
    for (const key of ["Headers", "headers", "HEADERS"]) {
      const answer = await fetch(`${host.baseUrl}/reflect/x?${key}=${forged}`, {
        headers: { "x-test": "true" },
      });
      const seen = (await answer.json()) as Reflection;
      expect(seen.headers["x-test"]).toBe("true");
    }
  });

  test("a caller's invocation id and forwarded headers are overwritten", async () => {
    const answer = await fetch(`${host.baseUrl}/reflect/x`, {
      headers: {
        "x-ms-invocation-id": "mine",
        "x-forwarded-host": "elsewhere",
        "x-forwarded-proto": "https",
      },
    });
    const seen = (await answer.json()) as Reflection;
    expect(answer.headers.get("x-ms-invocation-id")).toMatch(/^[\da-f-]{36}$/u);
    expect(seen.url).toBe(`${host.baseUrl}/reflect/x`);
  });

  test("repeated headers are joined", async () => {
    const { request, response } = send("GET", "/reflect/x");
    request.setHeader("x-twice", ["one", "two"]);
    request.end();
    const seen = JSON.parse((await readAll(await response)).toString()) as Reflection;
    expect(seen.headers["x-twice"]).toBe("one,two");
  });

  test("a catch-all takes the rest of the path with its slashes", async () => {
    const answer = await fetch(`${host.baseUrl}/rest/a/b%20c/d/`);
    expect(((await answer.json()) as Reflection).params["rest"]).toBe("a/b c/d/");
  });
});

describe("routing", () => {
  test("the function whose name sorts first takes a path that fits two templates", async () => {
    expect(await (await fetch(`${host.baseUrl}/overlap/literal`)).text()).toBe("A literal");
    expect(host.warnings.join()).toContain("overlapA (overlap/{id}) comes before overlapB");
  });

  test.each([
    ["POST", "/overlap/x"],
    ["OPTIONS", "/overlap/x"],
    ["HEAD", "/overlap/x"],
    ["GET", "/nowhere"],
    ["GET", "/reflect//"],
    ["GET", "/reflect/a/b"],
    ["GET", "//reflect/a"],
  ])("%s %s is an empty 404 without Allow", async (method, path) => {
    const { request, response } = send(method, path);
    request.end();
    const answer = await response;
    expect(answer.statusCode).toBe(404);
    expect(answer.headers.allow).toBeUndefined();
    expect(await readAll(answer)).toHaveLength(0);
  });

  test("a trailing slash and another casing of a literal fit", async () => {
    const answer = await fetch(`${host.baseUrl}/Overlap/x/`);
    expect(await answer.text()).toBe("A x");
  });

  test("HEAD and OPTIONS reach a function that names them", async () => {
    const head = await fetch(`${host.baseUrl}/reflect/x`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const options = await fetch(`${host.baseUrl}/reflect/x`, { method: "OPTIONS" });
    expect(((await options.json()) as Reflection).method).toBe("OPTIONS");
  });

  test("the administrative paths answer, and only they", async () => {
    expect((await fetch(`${host.baseUrl}/admin/host/ping`)).status).toBe(200);
    const status = (await (await fetch(`${host.baseUrl}/admin/host/status`)).json()) as {
      state: string;
    };
    expect(status.state).toBe("Running");
    const list = (await (await fetch(`${host.baseUrl}/admin/functions`)).json()) as {
      name: string;
    }[];
    expect(list.map(({ name }) => name)).toContain("reflect");
    expect((await fetch(`${host.baseUrl}/admin/other`)).status).toBe(404);
    const fired = await fetch(`${host.baseUrl}/admin/functions/reflect`, { method: "POST" });
    expect(fired.status).toBe(404);
  });
});

describe("handlers that misbehave", () => {
  test.each(["throws", "nothing"])(
    "%s is a 500, and the log says that Azure would not answer",
    async (path) => {
      lines.length = 0;
      const answer = await fetch(`${host.baseUrl}/${path}`);
      expect([answer.status, await answer.text()]).toEqual([500, ""]);
      expect(lines.join("\n")).toContain("On Azure this request would get no answer");
    },
  );

  test("with the strict option the request stays without an answer", async () => {
    const strictApp = makeSampleApp("streaming");
    const strict = await startHost({
      appRoot: strictApp.folder,
      port: 0,
      isStrict: true,
      drainMs: 0,
      log: (_l, _c, message) => lines.push(message),
    });
    lines.length = 0;
    const controller = new AbortController();
    let isAnswered = false;
    const pending = fetch(`${strict.baseUrl}/throws`, { signal: controller.signal }).then(
      () => {
        isAnswered = true;
      },
      () => undefined,
    );
    await until("the failure is logged", () => lines.find((line) => line.includes("on purpose")));
    // Another request is served from start to end meanwhile.
    expect((await fetch(`${strict.baseUrl}/health/check`)).status).toBe(200);
    expect(isAnswered).toBe(false);
    controller.abort();
    await pending;
    await strict.close();
    strictApp.remove();
  });

  test("with quirks a query can stand in for the headers, as in the real host", async () => {
    const quirkyApp = makeSampleApp("streaming");
    const quirky = await startHost({
      appRoot: quirkyApp.folder,
      port: 0,
      hasQuirks: true,
      log: () => undefined,
    });
    const forged = encodeURIComponent(JSON.stringify({ "x-test": "forged" }));
    const answer = await fetch(`${quirky.baseUrl}/reflect/x?Headers=${forged}`, {
      headers: { "x-test": "true" },
    });
    expect(((await answer.json()) as Reflection).headers["x-test"]).toBe("forged");
    const posted = await fetch(`${quirky.baseUrl}/reflect/x`, {
      method: "POST",
      body: JSON.stringify({ STUDY: "body", Headers: { "x-test": "body" } }),
    });
    const seen = (await posted.json()) as Reflection;
    expect(seen.headers["x-test"]).toBe("body");
    expect(seen.params["STUDY"]).toBe("x");
    expect(seen.body).toContain("STUDY");
    await quirky.close();
    quirkyApp.remove();
  });
});

describe("limits", () => {
  test("a header section over 32 KiB is a 431", async () => {
    const text = `GET /health/check HTTP/1.1\r\nHost: x\r\nx-long: ${"a".repeat(33 * 1024)}\r\n\r\n`;
    expect(await sendRaw(text)).toMatch(/^HTTP\/1\.1 431 /u);
  });

  test("20 KB of headers pass the host but not the app's own server", async () => {
    const answer = await fetch(`${host.baseUrl}/health/check`, {
      headers: { "x-long": "a".repeat(20_000) },
    });
    expect(answer.status).toBe(431);
  });

  test("a request line over 8 KiB is a 414", async () => {
    expect((await fetch(`${host.baseUrl}/reflect/${"a".repeat(9_000)}`)).status).toBe(414);
  });

  test("more than 100 header fields are a 431", async () => {
    const headers = Object.fromEntries(
      Array.from({ length: 101 }, (_, n) => [`x-${String(n)}`, "1"]),
    );
    expect((await fetch(`${host.baseUrl}/health/check`, { headers })).status).toBe(431);
  });

  test("a line that is no HTTP is a 400", async () => {
    expect(await sendRaw("nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /u);
  });

  test("an announced body over the limit is a 413 before any of it is sent", async () => {
    const { request, response } = send("POST", "/count", {
      "content-length": String(bodyBytesMax + 1),
      expect: "100-continue",
    });
    request.flushHeaders();
    expect((await response).statusCode).toBe(413);
    request.destroy();
  });

  test("a chunked body is a 413 once it has passed the limit", async () => {
    const small = makeSampleApp("streaming");
    const limited = await startHost({
      appRoot: small.folder,
      port: 0,
      environment: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: "100000" },
      log: () => undefined,
    });
    const request = sendRequest({
      host: "127.0.0.1",
      port: limited.port,
      method: "POST",
      path: "/count",
      agent: false,
    });
    request.on("error", () => undefined);
    const response = new Promise<IncomingMessage>((done) => {
      request.once("response", done);
    });
    request.write(Buffer.alloc(100_000));
    request.write(Buffer.alloc(1));
    expect((await response).statusCode).toBe(413);
    request.destroy();
    // Up to the limit it is taken.
    const exact = await fetch(`${limited.baseUrl}/count`, {
      method: "POST",
      body: new Blob([Buffer.alloc(100_000)]).stream(),
      duplex: "half",
    } as RequestInit);
    expect(await exact.text()).toBe("100000");
    await limited.close();
    small.remove();
  });
});

describe("streams", () => {
  beforeEach(async () => {
    await counters("DELETE");
  });

  test("a chunked upload and one of known length arrive whole", async () => {
    const body = Buffer.alloc(5_000_001, 3);
    const known = await fetch(`${host.baseUrl}/count`, { method: "POST", body });
    expect(await known.text()).toBe("5000001");
    const chunked = await fetch(`${host.baseUrl}/count`, {
      method: "POST",
      body: new Blob([body]).stream(),
      duplex: "half",
    } as RequestInit);
    expect(await chunked.text()).toBe("5000001");
  });

  test("a handler may answer before the body has been sent", async () => {
    const { request, response } = send("POST", "/early");
    request.write(Buffer.alloc(1_000));
    const answer = await response;
    expect([answer.statusCode, (await readAll(answer)).toString()]).toEqual([413, "no"]);
    request.destroy();
  });

  test("a download arrives whole", async () => {
    const answer = await fetch(`${host.baseUrl}/produce/3000007`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes).toHaveLength(3_000_007);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
  });

  test("a caller that hangs up in mid-upload ends the handler's body with an error", async () => {
    const { request } = send("POST", "/count");
    request.on("error", () => undefined);
    request.write(Buffer.alloc(100_000));
    await until("the handler has seen the beginning", async () =>
      (await counters()).received >= 100_000 ? true : undefined,
    );
    request.destroy();
    const { uploadError } = await until("the handler has seen the end", async () => {
      const seen = await counters();
      return seen.uploadError === "" ? undefined : seen;
    });
    expect(uploadError).not.toBe("");
  });

  /** Waits until a figure has not changed over twenty looks, each of which is a request of its own. */
  async function untilStable(what: string, read: (seen: Counters) => number): Promise<number> {
    let last = -1;
    let looks = 0;
    return await until(what, async () => {
      const now = read(await counters());
      looks = now > 0 && now === last ? looks + 1 : 0;
      last = now;
      return looks < 20 ? undefined : now;
    });
  }

  test("a reader that stalls stalls the handler, and gets the whole when it goes on", async () => {
    const total = 200 * 1024 * 1024;
    const { request, response } = send("GET", `/paced/${String(total)}`);
    request.end();
    const answer = await response;
    const stalledAt = await untilStable("the handler stalls", ({ produced }) => produced);
    expect(stalledAt).toBeLessThan(32 * 1024 * 1024);
    let bytes = 0;
    for await (const chunk of answer) {
      bytes += (chunk as Buffer).length;
    }
    expect(bytes).toBe(total);
  });

  test("a handler that stalls stalls the sender", async () => {
    const total = 200 * 1024 * 1024;
    const { request, response } = send("POST", "/slowUpload");
    const piece = Buffer.alloc(65_536);
    let sent = 0;
    const push = (): void => {
      while (sent < total) {
        sent += piece.length;
        if (!request.write(piece)) {
          request.once("drain", push);
          return;
        }
      }
      request.end();
    };
    push();
    const stalledAt = await untilStable("the sender stalls", () => sent);
    expect(stalledAt).toBeLessThan(32 * 1024 * 1024);
    await fetch(`${host.baseUrl}/readOn`, { method: "POST" });
    expect((await readAll(await response)).toString()).toBe(String(total));
  });

  test("a caller that hangs up in mid-download ends the handler's work", async () => {
    const { request, response } = send("GET", `/paced/${String(200 * 1024 * 1024)}`);
    request.end();
    const answer = await response;
    answer.once("data", () => answer.destroy());
    const seen = await until("the handler has ended", async () => {
      const now = await counters();
      return now.isCancelled ? now : undefined;
    });
    expect(seen.produced).toBeLessThan(64 * 1024 * 1024);
  });

  test("a hundred requests at a time are each answered with their own", async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const answer = await fetch(`${host.baseUrl}/reflect/${String(n)}`, {
          method: "POST",
          body: `body ${String(n)}`,
        });
        return (await answer.json()) as Reflection;
      }),
    );
    expect(answers.map(({ params, body }) => `${params["study"] ?? ""} ${body ?? ""}`)).toEqual(
      Array.from({ length: 100 }, (_, n) => `${String(n)} body ${String(n)}`),
    );
  });
});
