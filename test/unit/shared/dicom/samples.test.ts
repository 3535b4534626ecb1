import { describe, expect, test } from "vitest";
import { getNumbers, getString } from "../../../../shared/dicom/dataset.ts";
import { validateDataset } from "../../../../shared/dicom/elementValidation.ts";
import { readPart10 } from "../../../support/dicom/readPart10.ts";
import { makeSamples } from "../../../support/samples.ts";

describe("the samples", () => {
  test("are three valid instances of one study in two series", async () => {
    const identifiers: (string | undefined)[][] = [];
    for (const [name, bytes] of makeSamples()) {
      const { dataset, pixelData, transferSyntax } = await readPart10(bytes);
      expect(transferSyntax.uid).toBe("1.2.840.10008.1.2.1");
      expect([...validateDataset(dataset)]).toEqual([]);
      expect(pixelData).toMatchObject({ issue: undefined, length: 750_000 });
      expect(getNumbers(dataset, 0x00280010)).toEqual([500]);
      identifiers.push([
        name,
        ...[0x0020000d, 0x0020000e, 0x00080018].map((tag) => getString(dataset, tag)?.slice(-6)),
      ]);
    }
    expect(identifiers).toEqual([
      ["red-triangle.dcm", "187420", "632652", "905395"],
      ["green-square.dcm", "187420", "632652", "323212"],
      ["blue-circle.dcm", "187420", "398207", "170114"],
    ]);
  });

  test("show their shapes: the colour in the middle, white in the corner", async () => {
    const colors: number[][] = [];
    for (const bytes of makeSamples().values()) {
      const { pixelData } = await readPart10(bytes);
      const start = pixelData?.offset ?? 0;
      expect([...bytes.subarray(start, start + 3)]).toEqual([255, 255, 255]);
      const middle = start + (250 * 500 + 250) * 3;
      colors.push([...bytes.subarray(middle, middle + 3)]);
    }
    expect(colors.map((color) => color.indexOf(Math.max(...color)))).toEqual([0, 1, 2]);
  });

  test("are the same bytes each time", () => {
    const first = [...makeSamples().values()];
    const second = [...makeSamples().values()];
    expect(
      first.every((bytes, index) => Buffer.from(bytes).equals(second[index] ?? Buffer.alloc(0))),
    ).toBe(true);
  });
});
