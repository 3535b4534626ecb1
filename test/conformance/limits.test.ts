// docs/limits.md against the code and the running service: the table is the expectation.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import type { HttpRequest } from "@azure/functions";
import { parseFrameList } from "../../shared/dicomweb/frameList.ts";
import { readRequest } from "../../shared/http/dicomwebRequest.ts";
import { problemStatus } from "../../shared/http/problemResponse.ts";
import { Problem } from "../../shared/problem/problem.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";
import { DicomwebService, multipartStoreType, problemKind } from "../support/dicomwebService.ts";
import { encodeParts, testBoundary } from "../support/multipart.ts";
import { openRaw } from "../support/rawRequest.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";
import { bearer, TestTenant } from "../support/testTenant.ts";

const root = resolve(import.meta.dirname, "..", "..");
const text = readFileSync(join(root, "docs", "limits.md"), "utf8");
const service = new DicomwebService();

function rowsOf(heading: string): string[][] {
  const section = text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0];
  if (section === undefined) {
    throw new Error(`there is no section "${heading}"`);
  }
  return section
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[\s:|-]+\|$/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    )
    .slice(1);
}

const headings = ["Requests", "Files", "Pixels", "When the database does not keep up"];
const constants = headings.flatMap(rowsOf).map((row) => {
  const [, path = "", name = ""] = /^`([^`]+)` `([^`]+)`$/.exec(row.at(-1) ?? "") ?? [];
  return [row[0] ?? "", path, name, Number((row[1] ?? "").replaceAll(",", ""))] as const;
});

test("the tables have as many limits as there were when this was written, or more", () => {
  expect(constants.length).toBeGreaterThanOrEqual(36);
});

test.each(constants)("%s: %s has %s = %i", (_, path, name, value) => {
  const source = readFileSync(join(root, path), "utf8");
  // The first number after the name, in the same statement: a product or a power of decimal numbers. A dot in the name leads
  // to a property.
  const pattern = new RegExp(
    `\\b${name.replace(".", "\\b[^;]*?\\b")}(?![A-Za-z])[^;\\d]{0,60}?(\\d[\\d_]*(?:\\s*\\*{1,2}\\s*\\d[\\d_]*)*)`,
  );
  const [, expression] = pattern.exec(source) ?? [];
  expect([name, valueOf(expression ?? "")]).toEqual([name, value]);
});

/** `4 * 1024 ** 3` as a number. */
function valueOf(expression: string): number {
  return expression
    .replaceAll("_", "")
    .split(/(?<!\*)\*(?!\*)/)
    .map((factor) => factor.split("**").map(Number))
    .reduce((product, [base = Number.NaN, exponent = 1]) => product * base ** exponent, 1);
}

interface Overstep {
  /** Oversteps the limit by one, about, and says how it was answered. */
  readonly over: () => Promise<number>;
  /** Reaches it; what is answered is anything else. Absent where that would take gigabytes. */
  readonly at?: () => Promise<number>;
}

let owner: DicomwebService;
let token: string;
let tokenUrl: string;

beforeAll(async () => {
  const tenant = await TestTenant.register();
  owner = tenant.service();
  token = tenant.token();
  tokenUrl = inject("tokenRuntime").baseUrl;
});

/** The status of an answer that is a problem, or none. */
function statusOf(answer: ReceivedAnswer): number {
  if (answer.status >= 400 && answer.status !== 409) {
    expect(problemKind(answer)).not.toBe("");
  }
  return answer.status;
}

async function store(contentType: string, body: string | Buffer): Promise<number> {
  const headers = { "Content-Type": contentType };
  return statusOf(await service.request("studies", { method: "POST", headers, body }));
}

async function storeParts(headers: readonly string[], count = 1): Promise<number> {
  const parts = Array.from({ length: count }, () => ({ body: "", headers }));
  return await store(multipartStoreType, encodeParts(parts));
}

async function get(path: string): Promise<number> {
  return statusOf(await service.get(path));
}

async function form(body: string): Promise<number> {
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  return statusOf(await service.request("studies/_search", { method: "POST", headers, body }));
}

async function json(method: string, path: string, body: string): Promise<number> {
  const headers = { "Content-Type": "application/json" };
  return statusOf(await service.request(path, { method, headers, body }));
}

async function audited(headers: Readonly<Record<string, string>>): Promise<number> {
  return statusOf(await service.request("studies?limit=1", { headers }));
}

function called(call: () => unknown): number {
  try {
    call();
    return 200;
  } catch (error) {
    if (error instanceof Problem) {
      return problemStatus[error.kind].status;
    }
    throw error;
  }
}

