/** A Data Element Tag (PS3.5 §7.1.1) as one unsigned 32-bit number: group in the upper half, element in the lower. */
export type Tag = number;

/** The tag written as eight hexadecimal digits, in either case; undefined for anything else. */
export function parseTag(text: string): Tag | undefined {
  return /^[0-9a-fA-F]{8}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}

// The same few hundred tags are written again and again. A file with others than these merely gains nothing.
const formattedMax = 8192;
const formatted = new Map<Tag, string>();

/** Eight upper-case hexadecimal digits, as in the keys of DICOM JSON (PS3.18 §F.2.2). */
export function formatTag(tag: Tag): string {
  let text = formatted.get(tag);
  if (text === undefined) {
    text = tag.toString(16).padStart(8, "0").toUpperCase();
    if (formatted.size < formattedMax) {
      formatted.set(tag, text);
    }
  }
  return text;
}

/** `(gggg,eeee)` in lower case, as error comments and messages write it. */
export function formatTagForComment(tag: Tag): string {
  const digits = tag.toString(16).padStart(8, "0");
  return `(${digits.slice(0, 4)},${digits.slice(4)})`;
}

/** True of a tag in an odd group: a Private Data Element (PS3.5 §7.8). */
export function isPrivateTag(tag: Tag): boolean {
  return (tag & 0x10000) !== 0;
}

/** True of (gggg,0010-00FF) in an odd group: it reserves a block of private elements (PS3.5 §7.8.1). */
export function isPrivateCreatorTag(tag: Tag): boolean {
  const element = tag & 0xffff;
  return isPrivateTag(tag) && element >= 0x10 && element <= 0xff;
}

/** True of (gggg,0000): the retired length of a group, which is no attribute of anything (PS3.5 §7.2). */
export function isGroupLengthTag(tag: Tag): boolean {
  return (tag & 0xffff) === 0;
}
