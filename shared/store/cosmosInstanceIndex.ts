import assert from "node:assert/strict";
import type {
  Container,
  OperationInput,
  PartitionKey,
  SqlParameter,
  SqlQuerySpec,
} from "@azure/cosmos";
import type { SearchQuery } from "../dicomweb/searchQuery.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { batchBytesMax, batchOperationsMax, patchItem } from "./batchOperations.ts";
import { CosmosSearch } from "./cosmosSearch.ts";
import { RetryBudget, type RetryClock } from "./cosmosRetry.ts";
import type { ElementPicker } from "./elementPicker.ts";
import type {
  ExpiredStudy,
  InstanceIndex,
  InstanceRecord,
  InstanceUIDs,
  InstanceWithMetadata,
  NewestInstance,
  NewInstance,
  PutMode,
  PutOutcome,
  RemovalTerms,
  SearchPage,
  Target,
  TargetContents,
} from "./instanceIndex.ts";
import {
  groupForPut,
  planPut,
  type KnownItems,
  type PlanContext,
  type PutPlan,
} from "./putPlan.ts";
import { planRemoval, type RemovalPlan, type RemovalTarget } from "./removalPlan.ts";
import { assertRow, studyPartitionKey } from "./rowGuard.ts";
import {
  instanceItemId,
  seriesItemId,
  studyItemId,
  type ChangeAuthor,
  type ChangeItem,
  type CurrentInstanceItem,
  type InstanceItem,
  type SeriesItem,
  type Stored,
  type StudyItem,
} from "./studyItems.ts";
import { mayPut, patientIDOf, StudyReach } from "./studyReach.ts";
import { tryBatch } from "./tryBatch.ts";
import { unguarded, type WriteGuard } from "./writeGuard.ts";

/**
 * How many rows a page of a study is asked to hold. The server ends a page at four megabytes, which is what bounds memory;
 * each page costs a request and, in order, a look at all that came before it.
 */
const pageItems = 1_000;
/** The first page is small, because nobody sees anything before it is there: a parent, and a hundred instances. */
const firstPageItems = 101;
/** What a patch takes besides the copies that it carries. */
const patchBytes = 1_000;

/** What the index needs from its surroundings besides the database. */
export interface IndexSurroundings extends RetryClock {
  /** The wall clock, in ISO 8601 with milliseconds and `Z`. */
  timestamp(): string;
  /** A name that sorts by time and never repeats (a ULID). */
  newVersion(): string;
  /** Hears which studies, instances and patients a call turned out to be about, for the record of the access. */
  readonly noteAccess?: (note: {
    readonly studyInstanceUID: string;
    readonly sopInstanceUID?: string;
    readonly patientID: string | undefined;
  }) => void;
  /** The caller whose request is at hand; nobody when the service works by itself. */
  readonly author?: () => ChangeAuthor | undefined;
}

/** What the queries of a target's items ask for besides their own fields. */
interface OfPatient {
  readonly patientID?: string;
}

/** {@link InstanceIndex} in the Cosmos container `dicom`. */
export class CosmosInstanceIndex implements InstanceIndex {
  readonly #container: Container;
  readonly #surroundings: IndexSurroundings;
  readonly #guard: WriteGuard;
  readonly #search: CosmosSearch;
  readonly #reach: StudyReach;

  constructor(
    container: Container,
    surroundings: IndexSurroundings,
    guard: WriteGuard = unguarded,
  ) {
    this.#container = container;
    this.#surroundings = surroundings;
    this.#guard = guard;
    this.#search = new CosmosSearch(container, () => new RetryBudget(surroundings));
    this.#reach = new StudyReach(container, () => new RetryBudget(surroundings));
  }

