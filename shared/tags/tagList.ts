import type { ExtendedQueryTag } from "./extendedQueryTag.ts";

/** The extended query tags of a tenant, as they were at one moment. */
export interface TagList {
  /**
   * The number of the last registration. An instance that was stored by a list with a lower one may lack values of tags
   * that were registered since.
   */
  readonly registrations: number;
  readonly tags: readonly ExtendedQueryTag[];
}

/** The list of a tenant that never had an extended query tag. */
export const noTags: TagList = { registrations: 0, tags: [] };

/** The tags whose values an instance that is stored now is to have in the index: all but those that are on their way out. */
export function indexedTags({ tags }: TagList): readonly ExtendedQueryTag[] {
  return tags.filter(({ status }) => status !== "deleting");
}
