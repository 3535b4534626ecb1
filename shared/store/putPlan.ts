import type { OperationInput, PatchOperation } from "@azure/cosmos";
import {
  addCount,
  batchBytesMax,
  batchOperationsMax,
  changeOf,
  createItem,
  keptNames,
  modalityConditions,
  modalityOperations,
  orderPrefix,
  patchItem,
  patchOperationsMax,
  replaceItem,
  studyPatchOperations,
} from "./batchOperations.ts";
import type { NewInstance, PutMode, PutOutcome } from "./instanceIndex.ts";
import { mergeLevel, type MergedLevel } from "./mergedLevel.ts";
import {
  changedCounts,
  hasSameModalities,
  modalityKey,
  modalityOf,
  presentModalities,
  withModalities,
} from "./modalities.ts";
import {
  changeItemId,
  instanceItemId,
  seriesItemId,
  studyItemId,
  type ChangeAuthor,
  type ChangeItem,
  type CurrentInstanceItem,
  type InstanceItem,
  type SeriesItem,
  type Stamp,
  type Stored,
  type StudyItem,
} from "./studyItems.ts";

/** What the study has now of what a batch touches, by id. */
export type KnownItems = ReadonlyMap<
  string,
  Stored<StudyItem | SeriesItem | InstanceItem | ChangeItem>
>;

/** Whose study it is, and what makes a batch unlike any other. */
export interface PlanContext {
  readonly keys: { readonly tenant: string; readonly partition: string; readonly study: string };
  readonly stamp: Stamp;
  /** A name that sorts by time and never repeats. */
  readonly newVersion: () => string;
  /** Who changes something, when a caller does. */
  readonly author?: ChangeAuthor | undefined;
}

/** One batch, and what will have become of the instances when it succeeds. */
export interface PutPlan {
  readonly outcomes: PutOutcome[];
  /** None when there is nothing to do. */
  readonly operations: OperationInput[];
  /** The id of one of its events, if it has any: that item is there if and only if the batch succeeded. */
  readonly changeId: string;
  /** Whether series have copies of study attributes that are old afterwards. */
  readonly agesCopies: boolean;
}

/** Cuts instances into groups of which each fits one batch, with its parents and events. */
export function* groupForPut(
  instances: readonly NewInstance[],
  mode: PutMode,
): Generator<NewInstance[]> {
  let group: NewInstance[] = [];
  let bytes = 0;
  let series = new Set<string>();
  let modalities = new Set<string>();
  for (const instance of instances) {
    const size = estimatedBytes(instance);
    // What is replaced may have been counted under as many other modalities as there are instances.
    const counts = modalities.size + 1 + (mode === "upsert" ? group.length + 1 : 0);
    const operations =
      Math.ceil((studyPatchOperations + counts) / patchOperationsMax) +
      series.size +
      (series.has(instance.seriesInstanceUID) ? 0 : 1) +
      2 * (group.length + 1);
    if (group.length > 0 && (operations > batchOperationsMax || bytes + size > batchBytesMax)) {
      yield group;
      group = [];
      bytes = 0;
      series = new Set();
      modalities = new Set();
    }
    group.push(instance);
    bytes += size;
    series.add(instance.seriesInstanceUID);
    modalities.add(modalityOf(instance.attributes.series));
  }
  if (group.length > 0) {
    yield group;
  }
}

function estimatedBytes({ attributes, metadata, frames }: NewInstance): number {
  return (
    4_000 +
    // Once with the instance, and once more with a parent that is new or amended.
    Buffer.byteLength(JSON.stringify(attributes)) * 2 +
    (frames === undefined ? 0 : Buffer.byteLength(JSON.stringify(frames))) +
    (metadata === "beside" ? 0 : Math.ceil(metadata.byteLength / 3) * 4)
  );
}

/** An instance that will be there, and the item that it takes the place of. */
interface Accepted {
  readonly instance: NewInstance;
  readonly modality: string;
  readonly previous: Stored<InstanceItem> | undefined;
  /** What is there now, unless it was deleted. */
  readonly current: Stored<CurrentInstanceItem> | undefined;
}

/**
 * Plans the batch that adds `instances` to a study: its parents are made or their counters advanced, each instance gets
 * its item, and each change its event.
 *
 * Counters are only added to, so that concurrent stores of one study commute. They meet where the attributes of a parent
 * change: those are replaced only if nobody else replaced them since `known` was read, and a store that finds its study's
 * as they were can rely on the study being searched by the modalities that it has.
 *
 * `expiresAt` becomes the study's: when it is absent, an expiry that was set before is cancelled.
 */
