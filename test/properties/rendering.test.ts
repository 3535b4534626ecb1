// Whatever a file says of its pixels, a picture comes of it or a problem, in bounded time, and nothing else.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Problem } from "../../shared/problem/problem.ts";
import { makeInstance, type TestElement } from "../support/dicom/dicomFile.ts";
import { decodePng } from "../support/pictures/decodePng.ts";
import { renderFile } from "../support/pictures/renderFile.ts";

const seed = 20_240_301;

const word = fc.oneof(fc.constantFrom(0, 1, 7, 8, 12, 15, 16, 255, 256, 65_535), fc.nat(65_535));
const decimal = fc.oneof(
  fc.constantFrom("0", "-1", "1", "1e308", "-1e308", "1e-300", "NaN", "", "0.5"),
  fc.integer({ min: -5000, max: 5000 }).map(String),
);
const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((value) => Buffer.from(value));

function optional<T extends TestElement>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.oneof(
    arbitrary.map((element) => [element]),
    fc.constant<T[]>([]),
  );
}

const us = (tag: string, count = 1): fc.Arbitrary<TestElement> =>
  fc.array(word, { minLength: count, maxLength: count }).map((values) => [tag, "US", values]);
const ds = (tag: string, most = 2): fc.Arbitrary<TestElement> =>
  fc.array(decimal, { minLength: 1, maxLength: most }).map((values) => [tag, "DS", values]);
const cs = (tag: string, ...terms: string[]): fc.Arbitrary<TestElement> =>
  fc.constantFrom(...terms).map((term) => [tag, "CS", term]);
const ow = (tag: string): fc.Arbitrary<TestElement> => bytes.map((value) => [tag, "OW", value]);

const descriptor = (tag: string): fc.Arbitrary<TestElement> =>
  fc
    .tuple(fc.oneof(fc.nat(60), word), word, fc.constantFrom(8, 12, 16, 3))
    .map((values) => [tag, "US", values]);

const lookupTable = fc
  .tuple(descriptor("00283002"), ow("00283006"))
  .map((elements): TestElement[] => elements);
const table = (tag: string): fc.Arbitrary<TestElement> =>
  lookupTable.map((item) => [tag, "SQ", undefined, { items: [item] }]);
const windows = fc.tuple(ds("00281050"), ds("00281051")).map((pair): TestElement[] => pair);
const groups = windows.map((item): TestElement => [
  "52009230",
  "SQ",
  undefined,
  { items: [[["00289132", "SQ", undefined, { items: [item] }]]] },
]);

// Mostly what fits together.
const bits = fc
  .constantFrom(
    [1, 1, 0],
    [8, 8, 7],
    [8, 4, 6],
    [16, 12, 11],
    [16, 16, 15],
    [16, 10, 15],
    [32, 32, 31],
    [8, 12, 3],
  )
  .map(([allocated = 8, stored = 8, high = 7]): TestElement[] => [
    ["00280100", "US", allocated],
    ["00280101", "US", stored],
    ["00280102", "US", high],
  ]);
const elements: fc.Arbitrary<TestElement[]> = fc
  .tuple(
    optional(fc.constantFrom(1, 1, 3, 3, 2).map((value) => ["00280002", "US", value] as const)),
    optional(
      cs(
        "00280004",
        "MONOCHROME1",
        "MONOCHROME2",
        "PALETTE COLOR",
        "RGB",
        "YBR_FULL",
        "YBR_FULL_422",
        "YBR_PARTIAL_420",
        "CMYK",
      ),
    ),
    optional(fc.constantFrom(0, 0, 1, 1, 2).map((value) => ["00280006", "US", value] as const)),
    bits,
    optional(fc.constantFrom(0, 0, 1, 1, 2).map((value) => ["00280103", "US", value] as const)),
    optional(us("00280120")),
    optional(ds("00280030")),
    optional(ds("00281050")),
    optional(ds("00281051")),
    optional(ds("00281052", 1)),
    optional(ds("00281053", 1)),
    optional(table("00283000")),
    optional(table("00283010")),
    optional(groups),
    ...["1", "2", "3"].flatMap((digit) => [
      optional(descriptor(`0028110${digit}`)),
      optional(ow(`0028120${digit}`)),
      optional(ow(`0028122${digit}`)),
    ]),
    optional(us("60000010")),
    optional(us("60000011")),
    optional(us("60000050", 2)),
    optional(us("60000100")),
    optional(us("60000102")),
    optional(ow("60003000")),
  )
  .map((groupsOfElements) => groupsOfElements.flat());

const queries = fc.constantFrom(
  "",
  "annotation=overlay,patient",
  "window=0,1,linear",
  "window=1e15,1e-15,sigmoid",
  "viewport=7,5,1,1,-3,2",
  "iccprofile=yes",
);

test(`any header gives a picture or a problem (seed ${seed})`, async () => {
  let pictures = 0;
  let problems = 0;
  await fc.assert(
    fc.asyncProperty(elements, queries, async (header, query) => {
      const rows = 6;
      const columns = 5;
      const pixels = Uint8Array.from({ length: rows * columns * 12 }, (_, at) => (at * 37) % 256);
      const { bytes: file } = makeInstance({
        rows,
        columns,
        elements: [...header, ["7FE00010", "OW", pixels]],
      });
      try {
        const picture = decodePng(await renderFile(file, { query }));
        expect(picture.data.length).toBe(picture.width * picture.height * picture.channels);
        pictures += 1;
      } catch (error) {
        if (!(error instanceof Problem)) {
          throw error;
        }
        expect(["notAcceptable", "malformed", "notFound"]).toContain(error.kind);
        problems += 1;
      }
    }),
    { seed, numRuns: 600 },
  );
  // Neither is so rare that nothing was tried.
  expect(pictures).toBeGreaterThan(30);
  expect(problems).toBeGreaterThan(30);
});
