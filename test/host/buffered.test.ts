import { request as sendRequest } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHost, type RunningHost } from "../../local/host/startHost.ts";
import { makeSampleApp, until, type SampleApp } from "./sampleApp.ts";

let app: SampleApp;
let host: RunningHost;

beforeAll(async () => {
  app = makeSampleApp("buffered", {
    "host.json": {
      version: "2.0",
      extensions: {
        http: {
          routePrefix: "api",
          maxConcurrentRequests: 1,
          customHeaders: { "x-own": "host", "x-host": "always" },
        },
      },
    },
    "local.settings.json": {
      IsEncrypted: false,
      Values: {
        FROM_FILE: "file",
        OVERRIDDEN: "file",
        "AzureWebJobs.switchedOff.Disabled": "true",
      },
      Host: {
        LocalHttpPort: 0,
        CORS: "http://viewer.example,http://other.example",
        CORSCredentials: true,
      },
    },
  });
  process.env["OVERRIDDEN"] = "environment";
  host = await startHost({
    appRoot: app.folder,
    environment: {
      OVERRIDDEN: "environment",
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: "1000",
      AzureFunctionsJobHost__extensions__http__routePrefix: "prefix",
    },
    log: () => undefined,
  });
});
afterAll(async () => {
  await host.close();
  app.remove();
  delete process.env["OVERRIDDEN"];
  delete process.env["FROM_FILE"];
});

test("a setting overrides host.json, and settings of the file reach the app below the environment", async () => {
  const answer = await fetch(`${host.baseUrl}/prefix/v2/reflect/x?q=1&q=2`, {
    method: "POST",
    body: "hello",
  });
  expect(answer.status).toBe(201);
  expect(await answer.json()).toEqual({
    params: { version: "2", name: "x" },
    query: { q: "1,2" },
    body: "hello",
    setting: "file",
    overridden: "environment",
  });
  expect((await fetch(`${host.baseUrl}/api/v2/reflect/x`)).status).toBe(404);
});

test("custom headers are added, cookies are set one by one", async () => {
  const answer = await fetch(`${host.baseUrl}/prefix/v1/reflect`);
  expect(answer.headers.get("x-host")).toBe("always");
  expect(answer.headers.get("x-own")).toBe("function");
  expect(answer.headers.getSetCookie()).toEqual(["a=1; Path=/; HttpOnly", "b=2; SameSite=Strict"]);
  expect(((await answer.json()) as { params: object }).params).toEqual({ version: "1" });
});

test("HEAD has the length of the answer and no body", async () => {
  const answer = await fetch(`${host.baseUrl}/prefix/v1/reflect`, { method: "HEAD" });
  expect(Number(answer.headers.get("content-length"))).toBeGreaterThan(10);
  expect(await answer.text()).toBe("");
});

test("a failed constraint is a 404", async () => {
  expect((await fetch(`${host.baseUrl}/prefix/vx/reflect/x`)).status).toBe(404);
});

test("a function without a route has its name as route", async () => {
  expect(await (await fetch(`${host.baseUrl}/prefix/byName`)).text()).toBe("by name");
});

test("a function that throws is a 500, one that returns nothing a 204", async () => {
  const failed = await fetch(`${host.baseUrl}/prefix/throws`);
  expect([failed.status, await failed.text()]).toEqual([500, ""]);
  const empty = await fetch(`${host.baseUrl}/prefix/nothing`);
  expect([empty.status, await empty.text()]).toEqual([204, ""]);
});

test("a chunked body does not reach the function, but counts for the limit", async () => {
  const chunked = async (bytes: number): Promise<Response> =>
    await fetch(`${host.baseUrl}/prefix/v1/reflect`, {
      method: "POST",
      body: new Blob([Buffer.alloc(bytes, 65)]).stream(),
      duplex: "half",
    } as RequestInit);
  expect(((await (await chunked(10)).json()) as { body: string }).body).toBe("");
  expect((await chunked(1_001)).status).toBe(413);
});

test("a body of the limit is taken, one byte more is a 413", async () => {
  const post = async (bytes: number): Promise<Response> =>
    await fetch(`${host.baseUrl}/prefix/v1/reflect`, { method: "POST", body: "a".repeat(bytes) });
  expect((await post(1_000)).status).toBe(201);
  expect((await post(1_001)).status).toBe(413);
});

test("functions that the real host refuses are refused with a reason, and the others run", async () => {
  const errors = Object.fromEntries(host.functions.map(({ name, error }) => [name, error]));
  expect(errors["adminAnything"]).toContain("conflicts with one that the host uses");
  expect(errors["sameB"]).toContain("conflicts with the route of the function sameA");
  expect(errors["unresolved"]).toContain("%NO_SUCH_SETTING%");
  expect(errors["unsupported"]).toContain("serviceBusTrigger");
  expect(errors["sameC"]).toBeUndefined();
  expect(await (await fetch(`${host.baseUrl}/prefix/same`)).text()).toBe("A");
  expect(await (await fetch(`${host.baseUrl}/prefix/same`, { method: "PUT" })).text()).toBe("C");
  expect((await fetch(`${host.baseUrl}/prefix/administrators`)).status).toBe(404);
});

test("a disabled function is a 404", async () => {
  expect((await fetch(`${host.baseUrl}/prefix/switchedOff`)).status).toBe(404);
});

test("preflights of an allowed origin are answered, and answers name the origin", async () => {
  const preflight = await new Promise<Record<string, string | string[] | undefined>>(
    (done, fail) => {
      sendRequest(
        `${host.baseUrl}/prefix/byName`,
        {
          method: "OPTIONS",
          headers: {
            origin: "http://viewer.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
          },
        },
        (answer) => {
          answer.resume();
          done({ ...answer.headers, status: String(answer.statusCode) });
        },
      )
        .on("error", fail)
        .end();
    },
  );
  expect(preflight).toMatchObject({
    status: "204",
    "access-control-allow-origin": "http://viewer.example",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type",
    "access-control-allow-credentials": "true",
  });
  const answer = await fetch(`${host.baseUrl}/prefix/byName`, {
    headers: { origin: "http://other.example" },
  });
  expect(answer.headers.get("access-control-allow-origin")).toBe("http://other.example");
  const foreign = await fetch(`${host.baseUrl}/prefix/byName`, {
    headers: { origin: "http://foreign.example" },
  });
  expect(foreign.headers.get("access-control-allow-origin")).toBeNull();
});

test("over maxConcurrentRequests the answer is 429, and administrative requests are exempt", async () => {
  const held = fetch(`${host.baseUrl}/prefix/hold`);
  await until("the host is busy", async () => {
    const answer = await fetch(`${host.baseUrl}/prefix/byName`);
    await answer.text();
    return answer.status === 429 && answer.headers.get("x-function-scaleout") === "1"
      ? true
      : undefined;
  });
  expect((await fetch(`${host.baseUrl}/admin/host/ping`)).status).toBe(200);
  await host.close();
  // The running request is cut when the time to drain is over: it can never end by itself.
  await expect(held).rejects.toThrow();
}, 20_000);
