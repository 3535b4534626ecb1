import { formatTag, type Tag } from "../dicom/tag.ts";
import { extendedMatchKey, type MatchKey, type SearchLevel } from "../dicomweb/searchAttributes.ts";

/** Where an extended query tag is in its life: what was stored before it is indexed, all is, or it is being removed. */
export type TagStatus = "adding" | "ready" | "deleting";

/** An attribute that a tenant asked to search by, besides those that everybody can. */
export interface ExtendedQueryTag {
  readonly tag: Tag;
  readonly vr: string;
  /** Of a private attribute: who defines it. Its element stands in whichever block the creator reserved. */
  readonly privateCreator?: string;
  readonly level: SearchLevel;
  readonly status: TagStatus;
  /** Whether searches may use it, once it is `ready`. */
  readonly isEnabled: boolean;
  /** Which registration of the tenant's it is: 1, 2, … and never the same again, not for the same tag either. */
  readonly registration: number;
  /** When it was registered, in ISO 8601 with milliseconds and `Z`. */
  readonly registeredAt: string;
  /** Whether instances were found whose value cannot be indexed. */
  readonly hasErrors: boolean;
  /** The operation that works on it. */
  readonly operation?: string;
}

/** How an extended query tag is searched by. */
export function matchKeyOf({ tag, vr, level, registration }: ExtendedQueryTag): MatchKey {
  return extendedMatchKey(tag, vr, level, registration);
}

/** Whether a search may use the tag now. */
export function isQueryable({ status, isEnabled }: ExtendedQueryTag): boolean {
  return status === "ready" && isEnabled;
}

/** The tag as it stands in paths and answers: eight upper-case hexadecimal digits. */
export function pathOf({ tag }: Pick<ExtendedQueryTag, "tag">): string {
  return formatTag(tag);
}
