// No patient data in logs, telemetry, error bodies or headers, and nothing that is not on record is acknowledged.
//
// Method: a service of its own, whose database lies behind a proxy that can fail and whose telemetry goes to a collector of
// the test. A value that is nowhere else is planted in everything that a caller can send; the service is used and abused
// in every way; then all that left it, but for the data that were asked for, is searched.
import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCosmosServer, type CosmosServer } from "../../local/cosmos/server.ts";
import { audiences } from "../../local/issuer/developmentCallers.ts";
import {
  startDevelopmentIssuer,
  type DevelopmentIssuer,
} from "../../local/issuer/developmentIssuer.ts";
import { platformSettings, registerTenants } from "../../local/issuer/registerTenants.ts";
import { signToken } from "../../local/issuer/signToken.ts";
import { startRuntime, type Runtime } from "../../local/startRuntime.ts";
import { requestFields } from "../../shared/telemetry/requestFacts.ts";
import { measureNames } from "../../shared/telemetry/telemetry.ts";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import {
  DicomwebService,
  dicomJson,
  instancePath,
  problemKind,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import { startFaultyProxy, type FaultyProxy, type ProxiedRequest } from "../support/faultyProxy.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";

const dataDir = mkdtempSync(join(tmpdir(), "strata-sentinels-"));
const bodyBytesMax = 1024 * 1024;
const lines: string[] = [];
const exported: { readonly path: string; readonly body: string }[] = [];
let cosmos: CosmosServer;
let proxy: FaultyProxy;
let collector: Server;
let issuer: DevelopmentIssuer;
let runtime: Runtime;

beforeAll(async () => {
  collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      exported.push({ path: request.url ?? "", body: Buffer.concat(chunks).toString("utf8") });
      response.writeHead(200, { "Content-Type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((done) => {
    collector.listen(0, "127.0.0.1", done);
  });
  [cosmos, issuer] = await Promise.all([
    startCosmosServer({ dataDir: join(dataDir, "cosmos") }),
    startDevelopmentIssuer(),
  ]);
  proxy = await startFaultyProxy(cosmos.endpoint);
  runtime = await startRuntime({
    dataDir,
    environment: { ...process.env, COSMOS_ENDPOINT: `${proxy.url}/`, COSMOS_KEY: cosmos.key },
    settings: {
      ...platformSettings(issuer),
      REQUEST_BODY_BYTES_MAX: String(bodyBytesMax),
      OTEL_METRIC_EXPORT_INTERVAL: "200",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${String((collector.address() as AddressInfo).port)}`,
    },
    log: (role, line) => {
      lines.push(`${role}: ${line}`);
    },
  });
  await registerTenants(runtime.baseUrl, issuer);
});

afterAll(async () => {
  await runtime.stop();
  await proxy.close();
  await Promise.all([cosmos.close(), issuer.close()]);
  await new Promise((done) => collector.close(done));
  rmSync(dataDir, { recursive: true, force: true });
});

/** Dead letters are counted every five minutes, and nobody was throttled. */
const expectedMetrics = [
  "http.server.request.duration",
  "strata.request.charge",
  "strata.dependency.duration",
  "strata.response.body.size",
  ...measureNames.filter((name) => name !== "strata.feed.dead_letters"),
];

/** All sentinels, by where they were planted. */
const planted = new Map<string, string>();

/** A value that occurs nowhere else, and fits every VR of text and every header. */
function sentinel(place: string): string {
  const value = `ZQ${randomBytes(5).toString("hex").toUpperCase()}`;
  planted.set(value, place);
  return value;
}

function found(text: string): string[] {
  const folded = text.toUpperCase();
  const decoded = text.includes("%") ? decodeLoosely(text).toUpperCase() : "";
  return [...planted]
    .filter(([value]) => folded.includes(value.toUpperCase()) || decoded.includes(value))
    .map(([, place]) => place);
}

function decodeLoosely(text: string): string {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

function tokenOf(tenant: string, roles: readonly string[], changes: object = {}): string {
  const key = createPrivateKey({ key: issuer.privateKey, format: "jwk" });
  const seconds = Math.floor(Date.now() / 1000);
  return signToken(key, issuer.kid, {
    iss: issuer.url,
    aud: audiences.service,
    tenant,
    roles,
    sub: sentinel("sub of a token"),
    client_id: sentinel("client_id of a token"),
    name: sentinel("name in a token"),
    jti: sentinel("jti of a token"),
    iat: seconds,
    exp: seconds + 3_600,
    ...changes,
  });
}

function serviceOf(
  tenant: string,
  roles: readonly string[] = ["DICOM Data Owner"],
): DicomwebService {
  const token = tokenOf(tenant, roles);
  planted.set(token.split(".")[2] ?? token, "the signature of a token");
  return new DicomwebService("v2", runtime.baseUrl, {
    Authorization: `Bearer ${token}`,
    "User-Agent": sentinel("User-Agent"),
    Cookie: `a=${sentinel("Cookie")}`,
    Referer: `https://x.example/?q=${sentinel("Referer")}`,
    "X-Correlation-Id": sentinel("X-Correlation-Id"),
    "X-Request-Id": sentinel("X-Request-Id"),
    "X-MS-AZUREDICOM-AUDIT-Reason": sentinel("an audit header"),
    Tracestate: `a=${sentinel("tracestate")}`,
    "X-Made-Up": sentinel("a header of no meaning"),
  });
}

function instanceWithSentinels(): ReturnType<typeof makeInstance> {
  return makeInstance({
    patientName: `${sentinel("PatientName")}^${sentinel("given name")}`,
    patientID: sentinel("PatientID"),
    elements: [
      ["00080050", "SH", sentinel("AccessionNumber")],
      ["00080080", "LO", sentinel("InstitutionName")],
      ["00080090", "PN", sentinel("ReferringPhysicianName")],
      ["00081030", "LO", sentinel("StudyDescription")],
      ["0008103E", "LO", sentinel("SeriesDescription")],
      ["00104000", "LT", sentinel("PatientComments")],
      ["00200010", "SH", sentinel("StudyID")],
      ["00204000", "LT", sentinel("ImageComments")],
      ["00091010", "LO", sentinel("a private tag")],
      ["00090010", "LO", sentinel("a private creator")],
      ["00400275", "SQ", undefined, { items: [[["00321060", "LO", sentinel("an item")]]] }],
    ],
  });
}

/** Answers that are not the data that were asked for; and the headers of those that are. */
const answers: { readonly what: string; readonly text: string }[] = [];

function keep(what: string, answer: ReceivedAnswer): ReceivedAnswer {
  const headers = answer.rawHeaders.join("\n");
  const isData = answer.status < 400;
  answers.push({
    what: `${what} ${answer.status}`,
    text: isData ? headers : headers + answer.text,
  });
  return answer;
}

function isAudit({ path }: ProxiedRequest): boolean {
  return path.includes("/colls/audit/");
}

test("a body beyond the setting is answered 413, whether its length is told or not, and nothing of it is stored", async () => {
  const service = serviceOf("hospital-b");
  const { bytes, studyInstanceUID } = makeInstance({ bytes: bodyBytesMax });
  const headers = { "Content-Type": "application/dicom" };
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 65_536) {
      yield await Promise.resolve(bytes.subarray(at, at + 65_536));
    }
  }
  for (const body of [bytes, pieces()]) {
    const answer = await service.request("studies", { method: "POST", headers, body });
    expect([answer.status, problemKind(answer)]).toEqual([413, "tooLarge"]);
  }
  expect((await service.get(`studies/${studyInstanceUID}`)).status).toBe(404);
  const smaller = makeInstance({ bytes: bodyBytesMax - 10_000 });
  expect((await service.store([smaller.bytes])).status).toBe(200);
});

describe("what nobody recorded", () => {
  const refusing = (request: ProxiedRequest): { kind: "answer"; status: number } | undefined =>
    isAudit(request) && request.headers["x-ms-documentdb-isquery"] === undefined
      ? { kind: "answer", status: 400 }
      : undefined;

  test("is not acknowledged: with the audit down, what would succeed is answered 503", async () => {
    const service = serviceOf("hospital-b");
    const instance = makeInstance();
    const path = instancePath(instance);
    await service.mustStore([instance.bytes]);
    try {
      proxy.reset(refusing);
      for (const answer of [
        await service.get(path),
        await service.get(`studies/${instance.studyInstanceUID}`),
        await service.get(`${path}/metadata`, dicomJson),
        await service.get("studies?limit=1", dicomJson),
        await service.store([makeInstance().bytes]),
      ]) {
        expect([answer.status, problemKind(answer)]).toEqual([503, "unavailable"]);
        expect(answer.headers["retry-after"]).toBe("2");
      }
    } finally {
      proxy.reset();
    }
    expect((await service.get(path)).status).toBe(200);
  });

  test("stays refused when it was refused: a refusal tells nothing that would have to be on record", async () => {
    try {
      proxy.reset(refusing);
      expect((await serviceOf("hospital-b").get(`studies/${makeUID()}`)).status).toBe(404);
      expect((await send(`${runtime.baseUrl}/v2/studies`)).status).toBe(401);
    } finally {
      proxy.reset();
    }
  });
});

describe("sentinels", () => {
  const studies: string[] = [];
  let plantedBefore = 0;

  test("are planted in all that a caller can send, and the service is used and abused", async () => {
    plantedBefore = planted.size;
    const service = serviceOf("hospital-a");
    const [one, two] = [instanceWithSentinels(), instanceWithSentinels()];
    studies.push(one.studyInstanceUID, two.studyInstanceUID);
    const path = instancePath(one);
    const study = `studies/${one.studyInstanceUID}`;
    const request = async (
      target: string,
      options: Parameters<DicomwebService["request"]>[1] = {},
    ): Promise<ReceivedAnswer> =>
      keep(
        `${options.method ?? "GET"} ${target.split("?")[0] ?? ""}`,
        await service.request(target, options),
      );

    keep("store", await service.store([one.bytes, two.bytes]));
    keep("store again", await service.store([one.bytes]));
    keep(
      "store parts with names",
      await service.storeParts([
        {
          body: two.bytes,
          headers: [
            "Content-Type: application/dicom",
            `Content-Disposition: attachment; filename="${sentinel("a file name")}.dcm"`,
            `X-Part: ${sentinel("a header of a part")}`,
          ],
        },
      ]),
    );
    keep("store cut", await service.store([one.bytes.subarray(0, 400)]));
    keep("store text", await service.storeParts([{ body: sentinel("a body that is no DICOM") }]));
    const broken = makeInstance({
      elements: [
        ["00100030", "DA", sentinel("an invalid date")],
        ["00080020", "DA", sentinel("an invalid StudyDate")],
        ["00100010", "PN", `${sentinel("an invalid name")}=a=b=c=d`],
      ],
    });
    keep("store invalid", await service.store([broken.bytes]));
    await request("studies", {
      method: "POST",
      headers: { "Content-Type": `multipart/related; boundary=${sentinel("a boundary")}` },
      body: sentinel("a body without its boundary"),
    });
    await request("studies", {
      method: "POST",
      headers: { "Content-Type": `text/${sentinel("a media type")}` },
      body: sentinel("a body of another type"),
    });

    for (const name of ["PatientName", "PatientID", "StudyDescription", "AccessionNumber"]) {
      await request(`studies?${name}=${sentinel(`the value of ${name}`)}`);
      await request(`instances?${name}=*${sentinel(`a pattern of ${name}`)}*&fuzzymatching=true`);
    }
    for (const query of ["StudyDate", "limit", "offset", "includefield", "00280010"]) {
      await request(`studies?${query}=${sentinel(`the value of ${query}`)}`);
    }
    await request(`studies?${sentinel("the name of a parameter")}=1`);
    await request(`studies?PatientName=<${sentinel("a refused query")}`);
    await request("studies/_search", {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: `PatientName=${sentinel("a form")}&StudyDate=${sentinel("a date in a form")}`,
    });

    for (const target of [study, path, `${path}/frames/1`, `${path}/bulkdata/7FE00010`]) {
      await request(target, { headers: { Accept: "*/*" } });
    }
    await request(`${study}/metadata`, { headers: { Accept: dicomJson } });
    await request(`${study}/metadata`, {
      headers: {
        Accept: `application/${sentinel("Accept")}`,
        "If-None-Match": `"${sentinel("a tag")}"`,
      },
    });
    await request(path, { headers: { Accept: "*/*", Range: `bytes=${sentinel("a range")}` } });
    for (const target of [
      `${path}/frames/${sentinel("a frame number")}`,
      `${path}/frames/99`,
      `${path}/bulkdata/${sentinel("a path of bulk data")}`,
      `studies/${sentinel("a UID")}`,
      `studies/1.2?x=${sentinel("a query of a retrieve")}`,
      sentinel("a path"),
      `partitions/${sentinel("a partition")}/studies`,
      `feed/cursors/${sentinel("a cursor")}`,
      `feed?continuation=${sentinel("a continuation")}`,
      `changefeed?startTime=${sentinel("a time")}`,
      `operations/${sentinel("an operation")}`,
      `extendedquerytags/${sentinel("a tag path")}`,
      `workitems/${sentinel("a workitem")}`,
      `audit?patient=${sentinel("a patient of the audit")}`,
    ]) {
      await request(target);
    }
    for (const [method, target] of [
      ["POST", "extendedquerytags"],
      ["PUT", `feed/cursors/c1`],
      ["POST", "export"],
      ["PUT", "tenants/hospital-c"],
    ] as const) {
      await request(target, {
        method,
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ [sentinel("a name in JSON")]: sentinel("a value in JSON") }),
      });
    }
    await request("feed");
    await request("changefeed");
    await request(study, { method: "DELETE" });
    await request(sentinel("a method in the path"), { method: "PATCH" });

    for (const token of [
      sentinel("a token that is none"),
      tokenOf("hospital-a", [sentinel("a role")]),
      tokenOf(sentinel("a tenant"), []),
      tokenOf("hospital-a", ["DICOM Data Owner"], { exp: 1_000 }),
      tokenOf("hospital-a", ["DICOM Data Owner"], { aud: sentinel("an audience") }),
      tokenOf("hospital-a", ["DICOM Data Owner"], { iss: `https://${sentinel("an issuer")}` }),
    ]) {
      keep(
        "a token",
        await send(`${runtime.baseUrl}/v2/${study}`, {
          headers: { Authorization: `Bearer ${token}` },
        }),
      );
    }
  });

  test("are in what the database refuses, whose errors quote the request", async () => {
    const service = serviceOf("hospital-a");
    const instance = instanceWithSentinels();
    studies.push(instance.studyInstanceUID);
    const isData = ({ path }: ProxiedRequest): boolean => path.includes("/colls/dicom/docs");
    for (const status of [400, 403, 413]) {
      try {
        proxy.reset((request) =>
          isData(request)
            ? { kind: "answer", status, message: request.body.toString("utf8") }
            : undefined,
        );
        keep(
          `search, database ${status}`,
          await service.get(`studies?PatientName=${sentinel("a search that fails")}`),
        );
        keep(`store, database ${status}`, await service.store([instance.bytes]));
      } finally {
        proxy.reset();
      }
    }
    expect(answers.some(({ what }) => / 5\d\d$/.test(what))).toBe(true);
  });

  test("are in nothing that a caller of another tenant can ask for", async () => {
    const ofOthers = [...planted].slice(plantedBefore);
    const other = serviceOf("hospital-b", ["DICOM Data Owner", "Strata Tenant Admin"]);
    for (const target of [
      "studies?limit=200&includefield=all",
      "series?limit=200&includefield=all",
      "instances?limit=200&includefield=all",
      "changefeed?limit=200",
      "feed?mode=all&includeMetadata=true",
      "feed/ranges",
      "feed/cursors",
      "extendedquerytags",
      "audit?limit=200",
      ...studies.map((study) => `studies/${study}/metadata`),
    ]) {
      const { text, rawHeaders } = await other.get(target);
      const leaks = ofOthers.filter(([value]) => (text + rawHeaders.join("\n")).includes(value));
      expect([target, leaks]).toEqual([target, []]);
    }
  });

  test("are not in headers, nor in the bodies of refusals", () => {
    expect(answers.length).toBeGreaterThan(60);
    expect(planted.size).toBeGreaterThan(100);
    const leaks = answers.flatMap(({ what, text }) =>
      found(text).map((place) => `${place}: ${what}`),
    );
    // Whoever misspells a parameter is told which one it was, and nobody else is.
    expect(leaks).toEqual(["the name of a parameter: GET studies 400"]);
  });

  test("are not in the logs, nor in telemetry, and no UID is either", async () => {
    const last = makeUID();
    await serviceOf("hospital-a").get(`studies/${last}/metadata`, dicomJson);
    await eventually(
      async () => await Promise.resolve(exported.map(({ body }) => body).join("\n")),
      (sent) =>
        sent.includes('"name":"retrieveStudyMetadata"') &&
        expectedMetrics.every((name) => sent.includes(`"name":"${name}"`)),
    );
    await runtime.stop();
    const ofHost = lines.filter((line) => line.startsWith("host: "));
    expect(ofHost.filter((line) => line.includes("request {")).length).toBeGreaterThan(60);
    expect(lines.flatMap((line) => found(line).map((place) => `${place}: ${line}`))).toEqual([]);
    const telemetry = exported.map(({ body }) => body).join("\n");
    expect(found(telemetry)).toEqual([]);
    for (const uid of studies) {
      expect(telemetry).not.toContain(uid);
      expect(ofHost.filter((line) => line.includes("request {") && line.includes(uid))).toEqual([]);
    }
  });

  test("the collector was sent spans and metrics, and of those no attribute but the allowed ones", () => {
    expect(lines.filter((line) => line.includes("telemetry is not sent"))).toEqual([]);
    expect(new Set(exported.map(({ path }) => path))).toEqual(
      new Set(["/v1/traces", "/v1/metrics"]),
    );
    const all = exported.map(({ body }) => body).join("\n");
    const names = [...all.matchAll(/"key":"([^"]+)"/g)].map(([, name = ""]) => name);
    const allowed = new Set<string>([
      ...requestFields,
      "function",
      "dependency",
      "http.request.method",
      "http.response.status_code",
      "service.name",
    ]);
    expect([...new Set(names)].filter((name) => !allowed.has(name))).toEqual([]);
    expect(names).toContain("correlationId");
    expect(all).toContain('"name":"searchStudies"');
  });
});
