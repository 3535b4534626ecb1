// The CORS protocol as browsers speak it: what scripts of which pages may read.
import { beforeAll, describe, expect, inject, test } from "vitest";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";
import { askPlatform, bearer, TestTenant } from "../support/testTenant.ts";

const { baseUrl } = inject("tokenRuntime");
const viewer = "https://viewer.example";
const portal = "https://portal.example:8443";

let tenant: TestTenant;
let other: TestTenant;

beforeAll(async () => {
  tenant = await TestTenant.register({ corsOrigins: [viewer] });
  other = await TestTenant.register({ corsOrigins: [portal] });
});

async function preflight(
  path: string,
  origin: string,
  method = "GET",
  host?: string,
): Promise<ReceivedAnswer> {
  return await send(`${baseUrl}/${path}`, {
    method: "OPTIONS",
    headers: {
      Origin: origin,
      "Access-Control-Request-Method": method,
      "Access-Control-Request-Headers": "authorization, content-type, if-none-match, range",
      ...(host === undefined ? {} : { Host: host }),
    },
  });
}

function listOf(answer: ReceivedAnswer, header: string): string[] {
  return String(answer.headers[header] ?? "")
    .split(",")
    .map((value) => value.trim().toLowerCase());
}

describe("a preflight", () => {
  test.each([
    ["v2/studies", "POST"],
    ["v2/studies/1.2.3/series/1.2.4/instances/1.2.5/frames/1", "GET"],
    ["v1/studies/1.2.3", "DELETE"],
    ["v2/partitions/north/studies", "GET"],
    ["v2/tenants/x", "PATCH"],
  ])("of %s with %s needs no token and allows what viewers send", async (path, method) => {
    const answer = await preflight(path, viewer, method);
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect(answer.headers).toMatchObject({ "access-control-allow-origin": viewer });
    expect(listOf(answer, "vary")).toContain("origin");
    expect(listOf(answer, "access-control-allow-methods")).toEqual(
      expect.arrayContaining(["get", "post", "put", "delete", "patch", "options"]),
    );
    expect(listOf(answer, "access-control-allow-headers")).toEqual(
      expect.arrayContaining([
        "accept",
        "authorization",
        "content-type",
        "if-none-match",
        "range",
        "x-requested-with",
      ]),
    );
    expect(answer.headers["access-control-max-age"]).toBe("86400");
    expect(answer.headers["access-control-allow-credentials"]).toBeUndefined();
  });

  test("allows the headers for the audit that a page wants to send, and no others that it asks for", async () => {
    const answer = await send(`${baseUrl}/v2/studies`, {
      method: "OPTIONS",
      headers: {
        Origin: viewer,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers":
          "authorization, X-MS-AZUREDICOM-AUDIT-Purpose,x-ms-azuredicom-audit-ward, x-ms-azuredicom-audit-, x-ms-client-principal",
      },
    });
    const allowed = listOf(answer, "access-control-allow-headers");
    expect(allowed).toEqual(
      expect.arrayContaining([
        "authorization",
        "x-ms-azuredicom-audit-purpose",
        "x-ms-azuredicom-audit-ward",
      ]),
    );
    expect(allowed).not.toContain("x-ms-azuredicom-audit-");
    expect(allowed).not.toContain("x-ms-client-principal");
  });

  test.each([
    "https://evil.example",
    "https://viewer.example.evil.example",
    "https://viewer.example:444",
    "http://viewer.example",
    "null",
  ])("from %s allows nothing", async (origin) => {
    const answer = await preflight("v2/studies", origin);
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
    expect(answer.headers["access-control-allow-methods"]).toBeUndefined();
  });

  test("is decided by the tenant of the host that was called, where a tenant has that host", async () => {
    const host = `t${makeUID().replaceAll(".", "").slice(-12)}.example`;
    await TestTenant.register({ corsOrigins: [portal], publicBaseURL: `https://${host}` });
    const atHost = async (origin: string): Promise<unknown> =>
      (await preflight("v2/studies", origin, "GET", host)).headers["access-control-allow-origin"];
    expect(await atHost(portal)).toBe(portal);
    expect(await atHost(viewer)).toBeUndefined();
  });
});

