// Rejecting as OHIF does it: a POST that deletes, and keeps the reason for whoever follows the feeds.
import { expect, test } from "vitest";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import {
  DicomwebService,
  instancePath,
  nameOf,
  problemKind,
  type InstanceName,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";

const service = new DicomwebService();

interface FeedEntry {
  readonly action: string;
  readonly sopInstanceUid: string;
  readonly reason?: string;
}

async function reject(path: string, code: string): Promise<readonly [number, string]> {
  const answer = await service.request(`${path}/reject/${code}`, { method: "POST" });
  return [answer.status, answer.text];
}

/** The entries of the pull feed of a study, of every event or of the newest state of each instance. */
async function pullFeed({ studyInstanceUID }: InstanceName, mode: string): Promise<FeedEntry[]> {
  const answer = await service.get(`feed?study=${studyInstanceUID}&mode=${mode}`);
  return (answer.json() as { entries: FeedEntry[] }).entries;
}

/** The last entries of the sequenced feed about an instance. */
async function sequencedFeed({ sopInstanceUID }: InstanceName): Promise<FeedEntry[]> {
  const latest = await service.get("changefeed/latest?includeMetadata=false");
  const { sequence } = latest.json() as { sequence: number };
  const first = Math.max(0, sequence - 200);
  const page = await service.get(`changefeed?offset=${first}&limit=200&includeMetadata=false`);
  return (page.json() as FeedEntry[]).filter((entry) => entry.sopInstanceUid === sopInstanceUID);
}

test.each(["study", "series", "instance"] as const)(
  "rejecting the %s deletes it, and both feeds say why",
  async (level) => {
    const instance = makeInstance();
    await service.mustStore([instance.bytes]);
    const path = instancePath(instance);
    const target = {
      study: `studies/${instance.studyInstanceUID}`,
      series: path.slice(0, path.indexOf("/instances")),
      instance: path,
    }[level];
    expect(await reject(target, "113001%5EDCM")).toEqual([204, ""]);
    expect((await service.get(path)).status).toBe(404);
    const reason = "113001^DCM";
    const events = await eventually(
      async () => await pullFeed(instance, "all"),
      (entries) => entries.length >= 2,
    );
    expect(events).toMatchObject([{ action: "create" }, { action: "delete", reason }]);
    expect(events[0]).not.toHaveProperty("reason");
    expect(await pullFeed(instance, "latest")).toMatchObject([{ action: "delete", reason }]);
    const sequenced = await eventually(
      async () => await sequencedFeed(instance),
      (entries) => entries.some(({ action }) => action === "Delete"),
    );
    expect(sequenced.at(-1)).toMatchObject({ action: "Delete", reason });
  },
);

test("what stands beside the rejected series or instance stays", async () => {
  const one = makeInstance();
  const sibling = makeInstance({ ...nameOf(one), sopInstanceUID: `${one.sopInstanceUID}.1` });
  await service.mustStore([one.bytes, sibling.bytes]);
  expect((await reject(instancePath(one), "113037%5EDCM"))[0]).toBe(204);
  expect((await service.get(instancePath(sibling))).status).toBe(200);
});

test("a deletion without a reason has none in its entry", async () => {
  const instance = makeInstance();
  await service.mustStore([instance.bytes]);
  expect((await service.request(instancePath(instance), { method: "DELETE" })).status).toBe(204);
  const [entry] = await pullFeed(instance, "latest");
  expect(entry).toMatchObject({ action: "delete" });
  expect(entry).not.toHaveProperty("reason");
});

test.each([
  ["113001", 400, "malformed"],
  ["113001%5E", 400, "malformed"],
  ["SMITH%5EJOHN%5EDCM", 400, "malformed"],
  [`${"1".repeat(17)}%5EDCM`, 400, "malformed"],
])("the code %s is answered %i, and nothing is deleted", async (code, status, kind) => {
  const instance = makeInstance();
  await service.mustStore([instance.bytes]);
  const answer = await service.request(`${instancePath(instance)}/reject/${code}`, {
    method: "POST",
  });
  expect([answer.status, problemKind(answer)]).toEqual([status, kind]);
  expect(answer.text).not.toContain("SMITH");
  expect((await service.get(instancePath(instance))).status).toBe(200);
});

test("what is not there is 404, and a UID that is none 400", async () => {
  expect((await reject("studies/1.2.3.4.5.6", "113001%5EDCM"))[0]).toBe(404);
  expect((await reject("studies/abc", "113001%5EDCM"))[0]).toBe(400);
});
