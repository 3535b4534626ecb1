/**
 * Writes three small valid instances of one artificial study: `node test/support/samples.ts [directory]`.
 *
 * A red triangle and a green square share a series, a blue circle has one of its own. The UIDs are those of the
 * README's curl lines.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeInstance } from "./dicom/dicomFile.ts";

const rows = 500;
const columns = 500;
const studyInstanceUID = "1.2.826.0.1.3680043.8.498.13230779778012324449356534479549187420";
const firstSeriesUID = "1.2.826.0.1.3680043.8.498.45787841905473114233124723359129632652";
const secondSeriesUID = "1.2.826.0.1.3680043.8.498.77033797676425927098669402985243398207";

interface Sample {
  readonly name: string;
  readonly description: string;
  readonly seriesInstanceUID: string;
  readonly seriesNumber: number;
  readonly sopInstanceUID: string;
  readonly instanceNumber: number;
  readonly color: readonly [red: number, green: number, blue: number];
  /** True of a point of the shape, in coordinates from -1 to 1, y upwards. */
  readonly contains: (x: number, y: number) => boolean;
}

const samples: readonly Sample[] = [
  {
    name: "red-triangle",
    description: "Artificial red triangle",
    seriesInstanceUID: firstSeriesUID,
    seriesNumber: 1,
    sopInstanceUID: "1.2.826.0.1.3680043.8.498.47359123102728459884412887463296905395",
    instanceNumber: 1,
    color: [0xd0, 0x20, 0x20],
    contains: (x, y) => y > -0.6 && Math.abs(x) < (0.8 - y) * 0.55,
  },
  {
    name: "green-square",
    description: "Artificial green square",
    seriesInstanceUID: firstSeriesUID,
    seriesNumber: 1,
    sopInstanceUID: "1.2.826.0.1.3680043.8.498.12714725698140337137334606354172323212",
    instanceNumber: 2,
    color: [0x20, 0xa0, 0x40],
    contains: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.65,
  },
  {
    name: "blue-circle",
    description: "Artificial blue circle",
    seriesInstanceUID: secondSeriesUID,
    seriesNumber: 2,
    sopInstanceUID: "1.2.826.0.1.3680043.8.498.13273713909719068980354078852867170114",
    instanceNumber: 1,
    color: [0x20, 0x50, 0xd0],
    contains: (x, y) => x * x + y * y < 0.7 * 0.7,
  },
];

function draw({ color, contains }: Sample): Uint8Array {
  const pixels = Buffer.alloc(rows * columns * 3, 0xff);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const x = (column + 0.5) / (columns / 2) - 1;
      const y = 1 - (row + 0.5) / (rows / 2);
      if (contains(x, y)) {
        pixels.set(color, (row * columns + column) * 3);
      }
    }
  }
  return pixels;
}

/** The three files by name, as bytes; the same bytes each time. */
export function makeSamples(): ReadonlyMap<string, Uint8Array> {
  return new Map(
    samples.map((sample) => {
      const { bytes } = makeInstance({
        studyInstanceUID,
        seriesInstanceUID: sample.seriesInstanceUID,
        sopInstanceUID: sample.sopInstanceUID,
        instanceNumber: sample.instanceNumber,
        patientID: "SAMPLE-1",
        patientName: "Sample^Artificial",
        rows,
        columns,
        elements: [
          ["00081030", "LO", "Artificial shapes"],
          ["0008103E", "LO", sample.description],
          ["00200011", "IS", String(sample.seriesNumber)],
          ["00204000", "LT", sample.description],
          ["00280002", "US", 3],
          ["00280004", "CS", "RGB"],
          ["00280006", "US", 0],
          ["00280301", "CS", "NO"],
          ["7FE00010", "OB", draw(sample)],
        ],
      });
      return [`${sample.name}.dcm`, bytes];
    }),
  );
}

if (import.meta.main) {
  const directory = process.argv[2] ?? "samples";
  mkdirSync(directory, { recursive: true });
  for (const [name, bytes] of makeSamples()) {
    const path = join(directory, name);
    writeFileSync(path, bytes);
    console.log(`${path} (${bytes.length} bytes)`);
  }
}
