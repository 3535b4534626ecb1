import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import type { SearchQuery } from "../dicomweb/searchQuery.ts";
import { selectAttributes } from "../dicomweb/searchResponse.ts";
import type { InstanceIndex } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";

/** The answer to a search. */
export interface SearchAnswer {
  readonly results: readonly DicomJsonDataset[];
  /** Whether there is more after these. */
  readonly more: boolean;
}

/** Searches for studies, series or instances (PS3.18 §10.6), newest first. */
export async function searchResources(
  index: InstanceIndex,
  scope: TenantScope,
  query: SearchQuery,
  serviceURL: string,
): Promise<SearchAnswer> {
  const { rows, more } = await index.search(scope, query);
  return { results: rows.map((row) => selectAttributes(row, query, serviceURL)), more };
}
