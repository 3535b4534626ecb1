import { readFileSync } from "node:fs";
import { type DataSet, type Element as OracleElement, parseDicom } from "dicom-parser";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Dataset, DicomElement } from "../../shared/dicom/dataset.ts";
import {
  type DicomJsonDataset,
  type DicomJsonElement,
  stringifyDicomJson,
  toDicomJson,
} from "../../shared/dicom/dicomJson.ts";
import { validateDataset } from "../../shared/dicom/elementValidation.ts";
import { Part10Reader, type Part10Instance } from "../../shared/dicom/part10Reader.ts";
import { formatTag } from "../../shared/dicom/tag.ts";
import {
  encapsulate,
  encodePart10,
  fakeCodestream,
  makeInstance,
  syntaxes,
  type TestElement,
} from "../support/dicom/dicomFile.ts";
import { problemOf, readPart10 } from "../support/dicom/readPart10.ts";

const seed = 20260229;

/** Everything that a reading yields, as text. */
function summaryOf(instance: Part10Instance): string {
  const { dataset, bulkdata } = toDicomJson(instance);
  return JSON.stringify([
    stringifyDicomJson(dataset),
    [...bulkdata],
    instance.totalBytes,
    instance.datasetOffset,
    instance.pixelData?.frames.toInline(),
    instance.pixelData?.issue,
    instance.pixelData?.length,
    instance.transferSyntax.uid,
    placesOf(instance.dataset),
    placesOf(instance.fileMeta),
  ]);
}

function placesOf(dataset: Dataset): unknown[] {
  return [...dataset].map((element) => [
    element.tag,
    element.vr,
    element.offset,
    element.length,
    element.items?.map(placesOf),
  ]);
}

async function outcomeOf(reading: Promise<Part10Instance>): Promise<string> {
  let instance: Part10Instance | undefined;
  const problem = await problemOf(
    reading.then((read) => {
      instance = read;
      return read;
    }),
  );
  return instance === undefined ? (problem?.detail ?? "neither") : summaryOf(instance);
}

const sequenceAsUN: TestElement = [
  "00091002",
  "UN",
  undefined,
  { items: [[["00280010", "US", 3]]], hasUndefinedLength: true, hasUndefinedItemLengths: true },
];

/** A file that has a bit of everything. */
function richInstance(transferSyntaxUID: string, hasSequenceAsUN = true): Uint8Array {
  const isEncapsulated = transferSyntaxUID.startsWith("1.2.840.10008.1.2.4");
  const codestreams = [0, 1, 2].map((index) => fakeCodestream(20 + index, index));
  return makeInstance({
    transferSyntaxUID,
    frames: 3,
    rows: 3,
    columns: 3,
    patientName: "Müller^Jörg=山田",
    elements: [
      ["00090010", "LO", "MAKER"],
      ["00091001", "UN", Uint8Array.of(1, 2, 3, 4)],
      ...(hasSequenceAsUN ? [sequenceAsUN] : []),
      [
        "00081140",
        "SQ",
        undefined,
        {
          items: [
            [
              ["00081150", "UI", "1.2"],
              ["00081155", "UI", "1.2.3"],
            ],
            [],
          ],
          hasUndefinedLength: true,
        },
      ],
      [
        "00400275",
        "SQ",
        undefined,
        {
          items: [
            [
              ["00400007", "LO", "é"],
              ["00400008", "SQ", undefined, { items: [[["00080100", "SH", "C"]]] }],
            ],
          ],
          hasUndefinedItemLengths: true,
        },
      ],
      ["00281201", "OW", new Uint8Array(1500)],
      ["00400280", "ST", ""],
      ...(isEncapsulated ? encapsulate(codestreams, { fragmentsPerFrame: 2 }) : []),
      ["FFFCFFFC", "OB", new Uint8Array(6)],
    ],
  }).bytes;
}

const allSyntaxes = Object.entries(syntaxes);