  async put(
    scope: TenantScope,
    studyInstanceUID: string,
    instances: readonly NewInstance[],
    mode: PutMode,
    expiresAt?: number,
  ): Promise<readonly PutOutcome[]> {
    for (const { sopInstanceUID, attributes } of instances) {
      const patientID = patientIDOf(attributes.study.attributes);
      this.#surroundings.noteAccess?.({ studyInstanceUID, sopInstanceUID, patientID });
    }
    const outcomes: PutOutcome[] = [];
    for (const group of groupForPut(instances, mode)) {
      try {
        outcomes.push(...(await this.#putBatch(scope, studyInstanceUID, group, mode, expiresAt)));
      } catch (error) {
        // What earlier batches stored stays stored, and the caller has to hear of it.
        outcomes.push(...group.map((): PutOutcome => ({ result: "unavailable", cause: error })));
      }
    }
    return outcomes;
  }

  async #putBatch(
    scope: TenantScope,
    study: string,
    instances: readonly NewInstance[],
    mode: PutMode,
    expiresAt: number | undefined,
  ): Promise<PutOutcome[]> {
    const budget = new RetryBudget(this.#surroundings);
    const tried: PutPlan[] = [];
    for (;;) {
      const known = await budget.repeat(
        async () => await this.#readParentsAndInstances(scope, study, instances, tried),
      );
      // A batch that seemed to fail and whose event is there did succeed, whatever others did to the study since then.
      const done = tried.find(({ changeId }) => known.has(changeId));
      const studyItem = known.get(studyItemId) as StudyItem | undefined;
      if (done === undefined && !instances.every((one) => mayPut(scope, one, studyItem))) {
        return instances.map(() => ({ result: "notAuthorized" }));
      }
      const plan =
        done ?? planPut(this.#planContext(scope, study), instances, mode, known, expiresAt);
      if (plan.operations.length === 0) {
        return plan.outcomes;
      }
      await this.#guard.require(scope);
      const failure =
        done === undefined ? await this.#tryBatch(scope, study, plan.operations) : undefined;
      if (failure === undefined) {
        if (plan.agesCopies) {
          await this.#refreshSeries(scope, study, budget);
        }
        return plan.outcomes;
      }
      // Somebody else changed the study in the meantime, or the answer was lost, or is still to come.
      tried.push(plan);
      await budget.pause(failure);
    }
  }

  // Series follow at once, because the answer to a store promises that a search finds the change. Instances, of which
  // there may be thousands, follow from the change feed; and so do series when this fails, since what is stored is stored.
  async #refreshSeries(scope: TenantScope, study: string, budget: RetryBudget): Promise<void> {
    try {
      await this.#refreshFrom(scope, study, undefined, budget, true);
    } catch {
      // The change feed has the study's item and comes by later.
    }
  }

  #planContext(scope: TenantScope, study: string): PlanContext {
    return {
      keys: { tenant: scope.tenant, partition: scope.partition, study },
      stamp: { version: this.#surroundings.newVersion(), at: this.#surroundings.timestamp() },
      newVersion: () => this.#surroundings.newVersion(),
      author: this.#surroundings.author?.(),
    };
  }

  async #readParentsAndInstances(
    scope: TenantScope,
    study: string,
    instances: readonly NewInstance[],
    tried: readonly PutPlan[],
  ): Promise<KnownItems> {
    const ids = new Set<string>([studyItemId, ...tried.map(({ changeId }) => changeId)]);
    for (const { seriesInstanceUID, sopInstanceUID } of instances) {
      ids.add(seriesItemId(seriesInstanceUID));
      ids.add(instanceItemId(seriesInstanceUID, sopInstanceUID));
    }
    const items = await this.#queryAll<Stored<StudyItem | SeriesItem | InstanceItem | ChangeItem>>(
      scope,
      study,
      {
        query:
          "SELECT c.id, c.tenant, c.partition, c.study, c.kind, c.state, c.series, c.sop, c.revision, c.content, c.frames," +
          ' c["order"], c.modality, c.q, c.attributes, c.studyVersion, c.seriesVersion, c.amended, c.instanceCount,' +
          " c.modalities, c.expiresAt, c.stamp, c._etag, NOT IS_DEFINED(c.metadata) AS metadataBeside" +
          " FROM c WHERE c.tenant = @tenant AND c.partition = @partition AND c.study = @study AND ARRAY_CONTAINS(@ids, c.id)",
        parameters: [
          { name: "@tenant", value: scope.tenant },
          { name: "@partition", value: scope.partition },
          { name: "@study", value: study },
          { name: "@ids", value: [...ids] },
        ],
      },
    );
    return new Map(items.map((item) => [item.id, item]));
  }