export function planPut(
  context: PlanContext,
  instances: readonly NewInstance[],
  mode: PutMode,
  known: KnownItems,
  expiresAt?: number,
): PutPlan {
  const { outcomes, accepted } = accept(instances, mode, known);
  const oldStudy = known.get(studyItemId) as Stored<StudyItem> | undefined;
  const expiry: PatchOperation = { op: "set", path: "/expiresAt", value: expiresAt ?? null };
  if (accepted.length === 0) {
    // What was there already, byte for byte, counts as stored: its study stays for as long as this store says.
    const isExpiryOld =
      outcomes.some(({ result }) => result === "unchanged") &&
      (oldStudy?.expiresAt ?? undefined) !== expiresAt;
    const operations = isExpiryOld ? patchItem(studyItemId, [expiry]) : [];
    return { outcomes, operations, changeId: "", agesCopies: false };
  }
  const { stamp, keys } = context;
  const modalityCounts = new Map<string, number>();
  for (const { modality, current } of accepted) {
    addCount(modalityCounts, modality, 1);
    if (current !== undefined) {
      addCount(modalityCounts, current.modality, -1);
    }
  }
  const study = mergeStudy(oldStudy, accepted, modalityCounts, stamp.version);
  const seriesOperations: OperationInput[] = [];
  const instanceOperations: OperationInput[] = [];
  let changeId = "";
  let newSeriesCount = 0;
  let newInstanceCount = 0;
  let agesCopies = oldStudy !== undefined && study.amended;
  for (const [uid, members] of Map.groupBy(
    accepted,
    ({ instance }) => instance.seriesInstanceUID,
  )) {
    const old = known.get(seriesItemId(uid)) as Stored<SeriesItem> | undefined;
    const series = mergeLevel(
      old && {
        match: old.q.series,
        attributes: old.attributes.series,
        version: old.seriesVersion,
      },
      members.map(({ instance }) => instance.attributes.series),
      stamp.version,
    );
    const added = members.filter(({ current }) => current === undefined).length;
    newInstanceCount += added;
    newSeriesCount += old === undefined ? 1 : 0;
    agesCopies ||= old !== undefined && series.amended;
    seriesOperations.push(...seriesOperation(context, uid, old, study, series, added));
    for (const member of members) {
      const version = context.newVersion();
      changeId = changeItemId(version);
      instanceOperations.push(...instanceOperation(context, member, study, series, version));
    }
  }
  const studyOperations =
    oldStudy === undefined
      ? [
          createItem({
            id: studyItemId,
            ...keys,
            kind: "study",
            order: `${orderPrefix.study}${context.newVersion()}`,
            q: { study: study.match },
            attributes: { study: study.attributes },
            studyVersion: study.version,
            amended: false,
            seriesCount: newSeriesCount,
            instanceCount: newInstanceCount,
            modalities: Object.fromEntries(
              [...modalityCounts].map(([modality, count]) => [modalityKey(modality), count]),
            ),
            ...(expiresAt === undefined ? {} : { expiresAt }),
            storedAt: stamp.at,
            stamp,
          } satisfies StudyItem),
        ]
      : patchItem(
          studyItemId,
          [
            { op: "set", path: "/stamp", value: stamp },
            { op: "incr", path: "/instanceCount", value: newInstanceCount },
            { op: "incr", path: "/seriesCount", value: newSeriesCount },
            expiry,
            { op: "set", path: "/storedAt", value: stamp.at },
            ...amendments("study", study),
            ...modalityOperations(modalityCounts),
          ],
          [
            `from c where c.studyVersion = "${oldStudy.studyVersion}"`,
            ...modalityConditions(oldStudy.modalities, modalityCounts),
          ].join(" and "),
        );
  return {
    outcomes,
    operations: [...studyOperations, ...seriesOperations, ...instanceOperations],
    changeId,
    agesCopies,
  };
}

