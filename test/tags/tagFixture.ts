import { randomBytes } from "node:crypto";
import type { Container, PluginConfig } from "@azure/cosmos";
import { expect } from "vitest";
import type { DicomJsonDataset } from "../../shared/dicom/dicomJson.ts";
import {
  extractSearchAttributes,
  type SearchLevel,
} from "../../shared/dicomweb/searchAttributes.ts";
import { parseSearchQuery } from "../../shared/dicomweb/searchQuery.ts";
import { Operations } from "../../shared/operations/operations.ts";
import { runOperations, type OperationWorkers } from "../../shared/operations/runOperations.ts";
import type { CosmosInstanceIndex } from "../../shared/store/cosmosInstanceIndex.ts";
import type { InstanceContent } from "../../shared/store/instanceContent.ts";
import type { NewInstance } from "../../shared/store/instanceIndex.ts";
import { encodeMetadata } from "../../shared/store/metadataCodec.ts";
import { matchKeyOf } from "../../shared/tags/extendedQueryTag.ts";
import { readExtendedValues, withExtendedValues } from "../../shared/tags/extendedValues.ts";
import { indexLateInstances } from "../../shared/tags/indexLateInstances.ts";
import { ReindexWorker, type TagStores } from "../../shared/tags/reindexWorker.ts";
import { RemovalWorker } from "../../shared/tags/removalWorker.ts";
import { TagErrors } from "../../shared/tags/tagErrors.ts";
import { TagIndex } from "../../shared/tags/tagIndex.ts";
import { indexedTags, noTags, type TagList } from "../../shared/tags/tagList.ts";
import { TagRegistry } from "../../shared/tags/tagRegistry.ts";
import type { RequestedTag } from "../../shared/tags/tagRequest.ts";
import {
  defaultPartition,
  maintenanceScope,
  type TenantScope,
} from "../../shared/tenancy/tenantScope.ts";
import { newInstance, type FeedFixture } from "../feed/feedFixture.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";

/** What one host of the service has of extended query tags. Waiting takes it no time. */
export interface TagClient {
  readonly index: CosmosInstanceIndex;
  readonly dicom: Container;
  readonly control: Container;
  readonly operations: Operations;
  readonly workers: OperationWorkers;
  readonly tags: TagStores;
  /** Lets its clocks jump. */
  passTime(milliseconds: number): void;
}

let operationCount = 0;

export function connectTags(
  fixture: FeedFixture,
  plugin?: PluginConfig,
  getBytes: (scope: TenantScope, name: string) => Promise<Buffer> = async () =>
    await Promise.reject(new Error("All metadata is in the index here.")),
): TagClient {
  const { index, dicom, control } = fixture.connect(plugin === undefined ? {} : { plugin });
  let skipped = 0;
  let versions = 0;
  const passTime = (milliseconds: number): void => {
    skipped += milliseconds;
  };
  const clock = {
    now: () => performance.now() + skipped,
    milliseconds: () => Date.now() + skipped,
    timestamp: () => new Date(Date.now() + skipped).toISOString(),
    sleep: async (milliseconds: number) => {
      passTime(milliseconds);
      await Promise.resolve();
    },
    random: () => 0.5,
    newVersion: () => {
      versions += 1;
      return `index-${String(performance.now())}-${versions}`;
    },
    newOperationId: () => {
      operationCount += 1;
      return operationCount.toString(16).padStart(32, "0");
    },
  };
  const operations = new Operations(control, clock);
  const content = { getBytes } as unknown as InstanceContent;
  const tags: TagStores = {
    registry: new TagRegistry(control, operations, clock),
    tagIndex: new TagIndex({ container: dicom, index, content }, clock),
    errors: new TagErrors(control, clock),
  };
  const workers = {
    reindex: new ReindexWorker(tags, clock),
    removeExtendedQueryTag: new RemovalWorker(tags, clock),
  };
  return { index, dicom, control, operations, workers, tags, passTime };
}

export const protocolName = { tag: 0x00181030, path: "00181030" };
export const stationName = { tag: 0x00081010, path: "00081010" };

/** A tenant that nobody else has. */
export function newTenant(): TenantScope {
  return maintenanceScope(`t${randomBytes(8).toString("hex")}`, defaultPartition);
}

/** What a test says of an instance. */
export interface TestInstance {
  readonly study: string;
  readonly series: string;
  readonly sop: string;
  readonly values: DicomJsonDataset;
}

/** An instance of a study and series of its own, or of those of another. */
export function instance(
  values: DicomJsonDataset,
  { study = makeUID(), series = makeUID() }: { study?: string; series?: string } = {},
): TestInstance {
  return { study, series, sop: makeUID(), values };
}