  async get(scope: TenantScope, uids: InstanceUIDs): Promise<InstanceWithMetadata | undefined> {
    if (!(await this.#reach.reaches(scope, uids.studyInstanceUID))) {
      return undefined;
    }
    const item = await this.#readItem<InstanceItem>(
      scope,
      uids.studyInstanceUID,
      instanceItemId(uids.seriesInstanceUID, uids.sopInstanceUID),
    );
    if (item?.state !== "current") {
      return undefined;
    }
    this.#noteAccess(item, patientIDOf(item.attributes.study));
    return withMetadata(item);
  }

  // A request that is refused afterwards has been about this patient all the same.
  #noteAccess({ study }: { readonly study: string }, patientID: string | undefined): void {
    this.#surroundings.noteAccess?.({ studyInstanceUID: study, patientID });
  }

  async version(
    scope: TenantScope,
    target: Target,
  ): Promise<{ version: string; instanceCount: number } | undefined> {
    const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = target;
    if (!(await this.#reach.reaches(scope, studyInstanceUID))) {
      return undefined;
    }
    if (seriesInstanceUID !== undefined && sopInstanceUID !== undefined) {
      const instance = await this.get(scope, {
        studyInstanceUID,
        seriesInstanceUID,
        sopInstanceUID,
      });
      return instance && { version: instance.version, instanceCount: 1 };
    }
    const item = await this.#readItem<StudyItem | SeriesItem>(
      scope,
      studyInstanceUID,
      seriesInstanceUID === undefined ? studyItemId : seriesItemId(seriesInstanceUID),
    );
    return item && { version: item.stamp.version, instanceCount: item.instanceCount };
  }

  async query(
    scope: TenantScope,
    target: Target,
  ): Promise<TargetContents<InstanceRecord> | undefined> {
    return await this.#contents(scope, target, recordFields, record);
  }

  async queryMetadata(
    scope: TenantScope,
    target: Target,
  ): Promise<TargetContents<InstanceWithMetadata> | undefined> {
    return await this.#contents(scope, target, `${recordFields}, c.metadata`, withMetadata);
  }

  // The parent is asked for in the same query as its instances and, by its order, comes first: one query says whether
  // there is anything, which version it is, and the first page of it.
  async #contents<R>(
    scope: TenantScope,
    target: Target,
    fields: string,
    convert: (item: Stored<CurrentInstanceItem>) => R,
  ): Promise<TargetContents<R> | undefined> {
    const { studyInstanceUID: study, seriesInstanceUID: series } = target;
    if (!(await this.#reach.reaches(scope, study))) {
      return undefined;
    }
    const spec: SqlQuerySpec = {
      query:
        `SELECT ${fields} FROM c WHERE c.tenant = @tenant AND c.partition = @partition AND c.study = @study` +
        (series === undefined
          ? ' AND (c.kind = "study" OR (c.kind = "instance" AND c.state = "current"))'
          : ' AND c.series = @series AND (c.kind = "series" OR (c.kind = "instance" AND c.state = "current"))') +
        ' ORDER BY c["order"] ASC',
      parameters: [
        { name: "@tenant", value: scope.tenant },
        { name: "@partition", value: scope.partition },
        { name: "@study", value: study },
        ...(series === undefined ? [] : [{ name: "@series", value: series }]),
      ],
    };
    let continuation: string | undefined;
    let isAtEnd = false;
    const nextPage = async (
      maxItemCount: number,
    ): Promise<(Stored<StudyItem | SeriesItem | CurrentInstanceItem> & OfPatient)[]> => {
      // Each page has its own deadline: how long the whole takes is up to the reader.
      const budget = new RetryBudget(this.#surroundings);
      while (!isAtEnd) {
        const { resources, continuationToken } = await budget.repeat(
          async () =>
            await this.#container.items
              .query<Stored<StudyItem | SeriesItem | CurrentInstanceItem> & OfPatient>(spec, {
                partitionKey: studyPartitionKey(scope, study),
                maxItemCount,
                ...(continuation === undefined ? {} : { continuationToken: continuation }),
              })
              .fetchNext(),
        );
        continuation = continuationToken;
        isAtEnd = continuationToken === undefined;
        if (resources.length > 0) {
          for (const row of resources) {
            assertRow(scope, study, row);
          }
          return resources;
        }
      }
      return [];
    };
    const first = await nextPage(firstPageItems);
    const parent = first[0];
    if (parent === undefined || parent.kind === "instance") {
      return undefined;
    }
    this.#noteAccess(parent, parent.patientID);
    const convertRows = (
      rows: readonly Stored<StudyItem | SeriesItem | CurrentInstanceItem>[],
    ): R[] =>
      rows.map((row) => {
        assert(row.kind === "instance", "One parent, and then its instances.");
        return convert(row);
      });
    return {
      version: parent.stamp.version,
      instanceCount: parent.instanceCount,
      pages: (async function* pages() {
        // The next page is under way while the reader has this one, so that two of them are in memory.
        let rows = first.slice(1);
        do {
          const next = nextPage(pageItems);
          // Heard when its turn comes; until then it must not count as unhandled.
          next.catch(() => undefined);
          if (rows.length > 0) {
            yield convertRows(rows);
          }
          // Whoever reads slowly may need it long after it failed; then it is worth another try.
          rows = await next.catch(async () => await nextPage(pageItems));
        } while (rows.length > 0);
      })(),
    };
  }

  async remove(scope: TenantScope, target: Target, terms: RemovalTerms = {}): Promise<number> {
    const study = target.studyInstanceUID;
    if (!(await this.#reach.reaches(scope, study))) {
      return 0;
    }
    const budget = new RetryBudget(this.#surroundings);
    const uncertain: RemovalPlan[] = [];
    let removed = 0;
    const countCommitted = async (): Promise<RemovalPlan[]> => {
      const committed = await this.#takeCommitted(scope, study, uncertain, budget);
      removed += committed.reduce((sum, { count }) => sum + count, 0);
      return committed;
    };
    for (;;) {
      const found = await budget.repeat(async () => await this.#readForRemoval(scope, target));
      const { study: studyItem } = found;
      const isOutOfTerms =
        (terms.expiresAt !== undefined && studyItem?.expiresAt !== terms.expiresAt) ||
        (terms.storedAt !== undefined && studyItem?.storedAt !== terms.storedAt);
      if (studyItem === undefined || found.instances.length === 0 || isOutOfTerms) {
        await countCommitted();
        return removed;
      }
      let failure: unknown;
      const removal = { ...found, study: studyItem };
      for (const plan of planRemoval(() => this.#planContext(scope, study), removal, terms)) {
        failure = await this.#tryBatch(scope, study, plan.operations);
        if (failure === undefined) {
          removed += plan.count;
          continue;
        }
        uncertain.push(plan);
        if ((await countCommitted()).includes(plan)) {
          // Only the answer was lost. What is there now may have been stored since, and stays.
          failure = undefined;
        } else {
          break;
        }
      }
      if (failure === undefined) {
        return removed;
      }
      await budget.pause(failure);
    }
  }

  /** Takes from `plans`, whose batches seemed to fail, those that succeeded all the same. */
  async #takeCommitted(
    scope: TenantScope,
    study: string,
    plans: RemovalPlan[],
    budget: RetryBudget,
  ): Promise<RemovalPlan[]> {
    if (plans.length === 0) {
      return [];
    }
    const events = await budget.repeat(
      async () =>
        await this.#queryAll<ChangeItem>(scope, study, {
          query:
            "SELECT c.id, c.tenant, c.partition, c.study FROM c WHERE c.tenant = @tenant AND c.partition = @partition" +
            " AND c.study = @study AND ARRAY_CONTAINS(@ids, c.id)",
          parameters: [
            ...keyParameters(scope, study),
            { name: "@ids", value: plans.map(({ changeId }) => changeId) },
          ],
        }),
    );
    const committed = plans.filter(({ changeId }) => events.some(({ id }) => id === changeId));
    for (const plan of committed) {
      plans.splice(plans.indexOf(plan), 1);
    }
    return committed;
  }

  async #readForRemoval(scope: TenantScope, target: Target): Promise<RemovalTarget> {
    const { studyInstanceUID: study, seriesInstanceUID: series, sopInstanceUID: sop } = target;
    const rows = await this.#queryAll<
      Stored<StudyItem | SeriesItem | CurrentInstanceItem> & OfPatient
    >(scope, study, {
      query:
        "SELECT c.id, c.tenant, c.partition, c.study, c.kind, c.state, c.series, c.sop, c.sopClass, c.modality," +
        ' c["order"], c.revision, c.content, c.frames, c.seriesCount, c.instanceCount, c.modalities,' +
        ` c.q, c.studyVersion, c.expiresAt, c.storedAt, c.stamp, c._etag, ${patientIDField},` +
        " NOT IS_DEFINED(c.metadata) AS metadataBeside FROM c" +
        " WHERE c.tenant = @tenant AND c.partition = @partition AND c.study = @study AND" +
        (sop !== undefined
          ? ' (ARRAY_CONTAINS(@ids, c.id) AND (c.kind != "instance" OR c.state = "current"))'
          : series !== undefined
            ? ' (c.kind = "study" OR (c.series = @series AND (c.kind = "series" OR (c.kind = "instance" AND c.state = "current"))))'
            : ' (c.kind IN ("study", "series") OR (c.kind = "instance" AND c.state = "current"))'),
      parameters: [
        { name: "@tenant", value: scope.tenant },
        { name: "@partition", value: scope.partition },
        { name: "@study", value: study },
        { name: "@series", value: series ?? "" },
        {
          name: "@ids",
          value:
            series === undefined || sop === undefined
              ? []
              : [studyItemId, seriesItemId(series), instanceItemId(series, sop)],
        },
      ],
    });
    const studyItem = rows.find((row) => row.kind === "study");
    if (studyItem !== undefined && rows.some(({ kind }) => kind === "instance")) {
      this.#noteAccess(studyItem, studyItem.patientID);
    }
    return {
      study: studyItem,
      series: rows.filter((row) => row.kind === "series"),
      instances: rows.filter((row) => row.kind === "instance"),
    };
  }

  async search(scope: TenantScope, query: SearchQuery): Promise<SearchPage> {
    return await this.#search.search(scope, query);
  }

  async count(scope: TenantScope, query: SearchQuery): Promise<number> {
    return await this.#search.count(scope, query);
  }

  async newest(
    scope: TenantScope,
    target: Target,
    picker: ElementPicker,
  ): Promise<NewestInstance | undefined> {
    const isReached = await this.#reach.reaches(scope, target.studyInstanceUID);
    return isReached ? await this.#search.newest(scope, target, picker) : undefined;
  }

  async *expired(
    scope: TenantScope,
    time: number,
    storedBefore?: string,
  ): AsyncGenerator<ExpiredStudy, void, undefined> {
    const iterator = this.#container.items.query<
      Pick<StudyItem, "tenant" | "study" | "expiresAt" | "storedAt"> & {
        readonly dataPartition: string;
      }
    >(
      {
        query:
          "SELECT c.tenant, c.partition AS dataPartition, c.study, c.expiresAt, c.storedAt FROM c" +
          ' WHERE c.tenant = @tenant AND c.kind = "study" AND (c.expiresAt <= @time' +
          (storedBefore === undefined ? ")" : " OR c.storedAt < @storedBefore)"),
        parameters: [
          { name: "@tenant", value: scope.tenant },
          { name: "@time", value: time },
          { name: "@storedBefore", value: storedBefore ?? "" },
        ],
      },
      { partitionKey: [scope.tenant], maxItemCount: pageItems },
    );
    while (iterator.hasMoreResults()) {
      const budget = new RetryBudget(this.#surroundings);
      const { resources } = await budget.repeat(async () => await iterator.fetchNext());
      for (const { tenant, dataPartition, study, expiresAt, storedAt } of resources) {
        assert(tenant === scope.tenant, "A row of another tenant.");
        const isExpired = typeof expiresAt === "number" && expiresAt <= time;
        yield {
          dataPartition,
          study,
          terms: isExpired ? { reason: "expired", expiresAt } : { reason: "retention", storedAt },
        };
      }
    }
  }

  async refreshCopies(scope: TenantScope, studyInstanceUID: string): Promise<number> {
    const budget = new RetryBudget(this.#surroundings);
    const parents = await budget.repeat(
      async () =>
        await this.#queryAll<StudyItem | SeriesItem>(scope, studyInstanceUID, {
          query:
            "SELECT c.id, c.tenant, c.partition, c.study, c.kind, c.series, c.amended FROM c" +
            " WHERE c.tenant = @tenant AND c.partition = @partition AND c.study = @study" +
            ' AND c.kind IN ("study", "series") AND c.amended = true',
          parameters: keyParameters(scope, studyInstanceUID),
        }),
    );
    let refreshed = 0;
    if (parents.some(({ kind }) => kind === "study")) {
      refreshed += await this.#refreshFrom(scope, studyInstanceUID, undefined, budget, false);
    }
    for (const parent of parents) {
      if (parent.kind === "series") {
        refreshed += await this.#refreshFrom(scope, studyInstanceUID, parent.series, budget, false);
      }
    }
    return refreshed;
  }

  async #refreshFrom(
    scope: TenantScope,
    study: string,
    series: string | undefined,
    budget: RetryBudget,
    seriesItemsOnly: boolean,
  ): Promise<number> {
    const level = series === undefined ? "study" : "series";
    const versionField = `${level}Version` as const;
    let refreshed = 0;
    for (;;) {
      const parent = await budget.repeat(
        async () =>
          await this.#readItem<StudyItem | SeriesItem>(
            scope,
            study,
            series === undefined ? studyItemId : seriesItemId(series),
          ),
      );
      if (parent === undefined) {
        return refreshed;
      }
      const source =
        parent.kind === "study"
          ? { q: parent.q.study, attributes: parent.attributes.study, version: parent.studyVersion }
          : {
              q: parent.q.series,
              attributes: parent.attributes.series,
              version: parent.seriesVersion,
            };
      const copyBytes = patchBytes + Buffer.byteLength(JSON.stringify(source));
      const copiesMax = Math.min(
        batchOperationsMax,
        Math.max(1, Math.floor(batchBytesMax / copyBytes)),
      );
      const kinds = seriesItemsOnly
        ? ["series"]
        : series === undefined
          ? ["series", "instance"]
          : ["instance"];
      const stale = await budget.repeat(
        async () =>
          await this.#queryAll<SeriesItem | CurrentInstanceItem>(scope, study, {
            query:
              `SELECT TOP ${copiesMax} c.id, c.tenant, c.partition, c.study, c.${versionField} FROM c` +
              " WHERE c.tenant = @tenant AND c.partition = @partition AND c.study = @study" +
              ` AND ARRAY_CONTAINS(@kinds, c.kind) AND c.${versionField} != @version` +
              (series === undefined ? "" : " AND c.series = @series"),
            parameters: [
              ...keyParameters(scope, study),
              { name: "@kinds", value: kinds },
              { name: "@version", value: source.version },
              { name: "@series", value: series ?? "" },
            ],
          }),
      );
      if (stale.length === 0) {
        return refreshed;
      }
      const failure = await this.#tryBatch(
        scope,
        study,
        stale.flatMap((item) =>
          patchItem(
            item.id,
            [
              { op: "set", path: `/q/${level}`, value: source.q },
              { op: "set", path: `/attributes/${level}`, value: source.attributes },
              { op: "set", path: `/${versionField}`, value: source.version },
            ],
            `from c where c.${versionField} = "${item[versionField]}"`,
          ),
        ),
      );
      if (failure !== undefined) {
        await budget.pause(failure);
        continue;
      }
      refreshed += stale.length;
      if (stale.length < copiesMax) {
        return refreshed;
      }
    }
  }

  async referenced(
    scope: TenantScope,
    contentNames: readonly string[],
  ): Promise<ReadonlySet<string>> {
    const budget = new RetryBudget(this.#surroundings);
    const rows = await budget.repeat(
      async () =>
        await this.#queryAll<{ tenant: string; name: string }>(
          scope,
          undefined,
          {
            query:
              "SELECT c.tenant, c.content.name FROM c WHERE c.tenant = @tenant AND ARRAY_CONTAINS(@names, c.content.name)",
            parameters: [
              { name: "@tenant", value: scope.tenant },
              { name: "@names", value: [...contentNames] },
            ],
          },
          [scope.tenant],
        ),
    );
    return new Set(rows.map(({ name }) => name));
  }

  /** Reads all the rows of a query on one study, or on the scope's data partition. Every row is checked. */
  async #queryAll<T extends object>(
    scope: TenantScope,
    study: string | undefined,
    spec: SqlQuerySpec,
    key: PartitionKey = study === undefined
      ? [scope.tenant, scope.partition]
      : studyPartitionKey(scope, study),
  ): Promise<T[]> {
    const { resources } = await this.#container.items
      .query<T>(spec, { partitionKey: key })
      .fetchAll();
    for (const row of resources) {
      assertRow(scope, study, row);
    }
    return resources;
  }

  async #readItem<T extends object>(
    scope: TenantScope,
    study: string,
    id: string,
  ): Promise<Stored<T> | undefined> {
    const budget = new RetryBudget(this.#surroundings);
    const { resource } = await budget.repeat(
      async () => await this.#container.item(id, studyPartitionKey(scope, study)).read<Stored<T>>(),
    );
    if (resource === undefined) {
      return undefined;
    }
    assertRow(scope, study, resource);
    return resource;
  }

  /** Executes one batch. Returns what went wrong when trying again makes sense, and throws when it does not. */
  async #tryBatch(
    scope: TenantScope,
    study: string,
    operations: OperationInput[],
  ): Promise<unknown> {
    assert(operations.length <= batchOperationsMax, "A batch holds at most 100 operations.");
    return await tryBatch(this.#container, studyPartitionKey(scope, study), operations);
  }
}

