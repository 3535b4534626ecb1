import type { OperationInput, PatchOperation } from "@azure/cosmos";
import {
  addCount,
  batchOperationsMax,
  changeOf,
  createItem,
  keptNames,
  modalityConditions,
  modalityOperations,
  patchItem,
  patchOperationsMax,
  replaceItem,
  studyPatchOperations,
} from "./batchOperations.ts";
import {
  changedCounts,
  hasSameModalities,
  presentModalities,
  withModalities,
} from "./modalities.ts";
import type { RemovalTerms } from "./instanceIndex.ts";
import type { PlanContext } from "./putPlan.ts";
import {
  changeItemId,
  seriesItemId,
  studyItemId,
  type CurrentInstanceItem,
  type DeletedInstanceItem,
  type SeriesItem,
  type Stored,
  type StudyItem,
} from "./studyItems.ts";

/** What there is to remove, as it was read. */
export interface RemovalTarget {
  readonly study: StudyItem | undefined;
  readonly series: readonly SeriesItem[];
  readonly instances: readonly Stored<CurrentInstanceItem>[];
}

/** One batch of a removal. */
export interface RemovalPlan {
  readonly operations: OperationInput[];
  /** The id of one of its events: that item is there if and only if the batch succeeded. */
  readonly changeId: string;
  /** How many instances it removes. */
  readonly count: number;
}

/**
 * Plans the batches that remove the instances of `target`, one after the other. Each leaves a tombstone and an event for
 * every instance, and takes the parents away with their last one.
 *
 * Each plan holds for as long as the ones before it succeeded; when one did not, what there is has to be read again.
 */
export function* planRemoval(
  context: () => PlanContext,
  target: RemovalTarget & { readonly study: StudyItem },
  terms: RemovalTerms = {},
): Generator<RemovalPlan> {
  const seriesCounts = new Map(target.series.map((item) => [item.series, item.instanceCount]));
  let study: StudyItem = target.study;
  let rest = target.instances;
  while (rest.length > 0) {
    const group = rest.slice(0, groupSize(rest));
    rest = rest.slice(group.length);
    const { plan, left } = planBatch(context(), study, group, seriesCounts, terms);
    study = left;
    yield plan;
  }
}

/** How many instances from the front fit one batch. */
function groupSize(instances: readonly CurrentInstanceItem[]): number {
  const series = new Set<string>();
  const modalities = new Set<string>();
  let count = 0;
  for (const instance of instances) {
    series.add(instance.series);
    modalities.add(instance.modality);
    // A study and each series take patches and perhaps a deletion; an instance takes its tombstone and its event.
    const studyOperations =
      1 + Math.ceil((studyPatchOperations + modalities.size) / patchOperationsMax);
    if (studyOperations + 2 * series.size + 2 * (count + 1) > batchOperationsMax) {
      break;
    }
    count += 1;
  }
  return count;
}

function planBatch(
  context: PlanContext,
  study: StudyItem,
  instances: readonly Stored<CurrentInstanceItem>[],
  seriesCounts: Map<string, number>,
  { reason, expiresAt, storedAt }: RemovalTerms,
): { plan: RemovalPlan; left: StudyItem } {
  const { stamp, keys } = context;
  const seriesOperations: OperationInput[] = [];
  let emptiedSeries = 0;
  for (const [series, members] of Map.groupBy(instances, (instance) => instance.series)) {
    const before = seriesCounts.get(series) ?? members.length;
    const after = before - members.length;
    seriesCounts.set(series, after);
    seriesOperations.push(
      ...patchItem(
        seriesItemId(series),
        [
          { op: "set", path: "/stamp", value: stamp },
          { op: "incr", path: "/instanceCount", value: -members.length },
        ],
        countCondition(before, after === 0),
      ),
    );
    if (after === 0) {
      emptiedSeries += 1;
      seriesOperations.push({ operationType: "Delete", id: seriesItemId(series) });
    }
  }

  const modalityCounts = new Map<string, number>();
  const instanceOperations: OperationInput[] = [];
  let changeId = "";
  for (const instance of instances) {
    addCount(modalityCounts, instance.modality, -1);
    const tombstone: DeletedInstanceItem = {
      id: instance.id,
      ...keys,
      kind: "instance",
      state: "deleted",
      series: instance.series,
      sop: instance.sop,
      sopClass: instance.sopClass,
      modality: instance.modality,
      order: instance.order,
      revision: instance.revision,
      ...(reason === undefined ? {} : { reason }),
      stamp,
    };
    const version = context.newVersion();
    changeId = changeItemId(version);
    instanceOperations.push(
      replaceItem(tombstone, instance._etag),
      createItem(
        changeOf(
          tombstone,
          "delete",
          version,
          keptNames(instance),
          -instance.content.length,
          context.author,
        ),
      ),
    );
  }

  const modalities = changedCounts(study.modalities, modalityCounts);
  const match = withModalities(study.q.study, presentModalities(modalities));
  const losesModality = !hasSameModalities(study.q.study, match);
  const instanceCount = study.instanceCount - instances.length;
  const amendments: PatchOperation[] = losesModality
    ? [
        { op: "set", path: "/q/study", value: match },
        { op: "set", path: "/studyVersion", value: stamp.version },
        { op: "set", path: "/amended", value: true },
      ]
    : [];
  const studyOperations = patchItem(
    studyItemId,
    [
      { op: "set", path: "/stamp", value: stamp },
      { op: "incr", path: "/instanceCount", value: -instances.length },
      { op: "incr", path: "/seriesCount", value: -emptiedSeries },
      ...amendments,
      ...modalityOperations(modalityCounts),
    ],
    [
      countCondition(study.instanceCount, instanceCount === 0),
      ...modalityConditions(study.modalities, modalityCounts),
      ...(losesModality ? [`c.studyVersion = "${study.studyVersion}"`] : []),
      ...(expiresAt === undefined ? [] : [`c.expiresAt = ${expiresAt}`]),
      ...(storedAt === undefined ? [] : [`c.storedAt = "${storedAt}"`]),
    ].join(" and "),
  );
  if (instanceCount === 0) {
    studyOperations.push({ operationType: "Delete", id: studyItemId });
  }
  return {
    plan: {
      operations: [...studyOperations, ...seriesOperations, ...instanceOperations],
      changeId,
      count: instances.length,
    },
    left: {
      ...study,
      instanceCount,
      modalities,
      q: { study: match },
      studyVersion: losesModality ? stamp.version : study.studyVersion,
    },
  };
}

// Concurrent stores and removals only add and subtract. They meet where a parent would become empty or lose a modality;
// there, and where less is left than was read, the removal has to be planned again.
function countCondition(count: number, exactly: boolean): string {
  return `from c where c.instanceCount ${exactly ? "=" : ">="} ${count}`;
}
