import { describe, expect, test } from "vitest";
import type { DicomJsonDataset } from "../../../../shared/dicom/dicomJson.ts";
import { annotate } from "../../../../shared/rendering/annotate.ts";
import { annotationText } from "../../../../shared/rendering/annotationText.ts";
import { glyphsOf } from "../../../../shared/rendering/bitmapFont.ts";
import { drawIcon, type IconKind } from "../../../../shared/rendering/drawIcon.ts";
import { embedIccProfile } from "../../../../shared/rendering/embedIccProfile.ts";

describe("the font", () => {
  test("has a glyph of its own for each printable character of ASCII", () => {
    const all = Array.from({ length: 95 }, (_, index) => String.fromCodePoint(0x20 + index));
    const shapes = all.map((character) =>
      glyphsOf(character)
        .map((rows) => rows.join())
        .join(),
    );
    expect(new Set(shapes).size).toBe(95);
    for (const rows of glyphsOf(all.join(""))) {
      expect(rows.length).toBe(7);
      expect(rows.every((bits) => bits >= 0 && bits < 32)).toBe(true);
    }
  });

  test("shows letters without their marks, and spells out a few", () => {
    expect(glyphsOf("Séverine Ångström")).toEqual(glyphsOf("Severine Angstrom"));
    expect(glyphsOf("Weiß Øre 3°")).toEqual(glyphsOf("Weiss Ore 3deg"));
  });

  test("shows a box for each character of another script", () => {
    const [box] = glyphsOf("山");
    expect(glyphsOf("山田\u0001")).toEqual([box, box, box]);
    expect(box).not.toEqual(glyphsOf("0")[0]);
  });
});

describe("annotations", () => {
  const dataset: DicomJsonDataset = {
    "00080060": { vr: "CS", Value: ["CT"] },
    "00100010": { vr: "PN", Value: [{ Alphabetic: "Doe^Jane", Ideographic: "山田" }] },
    "00100020": { vr: "LO", Value: ["ID-7"] },
    "00180060": { vr: "DS", Value: [120] },
  };

  test("tell what was asked for and is there", () => {
    expect(annotationText(dataset, { patient: true, technique: true })).toEqual({
      top: ["Doe Jane", "ID ID-7"],
      bottom: ["CT", "120 kV"],
    });
    expect(annotationText(dataset, { patient: false, technique: true })?.top).toEqual([]);
    expect(annotationText({}, { patient: true, technique: true })).toBeUndefined();
    expect(annotationText(dataset, { patient: false, technique: false })).toBeUndefined();
  });

  test.each([
    [1, 1],
    [16, 16],
    [60, 8],
  ])("fit into a picture of %i by %i, or are cut off", (width, height) => {
    const raster = { width, height, channels: 1, data: new Uint8Array(width * height) } as const;
    annotate(raster, { top: ["A long line of text that does not fit"], bottom: ["Another"] });
    expect(raster.data.length).toBe(width * height);
  });
});

describe("icons", () => {
  const kinds: readonly IconKind[] = [
    "document",
    "report",
    "video",
    "waveform",
    "presentation",
    "keyObject",
    "radiotherapy",
    "other",
  ];

  test("are different for each kind", () => {
    const drawn = kinds.map((kind) => Buffer.from(drawIcon(kind, 128, 128).data).toString("hex"));
    expect(new Set(drawn).size).toBe(kinds.length);
  });

  test.each([
    [256, 256],
    [16, 16],
    [300, 100],
    [1, 1],
  ])("of %i by %i are drawn within their edges", (width, height) => {
    for (const kind of kinds) {
      const icon = drawIcon(kind, width, height);
      expect(icon.data.length).toBe(icon.width * icon.height);
      expect([icon.width, icon.height]).toEqual([Math.max(width, 16), Math.max(height, 16)]);
      // The background all around.
      expect([icon.data[0], icon.data.at(-1)]).toEqual([0x18, 0x18]);
    }
  });
});

describe("an ICC profile in a JPEG", () => {
  const jpeg = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xdb, 0, 2, 0xff, 0xd9);

  test("stands behind the JFIF header, in as many segments as it takes", () => {
    const profile = Uint8Array.from({ length: 100_000 }, (_, at) => at % 251);
    const bytes = Buffer.from(embedIccProfile(jpeg, profile));
    expect(bytes.subarray(0, 8)).toEqual(Buffer.from(jpeg.subarray(0, 8)));
    const parts: Buffer[] = [];
    let at = 8;
    for (; bytes.readUInt16BE(at) === 0xffe2; at += 2 + bytes.readUInt16BE(at + 2)) {
      expect(bytes.toString("latin1", at + 4, at + 16)).toBe("ICC_PROFILE\0");
      expect([bytes[at + 16], bytes[at + 17]]).toEqual([parts.length + 1, 2]);
      parts.push(bytes.subarray(at + 18, at + 2 + bytes.readUInt16BE(at + 2)));
    }
    expect(Buffer.concat(parts).equals(profile)).toBe(true);
    expect(bytes.subarray(at)).toEqual(Buffer.from(jpeg.subarray(8)));
  });

  test("that is too large for it is refused", () => {
    expect(() => embedIccProfile(jpeg, new Uint8Array(17_000_000))).toThrow("too large");
  });
});
