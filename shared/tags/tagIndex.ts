import assert from "node:assert/strict";
import type { Container, OperationInput, PartitionKey, SqlParameter } from "@azure/cosmos";
import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import type {
  LevelAttributes,
  MatchValues,
  SearchAttributes,
} from "../dicomweb/searchAttributes.ts";
import { searchAttributeTags } from "../dicomweb/searchAttributes.ts";
import { Problem } from "../problem/problem.ts";
import { batchBytesMax, batchOperationsMax, patchItem } from "../store/batchOperations.ts";
import { isTransient, RetryBudget, type RetryClock } from "../store/cosmosRetry.ts";
import { sideName, type InstanceContent } from "../store/instanceContent.ts";
import type { InstanceIndex } from "../store/instanceIndex.ts";
import { mergeLevel, type MergedLevel } from "../store/mergedLevel.ts";
import { decodeDataset } from "../store/metadataCodec.ts";
import { studyPartitionKey } from "../store/rowGuard.ts";
import type { CurrentInstanceItem, SeriesItem, Stored, StudyItem } from "../store/studyItems.ts";
import { tryBatch } from "../store/tryBatch.ts";
import { maintenanceScope, type TenantScope } from "../tenancy/tenantScope.ts";
import { matchKeyOf, pathOf, type ExtendedQueryTag } from "./extendedQueryTag.ts";
import { readExtendedValues } from "./extendedValues.ts";
import type { NewTagError } from "./tagErrors.ts";

/** What the index of extended query tags needs from its surroundings besides the database. */
export interface TagIndexSurroundings extends RetryClock {
  /** A name that sorts by time and never repeats (a ULID). */
  newVersion(): string;
}

/** What it works with. */
export interface TagIndexStores {
  /** The Cosmos container `dicom`. */
  readonly container: Container;
  readonly index: InstanceIndex;
  readonly content: InstanceContent;
}

/** A study of a tenant, in the order in which studies were made. */
export interface ListedStudy {
  readonly partition: string;
  readonly study: string;
  readonly order: string;
}

type ParentItem = StudyItem | SeriesItem;
type ParentLevel = "study" | "series";

type InstanceRow = Pick<
  Stored<CurrentInstanceItem>,
  "id" | "tenant" | "partition" | "study" | "series" | "sop" | "order" | "stamp" | "content"
> & {
  readonly metadata?: string;
  readonly registrations?: number;
  readonly match: MatchValues;
  readonly attributes: DicomJsonDataset;
};

/** The newest instance of a study or series that has a value, and what it says. */
interface Latest {
  readonly at: string;
  readonly attributes: LevelAttributes;
}

const pageItems = 500;
/** What a patch takes besides what it sets. */
const patchBytes = 500;
/** How often a study is read again because it changed meanwhile, before that is left for later. */
const attemptsMax = 4;

/** Something that was read changed before what follows from it could be written. */
class Overtaken extends Error {}

/**
 * Brings the values of extended query tags into the index of what is stored already, and out of it again.
 *
 * It works on the items of the index alone; only metadata too large for an item is read from where it stands beside the
 * content. Whatever it does may be done again, or by two at once: items are changed only if they are what was read.
 */
export class TagIndex {
  readonly #stores: TagIndexStores;
  readonly #surroundings: TagIndexSurroundings;

  constructor(stores: TagIndexStores, surroundings: TagIndexSurroundings) {
    this.#stores = stores;
    this.#surroundings = surroundings;
  }

