import { describe, expect, test } from "vitest";
import type { Dataset } from "../../../../shared/dicom/dataset.ts";
import { getNumbers, getString } from "../../../../shared/dicom/dataset.ts";
import { Part10Reader, type Part10ReaderLimits } from "../../../../shared/dicom/part10Reader.ts";
import {
  encodePart10,
  makeDeflateBomb,
  makeInstance,
  makeLargeInstance,
  nestedSequence,
  syntaxes,
  type TestElement,
} from "../../../support/dicom/dicomFile.ts";
import { problemOf, readPart10 } from "../../../support/dicom/readPart10.ts";

const uncompressed = [
  syntaxes.implicitLittle,
  syntaxes.explicitLittle,
  syntaxes.explicitBig,
  syntaxes.deflated,
];

async function detailOf(
  bytes: Uint8Array,
  limits: Partial<Part10ReaderLimits> = {},
): Promise<string> {
  const problem = await problemOf(readPart10(bytes, undefined, limits));
  expect(problem?.kind).toBe("malformed");
  return problem?.detail ?? "";
}

function itemsOf(dataset: Dataset | undefined, tag: number): readonly Dataset[] {
  const items = dataset?.get(tag)?.items;
  if (items === undefined) {
    throw new Error("there is no such sequence");
  }
  return items;
}

