// Data partitions, as in the Azure service: independent parts of one tenant's data, named in the path.
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import {
  firstValues,
  instancePath,
  problemKind,
  type DicomwebService,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import { TestTenant } from "../support/testTenant.ts";

let tenant: TestTenant;
let service: DicomwebService;

beforeAll(async () => {
  tenant = await TestTenant.register({ partitionsEnabled: true });
  service = tenant.service();
});

async function storeIn(partition: string, bytes: Uint8Array): Promise<unknown> {
  const answer = await service.request(`partitions/${partition}/studies`, {
    method: "POST",
    headers: { "Content-Type": "application/dicom", Accept: "application/dicom+json" },
    body: bytes,
  });
  if (answer.status !== 200) {
    throw new Error(`not stored: ${answer.status} ${answer.text}`);
  }
  return answer.json();
}

async function list(): Promise<readonly Record<string, unknown>[]> {
  const answer = await service.get("partitions");
  expect(answer.status).toBe(200);
  return answer.json() as Record<string, unknown>[];
}

test("a partition is made by the first store that names it, and listed with a number and a time", async () => {
  const [first] = await list();
  expect(first).toMatchObject({ partitionKey: 1, partitionName: "Microsoft.Default" });
  await storeIn("Clinic.A", makeInstance().bytes);
  await storeIn("Clinic-B", makeInstance().bytes);
  await storeIn("Clinic.A", makeInstance().bytes);
  const partitions = await list();
  const names = partitions.map(({ partitionName }) => partitionName);
  const keys = partitions.map(({ partitionKey }) => partitionKey);
  expect(names.filter((name) => String(name).startsWith("Clinic"))).toEqual([
    "Clinic.A",
    "Clinic-B",
  ]);
  expect(new Set(keys).size).toBe(keys.length);
  for (const { partitionKey, createdDate } of partitions) {
    expect(Number.isInteger(partitionKey)).toBe(true);
    expect(new Date(String(createdDate)).toISOString()).toBe(createdDate);
  }
});

test("an instance is in its partition in every way, and in no other", async () => {
  const instance = makeInstance();
  const response = JSON.stringify(await storeIn("North", instance.bytes));
  await storeIn("South", makeInstance().bytes);
  const { studyInstanceUID } = instance;
  const path = instancePath(instance);
  expect(response).toContain(`/v2/partitions/North/studies/${studyInstanceUID}`);
  const inPartition = async (name: string, rest: string, accept?: string): Promise<number> =>
    (await service.get(`partitions/${name}/${rest}`, accept)).status;
  const octets = "application/octet-stream";
  for (const [name, found] of [
    ["North", 200],
    ["South", 404],
    ["Microsoft.Default", 404],
  ] as const) {
    expect(await inPartition(name, path, "application/dicom")).toBe(found);
    expect(await inPartition(name, `${path}/metadata`)).toBe(found);
    expect(await inPartition(name, `${path}/frames/1`, octets)).toBe(found);
    expect(await inPartition(name, `${path}/frames/1/rendered`, "image/png")).toBe(found);
    for (const pictured of [path, `studies/${studyInstanceUID}`]) {
      expect(await inPartition(name, `${pictured}/rendered`)).toBe(found);
      expect(await inPartition(name, `${pictured}/thumbnail`)).toBe(found);
    }
    const count = await service.get(`partitions/${name}/studies/${studyInstanceUID}/series/count`);
    expect(count.json()).toEqual({ count: found === 200 ? 1 : 0 });
    const byForm = await service.request(`partitions/${name}/instances/_search`, {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: `StudyInstanceUID=${studyInstanceUID}`,
    });
    expect(byForm.status).toBe(found === 200 ? 200 : 204);
    const results = await service.search(
      `partitions/${name}/studies?StudyInstanceUID=${studyInstanceUID}`,
    );
    expect(firstValues(results, "0020000D")).toEqual(found === 200 ? [studyInstanceUID] : []);
  }
  const [result] = await service.search(
    `partitions/North/studies?StudyInstanceUID=${studyInstanceUID}`,
  );
  expect(JSON.stringify(result)).toContain(`/v2/partitions/North/studies/${studyInstanceUID}`);
});

test("the same UIDs in two partitions are two instances, and deleting one leaves the other", async () => {
  const instance = makeInstance();
  await storeIn("East", instance.bytes);
  await storeIn("West", instance.bytes);
  const path = `studies/${instance.studyInstanceUID}`;
  expect((await service.request(`partitions/East/${path}`, { method: "DELETE" })).status).toBe(204);
  expect((await service.get(`partitions/East/${path}`)).status).toBe(404);
  expect((await service.get(`partitions/West/${path}`)).status).toBe(200);
});

test("a feed is of the whole tenant, and its entries say which partition they are about", async () => {
  const instance = makeInstance();
  await storeIn("Feeding", instance.bytes);
  const entry = await eventually(
    async () => {
      const answer = await service.get("changefeed?limit=200&includemetadata=true");
      return (answer.json() as Record<string, unknown>[]).find(
        ({ sopInstanceUid }) => sopInstanceUid === instance.sopInstanceUID,
      );
    },
    (found) => found !== undefined,
  );
  expect(entry).toMatchObject({ partitionName: "Feeding", state: "Current" });
  expect(JSON.stringify(entry)).toContain(
    `/v2/partitions/Feeding/studies/${instance.studyInstanceUID}/`,
  );
});

describe("a path that does not fit the tenant's data partitions is refused as in the Azure service", () => {
  test.each<readonly [string, string, number]>([
    ["a partition that does not exist is not searched", "partitions/Nowhere/studies", 400],
    ["nor retrieved from", `partitions/Nowhere/studies/${makeUID()}`, 400],
    ["a name with a space", "partitions/No%20where/studies", 400],
    ["a name of 65 characters", `partitions/${"n".repeat(65)}/studies`, 400],
    ["data without a partition", "studies", 400],
    ["a study without a partition", `studies/${makeUID()}`, 400],
    ["a feed inside a partition", "partitions/Microsoft.Default/changefeed", 404],
    ["partitions inside a partition", "partitions/Microsoft.Default/partitions", 404],
    ["no resource at all", "partitions/Microsoft.Default/nothing", 404],
  ])("%s", async (_, path, status) => {
    const answer = await service.get(path);
    expect([answer.status, typeof problemKind(answer)]).toEqual([status, "string"]);
  });

  test("a refused path makes no partition", async () => {
    const before = await list();
    const answer = await service.request("partitions/Ghost/studies", { method: "DELETE" });
    expect(answer.status).toBe(405);
    const broken = await service.request("partitions/Ghost/studies", {
      method: "POST",
      headers: { "Content-Type": "application/dicom" },
      body: Buffer.from("no DICOM"),
    });
    expect(broken.status).toBe(409);
    expect(await list()).toEqual(before);
  });
});

describe("a tenant without data partitions", () => {
  test.each(["partitions", "partitions/Microsoft.Default/studies", "partitions/x/studies/1.2"])(
    "GET %s is 400",
    async (path) => {
      const plain = await TestTenant.register();
      expect((await plain.service().get(path)).status).toBe(400);
    },
  );
});

test("a token for some partitions sees those alone, and the others as if they were not there", async () => {
  const restricted = await TestTenant.register(
    { partitionsEnabled: true },
    { partitionsClaim: "sites" },
  );
  const all = restricted.service();
  for (const name of ["One", "Two"]) {
    await all.request(`partitions/${name}/studies`, {
      method: "POST",
      headers: { "Content-Type": "application/dicom" },
      body: makeInstance().bytes,
    });
  }
  const some = restricted.service(undefined, { sites: ["One"] });
  expect((await some.get("partitions/One/studies")).status).toBe(200);
  const foreign = await some.get("partitions/Two/studies");
  const missing = await some.get("partitions/Six/studies");
  expect([foreign.status, foreign.text]).toEqual([missing.status, missing.text]);
  expect(foreign.status).toBe(400);
  const listed = (await some.get("partitions")).json() as { partitionName: string }[];
  expect(listed.map(({ partitionName }) => partitionName)).toEqual(["One"]);
});