  /** How many studies the tenant has, in all its data partitions, and the place of the last one in their order. */
  async extent(scope: TenantScope): Promise<{ readonly count: number; readonly last: string }> {
    const [count = 0] = await this.#query<number>(
      scope,
      [scope.tenant],
      'SELECT VALUE COUNT(1) FROM c WHERE c.tenant = @tenant AND c.kind = "study"',
    );
    const [last = ""] = await this.#query<string>(
      scope,
      [scope.tenant],
      'SELECT TOP 1 VALUE c["order"] FROM c WHERE c.tenant = @tenant AND c.kind = "study" ORDER BY c["order"] DESC',
    );
    return { count, last };
  }

  /** The next studies of the tenant in their order, in all its data partitions, after one and up to another. */
  async studies(
    scope: TenantScope,
    after: string,
    last: string,
    count: number,
  ): Promise<readonly ListedStudy[]> {
    const rows = await this.#query<ListedStudy & { readonly tenant: string }>(
      scope,
      [scope.tenant],
      `SELECT TOP ${count} c.tenant, c.partition, c.study, c["order"] FROM c` +
        ' WHERE c.tenant = @tenant AND c.kind = "study" AND c["order"] > @after AND c["order"] <= @last' +
        ' ORDER BY c["order"] ASC',
      [
        { name: "@after", value: after },
        { name: "@last", value: last },
      ],
    );
    for (const { tenant } of rows) {
      assert(tenant === scope.tenant, "A row of the tenant.");
    }
    return rows;
  }

  /**
   * Indexes the values that a study's instances have of `tags`, and returns those that cannot be indexed, of instances
   * that were stored by a list without the tag.
   *
   * What the instances of a study or series have in common is the value of the newest that has one. `scope` is the study's.
   */
  async indexStudy(
    scope: TenantScope,
    study: string,
    tags: readonly ExtendedQueryTag[],
  ): Promise<readonly NewTagError[]> {
    let failure: unknown;
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      try {
        return await this.#indexStudyOnce(scope, study, tags, attempt === attemptsMax);
      } catch (error) {
        if (!(error instanceof Overtaken)) {
          throw error;
        }
        failure = error;
      }
    }
    throw new Problem("unavailable", "The study keeps changing.", {
      cause: failure,
      retryAfterSeconds: 2,
    });
  }

  async #indexStudyOnce(
    scope: TenantScope,
    study: string,
    tags: readonly ExtendedQueryTag[],
    isLastAttempt: boolean,
  ): Promise<readonly NewTagError[]> {
    // Parents are read before the instances: a store that comes in between changes their stamp.
    const parents = await this.#readParents(scope, study);
    const latest = new LatestValues(tags);
    const errors: NewTagError[] = [];
    for await (const rows of this.#instancePages(scope, study)) {
      const patches: OperationInput[] = [];
      for (const row of rows) {
        const metadata = await this.#metadata(scope, row, isLastAttempt);
        const { attributes, faults } = readExtendedValues(metadata ?? {}, tags);
        latest.add(row, attributes);
        patches.push(...instancePatch(row, attributes.instance));
        const { partition, series, sop, registrations = 0 } = row;
        const reasons =
          metadata === undefined
            ? tags.map((tag) => ({ tag, reason: "the metadata is missing" }))
            : faults;
        for (const { tag, reason } of reasons) {
          if (registrations < tag.registration) {
            const { registration } = tag;
            errors.push({ registration, partition, study, series, sop, message: reason });
          }
        }
      }
      await this.#writeAll(scope, study, patches);
    }
    const changes = parents.flatMap((parent) => this.#parentPatch(parent, latest));
    await this.#writeAll(scope, study, changes);
    // Also when there was nothing to change: an earlier attempt may have ended before the copies followed.
    if (!latest.isEmpty) {
      await this.#stores.index.refreshCopies(scope, study);
    }
    return errors;
  }

  /**
   * Takes the values of a tag out of the index, of some items, and says whether there may be more. Throws `unavailable`
   * when all of them were changed meanwhile.
   */
  async removeSome(scope: TenantScope, tag: ExtendedQueryTag): Promise<boolean> {
    const { level } = tag;
    const keys = keysOf(tag);
    const path = pathOf(tag);
    const isKeptAnyway = searchAttributeTags[level].includes(tag.tag);
    const fields = [
      ...keys.map((key) => ({ sql: `c.q.${level}["${key}"]`, pointer: `/q/${level}/${key}` })),
      ...(isKeptAnyway
        ? []
        : [
            {
              sql: `c.attributes.${level}["${path}"]`,
              pointer: `/attributes/${level}/${path}`,
            },
          ]),
    ];
    const rows = await this.#query<
      Stored<ListedStudy> & { readonly id: string; readonly tenant: string }
    >(
      scope,
      [scope.tenant],
      `SELECT TOP ${batchOperationsMax} c.id, c.tenant, c.partition, c.study, c._etag, ` +
        fields.map(({ sql }, at) => `IS_DEFINED(${sql}) AS f${at}`).join(", ") +
        ` FROM c WHERE c.tenant = @tenant AND (${fields
          .slice(0, keys.length)
          .map(({ sql }) => `IS_DEFINED(${sql})`)
          .join(" OR ")})`,
    );
    let removed = 0;
    const studies = Map.groupBy(rows, ({ partition, study }) => JSON.stringify([partition, study]));
    for (const members of studies.values()) {
      const [first] = members;
      assert(first?.tenant === scope.tenant, "Rows of the tenant.");
      const flags: readonly Readonly<Record<string, unknown>>[] = members.map((row) => ({
        ...row,
      }));
      const operations = members.map(({ id, _etag: ifMatch }, row): OperationInput => ({
        operationType: "Patch",
        id,
        ifMatch,
        resourceBody: {
          operations: fields
            .filter((_, at) => flags[row]?.[`f${at}`] === true)
            .map(({ pointer }) => ({ op: "remove", path: pointer })),
        },
      }));
      try {
        await this.#writeAll(
          maintenanceScope(scope.tenant, first.partition),
          first.study,
          operations,
        );
        removed += members.length;
      } catch (error) {
        if (!(error instanceof Overtaken)) {
          throw error;
        }
      }
    }
    if (rows.length > 0 && removed === 0) {
      throw new Problem("unavailable", "The items keep changing.", { retryAfterSeconds: 2 });
    }
    return rows.length > 0;
  }

  async #readParents(scope: TenantScope, study: string): Promise<readonly Stored<ParentItem>[]> {
    return await this.#query<Stored<ParentItem>>(
      scope,
      studyPartitionKey(scope, study),
      "SELECT c.id, c.tenant, c.partition, c.study, c.kind, c.series, c.q, c.attributes, c.studyVersion, c.seriesVersion," +
        " c.stamp, c._etag FROM c WHERE c.tenant = @tenant AND c.partition = @partition AND c.study = @study" +
        ' AND c.kind IN ("study", "series")',
      [
        { name: "@partition", value: scope.partition },
        { name: "@study", value: study },
      ],
    );
  }

  async *#instancePages(
    scope: TenantScope,
    study: string,
  ): AsyncGenerator<readonly InstanceRow[], void, undefined> {
    const iterator = this.#stores.container.items.query<InstanceRow>(
      {
        query:
          'SELECT c.id, c.tenant, c.partition, c.study, c.series, c.sop, c["order"], c.stamp, c.content, c.metadata,' +
          " c.registrations, c.q.instance AS match, c.attributes.instance AS attributes FROM c" +
          " WHERE c.tenant = @tenant AND c.partition = @partition AND c.study = @study" +
          ' AND c.kind = "instance" AND c.state = "current" ORDER BY c["order"] ASC',
        parameters: [
          { name: "@tenant", value: scope.tenant },
          { name: "@partition", value: scope.partition },
          { name: "@study", value: study },
        ],
      },
      { partitionKey: studyPartitionKey(scope, study), maxItemCount: pageItems },
    );
    while (iterator.hasMoreResults()) {
      const { resources } = await new RetryBudget(this.#surroundings).repeat(
        async () => await iterator.fetchNext(),
      );
      for (const row of resources) {
        assert(row.tenant === scope.tenant && row.study === study, "A row of the study.");
      }
      yield resources;
    }
  }

  /** The metadata of an instance; undefined when there is none, however often it is asked for. */
  async #metadata(
    scope: TenantScope,
    { metadata, content }: InstanceRow,
    isLastAttempt: boolean,
  ): Promise<DicomJsonDataset | undefined> {
    let encoded: Uint8Array;
    try {
      encoded =
        metadata === undefined
          ? await this.#stores.content.getBytes(scope, sideName(content.name, ".metadata"))
          : Buffer.from(metadata, "base64");
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== "notFound") {
        throw error;
      }
      if (isLastAttempt) {
        return undefined;
      }
      // It went with its instance, which was deleted or replaced since it was read.
      throw new Overtaken("The metadata is gone", { cause: error });
    }
    return JSON.parse(decodeDataset(encoded)) as DicomJsonDataset;
  }

  #parentPatch(parent: Stored<ParentItem>, latest: LatestValues): OperationInput[] {
    const addition =
      parent.kind === "study" ? latest.of("study", "") : latest.of("series", parent.series);
    const previous =
      parent.kind === "study"
        ? {
            match: parent.q.study,
            attributes: parent.attributes.study,
            version: parent.studyVersion,
          }
        : {
            match: parent.q.series,
            attributes: parent.attributes.series,
            version: parent.seriesVersion,
          };
    const merged: MergedLevel = mergeLevel(previous, [addition], this.#surroundings.newVersion());
    return merged.amended
      ? patchItem(
          parent.id,
          [
            { op: "set", path: `/q/${parent.kind}`, value: merged.match },
            { op: "set", path: `/attributes/${parent.kind}`, value: merged.attributes },
            { op: "set", path: `/${parent.kind}Version`, value: merged.version },
            { op: "set", path: "/amended", value: true },
          ],
          unchanged(parent),
        )
      : [];
  }

  /** Writes in batches. Throws {@link Overtaken} when an item is not what was read any more. */
  async #writeAll(
    scope: TenantScope,
    study: string,
    operations: readonly OperationInput[],
  ): Promise<void> {
    const budget = new RetryBudget(this.#surroundings);
    for (const batch of batches(operations)) {
      for (;;) {
        const failure = await tryBatch(
          this.#stores.container,
          studyPartitionKey(scope, study),
          batch,
        );
        if (failure === undefined) {
          break;
        }
        if (!isTransient(failure)) {
          throw new Overtaken("An item has changed", { cause: failure });
        }
        await budget.pause(failure);
      }
    }
  }

  async #query<T>(
    scope: TenantScope,
    partitionKey: PartitionKey,
    query: string,
    parameters: readonly SqlParameter[] = [],
  ): Promise<T[]> {
    const { resources } = await new RetryBudget(this.#surroundings).repeat(
      async () =>
        await this.#stores.container.items
          .query<T>(
            { query, parameters: [{ name: "@tenant", value: scope.tenant }, ...parameters] },
            { partitionKey },
          )
          .fetchAll(),
    );
    return resources;
  }
}

