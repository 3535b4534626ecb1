// Every HTTP function against data of another tenant and of another data partition, which lie in the same containers.
//
// Method: a study is stored, and its items and content are copied under another owner and other UIDs, beneath the
// service. What it answers about those must be, byte for byte, what it answers about a study that nobody has.
import { randomBytes } from "node:crypto";
import { CosmosClient, type ItemDefinition } from "@azure/cosmos";
import { BlobServiceClient } from "@azure/storage-blob";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import { contentContainer } from "../support/contentBlobs.ts";
import {
  DicomwebService,
  firstValues,
  nameOf,
  type InstanceName,
} from "../support/dicomwebService.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";
import { attacks, type Attack } from "./attacks.ts";
import { comparable, sendAttack } from "./sendAttack.ts";

const { baseUrl, cosmosConnectionString, storageConnectionString } = inject("runtime");
const service = new DicomwebService("v2");
const cosmos = new CosmosClient(cosmosConnectionString);
const container = cosmos.database(process.env["COSMOS_DATABASE"] ?? "strata").container("dicom");

afterAll(async () => {
  for (const { tenant, partition, name } of planted) {
    const key = [tenant, partition, name.studyInstanceUID];
    for (const { id } of await readItems({ tenant, partition }, name.studyInstanceUID)) {
      await container.item(String(id), key).delete();
    }
  }
  cosmos.dispose();
});

interface Owner {
  readonly tenant: string;
  readonly partition: string;
}

const otherTenant = `other-${randomBytes(6).toString("hex")}`;

/** Who owns the data that the caller, tenant `default` and partition `Microsoft.Default`, must not see. */
const owners: readonly Owner[] = [
  { tenant: otherTenant, partition: "Microsoft.Default" },
  { tenant: "default", partition: "Other" },
  // The caller's keys, put together and cut elsewhere.
  { tenant: "defaul", partition: "tMicrosoft.Default" },
];
const planted: (Owner & { readonly name: InstanceName })[] = [];

async function readItems({ tenant, partition }: Owner, study: string): Promise<ItemDefinition[]> {
  const { resources } = await container.items
    .query<ItemDefinition>(
      { query: "SELECT * FROM c ORDER BY c.id", parameters: [] },
      { partitionKey: [tenant, partition, study] },
    )
    .fetchAll();
  return resources;
}

/** Copies what the service made of one stored instance to another owner, under UIDs of equal length. */
async function plant(owner: Owner): Promise<InstanceName> {
  const model = makeInstance({ patientID: "FOREIGN-1", patientName: "Foreign^Patient" });
  const name = {
    studyInstanceUID: makeUID(),
    seriesInstanceUID: makeUID(),
    sopInstanceUID: makeUID(),
  };
  await service.mustStore([model.bytes]);
  const rename = (text: string): string =>
    text
      .replaceAll(model.studyInstanceUID, name.studyInstanceUID)
      .replaceAll(model.seriesInstanceUID, name.seriesInstanceUID)
      .replaceAll(model.sopInstanceUID, name.sopInstanceUID);
  const items = await readItems(
    { tenant: "default", partition: "Microsoft.Default" },
    model.studyInstanceUID,
  );
  expect(items.map(({ id }) => String(id).replace(/:.*/, "")).toSorted()).toEqual([
    "change",
    "instance",
    "series",
    "study",
  ]);
  for (const item of items) {
    await container.items.create({
      ...(JSON.parse(rename(JSON.stringify(item))) as object),
      ...owner,
    });
  }
  const blobs = BlobServiceClient.fromConnectionString(storageConnectionString);
  const foreign = blobs.getContainerClient(`dicom-${owner.tenant}`);
  await foreign.createIfNotExists();
  const content = items.find(({ id }) => String(id).startsWith("instance:")) as
    { readonly content: { readonly name: string } } | undefined;
  const blobName = content?.content.name ?? "";
  const bytes = await contentContainer().getBlobClient(blobName).downloadToBuffer();
  await foreign.getBlockBlobClient(blobName).uploadData(bytes);
  planted.push({ ...owner, name });
  return name;
}

const spoofedHeaders: Readonly<Record<string, string>> = {
  Authorization: "Bearer eyJhbGciOiJub25lIn0.eyJ0aWQiOiJvdGhlciJ9.",
  "X-MS-Client-Principal": Buffer.from(`{"userId":"root","tenant":"${otherTenant}"}`).toString(
    "base64",
  ),
  "X-MS-Client-Principal-Id": otherTenant,
  "X-MS-Token-Aad-Id-Token": otherTenant,
  "X-Tenant": otherTenant,
  "X-Tenant-Id": otherTenant,
  "X-Partition": "Other",
  "X-Original-URL": "/v2/partitions/Other/studies",
  "X-Rewrite-URL": "/v2/partitions/Other/studies",
  "X-HTTP-Method-Override": "DELETE",
  "X-MS-Invocation-Id": "00000000-0000-0000-0000-000000000000",
  Cookie: `tenant=${otherTenant}`,
};

