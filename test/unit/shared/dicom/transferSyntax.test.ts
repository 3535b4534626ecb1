import { describe, expect, test } from "vitest";
import { transferSyntaxOf, transferSyntaxUIDs } from "../../../../shared/dicom/transferSyntax.ts";

describe("transfer syntaxes", () => {
  test("the uncompressed ones differ in VR, byte order and deflation", () => {
    const plain = {
      isImplicitVR: false,
      isBigEndian: false,
      isDeflated: false,
      isEncapsulated: false,
      isKnown: true,
    };
    expect(transferSyntaxOf("1.2.840.10008.1.2")).toMatchObject({ ...plain, isImplicitVR: true });
    expect(transferSyntaxOf("1.2.840.10008.1.2.1")).toMatchObject(plain);
    expect(transferSyntaxOf("1.2.840.10008.1.2.2")).toMatchObject({ ...plain, isBigEndian: true });
    expect(transferSyntaxOf("1.2.840.10008.1.2.1.99")).toMatchObject({
      ...plain,
      isDeflated: true,
    });
  });

  test.each([
    ["1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)"],
    ["1.2.840.10008.1.2.4.80", "JPEG-LS Lossless Image Compression"],
    ["1.2.840.10008.1.2.4.90", "JPEG 2000 Image Compression (Lossless Only)"],
    ["1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000 Image Compression"],
    ["1.2.840.10008.1.2.5", "RLE Lossless"],
    [
      transferSyntaxUIDs.encapsulatedUncompressedExplicitVRLittleEndian,
      "Encapsulated Uncompressed Explicit VR Little Endian",
    ],
  ])("%s is %s: explicit little endian with fragments", (uid, name) => {
    expect(transferSyntaxOf(uid)).toEqual({
      uid,
      name,
      isImplicitVR: false,
      isBigEndian: false,
      isDeflated: false,
      isEncapsulated: true,
      isVideo: false,
      isKnown: true,
    });
  });

  test("video is told from images", () => {
    expect(transferSyntaxOf("1.2.840.10008.1.2.4.102")).toMatchObject({
      isVideo: true,
      isEncapsulated: true,
    });
    expect(transferSyntaxOf("1.2.840.10008.1.2.4.91").isVideo).toBe(false);
  });

  test("an unknown one is taken for a new compression and says that it is not known", () => {
    expect(transferSyntaxOf("1.2.3")).toMatchObject({
      uid: "1.2.3",
      name: "1.2.3",
      isKnown: false,
      isImplicitVR: false,
      isBigEndian: false,
      isEncapsulated: true,
    });
  });
});
