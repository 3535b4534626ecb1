import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import { formatTag } from "../dicom/tag.ts";
import type { SearchPosition } from "../dicomweb/searchOrder.ts";
import type { SearchQuery } from "../dicomweb/searchQuery.ts";
import {
  selectAttributes,
  type FurtherElements,
  type InstanceElements,
  type SearchResult,
} from "../dicomweb/searchResponse.ts";
import { Problem } from "../problem/problem.ts";
import { ElementPicker } from "../store/elementPicker.ts";
import { sideName, type InstanceContent } from "../store/instanceContent.ts";
import type { InstanceIndex, InstanceUIDs } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { readAhead } from "./readAhead.ts";
import { instancePath } from "./retrieveInstances.ts";

/** What searches work on. */
export interface SearchStores {
  readonly index: InstanceIndex;
  readonly content: InstanceContent;
}

/** The answer to a search. */
export interface SearchAnswer {
  readonly results: readonly DicomJsonDataset[];
  /** Where they end, when there are more after these. */
  readonly next: SearchPosition | undefined;
}

/** How many instances are asked at once for what the index does not keep of their study or series. */
const instancesAhead = 7;

/**
 * Searches for studies, series or instances (PS3.18 §10.6).
 *
 * Attributes that the index does not keep are those of the instance; of a study or series, those of its newest instance,
 * at one request for each result. Throws `tooLarge` when they are more than 16 MiB.
 */
export async function searchResources(
  stores: SearchStores,
  scope: TenantScope,
  query: SearchQuery,
  serviceURL: string,
): Promise<SearchAnswer> {
  const { rows, next } = await stores.index.search(scope, query);
  const picker = new ElementPicker(query.furtherTags);
  const results: DicomJsonDataset[] = [];
  const completed = readAhead(each(rows), instancesAhead, async (row) => ({
    row,
    further: await furtherElements(stores, scope, query, row, picker),
  }));
  for await (const { row, further } of completed) {
    results.push(selectAttributes(row, query, serviceURL, further));
  }
  return { results, next };
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T, void, undefined> {
  for (const item of items) {
    yield await Promise.resolve(item);
  }
}

async function furtherElements(
  { index, content }: SearchStores,
  scope: TenantScope,
  { furtherTags }: SearchQuery,
  { studyInstanceUID, seriesInstanceUID, sopInstanceUID, attributes, further }: SearchResult,
  picker: ElementPicker,
): Promise<InstanceElements | undefined> {
  const known = Object.values(attributes);
  if (furtherTags.every((tag) => known.some((level) => formatTag(tag) in level))) {
    return undefined;
  }
  let uids: InstanceUIDs;
  let found: FurtherElements | undefined = further;
  if (seriesInstanceUID !== undefined && sopInstanceUID !== undefined) {
    uids = { studyInstanceUID, seriesInstanceUID, sopInstanceUID };
  } else {
    const newest = await index.newest(scope, { studyInstanceUID, seriesInstanceUID }, picker);
    if (newest === undefined) {
      return undefined;
    }
    ({ uids, further: found } = newest);
  }
  const elements =
    found !== undefined && "beside" in found
      ? await besideElements(content, scope, found.beside, picker)
      : found?.elements;
  return elements && { elements, instancePath: instancePath(uids) };
}

async function besideElements(
  content: InstanceContent,
  scope: TenantScope,
  name: string,
  picker: ElementPicker,
): Promise<DicomJsonDataset | undefined> {
  let encoded: Uint8Array;
  try {
    encoded = await content.getBytes(scope, sideName(name, ".metadata"));
  } catch (error) {
    if (error instanceof Problem && error.kind === "notFound") {
      // Replaced or deleted since it was found.
      return undefined;
    }
    throw error;
  }
  return picker.pickEncoded(encoded);
}