/** The newest values that the instances of a study, and those of its series, have of tags of these levels. */
class LatestValues {
  readonly #tags: readonly ExtendedQueryTag[];
  /** By series, or for all of the study under no name; then by tag. */
  readonly #latest = new Map<string, Map<ExtendedQueryTag, Latest>>();

  constructor(tags: readonly ExtendedQueryTag[]) {
    this.#tags = tags.filter(({ level }) => level !== "instance");
  }

  get isEmpty(): boolean {
    return this.#latest.size === 0;
  }

  add(row: InstanceRow, attributes: SearchAttributes): void {
    // Instances of one request have one stamp; they were made in their order.
    const at = `${row.stamp.version} ${row.order}`;
    for (const tag of this.#tags) {
      const own = ofTag(attributes[tag.level], tag);
      if (Object.keys(own.match).length === 0) {
        continue;
      }
      const group = tag.level === "series" ? row.series : "";
      const known = this.#latest.get(group) ?? new Map<ExtendedQueryTag, Latest>();
      this.#latest.set(group, known);
      if (at > (known.get(tag)?.at ?? "")) {
        known.set(tag, { at, attributes: own });
      }
    }
  }

  of(level: ParentLevel, series: string): LevelAttributes {
    const match: Record<string, MatchValues[string]> = {};
    const attributes: DicomJsonDataset = {};
    for (const [tag, latest] of this.#latest.get(series) ?? []) {
      if (tag.level === level) {
        Object.assign(match, latest.attributes.match);
        Object.assign(attributes, latest.attributes.attributes);
      }
    }
    return { match, attributes };
  }
}

