import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import type { MatchValues } from "../dicomweb/searchAttributes.ts";
import type { ContentReference, FramesReference } from "./instanceIndex.ts";

/** What every item of the container `dicom` has. All items of one study share one full partition key. */
interface StudyPartitionItem {
  readonly id: string;
  readonly tenant: string;
  readonly partition: string;
  readonly study: string;
}

/** When an item was last changed, and by which change. */
export interface Stamp {
  /** Of the change; sorts by time. */
  readonly version: string;
  readonly at: string;
}

/** The study: what its instances have in common, and counters that concurrent stores add to without meeting. */
export interface StudyItem extends StudyPartitionItem {
  readonly kind: "study";
  /** Sorts before its series and instances, and by the time of creation among studies. */
  readonly order: string;
  readonly q: { readonly study: MatchValues };
  readonly attributes: { readonly study: DicomJsonDataset };
  /** Of `q.study` and `attributes.study`: items with another one have old copies. */
  readonly studyVersion: string;
  /** Whether the attributes ever changed, so that there can be old copies at all. */
  readonly amended: boolean;
  readonly seriesCount: number;
  readonly instanceCount: number;
  /** Instances by modality; the keys as `modalityKey` makes them. Never removed, so a count may be 0. */
  readonly modalities: Readonly<Record<string, number>>;
  /**
   * When the study is to be deleted, in milliseconds since 1970; absent or null when it is to stay. The latest store of any
   * of its instances decides.
   */
  readonly expiresAt?: number | null;
  /** When something of it was last stored, in ISO 8601 with milliseconds and `Z`. */
  readonly storedAt: string;
  readonly stamp: Stamp;
}

/** A series. */
export interface SeriesItem extends StudyPartitionItem {
  readonly kind: "series";
  readonly series: string;
  readonly order: string;
  readonly q: { readonly study: MatchValues; readonly series: MatchValues };
  readonly attributes: { readonly study: DicomJsonDataset; readonly series: DicomJsonDataset };
  readonly studyVersion: string;
  readonly seriesVersion: string;
  readonly amended: boolean;
  readonly instanceCount: number;
  readonly stamp: Stamp;
}

/** An instance that is there. */
export interface CurrentInstanceItem extends StudyPartitionItem {
  readonly kind: "instance";
  readonly state: "current";
  readonly series: string;
  readonly sop: string;
  readonly sopClass: string;
  readonly modality: string;
  readonly order: string;
  /** 1 for the first bytes stored under these UIDs, then counting, across deletions. */
  readonly revision: number;
  readonly transferSyntax: string;
  readonly datasetOffset: number;
  readonly content: ContentReference;
  readonly frames?: FramesReference;
  /** Base64 of the encoded metadata; absent when it stands beside the content. */
  readonly metadata?: string;
  /** How many extended query tags the tenant had registered, as far as was known, when it was stored; absent for none. */
  readonly registrations?: number;
  readonly q: {
    readonly study: MatchValues;
    readonly series: MatchValues;
    readonly instance: MatchValues;
  };
  readonly attributes: {
    readonly study: DicomJsonDataset;
    readonly series: DicomJsonDataset;
    readonly instance: DicomJsonDataset;
  };
  readonly studyVersion: string;
  readonly seriesVersion: string;
  readonly stamp: Stamp;
}

/** What is left of a deleted instance, so that storing it again continues its revisions. */
export interface DeletedInstanceItem extends StudyPartitionItem {
  readonly kind: "instance";
  readonly state: "deleted";
  readonly series: string;
  readonly sop: string;
  readonly sopClass: string;
  readonly modality: string;
  readonly order: string;
  readonly revision: number;
  /** As in its event. */
  readonly reason?: string;
  readonly stamp: Stamp;
}

/** Who caused a change, as far as a caller did: what finds the access in the audit, or stands in for it. */
export interface ChangeAuthor {
  readonly issuer: string;
  readonly subject: string;
  readonly correlationId: string;
}

/**
 * One event. It is written in the same batch as its effect and never modified: an event exists if and only if its effect
 * does.
 */
export interface ChangeItem extends StudyPartitionItem {
  readonly kind: "change";
  readonly action: "create" | "update" | "delete";
  readonly series: string;
  readonly sop: string;
  readonly sopClass: string;
  readonly modality: string;
  readonly revision: number;
  readonly at: string;
  /** Of a deletion, when somebody said why: a code of a rejection, such as `113001^DCM`,
   * `expired`, or `retention`.
   */
  readonly reason?: string;
  /** The names of the content that nothing refers to any longer. */
  readonly remove: readonly string[];
  /** By how much the content of the tenant has grown, in bytes; less than 0 when it has become smaller. */
  readonly bytes: number;
  /** Absent when the service did it by itself. Kept in the index alone: the feeds do not tell. */
  readonly author?: ChangeAuthor;
}

export type InstanceItem = CurrentInstanceItem | DeletedInstanceItem;

/** The id of the study's item. */
export const studyItemId = "study";

/** The id of a series' item. */
export function seriesItemId(seriesInstanceUID: string): string {
  return `series:${seriesInstanceUID}`;
}

/** The id of an instance's item. */
export function instanceItemId(seriesInstanceUID: string, sopInstanceUID: string): string {
  return `instance:${seriesInstanceUID}:${sopInstanceUID}`;
}

/** The id of an event's item. */
export function changeItemId(version: string): string {
  return `change:${version}`;
}

/** An item as it was read, with what a conditional write needs. */
export type Stored<T> = T & { readonly _etag: string };
