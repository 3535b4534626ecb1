// Codestreams that encoders of others make, read by us and by decoders of others (Debian: dcmtk, libgdcm-tools).
import { afterAll, describe, expect, test } from "vitest";
import { PixelWorkers } from "../../shared/pixels/pixelWorkers.ts";
import { pixelWorkerFile } from "../../shared/pixels/pixelWorkerFile.ts";
import { convertWith, isInstalled } from "../support/otherCodecs.ts";
import { largestDifference, pixelValues } from "../support/pixelValues.ts";
import { imageKinds, sampleFile, sampleImage } from "../support/sampleImages.ts";
import { transcodedFile } from "../support/transcode.ts";

const explicit = "1.2.840.10008.1.2.1";
const workers = new PixelWorkers(pixelWorkerFile());
afterAll(async () => {
  await workers.close();
});

const grays = ["8 bits", "12 bits", "16 bits"];
const signed = ["8 bits, signed", "12 bits, signed", "16 bits, signed"];

interface Encoder {
  readonly what: string;
  readonly encode: readonly [program: string, ...parameters: string[]];
  /** Makes of it what we are compared with. */
  readonly decode: readonly [program: string, ...parameters: string[]];
  readonly kinds: readonly string[];
  /** How far apart two decoders of the same lossy codestream may be. */
  readonly differenceMax: number;
}

const encoders: readonly Encoder[] = [
  {
    what: "JPEG baseline",
    encode: ["dcmcjpeg", "+eb"],
    decode: ["dcmdjpeg"],
    kinds: ["8 bits", "RGB", "RGB in planes"],
    // Two ways to fill in the chrominance between the samples that there are.
    differenceMax: 12,
  },
  {
    what: "JPEG extended, of 12 bits",
    encode: ["dcmcjpeg", "+ee"],
    decode: ["dcmdjpeg"],
    kinds: ["12 bits"],
    differenceMax: 4,
  },
  {
    what: "JPEG lossless, process 14",
    encode: ["dcmcjpeg", "+el"],
    decode: ["dcmdjpeg"],
    kinds: [...grays, ...signed, "RGB", "palette, 8 bits"],
    differenceMax: 0,
  },
  {
    what: "JPEG lossless, selection value 1",
    encode: ["dcmcjpeg", "+e1"],
    decode: ["dcmdjpeg"],
    kinds: [...grays, ...signed, "RGB"],
    differenceMax: 0,
  },
  {
    what: "JPEG-LS lossless",
    encode: ["dcmcjpls"],
    decode: ["dcmdjpls"],
    kinds: [...grays, ...signed, "RGB", "RGB in planes", "RGB of 16 bits"],
    differenceMax: 0,
  },
  {
    what: "JPEG-LS near-lossless",
    encode: ["dcmcjpls", "+en"],
    decode: ["dcmdjpls"],
    kinds: ["8 bits", "12 bits", "RGB"],
    differenceMax: 0,
  },
  {
    what: "JPEG-LS in planes",
    encode: ["dcmcjpls", "+in"],
    decode: ["dcmdjpls"],
    kinds: ["RGB"],
    differenceMax: 0,
  },
  {
    what: "JPEG-LS interleaved by sample",
    encode: ["dcmcjpls", "+is"],
    decode: ["dcmdjpls"],
    kinds: ["RGB", "RGB of 16 bits"],
    differenceMax: 0,
  },
  {
    what: "RLE",
    encode: ["dcmcrle"],
    decode: ["dcmdrle"],
    kinds: [...grays, ...signed, "32 bits", "RGB", "RGB in planes", "RGB of 16 bits", "YBR_FULL"],
    differenceMax: 0,
  },
  {
    what: "JPEG 2000 lossless",
    encode: ["gdcmconv", "--j2k"],
    decode: ["gdcmconv", "--raw"],
    kinds: [...grays, "RGB"],
    differenceMax: 0,
  },
  {
    what: "JPEG 2000",
    encode: ["gdcmconv", "--j2k", "--lossy", "-q", "40"],
    decode: ["gdcmconv", "--raw"],
    kinds: [...grays, "RGB"],
    differenceMax: 1,
  },
];

describe.each(encoders.map((encoder) => [encoder.what, encoder] as const))(
  "%s",
  (
    _,
    { encode: [encoder, ...options], decode: [decoder, ...parameters], kinds, differenceMax },
  ) => {
    // Where they are not installed, whether we read what they write is not known.
    const areInstalled = isInstalled(encoder) && isInstalled(decoder);
    const described = imageKinds.filter(({ name }) => kinds.includes(name));
    test.skipIf(!areInstalled).each(described.map((kind) => [kind.name, kind] as const))(
      `of %s by ${encoder} is read as ${decoder} reads it`,
      { timeout: 60_000 },
      async (name, kind) => {
        const image = sampleImage(kind);
        const theirs = await convertWith(encoder, options, sampleFile(image, explicit));
        const native = theirs && (await convertWith(decoder, parameters, theirs));
        if (theirs === undefined || native === undefined) {
          throw new Error(`${encoder} does not encode ${name}`);
        }
        const { bytes } = await transcodedFile(workers, theirs, explicit);
        const [ours, expected] = [await pixelValues(bytes), await pixelValues(native)];
        expect(ours.photometricInterpretation).toBe(expected.photometricInterpretation);
        expect(ours.samples.length).toBe(image.samples.length);
        expect(largestDifference(ours.samples, expected.samples)).toBeLessThanOrEqual(
          differenceMax,
        );
      },
    );
  },
);
