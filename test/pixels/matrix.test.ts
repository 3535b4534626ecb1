// Every source syntax × every target × every kind of image. What comes out is compared with what went in; where decoders
// of others are installed (Debian: dcmtk, libgdcm-tools), with what they make of it too.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { PixelWorkers } from "../../shared/pixels/pixelWorkers.ts";
import { pixelWorkerFile } from "../../shared/pixels/pixelWorkerFile.ts";
import { Problem } from "../../shared/problem/problem.ts";
import { memoryInstance } from "../support/memoryInstance.ts";
import { convertWith, isInstalled } from "../support/otherCodecs.ts";
import { largestDifference, pixelValues, rgbOfYBR } from "../support/pixelValues.ts";
import { imageKinds, sampleFile, sampleImage, type SampleImage } from "../support/sampleImages.ts";
import { transcodedFile } from "../support/transcode.ts";

const explicit = "1.2.840.10008.1.2.1";
const natives = [
  ["Implicit VR LE", "1.2.840.10008.1.2"],
  ["Explicit VR LE", explicit],
  ["Explicit VR BE", "1.2.840.10008.1.2.2"],
  ["Deflated", "1.2.840.10008.1.2.1.99"],
] as const;
const targets = [
  ["Explicit VR LE", explicit],
  ["RLE", "1.2.840.10008.1.2.5"],
  ["JPEG baseline", "1.2.840.10008.1.2.4.50"],
  ["JPEG lossless", "1.2.840.10008.1.2.4.70"],
  ["JPEG-LS lossless", "1.2.840.10008.1.2.4.80"],
  ["JPEG 2000 lossless", "1.2.840.10008.1.2.4.90"],
  ["HTJ2K lossless", "1.2.840.10008.1.2.4.201"],
  ["HTJ2K RPCL", "1.2.840.10008.1.2.4.202"],
  ["JPEG XL lossless", "1.2.840.10008.1.2.4.110"],
] as const;
const baseline = "1.2.840.10008.1.2.4.50";
/** How far a sample of the images here, which are noisier than pictures are, may be off after JPEG, of 255. */
const lossyDifferenceMax = { gray: 16, color: 24 } as const;

const workers = new PixelWorkers(pixelWorkerFile());
afterAll(async () => {
  await workers.close();
});

/** The file in a transfer syntax; undefined when that is refused as not acceptable. */
async function transcoded(file: Uint8Array, targetUID: string): Promise<Buffer | undefined> {
  try {
    const object = await transcodedFile(workers, file, targetUID);
    expect(object.transferSyntaxUID).toBe(targetUID);
    return object.bytes;
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).kind).toBe("notAcceptable");
    return undefined;
  }
}

/** How a native file differs from the image that it was made of, at most, in the colours that it says it has. */
async function differenceFrom(image: SampleImage, file: Uint8Array): Promise<number> {
  const values = await pixelValues(file);
  const { photometricInterpretation: photometric } = image.kind;
  if (values.photometricInterpretation === "YBR_FULL_422" || image.kind.bitsAllocated === 1) {
    // Copied as they are, which has no samples side by side.
    const { pixelData } = await readFile(file);
    return image.pixels.equals(pixelData.subarray(0, image.pixels.length)) ? 0 : Infinity;
  }
  const isToRGB = photometric.startsWith("YBR") && values.photometricInterpretation === "RGB";
  return largestDifference(values.samples, isToRGB ? rgbOfYBR(image.samples) : image.samples);
}

async function readFile(file: Uint8Array): Promise<{ readonly pixelData: Buffer }> {
  const { record } = await memoryInstance(file);
  const inline = record.frames?.inline;
  const offset = inline?.kind === "native" ? inline.offset : 0;
  return { pixelData: Buffer.from(file.subarray(offset)) };
}

function boundOf(image: SampleImage, lossy: boolean): number {
  const { gray, color } = lossyDifferenceMax;
  return lossy ? (image.kind.samplesPerPixel === 3 ? color : gray) : 0;
}

const cells = new Map<string, Map<string, string>>();

