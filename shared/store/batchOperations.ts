import type { JSONObject, OperationInput, PatchOperation } from "@azure/cosmos";
import { sideName } from "./instanceContent.ts";
import { modalityKey } from "./modalities.ts";
import {
  changeItemId,
  type ChangeAuthor,
  type ChangeItem,
  type CurrentInstanceItem,
  type DeletedInstanceItem,
} from "./studyItems.ts";

/** What a transactional batch holds at most. */
export const batchOperationsMax = 100;
/** A batch holds 2 MB. Some room is left for what the wire adds, and because sizes are estimated. */
export const batchBytesMax = 1_500_000;
/** What one patch holds at most. A batch may hold several patches of one item. */
export const patchOperationsMax = 10;
/** What a patch of a study holds besides its counts by modality, at most. */
export const studyPatchOperations = 9;

/** The order of the items of a study in its partition: the study, its series, its instances, each by time. */
export const orderPrefix = { study: "0:", series: "1:", instance: "2:" } as const;

/** One patch, cut into as many as the limit of operations asks for. The condition holds for all: it is checked first. */
export function patchItem(
  id: string,
  operations: readonly PatchOperation[],
  condition?: string,
): OperationInput[] {
  const cut: OperationInput[] = [];
  for (let start = 0; start < operations.length; start += patchOperationsMax) {
    const some = operations.slice(start, start + patchOperationsMax);
    cut.push({
      operationType: "Patch",
      id,
      resourceBody:
        condition === undefined || start > 0
          ? { operations: some }
          : { operations: some, condition },
    });
  }
  return cut;
}

/** The creation of an item. */
export function createItem(item: object): OperationInput {
  return { operationType: "Create", resourceBody: asJson(item) };
}

/** The replacement of an item, if nobody changed it since it was read. */
export function replaceItem(item: { readonly id: string }, etag: string): OperationInput {
  return { operationType: "Replace", id: item.id, ifMatch: etag, resourceBody: asJson(item) };
}

/** The event of a change of `item`, under the id that `version` gives it. */
export function changeOf(
  item: CurrentInstanceItem | DeletedInstanceItem,
  action: ChangeItem["action"],
  version: string,
  remove: readonly string[],
  bytes: number,
  author: ChangeAuthor | undefined,
): ChangeItem {
  const reason = item.state === "deleted" ? item.reason : undefined;
  return {
    id: changeItemId(version),
    tenant: item.tenant,
    partition: item.partition,
    study: item.study,
    kind: "change",
    action,
    series: item.series,
    sop: item.sop,
    sopClass: item.sopClass,
    modality: item.modality,
    revision: item.revision,
    at: item.stamp.at,
    ...(reason === undefined ? {} : { reason }),
    remove,
    bytes,
    ...(author === undefined ? {} : { author }),
  };
}

/** What adds `counts` to the instances by modality. */
export function modalityOperations(counts: ReadonlyMap<string, number>): PatchOperation[] {
  return [...counts]
    .filter(([, count]) => count !== 0)
    .map(([modality, count]) => ({
      op: "incr",
      path: `/modalities/${modalityKey(modality)}`,
      value: count,
    }));
}

/**
 * What must hold of the counts by modality for `changes` to leave the study with the modalities that were planned: one
 * that is left has to be left, and one that is gone has to be gone, whatever others counted meanwhile.
 */
export function modalityConditions(
  counts: Readonly<Record<string, number>>,
  changes: ReadonlyMap<string, number>,
): string[] {
  return [...changes]
    .filter(([, change]) => change < 0)
    .map(([modality, change]) => {
      const key = modalityKey(modality);
      const count = counts[key] ?? 0;
      const path = `c.modalities["${key}"]`;
      return count + change > 0 ? `${path} > ${-change}` : `${path} = ${count}`;
    });
}

/** All the names under which something is kept for an instance that was read without its metadata. */
export function keptNames(
  item: CurrentInstanceItem & { readonly metadataBeside?: boolean },
): string[] {
  const { name } = item.content;
  return [
    name,
    ...(item.frames !== undefined && item.frames.inline === undefined
      ? [sideName(name, ".frames")]
      : []),
    ...(item.metadataBeside === true ? [sideName(name, ".metadata")] : []),
  ];
}

/** Adds `count` to what is counted under `key`. */
export function addCount(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

function asJson(item: object): JSONObject {
  return item as unknown as JSONObject;
}
