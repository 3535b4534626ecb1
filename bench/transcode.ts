import { PixelWorkers } from "../shared/pixels/pixelWorkers.ts";
import { pixelWorkerFile } from "../shared/pixels/pixelWorkerFile.ts";
import { codestreamUIDs, encodedAttributes } from "../shared/pixels/imageAttributes.ts";
import type { FrameDescription } from "../shared/pixels/frameDescription.ts";
import { makeLargeInstance } from "../test/support/dicom/dicomFile.ts";
import { withService } from "./support/service.ts";
import { printTable, type Row } from "./support/table.ts";

// Decoding and encoding per codec, in MB/s of native pixels, against copying a frame to a thread and back; and a multi-frame
// instance of 300 MB that is converted while it is sent, against sending it as it is stored.

const explicit = "1.2.840.10008.1.2.1";
const gray: FrameDescription = {
  transferSyntaxUID: explicit,
  rows: 1024,
  columns: 1024,
  samplesPerPixel: 1,
  bitsAllocated: 16,
  bitsStored: 12,
  highBit: 11,
  pixelRepresentation: 0,
  photometricInterpretation: "MONOCHROME2",
  planarConfiguration: 0,
};
const color: FrameDescription = {
  ...gray,
  samplesPerPixel: 3,
  bitsAllocated: 8,
  bitsStored: 8,
  highBit: 7,
  photometricInterpretation: "RGB",
};

await codecs();
await instances();

/** A picture with noise, as scanners make them: neither flat nor random. */
function picture({ rows, columns, samplesPerPixel, bitsStored }: FrameDescription): Uint8Array {
  const samples = rows * columns * samplesPerPixel;
  const values = bitsStored > 8 ? new Uint16Array(samples) : new Uint8Array(samples);
  let state = 1;
  for (let at = 0; at < samples; at += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const x = Math.floor(at / samplesPerPixel) % columns;
    const y = Math.floor(at / samplesPerPixel / columns);
    const wave = (Math.sin(x / 90 + (at % samplesPerPixel)) * Math.cos(y / 70) + 1) / 2;
    const noise = ((state >>> 16) % 64) / 64;
    values[at] = Math.floor((wave * 0.95 + noise * 0.01) * (2 ** bitsStored - 1));
  }
  return new Uint8Array(values.buffer);
}

async function codecs(): Promise<void> {
  const workers = new PixelWorkers(pixelWorkerFile(), { workersMax: 1, taskMilliseconds: 120_000 });
  const rows: Row[] = [];
  for (const [name, image] of [
    ["12 bits", gray],
    ["RGB", color],
  ] as const) {
    const codestream = picture(image);
    const megabytes = codestream.length / 1e6;
    const rate = async (work: () => Promise<unknown>, rounds: number): Promise<number> => {
      await work();
      const start = performance.now();
      for (let round = 0; round < rounds; round += 1) {
        await work();
      }
      return (megabytes * rounds) / ((performance.now() - start) / 1000);
    };
    const floor = await rate(
      async () => await workers.run("decode", { codestream, description: image }),
      5,
    );
    for (const [codec, targetUID] of Object.entries(codestreamUIDs)) {
      const encoded = encodedAttributes(image, targetUID);
      if (encoded === undefined) {
        continue;
      }
      const input = { codestream, description: image, targetUID };
      const made = await workers.run("transcode", input);
      const stored = { codestream: made, description: encoded };
      for (const [what, value] of [
        ["encode", await rate(async () => await workers.run("transcode", input), 2)],
        ["decode", await rate(async () => await workers.run("decode", stored), 3)],
      ] as const) {
        rows.push({
          what: `${what} ${codec}, ${name}, to 1/${(codestream.length / made.length).toFixed(1)}`,
          value,
          unit: "MB/s",
          floor,
          floorName: "a native frame there and back",
        });
      }
    }
  }
  await workers.close();
  printTable(rows);
}

async function instances(): Promise<void> {
  await withService(async ({ call, watchMemory }) => {
    const large = makeLargeInstance({ bytes: 300e6 });
    await call("studies", {
      method: "POST",
      headers: { "Content-Type": "application/dicom", "Content-Length": String(large.totalBytes) },
      body: large.chunks(),
    });
    const { studyInstanceUID, seriesInstanceUID, sopInstanceUID, frameCount } = large;
    const path = `studies/${studyInstanceUID}/series/${seriesInstanceUID}/instances/${sopInstanceUID}`;
    const get = async (where: string, accept: string): Promise<number> =>
      (await call(where, { headers: { Accept: accept } })).totalMs / 1000;
    const floor = await get(path, "application/dicom; transfer-syntax=*");
    const rows: Row[] = [];
    for (const [codec, uid] of [
      ["RLE", codestreamUIDs.rleLossless],
      ["HTJ2K", codestreamUIDs.htj2kLosslessRPCL],
    ] as const) {
      const peak = watchMemory();
      const took = await get(path, `application/dicom; transfer-syntax=${uid}`);
      rows.push(
        {
          what: `300 MB of ${frameCount} frames in ${codec}`,
          value: 300 / took,
          unit: "MB/s",
          floor: 300 / floor,
          floorName: "as stored",
        },
        { what: `the service takes at most, meanwhile`, value: peak(), unit: "MB" },
      );
    }
    const list = Array.from({ length: 50 }, (_, index) => index + 1).join(",");
    const frames = `multipart/related; type="application/octet-stream"; transfer-syntax=`;
    const asStored = await get(`${path}/frames/${list}`, `${frames}*`);
    const took = await get(`${path}/frames/${list}`, `${frames}${codestreamUIDs.htj2kLossless}`);
    rows.push({
      what: "50 frames of 512 KB in HTJ2K",
      value: 50 / took,
      unit: "/s",
      floor: 50 / asStored,
      floorName: "as stored",
    });
    printTable(rows);
  });
}
