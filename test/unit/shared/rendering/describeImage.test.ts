import { describe, expect, test } from "vitest";
import type { DicomJsonDataset } from "../../../../shared/dicom/dicomJson.ts";
import { describeImage } from "../../../../shared/rendering/describeImage.ts";
import type { ImagePresentation } from "../../../../shared/rendering/imagePresentation.ts";

const bulk = new Map<string, Uint8Array>();

async function described(
  dataset: DicomJsonDataset,
  frameNumber = 1,
  options = { withOverlays: false, withICCProfile: false },
): Promise<ImagePresentation> {
  const readBulkdata = async (path: string, bytesMax: number): Promise<Uint8Array | undefined> => {
    const bytes = bulk.get(path);
    return await Promise.resolve(bytes && bytes.length <= bytesMax ? bytes : undefined);
  };
  return await describeImage({ dataset, readBulkdata }, frameNumber, options);
}

const number = (vr: string, ...values: number[]): DicomJsonDataset[string] => ({
  vr,
  Value: values,
});
const text = (vr: string, ...values: string[]): DicomJsonDataset[string] => ({ vr, Value: values });
const sequence = (...items: DicomJsonDataset[]): DicomJsonDataset[string] => ({
  vr: "SQ",
  Value: items,
});
const window = (center: number, width: number): DicomJsonDataset => ({
  "00281050": number("DS", center),
  "00281051": number("DS", width),
});

describe("the window", () => {
  test("is the first of several, with the function that is named", async () => {
    const dataset = {
      "00281050": number("DS", 40, 400),
      "00281051": number("DS", 350, 2000),
      "00281056": text("CS", "SIGMOID"),
    };
    expect((await described(dataset)).voi).toEqual({
      kind: "window",
      window: { center: 40, width: 350, function: "SIGMOID" },
    });
  });

  test.each([
    ["of width 0", window(40, 0)],
    ["of a negative width", window(40, -400)],
    ["without a width", { "00281050": number("DS", 40) }],
    ["that is no number", { "00281050": text("DS", "NaN"), "00281051": text("DS", "x") }],
  ])("%s is passed over", async (_, dataset) => {
    expect((await described(dataset)).voi).toBeUndefined();
  });

  test("of the frame comes before that of all frames, and that before the data set's", async () => {
    const groups = (item: DicomJsonDataset): DicomJsonDataset => ({ "00289132": sequence(item) });
    const dataset = {
      ...window(3, 30),
      "52009229": sequence(groups(window(2, 20))),
      "52009230": sequence(groups(window(1, 10)), {}),
    };
    const centers = [1, 2].map(async (frame) => (await described(dataset, frame)).voi);
    expect(await Promise.all(centers)).toMatchObject([
      { window: { center: 1 } },
      { window: { center: 2 } },
    ]);
    const { "52009229": _, "52009230": __, ...alone } = dataset;
    expect((await described(alone, 2)).voi).toMatchObject({ window: { center: 3 } });
  });

  test("gives way to a table, which may begin below zero where rescaling goes there", async () => {
    const item = { "00283002": number("US", 2, 65_526, 12), "00283006": number("US", 0, 4095) };
    const dataset = {
      ...window(40, 400),
      "00281052": number("DS", -1024),
      "00283010": sequence(item),
    };
    const { voi } = await described(dataset);
    expect(voi).toEqual({
      kind: "table",
      table: { firstMapped: -10, entries: Uint16Array.of(0, 4095), bits: 12 },
    });
  });
});

describe("the modality", () => {
  test("is that of the frame's functional group, else the data set's", async () => {
    const rescale = (slope: number): DicomJsonDataset => ({
      "00281052": number("DS", -1),
      "00281053": number("DS", slope),
    });
    const group = { "00289145": sequence(rescale(5)) };
    const dataset = { ...rescale(2), "52009230": sequence(group, {}) };
    expect((await described(dataset, 1)).modality).toMatchObject({ slope: 5, intercept: -1 });
    expect((await described(dataset, 2)).modality).toMatchObject({ slope: 2, intercept: -1 });
  });

  test("of slope 0 is a mistake, and an intercept alone has slope 1", async () => {
    const both = { "00281052": number("DS", 5), "00281053": number("DS", 0) };
    expect((await described(both)).modality).toMatchObject({ slope: 1, intercept: 5 });
    const alone = { "00281052": number("DS", 5) };
    expect((await described(alone)).modality).toMatchObject({ slope: 1, intercept: 5 });
    expect((await described({})).modality).toBeUndefined();
  });

  test("can be a table in bulk data", async () => {
    bulk.set("table", new Uint8Array(Uint16Array.of(7, 8).buffer));
    const item = {
      "00283002": number("US", 2, 3, 16),
      "00283006": { vr: "OW", BulkDataURI: "table" },
    };
    expect((await described({ "00283000": sequence(item) })).modality).toEqual({
      kind: "table",
      table: { firstMapped: 3, entries: Uint16Array.of(7, 8), bits: 16 },
    });
  });

  test("whose table is missing, or too long to be one, is refused", async () => {
    const descriptor = { "00283002": number("US", 2, 3, 16) };
    await expect(described({ "00283000": sequence(descriptor) })).rejects.toThrow("(0028,3006)");
    bulk.set("long", new Uint8Array(1_000_000));
    const long = { ...descriptor, "00283006": { vr: "OW", BulkDataURI: "long" } };
    await expect(described({ "00283000": sequence(long) })).rejects.toThrow("(0028,3006)");
  });
});

