// What is around the pixels when an instance is converted: the data set, the fragments, the offset tables, the memory.
import { afterAll, describe, expect, test } from "vitest";
import { PixelWorkers } from "../../../../shared/pixels/pixelWorkers.ts";
import { pixelWorkerFile } from "../../../../shared/pixels/pixelWorkerFile.ts";
import { stringifyDicomJson, toDicomJson } from "../../../../shared/dicom/dicomJson.ts";
import { Problem } from "../../../../shared/problem/problem.ts";
import {
  encapsulate,
  encodePart10,
  makeUID,
  syntaxes,
  type TestElement,
} from "../../../support/dicom/dicomFile.ts";
import { readPart10 } from "../../../support/dicom/readPart10.ts";
import { memoryInstance } from "../../../support/memoryInstance.ts";
import { largestDifference, pixelValues } from "../../../support/pixelValues.ts";
import { imageKinds, sampleFile, sampleImage } from "../../../support/sampleImages.ts";
import { transcodedFile, transcodedFrames } from "../../../support/transcode.ts";

const workers = new PixelWorkers(pixelWorkerFile());
afterAll(async () => {
  await workers.close();
});

const explicit = syntaxes.explicitLittle;
const jpegLS = "1.2.840.10008.1.2.4.80";
const baseline = syntaxes.jpegBaseline;
const [kind] = imageKinds;
const image = sampleImage(kind ?? never(), 3);

function never(): never {
  throw new Error("there are kinds of images");
}

async function jsonOf(file: Uint8Array): Promise<string> {
  return stringifyDicomJson(toDicomJson(await readPart10(file)).dataset);
}

async function kindOf(running: Promise<unknown>): Promise<string> {
  return await running.then(
    () => "done",
    (error: unknown) => {
      if (error instanceof Problem) {
        return error.kind;
      }
      throw error;
    },
  );
}

/** Elements whose encoding depends on the transfer syntax in each way there is. */
const others: readonly TestElement[] = [
  ["00080000", "UL", 4],
  ["00080005", "CS", "ISO_IR 192"],
  ["00081140", "SQ", undefined, { items: [] }],
  ["00100010", "PN", "Müller^Jörg"],
  ["00180050", "DS", "1.25"],
  ["00189073", "FD", [1.5, -2.25]],
  ["00209157", "UL", [1, 70_000]],
  ["00209165", "AT", [0x00209056]],
  ["00280106", "SS", [-5]],
  [
    "00400275",
    "SQ",
    undefined,
    {
      items: [
        [
          ["00400007", "LO", "one"],
          ["00400008", "SQ", undefined, { items: [[["00080100", "SH", "A"]]] }],
        ],
        [["00400007", "LO", "two"]],
      ],
      hasUndefinedLength: true,
      hasUndefinedItemLengths: true,
    },
  ],
  ["00091001", "UN", Uint8Array.of(1, 2, 3, 4)],
  ["00090010", "LO", "PRIVATE"],
  ["00282000", "OB", Buffer.alloc(3_000, 7)],
];

describe("the data set", () => {
  const signed: TestElement = ["00280103", "US", 1];

  test.each([
    ["implicit VR", syntaxes.implicitLittle],
    ["big endian", syntaxes.explicitBig],
    ["deflated", syntaxes.deflated],
  ])("of %s says the same in explicit VR little endian", async (_, sourceUID) => {
    const elements: TestElement[] = [
      ["00080016", "UI", "1.2.840.10008.5.1.4.1.1.7"],
      ["00080018", "UI", makeUID()],
      ["0020000D", "UI", makeUID()],
      ["0020000E", "UI", makeUID()],
      signed,
      ...others,
    ];
    const sorted = elements.toSorted(([one], [other]) => (one < other ? -1 : 1));
    const source = encodePart10({ transferSyntaxUID: sourceUID, elements: sorted });
    const wanted = encodePart10({
      elements: sorted.filter(([tag]) => tag !== "00080000"),
    });
    for (const chunkBytes of [1, 7, 64 * 1024]) {
      const { bytes } = await transcodedFile(
        workers,
        await memoryInstance(source, chunkBytes),
        explicit,
      );
      expect(await jsonOf(bytes)).toBe(await jsonOf(wanted));
    }
  });

  test("has a File Meta Information of our own, with the instance's identifiers", async () => {
    const { bytes } = await transcodedFile(
      workers,
      sampleFile(image, syntaxes.implicitLittle),
      explicit,
    );
    const read = await readPart10(bytes);
    expect(read.transferSyntax.uid).toBe(explicit);
    expect(read.mediaStorageSOPClassUID).toBe("1.2.840.10008.5.1.4.1.1.7");
    expect(bytes.readUInt32LE(140)).toBe(read.datasetOffset - 144);
  });

  test("of a text longer than its VR can say keeps it, as UN", async () => {
    const value = "x".repeat(70_000);
    const source = sampleFile(image, syntaxes.implicitLittle, [["00204000", "LT", value]]);
    const { bytes } = await transcodedFile(workers, source, explicit);
    const { dataset } = await readPart10(bytes);
    expect(dataset.get(0x00204000)).toMatchObject({ vr: "UN", length: 70_000 });
    expect((await pixelValues(bytes)).samples).toEqual(image.samples);
  });
});