describe("a file in any syntax", () => {
  test.each(Object.values(syntaxes))("%s is read", async (transferSyntaxUID) => {
    const made = makeInstance({ transferSyntaxUID, frames: 2, patientName: "Müller^Jörg" });
    const instance = await readPart10(made.bytes);
    expect(instance.transferSyntax.uid).toBe(transferSyntaxUID);
    expect(instance.totalBytes).toBe(made.bytes.length);
    expect(instance.mediaStorageSOPClassUID).toBe(made.sopClassUID);
    expect(instance.mediaStorageSOPInstanceUID).toBe(made.sopInstanceUID);
    expect(getString(instance.fileMeta, 0x00020013)).toBe("TEST GENERATOR");
    expect(getString(instance.dataset, 0x0020000d)).toBe(made.studyInstanceUID);
    expect(getString(instance.dataset, 0x00100010)).toBe("Müller^Jörg");
    expect(getNumbers(instance.dataset, 0x00280010)).toEqual([8]);
    expect(instance.dataset.get(0x00280010)?.vr).toBe("US");
  });

  test.each(uncompressed)(
    "%s: sequences of defined and undefined lengths are read alike",
    async (transferSyntaxUID) => {
      for (const hasUndefinedLength of [false, true]) {
        for (const hasUndefinedItemLengths of [false, true]) {
          const options = { hasUndefinedLength, hasUndefinedItemLengths };
          const inner: TestElement = [
            "00400008",
            "SQ",
            undefined,
            { items: [[["00080100", "SH", "CODE"]], []], ...options },
          ];
          const bytes = encodePart10({
            transferSyntaxUID,
            elements: [
              [
                "00400275",
                "SQ",
                undefined,
                {
                  items: [[["00400007", "LO", "one"], inner], [], [["00400007", "LO", "three"]]],
                  ...options,
                },
              ],
              ["00400280", "ST", "after"],
            ],
          });
          const { dataset } = await readPart10(bytes);
          const items = itemsOf(dataset, 0x00400275);
          expect(items.map((item) => getString(item, 0x00400007))).toEqual([
            "one",
            undefined,
            "three",
          ]);
          expect(itemsOf(items[0], 0x00400008).map((item) => getString(item, 0x00080100))).toEqual([
            "CODE",
            undefined,
          ]);
          expect(getString(dataset, 0x00400280)).toBe("after");
        }
      }
    },
  );

  test("offset and length of a sequence cover its value, delimiters included", async () => {
    for (const hasUndefinedLength of [false, true]) {
      const bytes = encodePart10({
        elements: [
          [
            "00400275",
            "SQ",
            undefined,
            { items: [[["00400007", "LO", "ab"]]], hasUndefinedLength },
          ],
        ],
      });
      const element = (await readPart10(bytes)).dataset.get(0x00400275);
      expect(element?.length).toBe(8 + 10 + (hasUndefinedLength ? 8 : 0));
      expect((element?.offset ?? 0) + (element?.length ?? 0)).toBe(bytes.length);
    }
  });

  test("US or SS in implicit VR follows Pixel Representation, of the item or around it", async () => {
    const read = async (sign: number): Promise<(number[] | string | undefined)[]> => {
      const { dataset } = await readPart10(
        encodePart10({
          transferSyntaxUID: syntaxes.implicitLittle,
          elements: [
            ["00280103", "US", sign],
            ["00280106", "SS", -2],
            [
              "00400275",
              "SQ",
              undefined,
              {
                items: [
                  [["00280107", "SS", -3]],
                  [
                    ["00280103", "US", 0],
                    ["00280107", "SS", -3],
                  ],
                ],
              },
            ],
          ],
        }),
      );
      const items = itemsOf(dataset, 0x00400275);
      return [
        dataset.get(0x00280106)?.vr,
        getNumbers(dataset, 0x00280106),
        ...items.map((item) => getNumbers(item, 0x00280107)),
      ];
    };
    expect(await read(1)).toEqual(["SS", [-2], [-3], [65533]]);
    expect(await read(0)).toEqual(["US", [65534], [65533], [65533]]);
  });

  test("UN of undefined length is a sequence in implicit VR little endian, even inside big endian", async () => {
    for (const transferSyntaxUID of [syntaxes.explicitLittle, syntaxes.explicitBig]) {
      const { dataset } = await readPart10(
        encodePart10({
          transferSyntaxUID,
          elements: [
            ["00090010", "LO", "MAKER"],
            [
              "00091001",
              "UN",
              undefined,
              {
                items: [[["00280010", "US", 258]]],
                hasUndefinedLength: true,
                hasUndefinedItemLengths: true,
              },
            ],
            ["00280010", "US", 259],
          ],
        }),
      );
      expect(dataset.get(0x00091001)?.vr).toBe("SQ");
      expect(itemsOf(dataset, 0x00091001).map((item) => getNumbers(item, 0x00280010))).toEqual([
        [258],
      ]);
      expect(getNumbers(dataset, 0x00280010)).toEqual([259]);
    }
  });

  test("VRs that nobody defined, private elements and group lengths survive", async () => {
    const { dataset } = await readPart10(
      encodePart10({
        elements: [
          ["00080000", "UL", 4],
          ["00080008", "CS", "A"],
          ["00090010", "LO", "MAKER"],
          ["00091001", "ZZ", Buffer.from("what")],
          ["00091002", "UN", Buffer.from("ever")],
        ],
      }),
    );
    expect(dataset.get(0x00091001)).toMatchObject({
      vr: "ZZ",
      bytes: Uint8Array.from(Buffer.from("what")),
    });
    expect(dataset.get(0x00091002)?.vr).toBe("UN");
    expect(getNumbers(dataset, 0x00080000)).toEqual([4]);
  });

  test("zero-length values and odd lengths are read", async () => {
    const { dataset } = await readPart10(
      encodePart10({
        elements: [
          ["00080008", "CS", ""],
          ["00080016", "UI", "1.2.3", { isUnpadded: true }],
          ["00081115", "SQ", undefined, { items: [] }],
          ["00081140", "SQ", undefined, { items: [], hasUndefinedLength: true }],
          ["00280010", "US"],
          ["7FE00010", "OB"],
          ["FFFCFFFC", "OB", new Uint8Array(9), { isUnpadded: true }],
        ],
      }),
    );
    expect(dataset.get(0x00080008)?.bytes).toHaveLength(0);
    expect(getString(dataset, 0x00080016)).toBe("1.2.3");
    expect(dataset.get(0x00081115)?.items).toEqual([]);
    expect(dataset.get(0x00081140)?.items).toEqual([]);
    expect(dataset.get(0xfffcfffc)?.length).toBe(9);
  });

  test("data after Pixel Data is read, and zeros after the last element are let pass", async () => {
    const elements: TestElement[] = [
      ["7FE00010", "OB", new Uint8Array(64)],
      ["FFFAFFFA", "SQ", undefined, { items: [[["04000005", "US", 1]]] }],
      ["FFFCFFFC", "OB", new Uint8Array(100)],
    ];
    const bytes = encodePart10({ elements, trailer: new Uint8Array(33) });
    const { dataset, totalBytes } = await readPart10(bytes);
    expect(itemsOf(dataset, 0xfffafffa)).toHaveLength(1);
    expect(dataset.get(0xfffcfffc)?.length).toBe(100);
    expect(totalBytes).toBe(bytes.length);
    expect(
      await detailOf(encodePart10({ elements, trailer: Buffer.from("0000000000000001", "hex") })),
    ).toMatch(/tag \(0000,0000\) at offset/);
  });

  test("nested pixel data in fragments, as of an icon, is located and not taken for the image", async () => {
    const icon: TestElement = [
      "7FE00010",
      "OB",
      undefined,
      { fragments: [new Uint8Array(0), new Uint8Array(10)] },
    ];
    const { dataset, pixelData } = await readPart10(
      encodePart10({
        transferSyntaxUID: syntaxes.jpegBaseline,
        elements: [["00880200", "SQ", undefined, { items: [[icon]] }]],
      }),
    );
    expect(pixelData).toBeUndefined();
    const element = itemsOf(dataset, 0x00880200)[0]?.get(0x7fe00010);
    expect(element).toMatchObject({ hasFragments: true, length: 8 + 18 + 8 });
  });
});

