import assert from "node:assert/strict";
import type { Container } from "@azure/cosmos";
import type { MatchScalar } from "../dicomweb/matchValue.ts";
import type { SearchPosition } from "../dicomweb/searchOrder.ts";
import { levelsOf, type SearchQuery } from "../dicomweb/searchQuery.ts";
import type { SearchResult } from "../dicomweb/searchResponse.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { RetryBudget } from "./cosmosRetry.ts";
import { ElementPicker } from "./elementPicker.ts";
import type { NewestInstance, SearchPage, Target } from "./instanceIndex.ts";
import { presentModalities } from "./modalities.ts";
import { queryPages } from "./rowGuard.ts";
import { countSql, searchSql } from "./searchSql.ts";
import {
  seriesItemId,
  studyItemId,
  type CurrentInstanceItem,
  type SeriesItem,
  type StudyItem,
} from "./studyItems.ts";

type SearchRow = (StudyItem | SeriesItem | CurrentInstanceItem) & {
  readonly [key: `k${number}`]: MatchScalar | undefined;
};

type ParentRow =
  | Pick<StudyItem, "kind" | "study" | "seriesCount" | "instanceCount" | "modalities">
  | Pick<SeriesItem, "kind" | "study" | "series" | "instanceCount">;

/** The searches of the Cosmos container `dicom`. */
export class CosmosSearch {
  readonly #container: Container;
  readonly #newBudget: () => RetryBudget;

  constructor(container: Container, newBudget: () => RetryBudget) {
    this.#container = container;
    this.#newBudget = newBudget;
  }

  /** See `InstanceIndex.search`. */
  async search(scope: TenantScope, query: SearchQuery): Promise<SearchPage> {
    const spec = searchSql(scope, query);
    return await this.#newBudget().repeat(async () => {
      const picker = new ElementPicker(query.furtherTags);
      const rows: SearchResult[] = [];
      let last: SearchPosition | undefined;
      let more = false;
      const study = query.target.studyInstanceUID;
      for await (const page of queryPages<SearchRow>(this.#container, scope, study, spec)) {
        for (const row of page) {
          if (rows.length === query.limit) {
            more = true;
            break;
          }
          // What is not wanted of the metadata is let go of page by page: two hundred instances may have a lot of it.
          rows.push(searchResult(row, picker));
          last = {
            values: query.order.map((_, at) => row[`k${at}`] ?? null),
            order: row.order,
          };
        }
      }
      return {
        rows: await this.#withParents(scope, query, rows),
        next: more ? last : undefined,
      };
    });
  }

  /** See `InstanceIndex.count`. */
  async count(scope: TenantScope, query: SearchQuery): Promise<number> {
    const spec = countSql(scope, query);
    return await this.#newBudget().repeat(async () => {
      const { studyInstanceUID: study } = query.target;
      const { resources } = await this.#container.items
        .query<number>(spec, {
          partitionKey: [scope.tenant, scope.partition, ...(study === undefined ? [] : [study])],
        })
        .fetchAll();
      // Each physical partition that the tenant lies on may give a count of its own.
      assert(
        resources.every((count) => Number.isSafeInteger(count)),
        "A count is a number.",
      );
      return resources.reduce((sum, count) => sum + count, 0);
    });
  }

  /** See `InstanceIndex.newest`. */
  async newest(
    scope: TenantScope,
    { studyInstanceUID: study, seriesInstanceUID: series }: Target,
    picker: ElementPicker,
  ): Promise<NewestInstance | undefined> {
    const spec = {
      query:
        "SELECT TOP 1 c.tenant, c.partition, c.study, c.series, c.sop, c.metadata, c.content FROM c" +
        ` WHERE c.tenant = @tenant AND c.partition = @partition AND c.study = @study${series === undefined ? "" : " AND c.series = @series"}` +
        ' AND c.kind = "instance" AND c.state = "current" ORDER BY c["order"] DESC',
      parameters: [
        { name: "@tenant", value: scope.tenant },
        { name: "@partition", value: scope.partition },
        { name: "@study", value: study },
        ...(series === undefined ? [] : [{ name: "@series", value: series }]),
      ],
    };
    return await this.#newBudget().repeat(async () => {
      for await (const [row] of queryPages<CurrentInstanceItem>(
        this.#container,
        scope,
        study,
        spec,
      )) {
        if (row !== undefined) {
          return {
            uids: {
              studyInstanceUID: row.study,
              seriesInstanceUID: row.series,
              sopInstanceUID: row.sop,
            },
            further: picker.pick(row),
          };
        }
      }
      return undefined;
    });
  }

  /**
   * PS3.18 §10.6.3.3: a series and an instance are returned with the attributes of what they are part of, counts included.
   * Those stand in the items of the parents alone, so that a store does not change every item of its study.
   */
  async #withParents(
    scope: TenantScope,
    query: SearchQuery,
    rows: readonly SearchResult[],
  ): Promise<readonly SearchResult[]> {
    const levels = levelsOf(query.target).filter((level) => level !== query.target.level);
    if (levels.length === 0 || rows.length === 0) {
      return rows;
    }
    const studies = [...new Set(rows.map(({ studyInstanceUID }) => studyInstanceUID))];
    const ids = new Set(
      rows.flatMap(({ seriesInstanceUID }) => [
        ...(levels.includes("study") ? [studyItemId] : []),
        ...(levels.includes("series") && seriesInstanceUID !== undefined
          ? [seriesItemId(seriesInstanceUID)]
          : []),
      ]),
    );
    const parents = new Map<string, ParentRow>();
    const spec = {
      query:
        "SELECT c.tenant, c.partition, c.study, c.kind, c.series, c.seriesCount, c.instanceCount, c.modalities FROM c" +
        " WHERE c.tenant = @tenant AND c.partition = @partition" +
        " AND ARRAY_CONTAINS(@studies, c.study) AND ARRAY_CONTAINS(@ids, c.id)",
      parameters: [
        { name: "@tenant", value: scope.tenant },
        { name: "@partition", value: scope.partition },
        { name: "@studies", value: studies },
        { name: "@ids", value: [...ids] },
      ],
    };
    for await (const page of queryPages<ParentRow>(
      this.#container,
      scope,
      studies.length === 1 ? studies[0] : undefined,
      spec,
    )) {
      for (const row of page) {
        parents.set(`${row.study} ${row.kind === "study" ? "" : row.series}`, row);
      }
    }
    return rows.map((row) => ({
      ...countsOf(parents.get(`${row.studyInstanceUID} `)),
      ...countsOf(parents.get(`${row.studyInstanceUID} ${row.seriesInstanceUID ?? ""}`)),
      ...row,
    }));
  }
}

/** The counts that a study or series has. */
function countsOf(item: ParentRow | undefined): Pick<SearchResult, "ofStudy" | "ofSeries"> {
  if (item === undefined) {
    return {};
  }
  return item.kind === "study"
    ? {
        ofStudy: {
          modalities: presentModalities(item.modalities),
          seriesCount: item.seriesCount,
          instanceCount: item.instanceCount,
        },
      }
    : { ofSeries: { instanceCount: item.instanceCount } };
}

function searchResult(item: SearchRow, picker: ElementPicker): SearchResult {
  return {
    studyInstanceUID: item.study,
    seriesInstanceUID: item.kind === "study" ? undefined : item.series,
    sopInstanceUID: item.kind === "instance" ? item.sop : undefined,
    attributes: item.attributes,
    ...(item.kind === "instance" ? {} : countsOf(item)),
    ...(item.kind === "instance" && item.content !== undefined
      ? { further: picker.pick(item) }
      : {}),
  };
}