describe("the pixels", () => {
  test("of several fragments a frame, with any offset table, come out", async () => {
    const { bytes } = await transcodedFile(workers, sampleFile(image, explicit), jpegLS);
    const { record, content } = await memoryInstance(bytes);
    const frames: Buffer[] = [];
    const inline = record.frames?.inline;
    for (const [offset, length] of inline?.kind === "encapsulated" ? inline.frames : []) {
      frames.push(await content.getBytes(undefined as never, "", { offset, length }));
    }
    expect(frames).toHaveLength(3);
    const native = await readPart10(sampleFile(image, explicit));
    expect(native.pixelData?.frames.count).toBe(3);
    for (const [offsetTable, fragmentsPerFrame] of [
      ["basic", 1],
      ["basic", 4],
      ["extended", 1],
      ["none", 1],
      ["none", 3],
    ] as const) {
      const [withoutPixels] = splitAtPixelData(bytes);
      const pixels = encodePart10({
        elements: encapsulate(frames, { offsetTable, fragmentsPerFrame }),
      });
      const { datasetOffset } = await readPart10(pixels);
      const file = Buffer.concat([withoutPixels, pixels.subarray(datasetOffset)]);
      const converted = await transcodedFile(workers, file, explicit);
      expect((await pixelValues(converted.bytes)).samples).toEqual(image.samples);
      expect((await readPart10(converted.bytes)).dataset.get(0x7fe00001)).toBeUndefined();
    }
  });

  test("of what comes after them nothing is lost", async () => {
    const after: TestElement = ["FFFCFFFC", "OB", Uint8Array.of(1, 2, 3, 4)];
    for (const targetUID of [explicit, jpegLS]) {
      const source = sampleFile(image, syntaxes.implicitLittle, [after]);
      const { bytes } = await transcodedFile(workers, source, targetUID);
      const again = await transcodedFile(workers, bytes, explicit);
      expect((await readPart10(again.bytes)).dataset.get(0xfffcfffc)?.length).toBe(4);
    }
  });

  test("with a lossy target say so, with the ratio and the method", async () => {
    const { bytes } = await transcodedFile(workers, sampleFile(image, explicit), baseline);
    const dataset = JSON.parse(await jsonOf(bytes)) as Record<string, { Value?: unknown[] }>;
    expect(dataset["00282110"]?.Value).toEqual(["01"]);
    expect(dataset["00282114"]?.Value).toEqual(["ISO_10918_1"]);
    expect(Number(dataset["00282112"]?.Value?.[0])).toBeGreaterThan(0);
    const again = sampleFile(image, explicit, [
      ["00282110", "CS", "01"],
      ["00282112", "DS", "9.5"],
      ["00282114", "CS", "ISO_15444_1"],
    ]);
    const second = await transcodedFile(workers, again, baseline);
    const both = JSON.parse(await jsonOf(second.bytes)) as typeof dataset;
    expect(both["00282114"]?.Value).toEqual(["ISO_15444_1", "ISO_10918_1"]);
    expect(both["00282112"]?.Value?.[0]).toBe(9.5);
  });

  test("of an icon that is encapsulated too are refused", async () => {
    const { bytes } = await transcodedFile(workers, sampleFile(image, explicit), jpegLS);
    const icon: TestElement = [
      "00880200",
      "SQ",
      undefined,
      { items: [encapsulate([Uint8Array.of(1, 2)], { offsetTable: "none" })] },
    ];
    const [before, pixels] = splitAtPixelData(bytes);
    const encoded = encodePart10({ elements: [icon] });
    const { datasetOffset } = await readPart10(encoded);
    const file = Buffer.concat([before, encoded.subarray(datasetOffset), pixels]);
    expect(await kindOf(transcodedFile(workers, file, explicit))).toBe("notAcceptable");
    // Nobody insisted: it is sent as it is.
    const asStored = await transcodedFile(workers, file, undefined);
    expect(asStored.transferSyntaxUID).toBe(jpegLS);
    expect(asStored.bytes.equals(file)).toBe(true);
  });

  test("that are fewer than Number of Frames are not converted, but each frame is", async () => {
    const file = sampleFile(image, explicit, [["00280008", "IS", "5"]]);
    expect(await kindOf(transcodedFile(workers, file, jpegLS))).toBe("notAcceptable");
    const [frame] = await transcodedFrames(workers, file, [2], "image/jls");
    expect(frame?.transferSyntaxUID).toBe(jpegLS);
  });
});

/** The file before and from its Pixel Data on, or the offset tables before it. */
function splitAtPixelData(file: Buffer): readonly [Buffer, Buffer] {
  const at = file.indexOf(Buffer.from([0xe0, 0x7f, 0x10, 0]));
  return [file.subarray(0, at), file.subarray(at)];
}

test("of many frames only a few are in memory, and a reader that stops ends the work", async () => {
  const many = sampleImage(kind ?? never(), 400);
  const file = sampleFile(many, explicit);
  let running = 0;
  let most = 0;
  let done = 0;
  const counting = {
    run: async (...given: Parameters<PixelWorkers["run"]>) => {
      running += 1;
      most = Math.max(most, running - done);
      try {
        return await workers.run(...given);
      } finally {
        done += 1;
      }
    },
  } as Pick<PixelWorkers, "run">;
  const { bytes } = await transcodedFile(counting, file, jpegLS);
  expect(running).toBe(400);
  expect(most).toBeLessThanOrEqual(4);
  const { bytes: native } = await transcodedFile(workers, bytes, explicit);
  expect(largestDifference((await pixelValues(native)).samples, many.samples)).toBe(0);
});
