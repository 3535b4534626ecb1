import { describe, expect, test } from "vitest";
import { Problem } from "../../../../shared/problem/problem.ts";
import { parseTagRequests, type RequestedTag } from "../../../../shared/tags/tagRequest.ts";

function refusalOf(body: unknown): string {
  try {
    parseTagRequests(body);
  } catch (error) {
    if (error instanceof Problem && error.kind === "malformed") {
      return error.detail;
    }
    throw error;
  }
  return "none";
}

test.each<[string, object, RequestedTag]>([
  [
    "a standard attribute by keyword, its VR from the dictionary",
    { path: "Manufacturer", level: "Series" },
    { tag: 0x00080070, vr: "LO", level: "series" },
  ],
  [
    "a standard attribute by tag in lower case, with its VR",
    { path: "0018106a", vr: "cs", level: "STUDY" },
    { tag: 0x0018106a, vr: "CS", level: "study" },
  ],
  [
    "property names in any case",
    { PATH: "00101010", Vr: "AS", LEVEL: "instance" },
    { tag: 0x00101010, vr: "AS", level: "instance" },
  ],
  [
    "one of the VRs where the dictionary has several",
    { path: "00280106", vr: "SS", level: "Instance" },
    { tag: 0x00280106, vr: "SS", level: "instance" },
  ],
  [
    "decimal strings, which are numbers to the index",
    { path: "00101030", level: "Study" },
    { tag: 0x00101030, vr: "DS", level: "study" },
  ],
  [
    "a tag that the dictionary does not know, with a VR",
    { path: "00080FFE", vr: "SH", level: "Study" },
    { tag: 0x00080ffe, vr: "SH", level: "study" },
  ],
  [
    "a private attribute with its creator",
    { path: "00091002", vr: "LO", privateCreator: "ACME 1.0", level: "Instance" },
    { tag: 0x00091002, vr: "LO", privateCreator: "ACME 1.0", level: "instance" },
  ],
  [
    "a Private Creator element itself",
    { path: "00090010", vr: "LO", level: "Series" },
    { tag: 0x00090010, vr: "LO", level: "series" },
  ],
  [
    "an attribute that the index has anyway, at another level",
    { path: "BodyPartExamined", level: "Study" },
    { tag: 0x00180015, vr: "CS", level: "study" },
  ],
])("accepts %s", (_, entry, expected) => {
  expect(parseTagRequests([entry])).toEqual([expected]);
});

describe("refuses", () => {
  const valid = { path: "00101010", vr: "AS", level: "Study" };

  test.each<[string, unknown, RegExp]>([
    ["what is no array", valid, /not an array/],
    ["an empty array", [], /at least one/],
    ["null", null, /not an array/],
    ["more than a tenant can have", Array.from({ length: 129 }, () => valid), /128/],
    ["an entry that is no object", ["00101010"], /entry 1 of the body is not an object/],
    ["an entry that is an array", [[]], /entry 1 of the body is not an object/],
    ["a number as path", [{ ...valid, path: 101010 }], /"path" that is not a text/],
    ["no path", [{ level: "Study" }], /no "path"/],
    ["an unknown keyword", [{ ...valid, path: "NoSuchAttribute" }], /no tag and no keyword/],
    ["a path into a sequence", [{ ...valid, path: "00400275.00400009" }], /no tag and no keyword/],
    ["seven digits", [{ ...valid, path: "0010101" }], /no tag and no keyword/],
    ["File Meta Information", [{ path: "00020010", vr: "UI", level: "Study" }], /no attribute/],
    ["a command element", [{ path: "00000100", vr: "US", level: "Study" }], /no attribute/],
    ["an item delimiter", [{ path: "FFFEE00D", vr: "UL", level: "Study" }], /no attribute/],
    ["a group length", [{ path: "00100000", vr: "UL", level: "Study" }], /no attribute/],
    [
      "a private element outside of all blocks",
      [{ path: "00090100", vr: "LO", privateCreator: "A", level: "Study" }],
      /no attribute/,
    ],
    ["PatientID", [{ path: "00100020", level: "Study" }], /searched by anyway/],
    ["ModalitiesInStudy", [{ path: "ModalitiesInStudy", level: "Study" }], /searched by anyway/],
    ["no level", [{ path: "00101010" }], /"level" that is Study, Series or Instance/],
    ["the level Patient", [{ ...valid, level: "Patient" }], /"level" that is/],
    ["a level as a number", [{ ...valid, level: 1 }], /"level" that is not a text/],
    ["another VR than the dictionary's", [{ ...valid, vr: "LO" }], /another "vr" than AS/],
    ["a sequence", [{ path: "00400275", level: "Series" }], /"vr" that is none of/],
    ["pixel data", [{ path: "7FE00010", vr: "OW", level: "Instance" }], /"vr" that is none of/],
    ["a text of any length", [{ path: "0040A160", level: "Instance" }], /"vr" that is none of/],
    [
      "no VR where the dictionary has several",
      [{ path: "00280106", level: "Study" }],
      /needs a "vr"/,
    ],
    ["no VR of a tag nobody knows", [{ path: "00080FFE", level: "Study" }], /needs a "vr"/],
    [
      "a private attribute without creator",
      [{ path: "00091002", vr: "LO", level: "Study" }],
      /without "privateCreator"/,
    ],
    [
      "a standard attribute with a creator",
      [{ ...valid, privateCreator: "ACME" }],
      /no private attribute/,
    ],
    [
      "a Private Creator element with a creator",
      [{ path: "00090010", vr: "LO", privateCreator: "ACME", level: "Study" }],
      /no private attribute/,
    ],
    [
      "a creator of 65 characters",
      [{ path: "00091002", vr: "LO", privateCreator: "A".repeat(65), level: "Study" }],
      /1 to 64 characters/,
    ],
    [
      "a creator with a backslash",
      [{ path: "00091002", vr: "LO", privateCreator: "A\\B", level: "Study" }],
      /1 to 64 characters/,
    ],
    [
      "the same path twice, once by keyword",
      [valid, { path: "PatientAge", level: "Series" }],
      /entry 2 .* earlier/,
    ],
  ])("%s", (_, body, detail) => {
    expect(refusalOf(body)).toMatch(detail);
  });

  test("and names the entry, but never what it holds", () => {
    const secret = "DOE^JOHN";
    for (const entry of [
      { path: secret, level: "Study" },
      { ...valid, vr: secret },
      { ...valid, level: secret },
      { ...valid, privateCreator: secret },
    ]) {
      const detail = refusalOf([{ path: "00101020", level: "Study" }, entry]);
      expect(detail).toContain("The entry 2 of the body");
      expect(detail).not.toContain(secret);
    }
  });
});
