import type { DicomJsonDataset, DicomJsonElement } from "../dicom/dicomJson.ts";
import { formatTag, type Tag } from "../dicom/tag.ts";
import { searchAttributeTags, type SearchLevel } from "./searchAttributes.ts";
import { levelsOf, type SearchQuery } from "./searchQuery.ts";
import type { ApiVersion } from "./storeResponse.ts";

/** A study, series or instance that matched. */
export interface SearchResult {
  readonly studyInstanceUID: string;
  /** Of a series or an instance. */
  readonly seriesInstanceUID: string | undefined;
  /** Of an instance. */
  readonly sopInstanceUID: string | undefined;
  /** What the index keeps of the result's own level and of those above it. */
  readonly attributes: Readonly<Partial<Record<SearchLevel, DicomJsonDataset>>>;
  /** Counts of the study: of a study, and where the resource returns attributes of studies. */
  readonly ofStudy?: StudyCounts;
  /** Counts of the series: of a series, and where the resource returns attributes of series. */
  readonly ofSeries?: { readonly instanceCount: number };
  /** Of an instance, when the answer has attributes that the index does not keep. */
  readonly further?: FurtherElements;
}

/** What a study has. */
export interface StudyCounts {
  readonly modalities: readonly string[];
  readonly seriesCount: number;
  readonly instanceCount: number;
}

/** Elements of the metadata of an instance, with relative placeholders as `BulkDataURI`; or the content that it stands beside. */
export type FurtherElements = { readonly elements: DicomJsonDataset } | { readonly beside: string };

/** Elements that the index does not keep, and the path of the instance below the service's URL that they are of. */
export interface InstanceElements {
  readonly elements: DicomJsonDataset;
  readonly instancePath: string;
}

// What the Azure DICOM service returns without being asked, and PS3.18 Tables 10.6.3-3 to 5, which ask for more. A client
// of either finds what it looks for; what it does not look for does it no harm.
const standardTags: Readonly<Record<SearchLevel, readonly Tag[]>> = {
  study: [
    0x00080020, 0x00080030, 0x00080050, 0x00080056, 0x00080061, 0x00080090, 0x00080201, 0x00081190,
    0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x0020000d, 0x00200010, 0x00201206, 0x00201208,
  ],
  series: [
    0x00080060, 0x00080201, 0x0008103e, 0x00081190, 0x0020000e, 0x00200011, 0x00201209, 0x00400244,
    0x00400245, 0x00400275,
  ],
  instance: [
    0x00080016, 0x00080018, 0x00080056, 0x00080201, 0x00081190, 0x00200013, 0x00280008, 0x00280010,
    0x00280011, 0x00280100,
  ],
};
const versionTags: Readonly<Record<ApiVersion, Readonly<Record<SearchLevel, readonly Tag[]>>>> = {
  v1: { study: [0x00080005], series: [0x00080005], instance: [0x00080005] },
  v2: { study: [0x00081030], series: [0x00081090], instance: [] },
};

/**
 * Chooses the attributes that one result of a search has in the answer (PS3.18 §10.6.3.3), in tag order.
 *
 * They are the default set of each level that the resource returns, or with `includefield=all` everything that the index
 * keeps of it; the attributes that were searched by or asked for; and the UIDs of the path. An attribute that the result
 * does not have is left out. `serviceURL` is the URL that `/studies` follows, without a slash at its end. `further` are
 * elements that the index does not keep, of the result itself or of an instance under it.
 */
