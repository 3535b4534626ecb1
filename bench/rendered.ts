import { makeInstance, type TestElement } from "../test/support/dicom/dicomFile.ts";
import { compareRates, rateOf } from "./support/rate.ts";
import { withService } from "./support/service.ts";
import { printTable, type Row } from "./support/table.ts";

// Rendered images and thumbnails, against the same frame as it is stored, out of the same service.

/** A picture with edges, slopes and a little noise, as images have them. */
function pixelsOf(rows: number, columns: number, bits: 8 | 12): Uint8Array {
  const greatest = 2 ** bits - 1;
  const values = new Uint16Array(rows * columns);
  let state = 1;
  for (let index = 0; index < values.length; index += 1) {
    const x = ((index % columns) / columns) * 2 - 1;
    const y = (Math.floor(index / columns) / rows) * 2 - 1;
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const noise = (state >>> 24) / 255 - 0.5;
    const body = x * x + y * y < 0.7 ? 0.5 + 0.3 * Math.cos(6 * x) * Math.sin(5 * y) : 0.02;
    values[index] = Math.min(1, Math.max(0, body + 0.02 * noise)) * greatest;
  }
  return bits === 8 ? Uint8Array.from(values) : new Uint8Array(values.buffer);
}

function imageOf(rows: number, columns: number, bits: 8 | 12): ReturnType<typeof makeInstance> {
  const elements: TestElement[] = [
    ["00280100", "US", bits === 8 ? 8 : 16],
    ["00280101", "US", bits],
    ["00280102", "US", bits - 1],
    ["00281050", "DS", String(2 ** (bits - 1))],
    ["00281051", "DS", String(2 ** bits)],
    ["7FE00010", bits === 8 ? "OB" : "OW", pixelsOf(rows, columns, bits)],
  ];
  return makeInstance({ rows, columns, modality: bits === 8 ? "CR" : "CT", elements });
}

await withService(async ({ call, store }) => {
  const rows: Row[] = [];
  for (const [name, instance] of [
    ["CT, 512 x 512 of 12 bits", imageOf(512, 512, 12)],
    ["CR, 2000 x 2000 of 8 bits", imageOf(2000, 2000, 8)],
  ] as const) {
    await store([instance.bytes]);
    const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = instance;
    const path = `studies/${studyInstanceUID}/series/${seriesInstanceUID}/instances/${sopInstanceUID}`;
    const frame = async (): Promise<unknown> =>
      await call(`${path}/frames/1`, {
        headers: { Accept: "application/octet-stream; transfer-syntax=*" },
      });
    for (const [what, resource, accept] of [
      ["JPEG of quality 90", "rendered?quality=90", "image/jpeg"],
      ["PNG", "rendered", "image/png"],
      ["thumbnail", "thumbnail", "image/jpeg"],
    ] as const) {
      const render = async (): Promise<unknown> =>
        await call(`${path}/${resource}`, { headers: { Accept: accept } });
      for (const concurrency of [1, 8]) {
        await rateOf(20, concurrency, render);
        await rateOf(20, concurrency, frame);
        const [floor, ours] = await compareRates(60, concurrency, [frame, render]);
        rows.push({
          what: `${name}: ${what}, concurrency ${concurrency}`,
          value: ours.perSecond,
          unit: "/s",
          p50: ours.p50,
          p95: ours.p95,
          floor: floor.perSecond,
          floorName: "the frame as stored",
        });
      }
    }
  }
  printTable(rows);
});
