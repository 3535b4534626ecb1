import type { SearchAttributes } from "../dicomweb/searchAttributes.ts";
import type { SearchQuery } from "../dicomweb/searchQuery.ts";
import type { FurtherElements, SearchResult } from "../dicomweb/searchResponse.ts";
import type { SearchPosition } from "../dicomweb/searchOrder.ts";
import type { InlineFrameIndex } from "../dicom/frameIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { ElementPicker } from "./elementPicker.ts";

/** The UIDs that name an instance. */
export interface InstanceUIDs {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
  readonly sopInstanceUID: string;
}

/** A study, a series of it, or an instance of that. */
export interface Target {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID?: string | undefined;
  readonly sopInstanceUID?: string | undefined;
}

/** Where the bytes of an instance are. */
export interface ContentReference {
  readonly name: string;
  readonly length: number;
  readonly sha256: string;
}

/** The frames of an instance: where they are in the content, in the index or, when that is large, beside the content. */
export interface FramesReference {
  readonly count: number;
  /** The VR of the pixel data, on which the size of a big endian unit depends. */
  readonly vr: string;
  /** Absent when the frame index stands beside the content. */
  readonly inline?: InlineFrameIndex;
}

/** An instance that is about to be put. */
export interface NewInstance extends InstanceUIDs {
  readonly sopClassUID: string;
  readonly transferSyntaxUID: string;
  /** Where the data set begins in the content, after the File Meta Information. */
  readonly datasetOffset: number;
  readonly content: ContentReference;
  readonly frames: FramesReference | undefined;
  /** As {@link encodeMetadata} made it, or that it stands beside the content. */
  readonly metadata: Uint8Array | "beside";
  readonly attributes: SearchAttributes;
  /** How many registrations of extended query tags `attributes` takes into account; absent for none. */
  readonly registrations?: number;
}

/** What became of one instance that was put. */
export type PutOutcome =
  | { readonly result: "stored"; readonly revision: number }
  | { readonly result: "unchanged"; readonly revision: number }
  | { readonly result: "duplicate" }
  /** The caller is restricted to other studies, or to another patient's. */
  | { readonly result: "notAuthorized" }
  | { readonly result: "unavailable"; readonly cause: unknown };

/** What to do about an instance that exists: refuse the new one, or let it take the place of the old one. */
export type PutMode = "create" | "upsert";

/** An instance as the index knows it. */
export interface InstanceRecord extends InstanceUIDs {
  readonly sopClassUID: string;
  readonly transferSyntaxUID: string;
  readonly datasetOffset: number;
  readonly revision: number;
  readonly content: ContentReference;
  readonly frames: FramesReference | undefined;
  /** Changes whenever the instance does. */
  readonly version: string;
}

/** An instance with the attributes that were kept of it. */
export interface InstanceWithMetadata extends InstanceRecord {
  /** Encoded, or that it stands beside the content. */
  readonly metadata: Uint8Array | "beside";
}

/** All that lies under a target, in the order in which it was stored. */
export interface TargetContents<R> {
  /** Changes whenever anything under the target does. */
  readonly version: string;
  readonly instanceCount: number;
  /** Pages of records. Each is read when it is asked for. */
  readonly pages: AsyncIterable<readonly R[]>;
}

/** On what terms instances are removed. */
export interface RemovalTerms {
  /** Why, for the events of the removal. */
  readonly reason?: string;
  /** Only for as long as the study expires at this time, in milliseconds since 1970; a store may cancel it meanwhile. */
  readonly expiresAt?: number;
  /** Only for as long as nothing has been stored to the study since this time, in ISO 8601 with milliseconds and `Z`. */
  readonly storedAt?: string;
}

/** A study whose time has come. */
export interface ExpiredStudy {
  /** The data partition that it is in. */
  readonly dataPartition: string;
  readonly study: string;
  /** What makes it so, for as long as that holds. */
  readonly terms: RemovalTerms;
}

/** The answer to a search. */
export interface SearchPage {
  readonly rows: readonly SearchResult[];
  /** Where these rows end, when there is more after them. */
  readonly next: SearchPosition | undefined;
}

/** What the instance of a study or series that was first stored last says of some attributes. */
export interface NewestInstance {
  readonly uids: InstanceUIDs;
  readonly further: FurtherElements;
}

/**
 * Which instances there are, what is known of them, and how they change.
 *
 * Every change of a study is atomic with its event: an event exists if and only if its effect does. A call either gives
 * its answer, or throws a Problem (`unavailable` when the database stays busy past the deadline).
 */
export interface InstanceIndex {
  /**
   * Adds instances of one study. Outcomes are in the order of `instances`. As soon as one of them is stored, or was there
   * byte for byte, the study expires at `expiresAt`, in milliseconds since 1970, or no longer when that is absent.
   */
  put(
    scope: TenantScope,
    studyInstanceUID: string,
    instances: readonly NewInstance[],
    mode: PutMode,
    expiresAt?: number,
  ): Promise<readonly PutOutcome[]>;
  /** One instance, if there is one now. */
  get(scope: TenantScope, uids: InstanceUIDs): Promise<InstanceWithMetadata | undefined>;
  /** The version of what lies under a target, or `undefined` when nothing does. */
  version(
    scope: TenantScope,
    target: Target,
  ): Promise<{ readonly version: string; readonly instanceCount: number } | undefined>;
  /** What lies under a study or series, without metadata; `undefined` when nothing does. */
  query(scope: TenantScope, target: Target): Promise<TargetContents<InstanceRecord> | undefined>;
  /** What lies under a study or series, with metadata; `undefined` when nothing does. */
  queryMetadata(
    scope: TenantScope,
    target: Target,
  ): Promise<TargetContents<InstanceWithMetadata> | undefined>;
  /** Removes all that lies under a target, and says how many instances that were. Their content is removed later. */
  remove(scope: TenantScope, target: Target, terms?: RemovalTerms): Promise<number>;
  /**
   * The studies of the scope's tenant, in all of its data partitions, that were to be deleted by `time`, in milliseconds
   * since 1970, or, when that is given, to which nothing has been stored since `storedBefore`, in ISO 8601.
   */
  expired(scope: TenantScope, time: number, storedBefore?: string): AsyncIterable<ExpiredStudy>;
  /**
   * One page of what a search finds. Throws `tooLarge` when the attributes that it takes from the metadata of instances
   * are too much for one answer.
   */
  search(scope: TenantScope, query: SearchQuery): Promise<SearchPage>;
  /** How many studies, series or instances a search finds, whatever its limit and offset. */
  count(scope: TenantScope, query: SearchQuery): Promise<number>;
  /** What `picker` takes from the newest instance under a study or series; `undefined` when there is none. */
  newest(
    scope: TenantScope,
    target: Target,
    picker: ElementPicker,
  ): Promise<NewestInstance | undefined>;
  /**
   * Brings the copies that series and instances have of their parents' attributes up to date. Says how many items it
   * changed; at the end none is stale with respect to what was there at the beginning.
   */
  refreshCopies(scope: TenantScope, studyInstanceUID: string): Promise<number>;
  /** Which of these content names an instance refers to. */
  referenced(scope: TenantScope, contentNames: readonly string[]): Promise<ReadonlySet<string>>;
}