const vrsWithText: Record<string, fc.Arbitrary<string>> = {
  AE: fc.stringMatching(/^[A-Z]{1,16}$/),
  CS: fc.stringMatching(/^[A-Z0-9_]{1,16}$/),
  DA: fc.constantFrom("20240229", "19991231"),
  LO: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
  LT: fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }),
  SH: fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 12 }),
  TM: fc.constantFrom("10", "101112.5"),
  UC: fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }),
  UI: fc.stringMatching(/^1\.[1-9]{1,40}$/),
  UT: fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }),
};

const integers: Record<string, [min: number, max: number]> = {
  US: [0, 65535],
  SS: [-32768, 32767],
  UL: [0, 4294967295],
  SL: [-2147483648, 2147483647],
};

interface Expected {
  readonly element: TestElement;
  readonly json: DicomJsonElement;
}

/** Text that keeps its shape: no padding at its ends, no backslash, no control characters. */
function isPlain(text: string): boolean {
  return text.trim() === text && text !== "" && !/[\\\p{Cc}\p{Cs}]/u.test(text);
}

const leaf: fc.Arbitrary<Omit<Expected, "element"> & { vr: string; value: TestElement[2] }> =
  fc.oneof(
    ...Object.entries(vrsWithText).map(([vr, text]) =>
      text.filter(isPlain).map((value) => ({ vr, value, json: { vr, Value: [value] } })),
    ),
    ...Object.entries(integers).map(([vr, [min, max]]) =>
      fc
        .array(fc.integer({ min, max }), { minLength: 1, maxLength: 4 })
        .map((value) => ({ vr, value, json: { vr, Value: [...value] } })),
    ),
    fc
      .array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 3 })
      .map((value) => ({ vr: "FD", value, json: { vr: "FD", Value: [...value] } })),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ({
      vr: "UV",
      value: [value],
      json: {
        vr: "UV",
        Value: [value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value)],
      },
    })),
    fc.uint8Array({ minLength: 2, maxLength: 20 }).map((bytes) => {
      const value = bytes.subarray(0, bytes.length - (bytes.length % 2));
      return {
        vr: "OB",
        value,
        json: { vr: "OB", InlineBinary: Buffer.from(value).toString("base64") },
      };
    }),
    fc.constantFrom("LO", "US", "DA", "OB").map((vr) => ({ vr, value: undefined, json: { vr } })),
  );

/** Private tags, so that explicit VRs are free, each once and in order. */
const content: fc.Arbitrary<Expected[]> = fc.letrec<{ elements: Expected[] }>((tie) => ({
  elements: fc
    .array(
      fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        leaf.map(({ vr, value, json }) => (tag: string): Expected => ({
          element: [tag, vr, value],
          json,
        })),
        fc
          .tuple(fc.array(tie("elements"), { maxLength: 3 }), fc.boolean(), fc.boolean())
          .map(
            ([items, hasUndefinedLength, hasUndefinedItemLengths]) =>
              (tag: string): Expected => ({
                element: [
                  tag,
                  "SQ",
                  undefined,
                  {
                    items: items.map((item) => item.map(({ element }) => element)),
                    hasUndefinedLength,
                    hasUndefinedItemLengths,
                  },
                ],
                json: items.length === 0 ? { vr: "SQ" } : { vr: "SQ", Value: items.map(jsonOf) },
              }),
          ),
      ),
      { maxLength: 6 },
    )
    .map((makers) => makers.map((make, index) => make(formatTag(0x00111000 + index)))),
})).elements;

function jsonOf(expected: readonly Expected[]): DicomJsonDataset {
  return Object.fromEntries(expected.map(({ element, json }) => [element[0], json]));
}