// Of the study, as it stands in its instances.
const patientIDField = 'c.attributes.study["00100020"]["Value"][0] AS patientID';

const recordFields =
  "c.id, c.tenant, c.partition, c.study, c.kind, c.state, c.series, c.sop, c.sopClass, c.revision, c.transferSyntax," +
  ` c.datasetOffset, c.content, c.frames, c.stamp, c.instanceCount, ${patientIDField}`;

function record(item: CurrentInstanceItem): InstanceRecord {
  return {
    studyInstanceUID: item.study,
    seriesInstanceUID: item.series,
    sopInstanceUID: item.sop,
    sopClassUID: item.sopClass,
    transferSyntaxUID: item.transferSyntax,
    datasetOffset: item.datasetOffset,
    revision: item.revision,
    content: item.content,
    frames: item.frames,
    version: item.stamp.version,
  };
}

function withMetadata(item: CurrentInstanceItem): InstanceWithMetadata {
  return {
    ...record(item),
    metadata: item.metadata === undefined ? "beside" : Buffer.from(item.metadata, "base64"),
  };
}

function keyParameters(scope: TenantScope, study: string): SqlParameter[] {
  return [
    { name: "@tenant", value: scope.tenant },
    { name: "@partition", value: scope.partition },
    { name: "@study", value: study },
  ];
}
