import type { Tag } from "../dicom/tag.ts";

const firstBlock = 0x10;
const lastBlock = 0xff;

/**
 * The tags that a private attribute may have in one data set: in each block that its creator reserved there (PS3.5
 * §7.8.1), the element that the last two digits of `tag` tell.
 *
 * `creatorOf` gives the value of a Private Creator element, without its padding; an empty text when there is none.
 */
export function privateElementTags(
  tag: Tag,
  privateCreator: string,
  creatorOf: (creatorTag: Tag) => string,
): Tag[] {
  const group = (tag >>> 16) * 0x10000;
  const tags: Tag[] = [];
  for (let block = firstBlock; block <= lastBlock; block += 1) {
    if (creatorOf(group + block).trim() === privateCreator) {
      tags.push(group + block * 0x100 + (tag & 0xff));
    }
  }
  return tags;
}