describe.each(imageKinds.map((kind) => [kind.name, kind] as const))("%s", (name, kind) => {
  const image = sampleImage(kind);
  const made = new Map<string, Buffer>();

  test("every native encoding gives the same codestreams", { timeout: 60_000 }, async () => {
    for (const [, sourceUID] of natives) {
      const file = sampleFile(image, sourceUID);
      for (const [, targetUID] of targets) {
        const bytes = await transcoded(file, targetUID);
        const before = made.get(targetUID);
        if (bytes === undefined || targetUID === explicit) {
          if (bytes !== undefined) {
            expect(await differenceFrom(image, bytes)).toBe(0);
            made.set(targetUID, bytes);
          }
          continue;
        }
        const { frames } = (await memoryInstance(bytes)).record;
        expect(frames?.count).toBe(image.frameCount);
        // The data sets differ in nothing but their UIDs, which are as long.
        expect(bytes.length).toBe(before?.length ?? bytes.length);
        made.set(targetUID, bytes);
      }
    }
    expect(made.get(explicit)).toBeDefined();
  });

  test(
    "every codestream can be had in every other syntax, without loss",
    { timeout: 60_000 },
    async () => {
      const row = new Map<string, string>();
      for (const [targetName, targetUID] of targets) {
        const file = made.get(targetUID);
        row.set(targetName, file === undefined ? "–" : targetUID === baseline ? "lossy" : "exact");
        if (file === undefined || targetUID === explicit) {
          continue;
        }
        const isLossy = targetUID === baseline;
        for (const [, nextUID] of targets) {
          const next = nextUID === targetUID ? file : await transcoded(file, nextUID);
          // What a native image can be converted into, its codestreams can; JPEG comes out as RGB, which more can hold.
          expect([nextUID, next !== undefined]).toEqual([
            nextUID,
            made.has(nextUID) || nextUID === targetUID,
          ]);
          if (next === undefined) {
            continue;
          }
          const native = nextUID === explicit ? next : await transcoded(next, explicit);
          const lossy = isLossy || nextUID === baseline;
          const difference = await differenceFrom(image, native ?? next);
          expect(difference, `${targetUID} to ${nextUID}`).toBeLessThanOrEqual(
            boundOf(image, lossy),
          );
        }
      }
      cells.set(name, row);
    },
  );

  const decoders: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["dcmdjpeg", [], [baseline, "1.2.840.10008.1.2.4.70"]],
    ["dcmdjpls", [], ["1.2.840.10008.1.2.4.80"]],
    ["dcmdrle", [], ["1.2.840.10008.1.2.5"]],
    ["gdcmconv", ["--raw"], ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80"]],
  ];
  for (const [program, parameters, uids] of decoders) {
    // Where it is not installed, what it would make of our codestreams is not known.
    const run = test.skipIf(!isInstalled(program));
    run(`${program} reads what we write`, { timeout: 60_000 }, async () => {
      for (const uid of uids) {
        const file = made.get(uid);
        const theirs = file && (await convertWith(program, parameters, file));
        // GDCM does not write what a Secondary Capture Image must not be: signed, for example, or of a palette.
        if (theirs === undefined && (file === undefined || program === "gdcmconv")) {
          continue;
        }
        expect(theirs, uid).toBeDefined();
        expect(await differenceFrom(image, theirs ?? Buffer.alloc(0)), uid).toBeLessThanOrEqual(
          boundOf(image, uid === baseline),
        );
      }
    });
  }
});

test("the table in the documents is what was found", () => {
  const header = ["image", ...targets.map(([name]) => name)];
  const lines = [...cells].map(([name, row]) => [
    name,
    ...targets.map(([target]) => row.get(target) ?? ""),
  ]);
  const file = join(import.meta.dirname, "..", "..", "docs", "transcoding.md");
  const text = readFileSync(file, "utf8");
  const written = text
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .split("|")
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
  if (process.env["WRITE_TABLE"] === "1") {
    const rule = header.map(() => "---");
    const table = [header, rule, ...lines].map((cell) => `| ${cell.join(" | ")} |`).join("\n");
    writeFileSync(
      file,
      text.replace(
        /<!-- matrix -->[^]*<!-- end -->/,
        `<!-- matrix -->\n\n${table}\n\n<!-- end -->`,
      ),
    );
    return;
  }
  for (const line of [header, ...lines]) {
    expect(written).toContainEqual(line);
  }
});