// The host's request line is shorter than such a query, so that it cannot come over HTTP: on Azure it can.
function readQuery(length: number): number {
  const url = `http://host/v2/studies?${"x".repeat(length)}`;
  const request = { url, method: "GET", headers: new Headers(), body: null };
  const surroundings = {
    publicBaseURL: undefined,
    forwarding: { hosts: [], prefixes: [] },
    bodyBytesMax: 1,
  };
  return called(() =>
    readRequest(request as unknown as HttpRequest, undefined, surroundings, () => undefined),
  );
}

const auditPrefix = "X-MS-AZUREDICOM-AUDIT-";
const auditHeaders = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${auditPrefix}${index}`, "x"]));
const uids = (count: number): string => Array.from({ length: count }, () => "1.2").join(",");
const tags = (count: number): string => Array.from({ length: count }, () => "00100010").join(",");
const padded = (length: number): string => `{"continuation":"x"${" ".repeat(length - 19)}}`;

async function register(count: number): Promise<number> {
  const body = Array.from({ length: count }, (_, at) => ({
    path: (0x00991000 + at).toString(16).padStart(8, "0"),
    vr: "LO",
    privateCreator: "LIMITS",
    level: "Study",
  }));
  const headers = { "Content-Type": "application/json" };
  const options = { method: "POST", headers, body: JSON.stringify(body) };
  return statusOf(await owner.request("extendedquerytags", options));
}

const oversteps: Readonly<Record<string, Overstep>> = {
  "Bytes of a body": {
    over: async () => {
      const connection = await openRaw(
        service.baseUrl,
        "POST /v2/studies HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/dicom\r\n" +
          "Content-Length: 4294967297\r\n\r\n",
      );
      const answer = await connection.answered();
      connection.socket.destroy();
      return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
    },
  },
  "Parts of a multipart body": {
    over: async () => await storeParts(["Content-Type: text/plain"], 10_001),
    at: async () => await storeParts(["Content-Type: text/plain"], 10_000),
  },
  "Bytes of the header of a part": {
    over: async () => await storeParts([`X: ${"x".repeat(16_400)}`]),
    at: async () => await storeParts([`X: ${"x".repeat(16_300)}`]),
  },
  "Header fields of a part": {
    over: async () => await storeParts(Array.from({ length: 65 }, (_, index) => `X${index}: x`)),
    at: async () => await storeParts(Array.from({ length: 64 }, (_, index) => `X${index}: x`)),
  },
  "Characters of a boundary": {
    over: async () => await storeWithBoundary("b".repeat(201)),
    at: async () => await storeWithBoundary("b".repeat(200)),
  },
  "Bytes before a boundary that no header tells": {
    over: async () => await storeAfter(16_500),
    at: async () => await storeAfter(16_300),
  },
  "Characters of a query": {
    over: async () => await Promise.resolve(readQuery(16_385)),
    at: async () => await Promise.resolve(readQuery(16_384)),
  },
  "Bytes of a query that is sent as a form": {
    over: async () => await form(`PatientID=${"x".repeat(65_527)}`),
    at: async () => await form(`limit=1&${"&".repeat(65_528)}`),
  },
  "Values of a list of UIDs": {
    over: async () => await form(`StudyInstanceUID=${uids(1_001)}`),
    at: async () => await form(`StudyInstanceUID=${uids(1_000)}`),
  },
  "Characters of a value that is searched for": {
    over: async () => await get(`studies?PatientID=${"x".repeat(1_025)}`),
    at: async () => await get(`studies?PatientID=${"x".repeat(1_024)}`),
  },
  "Fields of `includefield`": {
    over: async () => await form(`includefield=${tags(1_001)}`),
    at: async () => await form(`includefield=${tags(1_000)}&PatientID=nobody`),
  },
  "`limit` of a search": {
    over: async () => await get("studies?limit=201&PatientID=nobody"),
    at: async () => await get("studies?limit=200&PatientID=nobody"),
  },
  "`offset` of a search": {
    over: async () => await get("studies?offset=2000000001&PatientID=nobody"),
    at: async () => await get("studies?offset=2000000000&PatientID=nobody"),
  },
  "Frame numbers": {
    over: async () =>
      await Promise.resolve(called(() => parseFrameList("1,".repeat(10_000) + "1"))),
    at: async () => await Promise.resolve(called(() => parseFrameList("1,".repeat(9_999) + "1"))),
  },
  "`limit` of the change feed, version 2": {
    over: async () => await get("changefeed?limit=201"),
    at: async () => await get("changefeed?limit=200"),
  },
  "`pageSize` of the pull feed": {
    over: async () => await get("feed?pageSize=1001"),
    at: async () => await get("feed?pageSize=1000&startFrom=now"),
  },
  "`wait` of the pull feed, in seconds": {
    over: async () => await get("feed?wait=26"),
  },
  "Bytes of a cursor's JSON": {
    over: async () => await json("PUT", "feed/cursors/limits", padded(16_385)),
    // No continuation that there is, which is told after the length.
    at: async () => (await json("PUT", "feed/cursors/limits", padded(16_384))) - 400,
  },
  "Bytes of the JSON of extended query tags": {
    over: async () => await json("POST", "extendedquerytags", padded(65_537)),
    at: async () => (await json("POST", "extendedquerytags", padded(65_536))) - 400,
  },
  "Extended query tags of a request, and of a tenant": {
    over: async () => await register(129),
    at: async () => await register(128),
  },
  "`limit` of extended query tags and their errors": {
    over: async () => await get("extendedquerytags?limit=201"),
    at: async () => await get("extendedquerytags?limit=200"),
  },
  "`limit` of the audit": {
    over: async () => await get("audit?limit=201"),
    at: async () => await get("audit?limit=200&user=nobody"),
  },
  "Headers that begin `X-MS-AZUREDICOM-AUDIT-`": {
    over: async () => await audited(auditHeaders(11)),
    at: async () => await audited(auditHeaders(10)),
  },
  "Characters of such a header": {
    over: async () => await audited({ [`${auditPrefix}A`]: "x".repeat(2_049) }),
    at: async () => await audited({ [`${auditPrefix}A`]: "x".repeat(2_048) }),
  },
  "Characters of a bearer token": {
    over: async () => {
      const long = `${token}${"x".repeat(8_193 - token.length)}`;
      return statusOf(await send(`${tokenUrl}/v2/studies`, { headers: bearer(long) }));
    },
    at: async () => statusOf(await owner.get("studies?limit=1")),
  },
};

async function storeWithBoundary(boundary: string): Promise<number> {
  const type = `multipart/related; type="application/dicom"; boundary=${boundary}`;
  return await store(type, encodeParts([{ body: "" }], boundary));
}

async function storeAfter(preambleBytes: number): Promise<number> {
  const line = `${"p".repeat(98)}\r\n`;
  const preamble = line.repeat(Math.ceil(preambleBytes / 100)).slice(-preambleBytes);
  const body = Buffer.concat([Buffer.from(preamble), encodeParts([{ body: "" }], testBoundary)]);
  return await store('multipart/related; type="application/dicom"', body);
}

describe("requests", () => {
  const documented = rowsOf("Requests").map(
    ([limit = "", , status]) => [limit, Number(status)] as const,
  );

  test("are tried beyond each limit that is documented, and no other", () => {
    expect(Object.keys(oversteps).toSorted()).toEqual(documented.map(([name]) => name).toSorted());
  });

  test.each(documented)(
    "beyond the limit of %s are answered %i, and at it otherwise",
    async (name, status) => {
      const { over, at } = oversteps[name] ?? {};
      expect(await over?.()).toBe(status);
      if (at !== undefined) {
        expect(await at()).not.toBe(status);
      }
    },
  );
});

describe("the host and the library", () => {
  const statuses: Readonly<Record<string, () => Promise<number>>> = {
    "Bytes of the request line": async () =>
      (await service.get(`studies?PatientID=${"x".repeat(8_200)}`)).status,
    "Bytes of all header fields": async () =>
      (await service.request("studies", { headers: { X: "x".repeat(16_400) } })).status,
    "Header fields": async () => {
      const headers = Array.from({ length: 101 }, (_, index) => [`X${index}`, "x"]);
      return (
        await service.request("studies", {
          headers: Object.fromEntries(headers) as Record<string, string>,
        })
      ).status;
    },
  };
  const documented = rowsOf("Before a function of the service runs").map(
    ([limit = "", , status]) => [limit, Number(status)] as const,
  );

  test.each(documented)("refuse more than the limit of %s with %i", async (name, status) => {
    expect(await statuses[name]?.()).toBe(status);
  });

  test("refuse nothing else that is documented", () => {
    expect(Object.keys(statuses)).toEqual(documented.map(([name]) => name));
  });
});

test("a request at all limits of its headers is served", async () => {
  const headers = { ...auditHeaders(4), "X-Padding": "x".repeat(12_000) };
  expect((await service.request(`studies/${makeUID()}`, { headers })).status).toBe(404);
});
