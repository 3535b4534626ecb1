// What holds for every request: PS3.18 §8, versions, methods, paths, headers and problems.
import { describe, expect, inject, test } from "vitest";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import { DicomwebService, instancePath, problemKind } from "../support/dicomwebService.ts";
import { send } from "../support/send.ts";

const service = new DicomwebService();
const { baseUrl } = inject("runtime");

test("every answer of a version has the headers that clients of the Azure service see", async () => {
  const instance = makeInstance();
  await service.mustStore([instance.bytes]);
  for (const path of [
    "studies?limit=1",
    instancePath(instance),
    "studies/abc",
    `studies/${makeUID()}`,
  ]) {
    const { headers } = await service.get(path);
    expect(headers).toMatchObject({
      "api-supported-versions": "1.0-prerelease, 1, 2",
      "content-security-policy": "frame-src 'self';",
      "x-content-type-options": "nosniff",
      "x-frame-options": "SAMEORIGIN",
    });
  }
});

test.each([
  ["v1", 200],
  ["v2", 200],
  ["V2", 200],
  ["v1.0-prerelease", 200],
  ["v9", 404],
  ["v", 404],
  ["v2.0", 404],
  ["dicomweb", 404],
])("the version segment %s is answered %i", async (version, status) => {
  const instance = makeInstance();
  await service.mustStore([instance.bytes]);
  const answer = await send(`${baseUrl}/${version}/${instancePath(instance)}`, {});
  expect(answer.status).toBe(status);
});

test("URLs in an answer carry the version that the request used", async () => {
  const { bytes } = makeInstance();
  const answer = await send(`${baseUrl}/v1.0-prerelease/studies`, {
    method: "POST",
    headers: { "Content-Type": "application/dicom" },
    body: bytes,
  });
  expect(answer.text).toContain(`${baseUrl}/v1.0-prerelease/studies/`);
});

test("a path without a version is answered 404", async () => {
  for (const path of ["/studies", "/", "/favicon.ico"]) {
    const answer = await send(`${baseUrl}${path}`);
    expect([path, answer.status, problemKind(answer)]).toEqual([path, 404, "notFound"]);
  }
});

test("literals of a path match in any case, and a slash at the end does no harm", async () => {
  const instance = makeInstance();
  await service.mustStore([instance.bytes]);
  const path = instancePath(instance).replace("studies", "Studies").replace("/series/", "/SERIES/");
  expect((await service.get(`${path}/Metadata`)).status).toBe(200);
  expect((await service.get(`${path}/`)).status).toBe(200);
  expect((await service.get(`studies/${instance.studyInstanceUID}/series/`)).status).toBe(200);
});

describe("methods", () => {
  const study = makeUID();
  const instance = `studies/${study}/series/1.2/instances/1.3`;

  test.each([
    ["studies", "GET, POST, PUT"],
    [`studies/${study}`, "DELETE, GET, POST, PUT"],
    [`studies/${study}/series/1.2`, "DELETE, GET"],
    [instance, "DELETE, GET"],
    [`${instance}/metadata`, "GET"],
    [`${instance}/frames/1`, "GET"],
    [`${instance}/bulkdata/7FE00010`, "GET"],
    ["series", "GET"],
    ["instances", "GET"],
    [`studies/${study}/series`, "GET"],
  ])(
    "%s answers another method with 405 and Allow: %s, and OPTIONS with 204",
    async (path, allow) => {
      for (const method of [
        "PATCH",
        "HEAD",
        ...["POST", "DELETE"].filter((one) => !allow.includes(one)),
      ]) {
        const answer = await service.request(path, { method });
        expect([method, answer.status]).toEqual([method, 405]);
        expect((answer.headers.allow ?? "").split(", ").toSorted().join(", ")).toBe(allow);
      }
      const options = await service.request(path, { method: "OPTIONS" });
      expect([options.status, options.headers.allow?.split(", ").toSorted().join(", ")]).toEqual([
        204,
        allow,
      ]);
    },
  );

  test("a method nobody knows is refused without harm", async () => {
    expect((await service.request("studies", { method: "PROPFIND" })).status).toBe(404);
  });

  test("POST with a body to a path that there is not is answered 404, and the next request is served", async () => {
    const answer = await service.request("nothing/here", {
      method: "POST",
      body: "x".repeat(100_000),
    });
    expect([answer.status, problemKind(answer)]).toEqual([404, "notFound"]);
    expect((await service.get("studies?limit=1")).status).toBeLessThan(300);
  });
});