describe("reading", () => {
  test.each(allSyntaxes)("%s: any chunking gives the same result", async (_, transferSyntaxUID) => {
    const bytes = richInstance(transferSyntaxUID);
    const whole = summaryOf(await readPart10(bytes));
    for (const chunkBytes of [1, 2, 3, 5, 7, 11, 13, 64, 131, 133]) {
      expect(summaryOf(await readPart10(bytes, chunkBytes))).toBe(whole);
    }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 12 }), async (cuts) => {
        const edges = [0, ...cuts.sort((left, right) => left - right), bytes.length];
        const reader = new Part10Reader();
        for (let at = 0; at + 1 < edges.length; at += 1) {
          await reader.write(bytes.subarray(edges[at], edges[at + 1]));
        }
        expect(summaryOf(await reader.end())).toBe(whole);
      }),
      { seed, numRuns: 40 },
    );
  });

  test("what the generator encodes comes back as JSON, in every syntax with explicit VR", async () => {
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.constantFrom(syntaxes.explicitLittle, syntaxes.explicitBig, syntaxes.deflated),
        fc.integer({ min: 1, max: 300 }),
        async (expected, transferSyntaxUID, chunkBytes) => {
          const bytes = encodePart10({
            transferSyntaxUID,
            elements: [["00080005", "CS", "ISO_IR 192"], ...expected.map(({ element }) => element)],
          });
          const { dataset } = toDicomJson(await readPart10(bytes, chunkBytes));
          expect(JSON.parse(stringifyDicomJson(dataset))).toEqual({
            "00080005": { vr: "CS", Value: ["ISO_IR 192"] },
            // Negative zero is a float that JSON does not tell from zero.
            ...(JSON.parse(JSON.stringify(jsonOf(expected))) as DicomJsonDataset),
          });
        },
      ),
      { seed, numRuns: 300 },
    );
  });

  test.each(allSyntaxes)(
    "%s: a file cut at any byte is a Problem or valid, alike in any chunks",
    async (_, transferSyntaxUID) => {
      const bytes = richInstance(transferSyntaxUID);
      let refused = 0;
      for (let end = 0; end < bytes.length; end += 1) {
        const cut = bytes.subarray(0, end);
        const whole = await outcomeOf(readPart10(cut));
        refused += whole.startsWith("[") ? 0 : 1;
        if (transferSyntaxUID !== syntaxes.deflated) {
          expect(await outcomeOf(readPart10(cut, 17))).toBe(whole);
        }
      }
      // Only a cut between two elements at the top leaves a whole file; there are about forty of those.
      expect(refused).toBeGreaterThan(bytes.length - 60);
    },
  );

  test.each(allSyntaxes)(
    "%s: flipped bits end in a Problem or a data set, never in anything else",
    async (_, transferSyntaxUID) => {
      const bytes = richInstance(transferSyntaxUID);
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.tuple(
              fc.integer({ min: 128, max: bytes.length - 1 }),
              fc.integer({ min: 1, max: 255 }),
            ),
            {
              minLength: 1,
              maxLength: 6,
            },
          ),
          async (flips) => {
            const damaged = Buffer.from(bytes);
            for (const [at, mask] of flips) {
              damaged[at] = (damaged[at] ?? 0) ^ mask;
            }
            let instance: Part10Instance | undefined;
            const problem = await problemOf(
              readPart10(damaged, 100).then((read) => {
                instance = read;
                return read;
              }),
            );
            if (instance === undefined) {
              expect(problem?.kind).toBe("malformed");
              return;
            }
            JSON.parse(stringifyDicomJson(toDicomJson(instance).dataset));
            expect(
              [...validateDataset(instance.dataset)].every(({ reason }) => reason !== ""),
            ).toBe(true);
            const { frames } = instance.pixelData ?? {};
            for (
              let frameIndex = 0;
              frameIndex < Math.min(frames?.count ?? 0, 5);
              frameIndex += 1
            ) {
              const location = frames?.locate(frameIndex);
              const end = (location?.offset ?? 0) + (location?.length ?? 0);
              expect(transferSyntaxUID === syntaxes.deflated || end <= damaged.length).toBe(true);
            }
          },
        ),
        { seed, numRuns: 400 },
      );
    },
  );

  test("noise after the prefix is a Problem or a data set", async () => {
    const prefix = encodePart10({ elements: [] });
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom(...Object.values(syntaxes)),
        async (noise, uid) => {
          const header =
            uid === syntaxes.explicitLittle
              ? prefix
              : encodePart10({ elements: [], transferSyntaxUID: uid });
          const outcome = await outcomeOf(readPart10(Buffer.concat([header, noise]), 50));
          expect(outcome).not.toBe("neither");
        },
      ),
      { seed, numRuns: 500 },
    );
  });
});

