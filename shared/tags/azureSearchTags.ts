import type { Tag } from "../dicom/tag.ts";

/**
 * The attributes that every tenant of the Azure DICOM service searches by, and that therefore cannot be extended query tags.
 *
 * The index searches by some more. Those can be registered all the same: a client of the Azure service that needs them
 * does so, and the level that it names may be another one.
 */
export const azureSearchTags: ReadonlySet<Tag> = new Set([
  0x00080018, 0x00080020, 0x00080050, 0x00080060, 0x00080061, 0x00080090, 0x00081030, 0x00081090,
  0x00100010, 0x00100020, 0x00100030, 0x0020000d, 0x0020000e, 0x00400244,
]);
