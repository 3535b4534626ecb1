// The same picture in different encodings has to look the same, whatever the way to it.
import { expect, test } from "vitest";
import { decodePng } from "../../../support/pictures/decodePng.ts";
import { renderFile } from "../../../support/pictures/renderFile.ts";
import { sampleImages, type SampleImage } from "../../../support/pictures/sampleImages.ts";

const samples = await sampleImages();

async function pixelsOf({ file, query, frameNumber }: SampleImage): Promise<Uint8Array> {
  const options = { ...(query && { query }), ...(frameNumber && { frameNumber }) };
  return decodePng(await renderFile(file, options)).data;
}

const references = new Map(
  await Promise.all(
    (["slice", "colors"] as const).map(async (name) => {
      const reference = samples.find(({ sameAs }) => sameAs?.name === name);
      return [name, reference && (await pixelsOf(reference))] as const;
    }),
  ),
);

function sample(label: string): SampleImage {
  const found = samples.find((candidate) => candidate.label === label);
  if (found === undefined) {
    throw new Error(`no sample ${label}`);
  }
  return found;
}

const same = samples.filter(({ sameAs }) => sameAs !== undefined);

test.each(same.map((each) => [each.label, each] as const))(
  "%s shows the same picture as every other encoding of it",
  async (_, each) => {
    const reference = references.get(each.sameAs?.name ?? "slice") ?? new Uint8Array(0);
    const pixels = await pixelsOf(each);
    expect(pixels.length).toBe(reference.length);
    const differences = pixels.map((pixel, at) => Math.abs(pixel - (reference[at] ?? 0)));
    const mean = differences.reduce((sum, difference) => sum + difference, 0) / pixels.length;
    expect(mean).toBeLessThanOrEqual(each.sameAs?.loss ?? 0);
  },
);

test("no two samples that are to look different look the same", async () => {
  const different = samples.filter(({ sameAs }) => sameAs === undefined);
  const shown = await Promise.all(different.map(pixelsOf));
  const texts = shown.map((pixels) => Buffer.from(pixels).toString("base64"));
  expect(new Set(texts).size).toBe(different.length);
});

// Where the middle of the spine, the left lung, the air above and the heart are, in rows and columns.
const places = { spine: [68, 52], lung: [48, 28], air: [4, 48], heart: [44, 50] } as const;

async function graysAt(label: string): Promise<Record<keyof typeof places, number>> {
  const pixels = await pixelsOf(sample(label));
  const at = ([row, column]: readonly [number, number]): number => pixels[row * 96 + column] ?? -1;
  return {
    spine: at(places.spine),
    lung: at(places.lung),
    air: at(places.air),
    heart: at(places.heart),
  };
}

test("the window of a frame is that of its functional group", async () => {
  expect(await graysAt("frame 1 of 2")).toMatchObject({ spine: 255, lung: 0 });
  const lung = await graysAt("frame 2: lung");
  expect(lung.lung).toBeGreaterThan(20);
  expect(lung.heart).toBeGreaterThan(200);
});

test("padding does not darken what is beside it", async () => {
  const [without, padded] = [await graysAt("no window"), await graysAt("padding")];
  expect([without.air, padded.air]).toEqual([0, 0]);
  expect(padded.lung).toBeLessThan(without.lung);
});

test("MONOCHROME1 is the other way round", async () => {
  const [usual, inverse] = [await graysAt("signed, window"), await graysAt("MONOCHROME1")];
  for (const place of ["spine", "lung", "air", "heart"] as const) {
    expect(inverse[place]).toBe(255 - usual[place]);
  }
});

test("float pixels look like the integers that they were made of", async () => {
  expect(await graysAt("float")).toEqual(await graysAt("no window"));
});