describe("hostile paths and queries", () => {
  test.each([
    ["studies/1.2%2Fseries%2F1.3", 400],
    ["studies%2F1.2", 404],
    ["studies//series", 404],
    ["/studies", 404],
    ["studies/1.2/../1.3", 404],
    ["studies/1.2/%2e%2e/1.3", 404],
    ["studies/1.2/../../../../etc/passwd", 404],
    ["studies/%FF", 400],
    ["studies/%", 400],
    ["studies/1.2%00", 404],
    ["studies/%E5%B1%B1", 400],
    [`studies/${"1".repeat(5_000)}`, 400],
    ["studies?%3C=1", 400],
    ["studies?PatientName=a%3cb", 400],
    ["studies?PatientName=a<b", 400],
    ["instances?x=%3c", 400],
    [`studies?PatientName=${"x".repeat(4_000)}`, 400],
    [`studies?${"PatientID=1&".repeat(500)}`, 400],
    ["partitions/Microsoft.Default/studies", 400],
    ["partitions/x/studies/1.2/series/1.3/instances/1.4", 400],
  ])("%s is answered %i with a problem", async (path, status) => {
    const answer = await service.get(path);
    expect([answer.status, typeof problemKind(answer)]).toEqual([status, "string"]);
  });

  test("segments of dots are resolved before the route is chosen, so that one resource is meant", async () => {
    const one = makeInstance();
    const two = makeInstance();
    await service.mustStore([one.bytes, two.bytes]);
    const path = `studies/${one.studyInstanceUID}/../${two.studyInstanceUID}`;
    // RFC 3986 §5.2.4.
    expect((await service.request(path, { method: "DELETE" })).status).toBe(204);
    expect((await service.get(instancePath(one))).status).toBe(200);
    expect((await service.get(instancePath(two))).status).toBe(404);
  });

  test("a request line beyond the host's limit is refused, and the next request is served", async () => {
    const answer = await service.get(`studies?PatientName=${"x".repeat(20_000)}`);
    expect(answer.status).toBe(414);
    expect((await service.get("studies?limit=1")).status).toBeLessThan(300);
  });

  test("a query parameter named Headers replaces no header", async () => {
    const instance = makeInstance();
    await service.mustStore([instance.bytes]);
    // The Functions library lets such a parameter stand for the headers that a handler sees.
    const forged = encodeURIComponent(JSON.stringify({ accept: "text/html" }));
    const path = instancePath(instance);
    expect((await service.get(`${path}?Headers=${forged}`, "application/dicom")).status).toBe(200);
    const wanted = encodeURIComponent(JSON.stringify({ accept: "application/dicom" }));
    expect((await service.get(`${path}?Headers=${wanted}`, "text/html")).status).toBe(406);
  });
});

test("a problem is application/problem+json with type, title, status and detail, and no patient data", async () => {
  const answer = await service.get("studies?PatientName=Smith%5EJohn&limit=0");
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  expect(answer.json()).toEqual({
    type: "urn:strata:problem:malformed",
    title: expect.any(String) as string,
    status: 400,
    detail: 'The parameter "limit" must be an integer from 1 to 200.',
  });
});

test("health is answered 200 without a version, and names its parts", async () => {
  const answer = await send(`${baseUrl}/health/check`);
  expect(answer.status).toBe(200);
  const { overallStatus, details } = answer.json() as {
    overallStatus: string;
    details: { name: string; status: string }[];
  };
  expect(overallStatus).toBe("Healthy");
  expect(details.map(({ name, status }) => [name, status])).toEqual(
    expect.arrayContaining([
      ["index", "Healthy"],
      ["content", "Healthy"],
    ]),
  );
});

test("every answer has a correlation id, the caller's if it is one, and says what it took", async () => {
  const id = "0af7651916cd43dd8448eb211c80319c";
  const instance = makeInstance();
  await service.mustStore([instance.bytes]);
  for (const path of [instancePath(instance), "studies/abc", `studies/${makeUID()}`, "nothing"]) {
    const answer = await service.request(path, { headers: { "X-Correlation-Id": id } });
    expect(answer.headers["x-correlation-id"]).toBe(id);
    const named = await service.request(path, { headers: { "X-Correlation-Id": "Doe^John" } });
    expect(named.headers["x-correlation-id"]).toMatch(/^[0-9a-f-]{36}$/);
    const timing = /^cosmos;dur=(\d+\.\d);desc="([\d.]+) RU", blob;dur=(\d+\.\d)$/.exec(
      String(answer.headers["server-timing"]),
    );
    expect(timing).not.toBeNull();
    // What is not routed asks nobody.
    expect(Number(timing?.[2]) > 0).toBe(path !== "nothing");
    expect(Number(timing?.[3]) > 0).toBe(answer.status === 200);
  }
});