/** An instance as the store makes it that goes by `list`. */
export function instanceOf(
  { study, series, sop, values }: TestInstance,
  list: TagList = noTags,
): NewInstance {
  const uids = { studyInstanceUID: study, seriesInstanceUID: series, sopInstanceUID: sop };
  const dataset: DicomJsonDataset = { "00080018": { vr: "UI", Value: [sop] }, ...values };
  const extended = readExtendedValues(dataset, indexedTags(list));
  return {
    ...newInstance(uids),
    metadata: encodeMetadata({ dataset: JSON.stringify(dataset), bulkdata: new Map() }),
    attributes: withExtendedValues(extractSearchAttributes(dataset), extended.attributes),
    ...(list.registrations === 0 ? {} : { registrations: list.registrations }),
  };
}

export async function storeAll(
  { index }: TagClient,
  scope: TenantScope,
  instances: readonly TestInstance[],
  list: TagList = noTags,
): Promise<void> {
  for (const [study, members] of Map.groupBy(instances, (instance) => instance.study)) {
    const made = members.map((member) => instanceOf(member, list));
    const outcomes = await index.put(scope, study, made, "create");
    expect(outcomes.map(({ result }) => result)).toEqual(made.map(() => "stored"));
  }
}

/** Text of VR LO under a tag. */
export function text(tag: string, value: string): DicomJsonDataset {
  return { [tag]: { vr: "LO", Value: [value] } };
}

export function requested(tag: number, level: SearchLevel, vr = "LO"): RequestedTag {
  return { tag, vr, level };
}

/** Does what the change feed of `control` brings, until an operation has ended, and returns how. */
export async function runToEnd(
  client: TagClient,
  scope: TenantScope,
  id: string,
  report: (error: unknown) => void = (error) => {
    throw error;
  },
): Promise<string> {
  for (;;) {
    const stored = await client.operations.get(scope, id);
    if (stored === undefined || ["succeeded", "failed"].includes(stored.operation.status)) {
      return stored?.operation.status ?? "gone";
    }
    await runOperations(
      client.operations,
      client.workers,
      await feedOfControl(client, scope),
      report,
    );
  }
}

/** The items of a tenant in `control`, as its change feed would bring them. */
export async function feedOfControl(
  { control }: TagClient,
  { tenant }: TenantScope,
): Promise<object[]> {
  const { resources } = await control.items
    .query<object>("SELECT * FROM c", { partitionKey: tenant })
    .fetchAll();
  return resources;
}

/** What the change feed of `dicom` would bring of a study. */
export async function feedOfStudy(
  { dicom }: TagClient,
  scope: TenantScope,
  study: string,
): Promise<object[]> {
  const { resources } = await dicom.items
    .query<object>("SELECT * FROM c", { partitionKey: [scope.tenant, scope.partition, study] })
    .fetchAll();
  return resources;
}

/** Registers tags and indexes what is stored by them. */
export async function addTags(
  client: TagClient,
  scope: TenantScope,
  tags: readonly RequestedTag[],
): Promise<TagList> {
  const { id } = await client.tags.registry.add(scope, tags);
  expect(await runToEnd(client, scope, id)).toBe("succeeded");
  return await client.tags.registry.latest(scope);
}

/** The UIDs, of the resources' own level, that a search by an extended query tag finds, whatever its status. */
export async function find(
  client: TagClient,
  scope: TenantScope,
  level: SearchLevel,
  parameter: readonly [name: string, value: string],
): Promise<string[]> {
  const list = await client.tags.registry.latest(scope);
  const matchKeys = indexedTags(list).map(matchKeyOf);
  const query = parseSearchQuery({ level }, [parameter, ["limit", "200"]], "v2", matchKeys);
  const { rows } = await client.index.search(scope, query);
  return rows
    .map(({ studyInstanceUID, seriesInstanceUID, sopInstanceUID }) =>
      level === "study"
        ? studyInstanceUID
        : level === "series"
          ? seriesInstanceUID
          : sopInstanceUID,
    )
    .map(String)
    .toSorted();
}

/** Lets the change feed bring the items of studies to who looks after late stores. */
export async function followStudies(
  client: TagClient,
  scope: TenantScope,
  studies: Iterable<string>,
  report: (error: unknown) => void = (error) => {
    throw error;
  },
): Promise<number> {
  let indexed = 0;
  for (const study of studies) {
    indexed += await indexLateInstances(
      client.tags,
      await feedOfStudy(client, scope, study),
      report,
    );
  }
  return indexed;
}
