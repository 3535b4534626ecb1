import { describe, expect, test } from "vitest";
import {
  formatTag,
  formatTagForComment,
  isGroupLengthTag,
  isPrivateCreatorTag,
  isPrivateTag,
  parseTag,
} from "../../../../shared/dicom/tag.ts";

describe("tags", () => {
  test("eight hexadecimal digits in either case are a tag, and anything else is none", () => {
    expect(parseTag("00100010")).toBe(0x00100010);
    expect(parseTag("7fe00010")).toBe(0x7fe00010);
    expect(parseTag("FFFEE0DD")).toBe(0xfffee0dd);
    for (const text of [
      "",
      "0010001",
      "001000100",
      "(0010,0010)",
      "0010001G",
      " 00100010",
      "0x100010",
    ]) {
      expect(parseTag(text), text).toBeUndefined();
    }
  });

  test("tags are written in upper case for JSON and in lower case for comments", () => {
    expect(formatTag(0x7fe00010)).toBe("7FE00010");
    expect(formatTag(0xfffee000)).toBe("FFFEE000");
    expect(formatTag(0x00080005)).toBe("00080005");
    expect(formatTagForComment(0x7fe00010)).toBe("(7fe0,0010)");
  });

  test("odd groups are private, and their elements 10 to FF are creators", () => {
    expect(isPrivateTag(0x00090010)).toBe(true);
    expect(isPrivateTag(0x00080010)).toBe(false);
    expect(isPrivateCreatorTag(0x00090010)).toBe(true);
    expect(isPrivateCreatorTag(0x000900ff)).toBe(true);
    expect(isPrivateCreatorTag(0x0009000f)).toBe(false);
    expect(isPrivateCreatorTag(0x00091001)).toBe(false);
    expect(isPrivateCreatorTag(0x00080010)).toBe(false);
  });

  test("element 0000 is a group length", () => {
    expect(isGroupLengthTag(0x00080000)).toBe(true);
    expect(isGroupLengthTag(0x00080001)).toBe(false);
  });
});