describe("an answer", () => {
  const allowed = async (
    path: string,
    origin: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<[number, unknown]> => {
    const answer = await send(`${baseUrl}/${path}`, { headers: { Origin: origin, ...headers } });
    expect(listOf(answer, "vary")).toContain("origin");
    expect(answer.headers["access-control-allow-credentials"]).toBeUndefined();
    return [answer.status, answer.headers["access-control-allow-origin"]];
  };

  test("can be read by the pages of its own tenant, and of no other", async () => {
    const file = makeInstance();
    await tenant.service().mustStore([file.bytes]);
    const path = `v2/studies/${file.studyInstanceUID}/metadata`;
    expect(await allowed(path, viewer, bearer(tenant.token()))).toEqual([200, viewer]);
    expect(await allowed(path, portal, bearer(tenant.token()))).toEqual([200, undefined]);
    expect(await allowed(path, viewer, bearer(other.token()))).toEqual([404, undefined]);
    expect(await allowed(path, portal, bearer(other.token()))).toEqual([404, portal]);
  });

  test.each([
    [401, "v2/studies", {}],
    [400, "v2/studies?limit=x", "owner"],
    [403, "v2/tenants", "owner"],
    [404, "v2/studies/1.2.3.4", "owner"],
    [404, "v2/nothing", {}],
    [406, "v2/studies?accept=text/html", "owner"],
  ] as const)("of %i can be read too, so that a viewer can say why", async (status, path, who) => {
    const headers = who === "owner" ? bearer(tenant.token()) : {};
    expect(await allowed(path, viewer, headers)).toEqual([status, viewer]);
    expect((await allowed(path, "https://evil.example", headers))[1]).toBeUndefined();
  });

  test("of a tenant that is suspended can be read by its own pages", async () => {
    const page = `https://t${makeUID().replaceAll(".", "").slice(-12)}.example`;
    const passing = await TestTenant.register({ corsOrigins: [page] });
    expect((await askPlatform("POST", `tenants/${passing.name}/suspend`)).status).toBe(200);
    expect((await preflight("v2/studies", page)).headers["access-control-allow-origin"]).toBe(page);
    expect(await allowed("v2/studies", page, bearer(passing.token()))).toEqual([403, page]);
  });

  test("shows scripts the headers that viewers and readers of the feed need", async () => {
    const answer = await send(`${baseUrl}/v2/feed`, {
      headers: { Origin: viewer, ...bearer(tenant.token()) },
    });
    expect(listOf(answer, "access-control-expose-headers")).toEqual(
      expect.arrayContaining([
        "accept-ranges",
        "content-length",
        "content-range",
        "content-type",
        "etag",
        "last-modified",
        "link",
        "location",
        "retry-after",
        "warning",
        "www-authenticate",
      ]),
    );
  });
});

describe("without authentication", () => {
  const local = inject("runtime").baseUrl;
  const shown = async (origin: string): Promise<unknown> =>
    (await send(`${local}/v2/studies?limit=1`, { headers: { Origin: origin } })).headers[
      "access-control-allow-origin"
    ];

  test("pages on the same machine may read, and no others", async () => {
    expect(await shown("http://localhost:3000")).toBe("http://localhost:3000");
    expect(await shown("http://127.0.0.1:5173")).toBe("http://127.0.0.1:5173");
    expect(await shown("https://evil.example")).toBeUndefined();
    expect(await shown("http://localhost.evil.example")).toBeUndefined();
  });

  test("a page whose name was made to point to this machine is not let in", async () => {
    const answer = await send(`${local}/v2/studies`, { headers: { Host: "rebound.example:7071" } });
    expect(answer.status).toBe(403);
  });
});
