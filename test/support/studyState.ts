import { inspect, isDeepStrictEqual } from "node:util";
import type { Container } from "@azure/cosmos";
import type {
  ChangeItem,
  CurrentInstanceItem,
  InstanceItem,
  SeriesItem,
  StudyItem,
} from "../../shared/store/studyItems.ts";

/** Whose study. */
export interface StudyKey {
  readonly tenant: string;
  readonly partition: string;
  readonly study: string;
}

/** All that the database has of one study. */
export interface StudyState {
  readonly study: StudyItem | undefined;
  readonly series: readonly SeriesItem[];
  /** Those that are there. */
  readonly current: readonly CurrentInstanceItem[];
  /** In the order in which they happened. */
  readonly events: readonly ChangeItem[];
  /** What must hold between the items and does not. */
  readonly faults: readonly string[];
}

/**
 * Reads all the items of a study and compares them with each other: counters with what they count, each instance with
 * its events, content that is to be removed with content that is referred to, copies with what they are copies of.
 *
 * Copies may be old only where the repair would find them; with `isRepaired`, not even there.
 */
export async function readStudyState(
  container: Container,
  { tenant, partition, study: uid }: StudyKey,
  isRepaired = false,
): Promise<StudyState> {
  const { resources } = await container.items
    .query<StudyItem | SeriesItem | InstanceItem | ChangeItem>(
      {
        query: "SELECT * FROM c WHERE c.tenant = @t AND c.partition = @p AND c.study = @s",
        parameters: [
          { name: "@t", value: tenant },
          { name: "@p", value: partition },
          { name: "@s", value: uid },
        ],
      },
      { partitionKey: [tenant, partition, uid] },
    )
    .fetchAll();
  const study = resources.find((item) => item.kind === "study");
  const series = resources.filter((item) => item.kind === "series");
  const instances = resources.filter((item) => item.kind === "instance");
  const current = instances.filter((item) => item.state === "current");
  const events = resources
    .filter((item) => item.kind === "change")
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
  return {
    study,
    series,
    current,
    events,
    faults: [
      ...countFaults(study, series, current),
      ...instances.flatMap((item) => eventFaults(item, events)),
      ...events
        .filter(({ series: of, sop }) => !instances.some((i) => i.series === of && i.sop === sop))
        .map(({ id }) => `event ${id} of no instance`),
      ...contentFaults(current, events),
      ...copyFaults(study, series, current, isRepaired),
    ],
  };
}

function countFaults(
  study: StudyItem | undefined,
  series: readonly SeriesItem[],
  current: readonly CurrentInstanceItem[],
): string[] {
  const faults: string[] = [];
  const compare = (what: string, found: unknown, expected: unknown): void => {
    if (!isDeepStrictEqual(found, expected)) {
      faults.push(`${what} is ${inspect(found)}, not ${inspect(expected)}`);
    }
  };
  const bySeries = Map.groupBy(current, (item) => item.series);
  compare("series", series.map((item) => item.series).toSorted(), [...bySeries.keys()].toSorted());
  for (const item of series) {
    compare("instanceCount of a series", item.instanceCount, bySeries.get(item.series)?.length);
  }
  compare("the study is there", study !== undefined, current.length > 0);
  if (study !== undefined) {
    compare("instanceCount", study.instanceCount, current.length);
    compare("seriesCount", study.seriesCount, bySeries.size);
    const counted = Object.entries(study.modalities).filter(([, count]) => count !== 0);
    const actual = [...Map.groupBy(current, ({ modality }) => modality)];
    compare(
      "modalities",
      new Map(counted),
      new Map(actual.map(([modality, members]) => [modality || "_", members.length])),
    );
    compare(
      "ModalitiesInStudy",
      study.q.study["00080061"],
      actual
        .map(([modality]) => modality)
        .filter((modality) => modality !== "")
        .toSorted(),
    );
  }
  return faults;
}

// Every revision has one event, in order, and the last event says what there is now.
function eventFaults(item: InstanceItem, all: readonly ChangeItem[]): string[] {
  const events = all.filter(({ series, sop }) => series === item.series && sop === item.sop);
  let revision = 0;
  let isThere = false;
  for (const { action, revision: next } of events) {
    const expectedAction = action === "delete" ? isThere : (action === "update") === isThere;
    if (!expectedAction || next !== revision + (action === "delete" ? 0 : 1)) {
      return [`the events of an instance are ${describe(events)}`];
    }
    revision = next;
    isThere = action !== "delete";
  }
  return isThere === (item.state === "current") && revision === item.revision
    ? []
    : [`an instance is ${item.state}, revision ${item.revision}, after ${describe(events)}`];
}

function describe(events: readonly ChangeItem[]): string {
  return events.map(({ action, revision }) => `${action} ${revision}`).join(", ");
}

function contentFaults(
  current: readonly CurrentInstanceItem[],
  events: readonly ChangeItem[],
): string[] {
  const removed = new Set(events.flatMap(({ remove }) => remove));
  return current
    .filter(({ content }) => removed.has(content.name))
    .map(({ id }) => `the content of ${id} is there and to be removed`);
}

function copyFaults(
  study: StudyItem | undefined,
  series: readonly SeriesItem[],
  current: readonly CurrentInstanceItem[],
  isRepaired: boolean,
): string[] {
  if (study === undefined) {
    return [];
  }
  const isCopy = (one: unknown, other: unknown): boolean =>
    JSON.stringify(one) === JSON.stringify(other);
  const faults: string[] = [];
  for (const item of [...series, ...current]) {
    const isOld = item.studyVersion !== study.studyVersion;
    if (isOld ? isRepaired || !study.amended : !isCopy(item.q.study, study.q.study)) {
      faults.push(`${item.kind} has another copy of the study than the study`);
    }
  }
  for (const item of current) {
    const parent = series.find((candidate) => candidate.series === item.series);
    if (parent !== undefined) {
      const isOld = item.seriesVersion !== parent.seriesVersion;
      if (isOld ? isRepaired || !parent.amended : !isCopy(item.q.series, parent.q.series)) {
        faults.push("an instance has another copy of the series than the series");
      }
    }
  }
  return faults;
}