describe("the File Meta Information", () => {
  const meta: TestElement[] = [
    ["00020002", "UI", "1.2.840.10008.5.1.4.1.1.7"],
    ["00020003", "UI", "1.2.3"],
    ["00020010", "UI", syntaxes.explicitLittle],
  ];
  const elements: TestElement[] = [["00100010", "PN", "A^B"]];

  test.each([0, 7, 1000, null])("may have group length %s", async (fileMetaLength) => {
    const { dataset } = await readPart10(
      encodePart10({ elements, fileMeta: meta, fileMetaLength }),
    );
    expect(getString(dataset, 0x00100010)).toBe("A^B");
  });

  test("may have a wrong group length before a deflated data set", async () => {
    const bytes = makeInstance({ transferSyntaxUID: syntaxes.deflated }).bytes;
    const wrong = Buffer.from(bytes);
    wrong.writeUInt32LE(12, 140);
    for (const chunkBytes of [1, 3, 1000]) {
      expect((await readPart10(wrong, chunkBytes)).dataset.size).toBeGreaterThan(20);
    }
  });

  test("must name a transfer syntax", async () => {
    const without = meta.filter(([tag]) => tag !== "00020010");
    expect(await detailOf(encodePart10({ elements, fileMeta: without }))).toMatch(
      /no valid TransferSyntaxUID \(0002,0010\)/,
    );
    expect(
      await detailOf(encodePart10({ elements, fileMeta: [...without, ["00020010", "UI", "abc"]] })),
    ).toMatch(/TransferSyntaxUID/);
    expect(await detailOf(encodePart10({ elements: [], fileMeta: without }))).toMatch(
      /TransferSyntaxUID/,
    );
  });

  test("has no sequences", async () => {
    const bytes = encodePart10({
      elements,
      fileMeta: [["00020001", "SQ", undefined, { items: [] }], ...meta],
    });
    expect(await detailOf(bytes)).toMatch(/File Meta Information has a sequence/);
  });

  test("may be all there is", async () => {
    const { dataset } = await readPart10(encodePart10({ elements: [] }));
    expect(dataset.size).toBe(0);
  });
});