/** All the keys under which values of a tag may be. */
function keysOf(tag: ExtendedQueryTag): string[] {
  const { keys, soundKey } = matchKeyOf(tag);
  return [...keys, ...(soundKey === undefined ? [] : [soundKey])];
}

/** What of a level belongs to one tag. */
function ofTag({ match, attributes }: LevelAttributes, tag: ExtendedQueryTag): LevelAttributes {
  const path = pathOf(tag);
  const element = attributes[path];
  return {
    match: Object.fromEntries(
      keysOf(tag).flatMap((key) => {
        const value = match[key];
        return value === undefined ? [] : [[key, value]];
      }),
    ),
    attributes: element === undefined ? {} : { [path]: element },
  };
}

function instancePatch(row: InstanceRow, found: LevelAttributes): OperationInput[] {
  const merged = mergeLevel(
    { match: row.match, attributes: row.attributes, version: "" },
    [found],
    "changed",
  );
  return merged.amended
    ? patchItem(
        row.id,
        [
          { op: "set", path: "/q/instance", value: merged.match },
          { op: "set", path: "/attributes/instance", value: merged.attributes },
        ],
        unchanged(row),
      )
    : [];
}

function unchanged({ stamp }: Pick<ParentItem, "stamp">): string {
  return `from c where c.stamp.version = "${stamp.version}"`;
}

function* batches(operations: readonly OperationInput[]): Generator<OperationInput[]> {
  let batch: OperationInput[] = [];
  let bytes = 0;
  for (const operation of operations) {
    const size = patchBytes + Buffer.byteLength(JSON.stringify(operation));
    if (batch.length === batchOperationsMax || (batch.length > 0 && bytes + size > batchBytesMax)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(operation);
    bytes += size;
  }
  if (batch.length > 0) {
    yield batch;
  }
}