describe("an independent reader, dicom-parser, agrees", () => {
  function compare(ours: Dataset, theirs: Record<string, OracleElement>): void {
    const places = new Map(
      [...ours].map((element) => [`x${formatTag(element.tag).toLowerCase()}`, element]),
    );
    // It lists delimiters of items as elements.
    const theirKeys = Object.keys(theirs).filter((key) => key !== "xfffee00d");
    expect([...places.keys()].sort()).toEqual(theirKeys.sort());
    for (const [key, theirElement] of Object.entries(theirs)) {
      if (!theirKeys.includes(key)) {
        continue;
      }
      const ourElement: DicomElement | undefined = places.get(key);
      expect([key, ourElement?.offset]).toEqual([key, theirElement.dataOffset]);
      if (theirElement.items === undefined && theirElement.fragments === undefined) {
        expect([key, ourElement?.length]).toEqual([key, theirElement.length]);
      }
      const items = ourElement?.items ?? [];
      expect(items).toHaveLength(theirElement.items?.length ?? 0);
      for (const [index, item] of items.entries()) {
        compare(item, theirElement.items?.[index]?.dataSet?.elements ?? {});
      }
    }
  }

  function datasetOf(oracle: DataSet): Record<string, OracleElement> {
    const entries = Object.entries(oracle.elements).filter(([key]) => !key.startsWith("x0002"));
    return Object.fromEntries(entries);
  }

  test.each(allSyntaxes.filter(([name]) => name !== "deflated"))(
    "%s: on the offset and length of every element",
    async (_, transferSyntaxUID) => {
      const bytes = // dicom-parser reads no sequence out of UN.
        richInstance(transferSyntaxUID, false);
      const instance = await readPart10(bytes);
      const oracle = parseDicom(bytes);
      compare(instance.dataset, datasetOf(oracle));
    },
  );

  const foreignFiles = new URL("../../node_modules/dicomweb-client/testData/", import.meta.url);

  test.each([
    ["sample.dcm", syntaxes.implicitLittle, 1],
    ["sample2.dcm", syntaxes.explicitLittle, 1],
    ["sample3.dcm", syntaxes.implicitLittle, 1],
    ["US-PAL-8-10x-echo.dcm", syntaxes.rle, 10],
  ])("on every element of %s, which somebody else's encoder made", async (name, uid, frames) => {
    const bytes = readFileSync(new URL(name, foreignFiles));
    const instance = await readPart10(bytes, 1000);
    expect(instance.transferSyntax.uid).toBe(uid);
    expect(instance.pixelData?.issue).toBeUndefined();
    expect(instance.pixelData?.frames.count).toBe(frames);
    compare(instance.dataset, datasetOf(parseDicom(bytes)));
  });

  test("on the offset and length of every fragment", async () => {
    const bytes = richInstance(syntaxes.jpeg2000);
    const { pixelData } = await readPart10(bytes);
    const fragments = parseDicom(bytes).elements["x7fe00010"]?.fragments ?? [];
    expect(fragments).toHaveLength(6);
    for (let frameIndex = 0; frameIndex < 3; frameIndex += 1) {
      const [first, second] = fragments.slice(frameIndex * 2);
      const location = pixelData?.frames.locate(frameIndex);
      expect(location?.offset).toBe((first?.position ?? 0) - 8);
      expect((location?.offset ?? 0) + (location?.length ?? 0)).toBe(
        (second?.position ?? 0) + (second?.length ?? 0),
      );
    }
  });
});