const disguises = [
  "plain",
  "spoofed headers",
  "a parameter named Headers",
  "parameters that name an owner",
] as const;
type Disguise = (typeof disguises)[number];

async function attack(
  row: Attack,
  name: InstanceName,
  disguise: Disguise,
  instance: Uint8Array,
): Promise<ReceivedAnswer> {
  return await sendAttack(row, name, instance, {
    baseUrl,
    ...(disguise === "spoofed headers" ? { headers: spoofedHeaders } : {}),
    ...(disguise === "a parameter named Headers"
      ? { query: `Headers=${encodeURIComponent(JSON.stringify(spoofedHeaders))}` }
      : {}),
    ...(disguise === "parameters that name an owner"
      ? {
          query: `tenant=${otherTenant}&partition=Other&Params=%7B%22partition%22%3A%22Other%22%7D`,
        }
      : {}),
  });
}

test("every HTTP function that is registered is attacked, and nothing else is listed", async () => {
  const answer = await send(`${baseUrl}/admin/functions`);
  const functions = answer.json() as { name: string; type: string; error?: string }[];
  const registered = functions.filter(({ type }) => type === "httpTrigger").map(({ name }) => name);
  expect(functions.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(registered.length).toBeGreaterThan(0);
  expect(Object.keys(attacks).toSorted()).toEqual(registered.toSorted());
});

describe.each(owners)("data of tenant $tenant, partition $partition", (owner) => {
  let foreign: InstanceName;
  let before: ItemDefinition[];

  beforeAll(async () => {
    foreign = await plant(owner);
    before = await readItems(owner, foreign.studyInstanceUID);
    expect(before).toHaveLength(4);
  });

  test.each(Object.entries(attacks))(
    "%s tells nothing of it, and leaves it alone",
    async (_, row) => {
      for (const disguise of disguises) {
        const nobodys = {
          studyInstanceUID: makeUID(),
          seriesInstanceUID: makeUID(),
          sopInstanceUID: makeUID(),
        };
        const answers: unknown[] = [];
        for (const name of [foreign, nobodys]) {
          const isSameStudy = row.sends === "an instance of the study";
          const sent = makeInstance(isSameStudy ? name : {});
          const answer = await attack(row, name, disguise, sent.bytes);
          if (disguise === "plain" || disguise === "spoofed headers") {
            expect([disguise, answer.status]).toEqual([disguise, row.status]);
          }
          answers.push(row.isListing ? undefined : comparable(answer, name, nameOf(sent)));
          // What lists all of a tenant lists its data partitions too.
          if (row.isListing && owner.tenant !== "default") {
            const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = foreign;
            const told = [studyInstanceUID, seriesInstanceUID, sopInstanceUID].filter((uid) =>
              answer.text.includes(uid),
            );
            expect(told).toEqual([]);
          }
          if (isSameStudy) {
            // The caller's own instance of the same name is another instance, and is taken away again.
            const path = `studies/${name.studyInstanceUID}`;
            expect((await service.request(path, { method: "DELETE" })).status).toBe(204);
          }
        }
        expect(answers[0]).toEqual(answers[1]);
      }
      expect(await readItems(owner, foreign.studyInstanceUID)).toEqual(before);
    },
  );

  test("searches of all studies, series and instances do not count or list it", async () => {
    for (const resource of ["studies", "series", "instances"]) {
      for (const query of [
        "PatientID=FOREIGN-1&PatientName=Foreign^Patient&limit=200",
        `StudyInstanceUID=${foreign.studyInstanceUID}`,
        "PatientName=*oreign*&limit=200",
      ]) {
        const found = await service.search(`${resource}?${query}`);
        expect(firstValues(found, "0020000D")).not.toContain(foreign.studyInstanceUID);
      }
    }
  });
});

test("what was sent under a forged owner came to the caller: the other tenant has what was planted", async () => {
  const { resources } = await container.items
    .query<string>({
      query: "SELECT DISTINCT VALUE c.study FROM c WHERE c.tenant = @tenant",
      parameters: [{ name: "@tenant", value: otherTenant }],
    })
    .fetchAll();
  expect(resources).toEqual(
    planted.filter(({ tenant }) => tenant === otherTenant).map(({ name }) => name.studyInstanceUID),
  );
  const blobs: string[] = [];
  for await (const { name } of BlobServiceClient.fromConnectionString(storageConnectionString)
    .getContainerClient(`dicom-${otherTenant}`)
    .listBlobsFlat()) {
    blobs.push(name);
  }
  expect(blobs).toHaveLength(1);
});
