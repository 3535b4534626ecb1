// The service on a host that behaves as the real one does to an app that streams: what a handler is shown can be forged by
// the caller, a body of known length is read before the handler is called, and a handler that throws never answers.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRuntime, type Runtime } from "../../local/startRuntime.ts";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import { DicomwebService, instancePath, problemKind } from "../support/dicomwebService.ts";

const dataDir = mkdtempSync(join(tmpdir(), "strata-treacherous-"));
const instance = makeInstance();
const other = makeInstance();
let runtime: Runtime | undefined;
let service: DicomwebService;

beforeAll(async () => {
  runtime = await startRuntime({ dataDir, hostArguments: ["--quirks", "--strict"] });
  service = new DicomwebService("v2", runtime.baseUrl);
  await service.mustStore([instance.bytes]);
  await service.mustStore([other.bytes]);
});
afterAll(async () => {
  await runtime?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test.each([
  ["replaces the headers", `Headers=${encodeURIComponent('{"accept":"image/jpeg"}')}`],
  ["removes the headers", "headers=1"],
  ["replaces the query", `Query=${encodeURIComponent('{"accept":"image/jpeg"}')}`],
])("a query parameter that %s as a handler is shown them changes nothing", async (_, query) => {
  const answer = await service.get(
    `${instancePath(instance)}?${query}`,
    "application/dicom; transfer-syntax=*",
  );
  expect(answer.status).toBe(200);
  expect(answer.body.equals(instance.bytes)).toBe(true);
});

test("a query parameter with the name of a route value does not lead to another study", async () => {
  const elsewhere = other.studyInstanceUID;
  for (const name of ["study", "STUDY", "Study"]) {
    const answer = await service.get(
      `studies/${instance.studyInstanceUID}/metadata?${name}=${elsewhere}`,
    );
    expect(answer.status).toBe(200);
    const text = answer.body.toString();
    expect(text).toContain(instance.sopInstanceUID);
    expect(text).not.toContain(other.sopInstanceUID);
  }
});

test("headers in a JSON body do not make a Store request of it", async () => {
  const answer = await service.request("studies", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ Headers: { "content-type": "application/dicom" } })),
  });
  expect(answer.status).toBe(415);
});

test("whatever is refused is answered, although a handler that threw never would be", async () => {
  for (const [path, status] of [
    ["studies/not-a-uid", 400],
    ["studies/%ff", 400],
    ["studies/1.2.3.4.5", 404],
    ["studies?limit=x", 400],
    ["nothing/here", 404],
  ] as const) {
    const answer = await service.get(path);
    expect([path, answer.status]).toEqual([path, status]);
    expect(problemKind(answer)).toBe(status === 404 ? "notFound" : "malformed");
  }
});