describe("what is no DICOM file", () => {
  test.each([
    ["nothing", Buffer.alloc(0)],
    ["text", Buffer.from("hello")],
    ["132 zeros", Buffer.alloc(132)],
    ["a data set without preamble", Buffer.from(makeInstance().bytes.subarray(132))],
    ["a PNG", Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(500, 7)])],
  ])("%s is refused in so many words", async (_, bytes) => {
    expect(await detailOf(bytes)).toMatch(/^The file is not a DICOM Part 10 file/);
  });

  test("the prefix alone is not enough", async () => {
    expect(
      await detailOf(encodePart10({ elements: [], fileMeta: [], fileMetaLength: null })),
    ).toMatch(/TransferSyntaxUID/);
  });
});

describe("hostile files", () => {
  const from = (...elements: TestElement[]): Uint8Array => encodePart10({ elements });

  test("a value longer than the file is truncation", async () => {
    const detail = await detailOf(from(["00100010", "PN", "A", { statedLength: 60000 }]));
    expect(detail).toMatch(
      /^The file is truncated: it ends at offset \d+ in the value of \(0010,0010\)\.$/,
    );
    expect(
      await detailOf(from(["7FE00010", "OB", new Uint8Array(10), { statedLength: 0xfffffffe }])),
    ).toMatch(/truncated.* in the value of \(7fe0,0010\)/);
    const made = makeInstance({ transferSyntaxUID: syntaxes.jpegBaseline });
    expect(await detailOf(made.bytes.subarray(0, made.bytes.length - 20))).toMatch(
      /truncated.* in the value of \(7fe0,0010\)/,
    );
  });

  test("a value longer than its item, an item longer than its sequence, a sequence longer than its item", async () => {
    const value: TestElement = ["00400007", "LO", "ab", { statedLength: 20 }];
    expect(
      await detailOf(
        from(
          ["00400275", "SQ", undefined, { items: [[value]] }],
          ["00401001", "SH", "0123456789012345"],
        ),
      ),
    ).toMatch(/value is longer than the item or sequence around it in \(0040,0007\)/);
    expect(
      await detailOf(
        from([
          "00400275",
          "SQ",
          undefined,
          { items: [[["00400007", "LO", "ab"]]], statedLength: 12 },
        ]),
      ),
    ).toMatch(/item is longer than the sequence around it/);
    const inner: TestElement = ["00400008", "SQ", undefined, { items: [], statedLength: 100 }];
    expect(
      await detailOf(
        from(
          ["00400275", "SQ", undefined, { items: [[inner]] }],
          ["00401001", "LT", "x".repeat(200)],
        ),
      ),
    ).toMatch(/longer than the item or sequence around it in \(0040,0008\)/);
  });

  test("an undefined length that nothing ends runs into the item around it", async () => {
    const open: TestElement = [
      "00400008",
      "SQ",
      undefined,
      { items: [[]], statedLength: 0xffffffff },
    ];
    expect(await detailOf(from(["00400275", "SQ", undefined, { items: [[open]] }]))).toMatch(
      /ends inside a header/,
    );
    expect(
      await detailOf(
        from(["00400008", "SQ", undefined, { items: [[]], statedLength: 0xffffffff }]),
      ),
    ).toMatch(/truncated/);
  });

  test("items and delimiters out of place", async () => {
    expect(await detailOf(from(["FFFEE000", "OB", ""]))).toMatch(/out of place: \(fffe,e000\)/);
    expect(await detailOf(from(["FFFEE00D", "OB", ""]))).toMatch(/out of place: \(fffe,e00d\)/);
    expect(
      await detailOf(from(["00400275", "SQ", Buffer.from("0800050043530000", "hex")])),
    ).toMatch(/no item: \(0008,0005\)/);
    expect(
      await detailOf(
        encodePart10({
          transferSyntaxUID: syntaxes.rle,
          elements: [
            [
              "7FE00010",
              "OB",
              Buffer.from("0800050000000000", "hex"),
              { statedLength: 0xffffffff },
            ],
          ],
        }),
      ),
    ).toMatch(/no fragment: \(0008,0005\)/);
  });

  test("an undefined length where none may be", async () => {
    expect(await detailOf(from(["00420011", "OB", "", { statedLength: 0xffffffff }]))).toMatch(
      /only sequences and Pixel Data/,
    );
    expect(await detailOf(from(["00081030", "UT", "", { statedLength: 0xffffffff }]))).toMatch(
      /undefined/,
    );
  });

  test("a VR that is no VR", async () => {
    expect(await detailOf(from(["00100010", "p1", "x"]))).toMatch(
      /two upper-case letters in \(0010,0010\)/,
    );
  });

  test("64 levels of sequences are read and 65 are refused, however they end", async () => {
    for (const hasUndefinedLength of [true, false]) {
      await expect(readPart10(from(nestedSequence(64, hasUndefinedLength)))).resolves.toBeDefined();
      expect(await detailOf(from(nestedSequence(65, hasUndefinedLength)))).toMatch(
        /deeper than 64 levels/,
      );
    }
  });

  test("ten thousand levels cost an error and no stack", async () => {
    const level = Buffer.from(
      "08004000" + "53510000" + "ffffffff" + "feff00e0" + "ffffffff",
      "hex",
    );
    const bytes = encodePart10({
      elements: [],
      trailer: Buffer.concat(Array.from({ length: 10_000 }, () => level)),
    });
    expect(await detailOf(bytes)).toMatch(/deeper than 64 levels/);
  });

  test("elements, items, fragments and header bytes are limited", async () => {
    const many: TestElement[] = Array.from({ length: 30 }, (_, index) => [
      `000910${(index + 16).toString(16)}`,
      "LO",
      "12345678",
    ]);
    expect(await detailOf(from(...many), { elementsMax: 30 })).toMatch(/more than 30 elements/);
    await expect(readPart10(from(...many), undefined, { elementsMax: 40 })).resolves.toBeDefined();
    expect(await detailOf(from(...many), { datasetElementsMax: 29 })).toMatch(
      /data set has more than 29 elements/,
    );
    await expect(
      readPart10(from(...many), undefined, { datasetElementsMax: 30 }),
    ).resolves.toBeDefined();
    const items = Array.from({ length: 50 }, () => []);
    expect(
      await detailOf(from(["00400275", "SQ", undefined, { items }]), { elementsMax: 50 }),
    ).toMatch(/more than 50 elements/);
    expect(await detailOf(from(...many), { headerBytesMax: 300 })).toMatch(
      /header values exceed 300 bytes in \(0009,/,
    );
    const bytes = makeInstance({ transferSyntaxUID: syntaxes.rle, frames: 10 }).bytes;
    expect(await detailOf(bytes, { fragmentsMax: 9 })).toMatch(
      /Offset Table is too long|more than 9 fragments/,
    );
    const untabled = makeInstance({
      transferSyntaxUID: syntaxes.rle,
      frames: 10,
      encapsulation: { offsetTable: "none" },
    }).bytes;
    expect(await detailOf(untabled, { fragmentsMax: 9 })).toMatch(/more than 9 fragments/);
  });

  test("a deflate bomb is refused, and a file that merely compresses well is not", async () => {
    const bomb = makeDeflateBomb(20_000_000);
    expect(bomb.length).toBeLessThan(30_000);
    expect(await detailOf(bomb, { inflatedBytesMin: 1_000_000 })).toMatch(
      /inflates to more than 100 times its size/,
    );
    await expect(readPart10(bomb)).resolves.toBeDefined();
  });

  test("a deflated data set that is damaged or cut is refused", async () => {
    const bytes = Buffer.from(makeInstance({ transferSyntaxUID: syntaxes.deflated }).bytes);
    expect(await detailOf(bytes.subarray(0, bytes.length - 10))).toMatch(/DEFLATE/);
    const damaged = Buffer.from(bytes);
    damaged.fill(0xff, bytes.length - 40);
    expect(await detailOf(damaged)).toMatch(/DEFLATE|truncated|VR|offset/);
  });

  test("a reader that is closed in the middle leaves nobody waiting", async () => {
    const bytes = makeInstance({ transferSyntaxUID: syntaxes.deflated, bytes: 1_000_000 }).bytes;
    const reader = new Part10Reader();
    const writing = reader.write(bytes.subarray(0, 500_000));
    reader.close();
    await writing;
    await expect(reader.end()).rejects.toThrow("a closed reader reads no more");
    expect(() => reader.write(bytes)).toThrow("a closed reader reads no more");
  });

  test("padding after a DEFLATE stream is let pass", async () => {
    const bytes = makeInstance({ transferSyntaxUID: syntaxes.deflated }).bytes;
    const padded = Buffer.concat([bytes, Buffer.alloc(1)]);
    for (const chunkBytes of [1, 100, padded.length]) {
      const { totalBytes, dataset } = await readPart10(padded, chunkBytes);
      expect(totalBytes).toBe(padded.length);
      expect(dataset.size).toBeGreaterThan(20);
    }
  });

  test("a reader that failed stays failed", async () => {
    const reader = new Part10Reader();
    expect(() => reader.write(Buffer.alloc(200))).toThrow(/not a DICOM/);
    expect(() => reader.write(Buffer.alloc(1))).toThrow(/not a DICOM/);
    await expect(reader.end()).rejects.toThrow(/not a DICOM/);
  });

  test("messages hold no value", async () => {
    const secret = "SECRETVALUE";
    const files = [
      from(["00100010", "PN", secret, { statedLength: 5 }]),
      from(["00100010", "PN", secret, { statedLength: 500 }]),
      encodePart10({ elements: [], fileMeta: [["00020010", "UI", secret]] }),
    ];
    for (const file of files) {
      expect(await detailOf(file)).not.toContain("SECRET");
    }
  });
});

describe("memory", () => {
  test("bulk data is located and not kept, header values are copied out of the chunk", async () => {
    const made = makeLargeInstance({ bytes: 20_000_000 });
    const reader = new Part10Reader();
    for (const chunk of made.chunks()) {
      await reader.write(chunk);
      chunk.fill(0xee);
    }
    const instance = await reader.end();
    expect(instance.totalBytes).toBe(made.totalBytes);
    expect(instance.pixelData?.frames.count).toBe(made.frameCount);
    expect(instance.dataset.get(0x7fe00010)?.bytes).toBeUndefined();
    expect(getString(instance.dataset, 0x0020000d)).toBe(made.studyInstanceUID);
  });

  test.each<[string, TestElement, boolean]>([
    ["1 KiB of OB", ["00420011", "OB", new Uint8Array(1024)], true],
    ["more of OB", ["00420011", "OB", new Uint8Array(1026)], false],
    ["16 KiB of UT", ["00400280", "UT", "x".repeat(16384)], true],
    ["more of UT", ["00400280", "UT", "x".repeat(16386)], false],
    ["60 KB of DS", ["30060050", "DS", "1.25\\".repeat(12_000)], true],
    ["1 MiB of UC", ["00080119", "UC", "x".repeat(1_048_578)], false],
    ["2 MiB of SV", ["00720082", "SV", Array.from({ length: 262_144 }, () => 1n)], false],
    ["small Pixel Data", ["7FE00010", "OB", new Uint8Array(2)], false],
  ])("%s: kept or located", async (_, element, isKept) => {
    const bytes = encodePart10({ elements: [element] });
    const read = (await readPart10(bytes)).dataset.get(Number.parseInt(element[0], 16));
    expect(read?.bytes !== undefined).toBe(isKept);
    expect((read?.offset ?? 0) + (read?.length ?? 0)).toBe(bytes.length);
  });
});