export function selectAttributes(
  result: SearchResult,
  query: SearchQuery,
  serviceURL: string,
  further?: InstanceElements,
): DicomJsonDataset {
  const wanted = new Set<Tag>(query.filterTags);
  for (const level of levelsOf(query.target)) {
    for (const tag of [...standardTags[level], ...versionTags[query.version][level]]) {
      wanted.add(tag);
    }
    for (const tag of query.includeField === "all" ? searchAttributeTags[level] : []) {
      wanted.add(tag);
    }
  }
  for (const tag of query.includeField === "all" ? [] : query.includeField) {
    wanted.add(tag);
  }
  for (const [tag, uid] of [
    [0x0020000d, query.target.studyInstanceUID],
    [0x0020000e, query.target.seriesInstanceUID],
  ] as const) {
    if (uid !== undefined) {
      wanted.add(tag);
    }
  }
  const computed = computeAttributes(result, serviceURL);
  const { study, series, instance } = result.attributes;
  const bulkdataURL = (instancePath: string): string => `${serviceURL}/${instancePath}/bulkdata/`;
  const own =
    result.sopInstanceUID === undefined || result.seriesInstanceUID === undefined
      ? undefined
      : bulkdataURL(
          `studies/${result.studyInstanceUID}/series/${result.seriesInstanceUID}/instances/${result.sopInstanceUID}`,
        );
  const selected: DicomJsonDataset = {};
  for (const tag of [...wanted].sort((a, b) => a - b)) {
    const key = formatTag(tag);
    // The nearest level first: Timezone Offset From UTC and Specific Character Set are kept at each. Metadata comes last:
    // what a study has in common is the latest that was said of it, and that is what is searched by.
    const complete =
      computed[key] ??
      withBulkdata(instance?.[key], own) ??
      withBulkdata(series?.[key] ?? study?.[key], undefined) ??
      (further && withBulkdata(further.elements[key], bulkdataURL(further.instancePath)));
    if (complete !== undefined) {
      selected[key] = complete;
    }
  }
  return selected;
}

/**
 * The element with its values that are bulk data, in items too, referred to by URLs below `bulkdataURL`, as metadata does.
 * What studies and series have in common says nothing of where it was: without a URL such values are left out.
 */
function withBulkdata(
  element: DicomJsonElement | undefined,
  bulkdataURL: string | undefined,
): DicomJsonElement | undefined {
  if (element?.BulkDataURI !== undefined) {
    const { vr, BulkDataURI: path } = element;
    return bulkdataURL === undefined ? { vr } : { vr, BulkDataURI: `${bulkdataURL}${path}` };
  }
  if (element?.vr !== "SQ" || element.Value === undefined) {
    return element;
  }
  const items = element.Value.map((item) => {
    const completed: DicomJsonDataset = {};
    for (const [key, inner] of Object.entries(item as DicomJsonDataset)) {
      const complete = withBulkdata(inner, bulkdataURL);
      if (complete !== undefined) {
        completed[key] = complete;
      }
    }
    return completed;
  });
  return { vr: "SQ", Value: items };
}

/**
 * The attributes that no instance has, or that must be right whatever an instance says (PS3.18 Tables 10.6.3-3 to 5). They
 * are only chosen from for the levels that the resource returns.
 */
function computeAttributes(result: SearchResult, serviceURL: string): DicomJsonDataset {
  const { studyInstanceUID, seriesInstanceUID, sopInstanceUID, ofStudy, ofSeries } = result;
  const computed: DicomJsonDataset = {
    // Whatever the sender's own archive said of itself: it is here, and at once.
    "00080056": { vr: "CS", Value: ["ONLINE"] },
    "0020000D": { vr: "UI", Value: [studyInstanceUID] },
  };
  let retrieveURL = `${serviceURL}/studies/${studyInstanceUID}`;
  if (seriesInstanceUID !== undefined) {
    retrieveURL += `/series/${seriesInstanceUID}`;
    computed["0020000E"] = { vr: "UI", Value: [seriesInstanceUID] };
  }
  if (sopInstanceUID !== undefined) {
    retrieveURL += `/instances/${sopInstanceUID}`;
    computed["00080018"] = { vr: "UI", Value: [sopInstanceUID] };
  }
  computed["00081190"] = { vr: "UR", Value: [retrieveURL] };
  if (ofStudy !== undefined) {
    if (ofStudy.modalities.length > 0) {
      computed["00080061"] = { vr: "CS", Value: ofStudy.modalities.toSorted() };
    }
    computed["00201206"] = { vr: "IS", Value: [ofStudy.seriesCount] };
    computed["00201208"] = { vr: "IS", Value: [ofStudy.instanceCount] };
  }
  if (ofSeries !== undefined) {
    computed["00201209"] = { vr: "IS", Value: [ofSeries.instanceCount] };
  }
  return computed;
}