test.each([
  ["MONOCHROME1", undefined, true],
  ["MONOCHROME2", "INVERSE", true],
  ["MONOCHROME1", "INVERSE", true],
  ["MONOCHROME2", "IDENTITY", false],
])("%s with the shape %s is inverse: %s", async (photometric, shape, expected) => {
  const dataset = {
    "00280004": text("CS", photometric),
    ...(shape === undefined ? {} : { "20500020": text("CS", shape) }),
  };
  expect((await described(dataset)).isInverse).toBe(expected);
});

test.each([
  ["signed as the pixels are", "SS", [-2000], 1, { low: -2000, high: -2000 }],
  ["unsigned, of signed pixels", "US", [63_536], 1, { low: -2000, high: -2000 }],
  ["signed, of unsigned pixels", "SS", [-1], 0, { low: 65_535, high: 65_535 }],
])("padding is %s", async (_, vr, value, sign, expected) => {
  const dataset = {
    "00280100": number("US", 16),
    "00280103": number("US", sign),
    "00280120": number(vr, ...value),
  };
  expect((await described(dataset)).padding).toEqual(expected);
  const range = { ...dataset, "00280121": number(vr, 10) };
  expect((await described(range)).padding).toEqual({
    low: Math.min(expected.low, 10),
    high: Math.max(expected.high, 10),
  });
});

describe("the shape of pixels", () => {
  test.each([
    ["is stated", { "00280034": number("IS", 3, 2), "00280030": number("DS", 1, 1) }, 1.5],
    ["follows from the spacing", { "00280030": number("DS", 0.5, 1) }, 0.5],
    ["follows from the spacing on the detector", { "00181164": number("DS", 1, 0.5) }, 2],
    ["is square where it is nearly", { "00280030": number("DS", 0.501, 0.5) }, 1],
    ["is square where it is nonsense", { "00280030": number("DS", 0, -5) }, 1],
    [
      "follows from the functional groups",
      {
        "00280030": number("DS", 1, 1),
        "52009229": sequence({ "00289110": sequence({ "00280030": number("DS", 3, 1) }) }),
      },
      3,
    ],
  ])("%s", async (_, dataset, expected) => {
    expect((await described(dataset as DicomJsonDataset)).pixelAspect).toBe(expected);
  });
});

describe("overlays", () => {
  const plane = {
    "60020010": number("US", 2),
    "60020011": number("US", 4),
    "60020050": number("SS", 3, 1),
    "60020100": number("US", 1),
    "60020102": number("US", 0),
    "60023000": { vr: "OW", InlineBinary: Buffer.of(0b1001, 0).toString("base64") },
  };
  const asked = { withOverlays: true, withICCProfile: false };

  test("are read when they are asked for", async () => {
    expect((await described(plane)).overlays).toEqual([]);
    expect((await described(plane, 1, asked)).overlays).toEqual([
      {
        rows: 2,
        columns: 4,
        top: 2,
        left: 0,
        bits: { kind: "data", bytes: Buffer.of(9, 0), firstBit: 0 },
      },
    ]);
  });

  test("of several frames belong to the frames they say", async () => {
    const several = { ...plane, "60020015": number("IS", 2), "60020051": number("US", 3) };
    const firstBits = [2, 3, 4, 5].map(async (frame) =>
      (await described(several, frame, asked)).overlays.map(({ bits }) =>
        bits.kind === "data" ? bits.firstBit : -1,
      ),
    );
    expect(await Promise.all(firstBits)).toEqual([[], [0], [8], []]);
  });

  test("without data are bits of the pixels", async () => {
    const embedded = {
      ...plane,
      "60020100": number("US", 16),
      "60020102": number("US", 12),
    } as DicomJsonDataset;
    delete embedded["60023000"];
    const { overlays } = await described(embedded, 1, asked);
    expect(overlays.map(({ bits }) => bits)).toEqual([{ kind: "embedded", bitPosition: 12 }]);
  });

  test("of impossible sizes are left out", async () => {
    const huge = { ...plane, "60020010": number("US", 65_535), "60020011": number("US", 65_535) };
    expect((await described(huge, 1, asked)).overlays).toEqual([]);
  });
});

test("an ICC profile is that of the image or of its optical path, and read when it is asked for", async () => {
  const profile = { "00282000": { vr: "OB", InlineBinary: "AQID" } };
  const asked = { withOverlays: false, withICCProfile: true };
  expect((await described(profile)).iccProfile).toBeUndefined();
  for (const dataset of [profile, { "00480105": sequence(profile) }]) {
    expect([...((await described(dataset, 1, asked)).iccProfile ?? [])]).toEqual([1, 2, 3]);
  }
});

test("a palette that is missing is refused by name", async () => {
  const dataset = {
    "00280004": text("CS", "PALETTE COLOR"),
    "00281101": number("US", 2, 0, 16),
  };
  await expect(described(dataset)).rejects.toThrow("(0028,1201)");
});