function accept(
  instances: readonly NewInstance[],
  mode: PutMode,
  known: KnownItems,
): { outcomes: PutOutcome[]; accepted: Accepted[] } {
  const outcomes: PutOutcome[] = [];
  const accepted: Accepted[] = [];
  const taken = new Set<string>();
  for (const instance of instances) {
    const id = instanceItemId(instance.seriesInstanceUID, instance.sopInstanceUID);
    const previous = known.get(id) as Stored<InstanceItem> | undefined;
    const current = previous?.state === "current" ? previous : undefined;
    if (taken.has(id) || (current !== undefined && mode === "create")) {
      outcomes.push({ result: "duplicate" });
    } else if (current?.content.sha256 === instance.content.sha256) {
      outcomes.push({ result: "unchanged", revision: current.revision });
    } else {
      taken.add(id);
      const modality = modalityOf(instance.attributes.series);
      accepted.push({ instance, modality, previous, current });
      outcomes.push({ result: "stored", revision: (previous?.revision ?? 0) + 1 });
    }
  }
  return { outcomes, accepted };
}

function mergeStudy(
  old: StudyItem | undefined,
  accepted: readonly Accepted[],
  modalityCounts: ReadonlyMap<string, number>,
  version: string,
): MergedLevel {
  const merged = mergeLevel(
    old && { match: old.q.study, attributes: old.attributes.study, version: old.studyVersion },
    accepted.map(({ instance }) => instance.attributes.study),
    version,
  );
  const match = withModalities(
    merged.match,
    presentModalities(changedCounts(old?.modalities ?? {}, modalityCounts)),
  );
  const amended = old !== undefined && (merged.amended || !hasSameModalities(old.q.study, match));
  return { ...merged, match, amended, version: amended ? version : merged.version };
}

function seriesOperation(
  { keys, stamp, newVersion }: PlanContext,
  uid: string,
  old: Stored<SeriesItem> | undefined,
  study: MergedLevel,
  series: MergedLevel,
  added: number,
): OperationInput[] {
  if (old === undefined) {
    return [
      createItem({
        id: seriesItemId(uid),
        ...keys,
        kind: "series",
        series: uid,
        order: `${orderPrefix.series}${newVersion()}`,
        q: { study: study.match, series: series.match },
        attributes: { study: study.attributes, series: series.attributes },
        studyVersion: study.version,
        seriesVersion: series.version,
        amended: false,
        instanceCount: added,
        stamp,
      } satisfies SeriesItem),
    ];
  }
  return patchItem(
    old.id,
    [
      { op: "set", path: "/stamp", value: stamp },
      { op: "incr", path: "/instanceCount", value: added },
      ...amendments("series", series),
    ],
    series.amended ? `from c where c.seriesVersion = "${old.seriesVersion}"` : undefined,
  );
}

function instanceOperation(
  { keys, stamp, newVersion, author }: PlanContext,
  { instance, modality, previous, current }: Accepted,
  study: MergedLevel,
  series: MergedLevel,
  version: string,
): OperationInput[] {
  const item: CurrentInstanceItem = {
    id: instanceItemId(instance.seriesInstanceUID, instance.sopInstanceUID),
    ...keys,
    kind: "instance",
    state: "current",
    series: instance.seriesInstanceUID,
    sop: instance.sopInstanceUID,
    sopClass: instance.sopClassUID,
    modality,
    order: current?.order ?? `${orderPrefix.instance}${newVersion()}`,
    revision: (previous?.revision ?? 0) + 1,
    transferSyntax: instance.transferSyntaxUID,
    datasetOffset: instance.datasetOffset,
    content: instance.content,
    ...(instance.frames === undefined ? {} : { frames: instance.frames }),
    ...(instance.metadata === "beside"
      ? {}
      : { metadata: Buffer.from(instance.metadata).toString("base64") }),
    ...(instance.registrations === undefined ? {} : { registrations: instance.registrations }),
    q: { study: study.match, series: series.match, instance: instance.attributes.instance.match },
    attributes: {
      study: study.attributes,
      series: series.attributes,
      instance: instance.attributes.instance.attributes,
    },
    studyVersion: study.version,
    seriesVersion: series.version,
    stamp,
  };
  const change = changeOf(
    item,
    current === undefined ? "create" : "update",
    version,
    current === undefined ? [] : keptNames(current),
    item.content.length - (current?.content.length ?? 0),
    author,
  );
  return [
    previous === undefined ? createItem(item) : replaceItem(item, previous._etag),
    createItem(change),
  ];
}

function amendments(level: "study" | "series", merged: MergedLevel): PatchOperation[] {
  return merged.amended
    ? [
        { op: "set", path: `/q/${level}`, value: merged.match },
        { op: "set", path: `/attributes/${level}`, value: merged.attributes },
        { op: "set", path: `/${level}Version`, value: merged.version },
        { op: "set", path: "/amended", value: true },
      ]
    : [];
}
