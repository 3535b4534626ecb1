// The expiry headers of the Azure DICOM service: a study that goes by itself.
import { inject } from "vitest";
import { expect, test } from "vitest";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import {
  DicomwebService,
  instancePath,
  multipartStoreType,
  problemKind,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import { encodeParts } from "../support/multipart.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";

const service = new DicomwebService();
const time = "msdicom-expiry-time-milliseconds";

async function store(
  bytes: Uint8Array,
  headers: Readonly<Record<string, string>>,
  method: "POST" | "PUT" = "POST",
): Promise<ReceivedAnswer> {
  return await service.request("studies", {
    method,
    headers: { "Content-Type": multipartStoreType, ...headers },
    body: encodeParts([{ body: bytes }]),
  });
}

/** Has the host run the timer's function now. */
async function runTimer(): Promise<void> {
  const { status } = await send(`${inject("runtime").baseUrl}/admin/functions/expireStudies`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  expect(status).toBe(202);
}

test.each(["POST", "PUT"] as const)(
  "a study that is stored by %s with the headers is deleted after its time, with its reason in the feed",
  async (method) => {
    const instance = makeInstance();
    const headers = {
      [time]: "1",
      "msdicom-expiry-option": "RelativeToNow",
      "msdicom-expiry-level": "Study",
    };
    expect((await store(instance.bytes, headers, method)).status).toBe(200);
    const lasting = makeInstance();
    expect((await store(lasting.bytes, { [time]: "86400000" }, method)).status).toBe(200);
    await runTimer();
    await eventually(
      async () => (await service.get(instancePath(instance))).status,
      (status) => status === 404,
    );
    const feed = await service.get(`feed?study=${instance.studyInstanceUID}&mode=latest`);
    expect(feed.json()).toMatchObject({ entries: [{ action: "delete", reason: "expired" }] });
    expect((await service.get(instancePath(lasting))).status).toBe(200);
  },
);

test.each([
  [{ [time]: "0" }, time],
  [{ [time]: "tomorrow" }, time],
  [{ [time]: "-5" }, time],
  [{ [time]: "5", "msdicom-expiry-option": "Absolute" }, "msdicom-expiry-option"],
  [{ [time]: "5", "msdicom-expiry-level": "Instance" }, "msdicom-expiry-level"],
  [{ "msdicom-expiry-level": "Study" }, "msdicom-expiry-level"],
])("the headers %j are 400, and nothing is stored", async (headers, name) => {
  const instance = makeInstance();
  const answer = await store(instance.bytes, headers);
  expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
  expect(answer.text).toContain(name);
  expect((await service.get(instancePath(instance))).status).toBe(404);
});
