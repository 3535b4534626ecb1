import { describe, expect, test } from "vitest";
import { implicitVR, lookupKeyword, lookupTag } from "../../../../shared/dicom/dictionary.ts";
import { dictionaryData } from "../../../../shared/dicom/dictionaryData.ts";
import { lookupVR } from "../../../../shared/dicom/valueRepresentation.ts";

const lines = dictionaryData.trim().split("\n");

describe("the data dictionary", () => {
  test("every line is found again by its tag and by its keyword", () => {
    expect(lines.length).toBeGreaterThan(5000);
    for (const line of lines) {
      const tag = Number.parseInt(line.slice(0, 8), 16);
      const [vrs = "", vm, keyword = ""] = line.slice(8).split(" ");
      expect(lookupTag(tag)).toEqual({ tag, keyword, vrs: vrs.split("/"), vm });
      expect(lookupKeyword(keyword), keyword).toBe(tag);
    }
  });

  test("tags ascend without repetition, keywords are unique, VRs and VMs are those of PS3.5", () => {
    const tags = lines.map((line) => line.slice(0, 8));
    expect([...tags].sort()).toEqual(tags);
    expect(new Set(tags).size).toBe(tags.length);
    const keywords = lines.map((line) => line.split(" ")[2]);
    expect(new Set(keywords).size).toBe(keywords.length);
    for (const line of lines) {
      const [vrs = "", vm = ""] = line.slice(8).split(" ");
      expect(
        vrs.split("/").every((vr) => lookupVR(vr) !== undefined),
        line,
      ).toBe(true);
      expect(vm, line).toMatch(/^[0-9]+(?:-(?:[0-9]*n|[0-9]+))?$/);
    }
  });

  test.each([
    [0x00080005, "SpecificCharacterSet", "CS", "1-n"],
    [0x00080018, "SOPInstanceUID", "UI", "1"],
    [0x00100010, "PatientName", "PN", "1"],
    [0x0020000d, "StudyInstanceUID", "UI", "1"],
    [0x00400275, "RequestAttributesSequence", "SQ", "1"],
    [0x00660040, "LongPrimitivePointIndexList", "OL", "1"],
    [0x7fe00001, "ExtendedOffsetTable", "OV", "1"],
    [0x00020010, "TransferSyntaxUID", "UI", "1"],
    [0xfffafffa, "DigitalSignaturesSequence", "SQ", "1"],
  ])("%i is %s", (tag, keyword, vr, vm) => {
    expect(lookupTag(tag)).toEqual({ tag, keyword, vrs: [vr], vm });
  });

  test("all groups of overlays and curves are found under the first", () => {
    expect(lookupTag(0x60023000)).toEqual({
      tag: 0x60023000,
      keyword: "OverlayData",
      vrs: ["OB", "OW"],
      vm: "1",
    });
    expect(lookupTag(0x60fe0010)?.keyword).toBe("OverlayRows");
    expect(lookupTag(0x50040010)?.keyword).toBe("NumberOfPoints");
    expect(lookupTag(0x002031ab)?.keyword).toBe("SourceImageIDs");
    expect(lookupKeyword("OverlayData")).toBe(0x60003000);
  });

  test("private tags, group lengths and unlisted tags are not found", () => {
    for (const tag of [0x00090010, 0x60013000, 0x00080000, 0x00080002, 0, 0xffffffff]) {
      expect(lookupTag(tag)).toBeUndefined();
    }
    for (const keyword of [
      "",
      "patientname",
      "PatientNam",
      "1",
      "PN 1 PatientName",
      "PatientName\n",
      ".",
    ]) {
      expect(lookupKeyword(keyword), keyword).toBeUndefined();
    }
  });

  test("implicit VR takes the VR from the dictionary and what PS3.5 §A.1 says where that leaves a choice", () => {
    expect(implicitVR(0x00100010)).toBe("PN");
    expect(implicitVR(0x7fe00010)).toBe("OW");
    expect(implicitVR(0x60003000)).toBe("OW");
    expect(implicitVR(0x00283006)).toBe("OW");
    expect(implicitVR(0x00280106)).toBe("US or SS");
    expect(implicitVR(0x00080000)).toBe("UL");
    expect(implicitVR(0x00090010)).toBe("LO");
    expect(implicitVR(0x00091001)).toBe("UN");
    expect(implicitVR(0x00080002)).toBe("UN");
  });
});
